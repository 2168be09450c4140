"""Links to what a tab shows."""

TEXTS = {
    "copy": ("Copy link", "Link kopieren"),
    "copied": ("copied", "kopiert"),
    "show": ("Copy this link:", "Diesen Link kopieren:"),
}
