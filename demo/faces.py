"""Found faces for programs: as JSON, and drawn on their photo."""

from collections.abc import Sequence
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from demo.photos import FaceChoice, Inverted
from demo.tabs import keep_more
from stylemask_core.faces.landmarks import Face

INK, HALO = "#0e7490", "white"
LINE = 0.004  # [long sides of the photo] width of a line


def described(face: Face) -> dict[str, Any]:
    """A face as plain JSON, in px of the upright photo."""
    return {
        "box": [round(value, 1) for value in face.box],
        "points": face.points.round(1).tolist(),
        "score": float(face.score),
    }


def details(inverted: Inverted, choice: FaceChoice) -> dict[str, Any]:
    """What became of a picture, as plain JSON."""
    inversion, done = inverted.inversion, inverted.refinement
    refinement = {"refinement": keep_more.described(done)} if done else {}
    found = bool(inversion.faces)
    return {
        "faces": [described(face) for face in inversion.faces],
        "face": choice.face + 1 if found and choice.landmarks is None else None,
        "quad": inversion.quad.round(1).tolist(),
        "note": inversion.note,
        **refinement,
    }


def drawn(photo: Image.Image, faces: Sequence[Face]) -> Image.Image:
    """A copy of a photo with boxes, numbers and points on its faces."""
    photo = photo.copy()
    draw = ImageDraw.Draw(photo)
    width = max(1, round(LINE * max(photo.size)))
    font = ImageFont.load_default(8 * width)
    for number, face in enumerate(faces, 1):
        left, top, right, bottom = face.box
        draw.rectangle((left, top, right, bottom), outline=HALO, width=2 * width)
        draw.rectangle((left, top, right, bottom), outline=INK, width=width)
        for x, y in face.points:
            draw.circle((x, y), 2 * width, fill=INK, outline=HALO, width=max(1, width // 2))
        corner = max(left, 6 * width), max(top, 6 * width)
        draw.circle(corner, 6 * width, fill=INK, outline=HALO, width=width)
        draw.text(corner, str(number), HALO, font, anchor="mm")
    return photo
