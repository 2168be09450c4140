"""Mix tab."""

TEXTS = {
    "examples": ("Pairs to start from", "Paare für den Anfang"),
    "more": ("Show the source after 8 targets", "Die Quelle nach 8 Vorlagen zeigen"),
    "gallery": ("Targets and results", "Vorlagen und Ergebnisse"),
    "gallery_says": (
        "Above the target, below <b>the same source</b> in its pose. Click one to make it the "
        "target.",
        "Oben die Vorlage, darunter <b>dieselbe Quelle</b> in ihrer Haltung. Ein Klick macht eine "
        "davon zur Vorlage.",
    ),
    "finer": ("Fine control", "Feineinstellung"),
}
