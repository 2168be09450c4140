"""Inspect tab."""

TEXTS = {
    "intro": (
        "A face is drawn by layers, the first ones coarse, the last ones fine, and each layer by "
        "its <b>channels</b>. For each channel a <b>mask</b> between 0 and 1 says how much of the "
        "target it takes. Here you see these masks, what every part of them does to the face, and "
        "you can change them.",
        "Ein Gesicht wird von Schichten gezeichnet, die ersten grob, die letzten fein, und jede "
        "Schicht von ihren <b>Kanälen</b>. Für jeden Kanal sagt eine <b>Maske</b> zwischen 0 und "
        "1, wie viel er von der Vorlage übernimmt. Hier sind diese Masken zu sehen, und was jeder "
        "Teil von ihnen am Gesicht bewirkt, und sie lassen sich ändern.",
    ),
    "kind": ("What to inspect", "Was untersucht wird"),
    "kind_seeds": ("Random faces", "Zufällige Gesichter"),
    "kind_pictures": ("Pictures", "Bilder"),
    "go": ("Inspect", "Untersuchen"),
    "slow": (
        "Press Inspect: this model takes some seconds on a CPU.",
        "„Untersuchen“ drücken: Dieses Modell braucht auf einer CPU einige Sekunden.",
    ),
    "result_is": ("<b>Result</b> with the masks below", "<b>Ergebnis</b> mit den Masken unten"),
    "masks_title": (
        "<h3>What the masks take from the target</h3>",
        "<h3>Was die Masken von der Vorlage nehmen</h3>",
    ),
    "chart": (
        "Masks by layer. Arrow keys move, Enter shows a part's effect",
        "Masken nach Schichten. Pfeiltasten bewegen, Eingabe zeigt die Wirkung eines Teils",
    ),
    "legend_bar": (
        "One bar a layer: mean mask, 0 = all source, 1 = all target",
        "Ein Balken je Schicht: mittlere Maske, 0 = nur Quelle, 1 = nur Vorlage",
    ),
    "legend_tenths": (
        "Its channels in ten parts, largest masks first",
        "Ihre Kanäle in zehn Teilen, größte Masken zuerst",
    ),
    "layers_coarse": ("Coarse layers", "Grobe Schichten"),
    "layers_middle": ("Middle layers", "Mittlere Schichten"),
    "layers_fine": ("Fine layers", "Feine Schichten"),
    "about_coarse": (
        "usually head pose and the shape of the head",
        "meist Haltung und Form des Kopfes",
    ),
    "about_middle": ("usually features of the face", "meist die Züge des Gesichts"),
    "about_fine": ("usually colours and details", "meist Farben und Einzelheiten"),
    "bar_label": ("{layer}: mean mask {mask}", "{layer}: mittlere Maske {mask}"),
    "tenth_label": (
        "{layer}, part {number} of 10: mean mask {mask}",
        "{layer}, Teil {number} von 10: mittlere Maske {mask}",
    ),
    "pick": (
        "<b>Click</b> a group, a layer or one of its ten parts to see what it does to the face.",
        "Eine Gruppe, eine Schicht oder einen ihrer zehn Teile <b>anklicken</b>, um zu sehen, was "
        "er am Gesicht bewirkt.",
    ),
    "told": (
        "{channels} channels, mean mask {mask}. Without them the picture changes by up to {peak} "
        "of its range.",
        "{channels} Kanäle, mittlere Maske {mask}. Ohne sie ändert sich das Bild um bis zu {peak} "
        "seines Umfangs.",
    ),
    "told_tenth": ("{layer}, part {number} of 10", "{layer}, Teil {number} von 10"),
    "compared": (
        "Pairs A and B: correlation of all masks {correlation}, overlap {overlap}. The thin bar is "
        "B, and r is the correlation of a layer's masks.",
        "Paare A und B: Korrelation aller Masken {correlation}, Überdeckung {overlap}. Der dünne "
        "Balken ist B, und r ist die Korrelation der Masken einer Schicht.",
    ),
    "alone": ("<b>Only this part</b> is on", "<b>Nur dieser Teil</b> wirkt"),
    "rest": ("<b>All but this part</b> is on", "<b>Alles außer ihm</b> wirkt"),
    "where": ("<b>Where it acts</b> bright is much", "<b>Wo er wirkt</b> hell ist viel"),
    "edit_title": ("<h3>Change the masks</h3>", "<h3>Die Masken ändern</h3>"),
    "groups": ("Layer groups that are on", "Eingeschaltete Gruppen"),
    "threshold": ("Threshold", "Schwelle"),
    "threshold_info": (
        "channels with a smaller mask stay with the source",
        "Kanäle mit kleinerer Maske bleiben bei der Quelle",
    ),
    "scale_coarse": ("Coarse masks ×", "Grobe Masken ×"),
    "scale_middle": ("Middle masks ×", "Mittlere Masken ×"),
    "scale_fine": ("Fine masks ×", "Feine Masken ×"),
    "reset": ("As trained", "Wie gelernt"),
    "compare": ("Compare with a second pair", "Mit einem zweiten Paar vergleichen"),
    "other_source": ("Source seed of pair B", "Startwert der Quelle, Paar B"),
    "other_target": ("Target seed of pair B", "Startwert der Vorlage, Paar B"),
    "other_source_is": ("<b>Source B</b>", "<b>Quelle B</b>"),
    "other_target_is": ("<b>Target B</b>", "<b>Vorlage B</b>"),
    "other_result_is": ("<b>Result B</b>", "<b>Ergebnis B</b>"),
    "effects_title": (
        "<h3>Where each layer group acts</h3>",
        "<h3>Wo jede Gruppe von Schichten wirkt</h3>",
    ),
    "effects": (
        "Maps of where each layer group changes the result",
        "Karten davon, wo jede Gruppe von Schichten das Ergebnis ändert",
    ),
    "numbers": (
        "<h3>The channels that moved most</h3>",
        "<h3>Die am weitesten bewegten Kanäle</h3>",
    ),
    "npz": ("Masks and styles (.npz)", "Masken und Stile (.npz)"),
    "csv": ("All channels (.csv)", "Alle Kanäle (.csv)"),
}
