"""Reenact tab."""

TEXTS = {
    "source_picture": ("Source picture", "Bild der Quelle"),
    "target_picture": ("Target picture", "Bild der Vorlage"),
    "limits_heads": (
        "This model knows synthetic heads and nothing else: a photo of a person comes back as the "
        "nearest synthetic head.",
        "Dieses Modell kennt nur künstliche Köpfe: Das Foto eines Menschen kommt als der "
        "ähnlichste künstliche Kopf zurück.",
    ),
    "limits_photos": (
        "Any photo with a face will do; where the face is not found, you can mark it.",
        "Jedes Foto mit einem Gesicht ist recht; wird es nicht gefunden, lässt es sich markieren.",
    ),
    "examples": ("<b>Examples</b> press a pair", "<b>Beispiele</b> ein Paar drücken"),
    "up": ("Look up and shout", "Aufschauen und rufen"),
    "laugh": ("Turn and laugh", "Umdrehen und lachen"),
    "chin": ("Lift the chin", "Das Kinn heben"),
    "away": ("Look away", "Wegschauen"),
    "surprised": ("Be surprised", "Staunen"),
    "front": ("Face the front", "Nach vorn schauen"),
    "mouth": ("Close the mouth", "Den Mund schließen"),
    "serious": ("Turn serious", "Ernst werden"),
    "source_crop": ("<b>Source</b> as cropped", "<b>Quelle</b> im Ausschnitt"),
    "source_inversion": ("<b>Source</b> as inverted", "<b>Quelle</b> nachgebildet"),
    "target_crop": ("<b>Target</b> as cropped", "<b>Vorlage</b> im Ausschnitt"),
    "target_inversion": ("<b>Target</b> as inverted", "<b>Vorlage</b> nachgebildet"),
    "compare": (
        "<b>Before and after</b> drag the handle",
        "<b>Vorher und nachher</b> am Griff ziehen",
    ),
    "compare_label": ("Before and after", "Vorher und nachher"),
    "pasted": (
        "The source picture with the result in it",
        "Das Bild der Quelle mit dem Ergebnis darin",
    ),
    "lost": (
        "The model can only move what inversion kept: a face that changes from “cropped” to "
        "“inverted” was lost there, and not in the mask.",
        "Das Modell bewegt nur, was die Nachbildung bewahrt: Ein Gesicht, das sich zwischen "
        "„Ausschnitt“ und „nachgebildet“ verändert, ging dort verloren und nicht in der Maske.",
    ),
    "paste_back": (
        "Paste the result back into the source picture",
        "Das Ergebnis in das Bild der Quelle einsetzen",
    ),
    "options": ("Options", "Weitere Einstellungen"),
    "truncation": ("Truncation of the inversions", "Stauchung der Nachbildungen"),
    "truncation_info": (
        "1 keeps them as found; lower is nearer to the average face. 0.7 is what the paper's "
        "authors use",
        "1 lässt sie, wie sie sind; kleiner ist näher am Durchschnittsgesicht. Die Autoren des "
        "Verfahrens nehmen 0,7",
    ),
}
