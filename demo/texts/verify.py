"""Verify tab."""

TEXTS: dict[str, tuple[str, str]] = {
    "intro": (
        "Pictures that leave StyleMask say so in their metadata and carry an invisible watermark. "
        "Give a picture to look for both.",
        "Bilder aus StyleMask sagen es in ihren Metadaten und tragen ein unsichtbares "
        "Wasserzeichen. Ein Bild hineinlegen, und beides wird gesucht.",
    ),
    "picture": ("Picture to verify", "Bild zum Prüfen"),
    "waiting": ("No picture yet.", "Noch kein Bild."),
    "marked": (
        "<b>Made with StyleMask</b>: metadata and watermark agree.",
        "<b>Mit StyleMask gemacht</b>: Metadaten und Wasserzeichen stimmen überein.",
    ),
    "xmp_only": (
        "<b>Metadata only.</b> They say that a trained algorithm took part; no watermark of "
        "StyleMask was found. Anybody can write metadata.",
        "<b>Nur Metadaten.</b> Ihnen zufolge war ein trainierter Algorithmus beteiligt; ein "
        "Wasserzeichen von StyleMask fand sich nicht. Metadaten kann jeder schreiben.",
    ),
    "watermark_only": (
        "<b>Made with StyleMask</b>: the watermark is there. The metadata are gone, as after a "
        "screenshot or a messenger.",
        "<b>Mit StyleMask gemacht</b>: Das Wasserzeichen ist da. Die Metadaten fehlen, wie nach "
        "einem Bildschirmfoto oder einem Messenger.",
    ),
    "nothing_found": (
        "<b>Nothing found.</b> That proves nothing: both marks can be lost, and other programs "
        "make pictures too.",
        "<b>Nichts gefunden.</b> Das beweist nichts: Beides kann verloren gehen, und auch andere "
        "Programme machen Bilder.",
    ),
    "source_type": ("Digital source type (metadata)", "Art der Quelle (Metadaten)"),
    "software": ("Software (metadata)", "Programm (Metadaten)"),
    "model": ("Model (metadata)", "Modell (Metadaten)"),
    "score": ("Watermark: score", "Wasserzeichen: Punktzahl"),
    "chance": ("Watermark: chance of a false alarm", "Wasserzeichen: Fehlalarm-Risiko"),
}
