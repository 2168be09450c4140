"""Header, tabs and what the tabs share."""

TEXTS = {
    "intro": (
        "Give the <b>source</b> face the head pose and expression of the <b>target</b>, and keep "
        "who the source is. StyleMask does it by exchanging only those style channels of the "
        "picture generator that its masks choose.",
        "Kopfhaltung und Ausdruck der <b>Vorlage</b> auf die <b>Quelle</b> übertragen, und die "
        "Quelle bleibt, wer sie ist. StyleMask tauscht dazu nur die Stilkanäle des Bildgenerators "
        "aus, die seine Masken wählen.",
    ),
    "example_alt": (
        "Three heads: the source stands still, the target turns and changes its expression, and "
        "the result is the source in the pose of the target",
        "Drei Köpfe: Die Quelle hält still, die Vorlage dreht sich und ändert den Ausdruck, und "
        "das Ergebnis ist die Quelle in der Haltung der Vorlage",
    ),
    "example_says": (
        "<span>Source</span><span>Target</span><span>Result</span>",
        "<span>Quelle</span><span>Vorlage</span><span>Ergebnis</span>",
    ),
    "tab_mix": ("Mix", "Mix"),
    "tab_reenact": ("Reenact", "Nachstellen"),
    "tab_inspect": ("Inspect", "Analyse"),
    "tab_verify": ("Verify", "Prüfen"),
    "tab_about": ("About", "Über"),
    "source": ("Source", "Quelle"),
    "target": ("Target", "Vorlage"),
    "result": ("Result", "Ergebnis"),
    "source_is": ("<b>Source</b> who it is", "<b>Quelle</b> wer es ist"),
    "target_is": ("<b>Target</b> pose and expression", "<b>Vorlage</b> Haltung und Ausdruck"),
    "result_is": (
        "<b>Result</b> the source, posed as the target",
        "<b>Ergebnis</b> die Quelle, neu gestellt",
    ),
    "model": ("Model", "Modell"),
    "source_seed": ("Source seed", "Startwert der Quelle"),
    "target_seed": ("Target seed", "Startwert der Vorlage"),
    "roll": ("Roll", "Würfeln"),
    "truncation": ("Truncation", "Stauchung (Truncation)"),
    "truncation_info": (
        "0 is the average face, 1 the full variety",
        "0 ist das Durchschnittsgesicht, 1 die volle Vielfalt",
    ),
    "strength": ("Strength", "Stärke"),
    "strength_info": (
        "0 leaves the source, above 1 exaggerates",
        "0 lässt die Quelle, über 1 übertreibt",
    ),
    "layers": ("Layers that take the pose", "Schichten, die die Haltung übernehmen"),
    "layers_all": ("All layers", "Alle Schichten"),
    "layers_coarse": ("Coarse", "Grob"),
    "layers_middle": ("Middle", "Mittel"),
    "layers_fine": ("Fine", "Fein"),
    "consent": (
        "I may use these photos: the people in them agree, or they show only me",
        "Ich darf diese Fotos verwenden: Die Abgebildeten sind einverstanden, oder nur ich bin "
        "zu sehen",
    ),
    "consent_info": (
        "Asked once before the first photo; the examples need no consent. Photos are deleted "
        "after some hours, see About.",
        "Einmal vor dem ersten Foto; die Beispiele brauchen keine Zustimmung. Fotos werden nach "
        "einigen Stunden gelöscht, siehe „Über“.",
    ),
    "consent_first": (
        "Please confirm above that you may use the photo; it is not looked at before.",
        "Bitte oben bestätigen, dass das Foto verwendet werden darf; vorher wird es nicht "
        "angesehen.",
    ),
    "less_exact": (
        "Faces are found by a simpler detector, which is less exact: check the marks.",
        "Gesichter sucht hier ein einfacheres Verfahren, das ungenauer ist: Marken bitte prüfen.",
    ),
}
