"""Why a camera or a clipboard cannot be used, said by devices.js."""

TEXTS = {
    "camera_insecure": (
        "The camera works only where this page is opened over https, or on the server's own "
        "machine. Take the picture with another program and upload it.",
        "Die Kamera geht nur, wenn diese Seite über https oder auf dem Rechner des Servers selbst "
        "geöffnet ist. Das Bild bitte anders aufnehmen und hochladen.",
    ),
    "camera_unknown": (
        "This browser has no camera for pages. Take the picture with another program and upload "
        "it.",
        "Dieser Browser hat keine Kamera für Seiten. Das Bild bitte anders aufnehmen und "
        "hochladen.",
    ),
    "camera_refused": (
        "The browser does not let this page use the camera. Allow it beside the address, then "
        "click again.",
        "Der Browser lässt diese Seite nicht an die Kamera. Bitte neben der Adresse erlauben und "
        "noch einmal klicken.",
    ),
    "camera_missing": (
        "No camera was found. Connect one and click again, or upload a picture.",
        "Keine Kamera gefunden. Eine anschließen und noch einmal klicken, oder ein Bild hochladen.",
    ),
    "camera_fails": (
        "The camera does not start. Another program may be using it: close that and click again.",
        "Die Kamera startet nicht. Vielleicht verwendet sie ein anderes Programm: Das schließen "
        "und noch einmal klicken.",
    ),
    "clipboard_insecure": (
        "A page may read the clipboard only where it is opened over https, or on the server's own "
        "machine. Save the picture as a file and upload it.",
        "An die Zwischenablage kommt eine Seite nur, wenn sie über https oder auf dem Rechner des "
        "Servers selbst geöffnet ist. Das Bild bitte als Datei speichern und hochladen.",
    ),
    "clipboard_unknown": (
        "This browser does not let pages read the clipboard. Save the picture as a file and upload "
        "it.",
        "Dieser Browser lässt Seiten nicht an die Zwischenablage. Das Bild bitte als Datei "
        "speichern und hochladen.",
    ),
    "clipboard_refused": (
        "The browser does not let this page read the clipboard. Allow it beside the address, then "
        "click again.",
        "Der Browser lässt diese Seite nicht an die Zwischenablage. Bitte neben der Adresse "
        "erlauben und noch einmal klicken.",
    ),
    "clipboard_empty": (
        "There is no picture in the clipboard. Copy one and click again.",
        "In der Zwischenablage ist kein Bild. Eines kopieren und noch einmal klicken.",
    ),
}
