"""Marks on a photo, drawn by marks.js."""

TEXTS = {
    "which": ("Which face", "Welches Gesicht"),
    "face": ("Face", "Gesicht"),
    "centre": ("Centre", "Mitte"),
    "by_hand": ("Mark by hand", "Von Hand markieren"),
    "aligned": ("Already aligned", "Schon ausgerichtet"),
    "take_face": ("Take this face", "Dieses Gesicht nehmen"),
    "take_centre": ("Take the centred square", "Das mittlere Quadrat nehmen"),
    "take_points": (
        "Click the eyes and the corners of the mouth",
        "Augen und Mundwinkel anklicken",
    ),
    "take_whole": ("Take the whole picture", "Das ganze Bild nehmen"),
    "eye_left": ("the eye on the left", "das linke Auge im Bild"),
    "eye_right": ("the eye on the right", "das rechte Auge im Bild"),
    "mouth_left": ("the left corner of the mouth", "den linken Mundwinkel"),
    "mouth_right": ("the right corner of the mouth", "den rechten Mundwinkel"),
    "click": ("click", "anklicken:"),
    "of": ("of", "von"),
    "unfound": ("No face was found: mark it.", "Kein Gesicht gefunden: bitte markieren."),
    "centre_taken": (
        "No face was found: the centred square is taken.",
        "Kein Gesicht gefunden: Das mittlere Quadrat wird genommen.",
    ),
    "whole_taken": (
        "The picture is taken as it is.",
        "Das Bild wird genommen, wie es ist.",
    ),
    "other_face": (
        "Click another face to take it; drag a dot to correct it.",
        "Ein anderes Gesicht anklicken, um es zu nehmen; Punkte lassen sich ziehen.",
    ),
    "correct": ("Drag a dot to correct it.", "Punkte lassen sich ziehen."),
    "undo": ("Undo", "Zurück"),
    "undo_title": ("Take the last point back", "Den letzten Punkt zurücknehmen"),
    "place": ("Place all four", "Alle vier setzen"),
    "place_title": (
        "Place four points in the middle, to be moved with the arrow keys",
        "Vier Punkte in die Mitte setzen, die sich mit den Pfeiltasten bewegen lassen",
    ),
    "move": ("the arrow keys move it", "die Pfeiltasten bewegen ihn"),
}
