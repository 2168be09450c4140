"""Keep more of the person, on the Reenact tab."""

TEXTS = {
    "switch": ("Keep more of the person", "Mehr von der Person bewahren"),
    "switch_info": (
        "the inversions are brought closer to their photos, as long as you give them",
        "die Nachbildungen werden ihren Fotos angenähert, so lange die Zeit reicht",
    ),
    "seconds": ("Seconds for both pictures", "Sekunden für beide Bilder"),
    "seconds_info": ("more time keeps more", "mehr Zeit bewahrt mehr"),
    "cancel": ("Stop with what is there", "Mit dem Erreichten aufhören"),
    "nothing_source": (
        "<b>Source</b> nothing better was found in this time: give it more seconds.",
        "<b>Quelle</b> in dieser Zeit wurde nichts Besseres gefunden: mehr Sekunden geben.",
    ),
    "nothing_target": (
        "<b>Target</b> nothing better was found in this time: give it more seconds.",
        "<b>Vorlage</b> in dieser Zeit wurde nichts Besseres gefunden: mehr Sekunden geben.",
    ),
    "similarity_source": (
        "<b>Source</b> similarity of photo and inversion:",
        "<b>Quelle</b> Ähnlichkeit von Foto und Nachbildung:",
    ),
    "similarity_target": (
        "<b>Target</b> similarity of photo and inversion:",
        "<b>Vorlage</b> Ähnlichkeit von Foto und Nachbildung:",
    ),
}
