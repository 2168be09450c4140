"""About tab."""

TEXTS = {
    "what": (
        """## What this is
Two faces go in. The **source** keeps its identity, the **target** gives its head pose and
expression, and one new picture comes out. *Mix* does it with random faces, *Reenact* with your
pictures, *Inspect* shows what happened inside, *Verify* tells whether a picture came from here.""",
        """## Was das ist
Zwei Gesichter gehen hinein: Die **Quelle** behält ihre Identität, die **Vorlage** gibt
Kopfhaltung und Ausdruck, und ein neues Bild kommt heraus. *Mix* nimmt zufällige Gesichter,
*Nachstellen* eigene Bilder, *Analyse* zeigt, was dabei geschah, und *Prüfen* sagt, ob ein Bild
von hier stammt.""",
    ),
    "method": (
        """## The method in five sentences
A StyleGAN2 generator draws a face from some thousand numbers, its *style channels*. Every random
or inverted face is one setting of these channels. A small network for each layer looks at the
difference of source and target, and gives each channel a share between 0 and 1. The channels that
carry pose and expression move to the target by their share, and all others stay with the source.
The generator draws the mixed channels once, and that is the result.""",
        """## Das Verfahren in fünf Sätzen
Ein StyleGAN2-Generator zeichnet ein Gesicht aus einigen tausend Zahlen, seinen *Stilkanälen*.
Jedes zufällige oder nachgebildete Gesicht ist eine Einstellung dieser Kanäle. Ein kleines Netz je
Schicht betrachtet den Unterschied von Quelle und Vorlage und gibt jedem Kanal einen Anteil
zwischen 0 und 1. Kanäle, die Haltung und Ausdruck tragen, gehen um ihren Anteil zur Vorlage, alle
anderen bleiben bei der Quelle. Der Generator zeichnet die gemischten Kanäle einmal, und das ist das
Ergebnis.""",
    ),
    "limits": (
        """## What it cannot do
* The embedded model has seen synthetic heads only; a photo of a person comes back as the nearest
  synthetic head. Photos need a model that was trained on photos.
* What inversion loses, no mask can bring back: compare “cropped” with “inverted”.
* Far turned heads, hands before the face, glasses and hats go wrong most often.""",
        """## Was es nicht kann
* Das eingebaute Modell hat nur künstliche Köpfe gesehen; das Foto eines Menschen kommt als der
  ähnlichste künstliche Kopf zurück. Fotos brauchen ein Modell, das an Fotos gelernt hat.
* Was die Nachbildung verliert, bringt keine Maske zurück: „Ausschnitt“ mit „nachgebildet“
  vergleichen.
* Weit gedrehte Köpfe, Hände vor dem Gesicht, Brillen und Hüte misslingen am ehesten.""",
    ),
    "consent": (
        """## People in photos
Use photos only of people who agree, and say that a picture is made when you show it. Do not use
this to deceive, to harass, or to put words into anybody's mouth. Every picture that leaves here is
marked as made by a machine, visibly to programs and invisibly in its pixels.""",
        """## Menschen auf Fotos
Bitte nur Fotos von Menschen verwenden, die einverstanden sind, und beim Zeigen sagen, dass ein
Bild gemacht ist. Nicht zum Täuschen, nicht zum Belästigen, nicht um jemandem etwas in den Mund zu
legen. Jedes Bild, das von hier kommt, ist als maschinell erzeugt gekennzeichnet: lesbar für
Programme und unsichtbar in seinen Bildpunkten.""",
    ),
    "kept": (
        """## What is kept, and for how long
Uploads and results lie on the server's disk until they are a few hours old, until newer ones need
their room, or until it stops.
What the model made of a photo is remembered for your visit alone, so that sliders are quick.
There is no account, no statistics and no history, and photos are never part of a link.""",
        """## Was wie lange aufbewahrt wird
Hochgeladenes und Ergebnisse liegen auf der Platte des Servers, bis sie einige Stunden alt sind,
neuere ihren Platz brauchen oder er anhält. Was das Modell aus einem Foto gemacht hat, wird nur für
diesen Besuch gemerkt, damit die Regler schnell sind. Es gibt kein Konto, keine Statistik und
keinen Verlauf, und Fotos sind nie Teil eines Links.""",
    ),
    "licence": (
        """## Licence and citation
The code is free under MIT; the embedded model and pictures made with it are CC0. Other models
have terms of their own; the line at the foot of the page names them. The method:""",
        """## Lizenz und Zitat
Der Code ist frei unter MIT, das eingebaute Modell und seine Bilder sind CC0. Andere Modelle haben
eigene Bedingungen; die Zeile am Fuß der Seite nennt sie. Das Verfahren:""",
    ),
}
