"""Names of Gradio's that it has in English only, which page.js replaces."""

TEXTS = {
    "upload": ("Upload file", "Datei hochladen"),
    "camera": ("Capture from camera", "Mit der Kamera aufnehmen"),
    "clipboard": ("Paste from clipboard", "Aus der Zwischenablage einfügen"),
    "access": ("Click to Access Webcam", "Hier klicken, um die Kamera einzuschalten"),
    "capture": ("capture photo", "Foto aufnehmen"),
    "remove": ("Remove Image", "Bild entfernen"),
    "fullscreen": ("Fullscreen", "Ganzer Bildschirm"),
    "leave": ("Exit fullscreen mode", "Zurück aus dem ganzen Bildschirm"),
    "reset": ("Reset to default value", "Zurück zum Anfangswert"),
    "empty": ("Empty value", "Noch kein Bild"),
    "copy": ("Copy", "Kopieren"),
    "download": ("Download", "Herunterladen"),
    "table": ("Copy table data", "Tabelle kopieren"),
    "api": ("Use via API or MCP", "Über API oder MCP verwenden"),
}
