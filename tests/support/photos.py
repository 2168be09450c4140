"""The one photo at hand, its face marked by hand, and what is composed from it."""

import math

import numpy as np
import skimage.data
from PIL import Image, ImageDraw

# Eye contours' centres and mouth corners of scikit-image's astronaut, marked in a crop enlarged
# to 8 and 30 pixels a pixel [px].
POINTS = np.array([[203.4, 101.8], [246.6, 103.6], [204.0, 140.0], [244.5, 141.0]])
GREY = (128, 128, 128)


def astronaut() -> Image.Image:
    """A photo of 512×512 px with one face."""
    return Image.fromarray(skimage.data.astronaut())


def turned(photo: Image.Image, points: np.ndarray, degrees: float) -> tuple:
    """Photo and points turned clockwise, on a canvas that holds all of it."""
    result = photo.rotate(-degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=GREY)
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turn = np.array([[cosine, -sine], [sine, cosine]])
    from_centre = points - np.array(photo.size) / 2
    return result, from_centre @ turn.T + np.array(result.size) / 2


def scaled(photo: Image.Image, points: np.ndarray, factor: float) -> tuple:
    size = [round(length * factor) for length in photo.size]
    return photo.resize(size, Image.Resampling.LANCZOS), points * factor


def six_faces() -> Image.Image:
    """Six copies of the face, each of another size, the largest at the bottom right."""
    canvas = Image.new("RGB", (960, 640), GREY)
    face = astronaut().crop((140, 10, 320, 200))
    for k in range(6):
        left, top = 30 + k % 3 * 310, 20 + k // 3 * 310
        canvas.paste(scaled(face, POINTS, 1 + 0.08 * k)[0], (left, top))
    return canvas


def drawing() -> Image.Image:
    """A face as a child would draw it."""
    picture = Image.new("RGB", (400, 400), "white")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((80, 60, 320, 360), fill=(250, 220, 190), outline="black", width=3)
    for x in (155, 245):
        draw.ellipse((x - 25, 150, x + 25, 190), fill="white", outline="black")
        draw.ellipse((x - 9, 160, x + 9, 182), fill="black")
    draw.arc((140, 230, 260, 310), 20, 160, fill="red", width=6)
    draw.line((200, 190, 190, 240, 205, 245), fill="black", width=3)
    return picture
