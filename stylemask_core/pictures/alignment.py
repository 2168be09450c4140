"""FFHQ alignment: from eyes and mouth to the square a generator draws.

Coordinates are continuous, in pixels of the upright photo: 0, 0 is its top left corner, and the
centre of its first pixel is 0.5, 0.5.

Source: Karras et al. 2019 (StyleGAN), appendix C, for the square; the rest is this project's.
"""

import math
from typing import Any

import numpy as np
from PIL import Image, ImageFilter, ImageStat

from stylemask_core.errors import InvalidInputError

LEFT_EYE, RIGHT_EYE, MOUTH_CORNERS = slice(36, 42), slice(42, 48), (48, 54)  # iBUG's 68 landmarks
MIN_SIDE = 16  # [px] of a quad: below this there is nothing to see
MIN_ANGLE = 10.0  # [deg] between the line of the eyes and the way to the mouth
BLUR = 0.02  # [quad sides] standard deviation of the blur where a quad leaves the photo
FEATHER = 0.3  # [quad sides] over which padding fades into blur
PADDING = 4  # [px] kept around a quad, so that interpolation finds neighbours


def eyes_and_mouth(landmarks: np.ndarray) -> np.ndarray:
    """The four points [4, 2] that place a face, from 68 landmarks [68, 2] in iBUG's order."""
    eyes = [landmarks[part].mean(0) for part in (LEFT_EYE, RIGHT_EYE)]
    return np.stack([*eyes, *landmarks[list(MOUTH_CORNERS)]]).astype(np.float64)


def ffhq_quad(points: np.ndarray) -> np.ndarray:
    """The square that frames a face, eyes and mouth corners [4, 2], as FFHQ's pictures do.

    Returns:
        [4, 2]: top left, bottom left, bottom right, top right; it may leave the photo.

    Source: FFHQ's alignment (NVlabs/ffhq-dataset).
    """
    left_eye, right_eye, left_mouth, right_mouth = points
    between_eyes = right_eye - left_eye
    eyes = (left_eye + right_eye) / 2
    to_mouth = (left_mouth + right_mouth) / 2 - eyes
    x = between_eyes + np.array([to_mouth[1], -to_mouth[0]])
    half = max(2.0 * math.hypot(*between_eyes), 1.8 * math.hypot(*to_mouth))
    x *= half / math.hypot(*x)
    y = np.array([-x[1], x[0]])
    centre = eyes + 0.1 * to_mouth
    return np.stack([centre - x - y, centre - x + y, centre + x + y, centre + x - y])


def centred_quad(size: tuple[int, int]) -> np.ndarray:
    """The largest centred upright square of a picture of width and height [px], as a quad."""
    length = min(size)
    left, top = (size[0] - length) / 2, (size[1] - length) / 2
    right, bottom = left + length, top + length
    return np.array([[left, top], [left, bottom], [right, bottom], [right, top]])


def side(quad: np.ndarray) -> float:
    """Length of a quad's side [px]."""
    return math.hypot(*(quad[3] - quad[0]))


def deviation(quad: np.ndarray, reference: np.ndarray) -> float:
    """How far apart two quads are: the farthest pair of corners, in sides of the reference."""
    return float(np.hypot(*(quad - reference).T).max()) / side(reference)


def check_landmarks(values: Any, size: tuple[int, int]) -> np.ndarray:
    """Turn what a person or program marks in a photo of a size [px] into points as `Face` has them.

    The marks are eyes and mouth corners [4, 2], or 68 landmarks [68, 2]. Each pair may be in either
    order: a face has its mouth below its eyes, however it is turned.
    """
    try:
        points = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"landmarks must be numbers: {error}") from error
    if points.shape not in ((4, 2), (68, 2)):
        raise InvalidInputError(
            f"landmarks have shape {list(points.shape)}: give both eyes and both mouth corners "
            "[4, 2], or all 68 points [68, 2]"
        )
    if not np.isfinite(points).all():
        raise InvalidInputError("landmarks have values that are not finite")
    if len(points) == 68:
        points = eyes_and_mouth(points)
    if (points < 0).any() or (points > size).any():
        raise InvalidInputError(
            f"eyes or mouth corners lie outside the photo: give points within {size[0]}×{size[1]}"
        )
    between_eyes = points[1] - points[0]
    to_mouth = points[2:].mean(0) - points[:2].mean(0)
    turn = between_eyes[0] * to_mouth[1] - between_eyes[1] * to_mouth[0]
    extent = math.hypot(*between_eyes) * math.hypot(*to_mouth)
    if abs(turn) <= extent * math.sin(math.radians(MIN_ANGLE)):
        raise InvalidInputError(
            "eyes and mouth corners lie on one spot or one line: mark both eyes and, below them, "
            "both corners of the mouth"
        )
    if turn < 0:
        points[:2] = points[1::-1]
    if np.dot(points[3] - points[2], points[1] - points[0]) < 0:
        points[2:] = points[:1:-1]
    if side(ffhq_quad(points)) < MIN_SIDE:
        raise InvalidInputError("the marked face is too small: give a larger photo")
    return points


def crop(photo: Image.Image, quad: np.ndarray, size: int) -> Image.Image:
    """Cut a quad out of an RGB photo and turn it upright, with a side [px], antialiased.

    Where the quad leaves the photo, the photo is mirrored, and blurred the more the farther out.
    """
    corner, right, down = quad[0], quad[3] - quad[0], quad[1] - quad[0]
    # A first coarse shrink by a whole factor leaves at most three pixels for each of the result,
    # so that time and memory do not grow with the photo.
    factor = max(1, int(side(quad) / size / 1.5))
    region, origin = _region(photo, quad, factor)
    samples = max(1, math.ceil(side(quad) / factor / size))
    pixel = size * samples
    (ax, ay), (bx, by) = right / factor / pixel, down / factor / pixel
    x, y = (corner - origin) / factor
    turned = region.transform(
        (pixel, pixel),
        Image.Transform.AFFINE,
        (ax, bx, x, ay, by, y),
        Image.Resampling.BICUBIC,
    )
    return turned.reduce(samples)


def _region(photo: Image.Image, quad: np.ndarray, factor: int) -> tuple[Image.Image, np.ndarray]:
    """The part of a photo that holds a quad, shrunk and padded, and where its corner lies [px]."""
    margin = PADDING * factor
    low = np.floor(quad.min(0)).astype(int) - margin
    high = np.ceil(quad.max(0)).astype(int) + margin
    size = np.array(photo.size)
    # the part of it that the photo has; at least one pixel even for a quad wholly outside
    start = np.clip(low, 0, size - 1)
    stop = np.clip(high, start + 1, size)
    part = photo.reduce(factor, box=(*start.tolist(), *stop.tolist()))
    if (quad >= 0).all() and (quad <= size).all():
        return part, start.astype(np.float64)
    before = np.maximum(0, -(-(start - low) // factor))
    after = np.maximum(0, -(-(high - stop) // factor))
    return _mirrored(part, before, after, side(quad) / factor), start - before * factor


def _mirrored(
    part: Image.Image, before: np.ndarray, after: np.ndarray, quad_side: float
) -> Image.Image:
    """Pad a picture by its mirror image that fades into blur, and far out into its median colour.

    Columns and rows [px] are added before and after it.
    """
    widths = [(before[1], after[1]), (before[0], after[0])]
    padded = np.pad(np.asarray(part), [*widths, (0, 0)], mode="symmetric")
    outside = np.zeros(padded.shape[:2], np.float32)  # [quad sides] out of the photo
    for axis, (first, last) in enumerate(widths):
        position = np.arange(padded.shape[axis], dtype=np.float32)
        length = padded.shape[axis] - first - last
        beyond = np.maximum(first - position, position - (first + length - 1)).clip(0) / quad_side
        outside = np.maximum(outside, beyond[:, None] if axis == 0 else beyond[None])
    picture = Image.fromarray(padded)
    blurred = picture.filter(ImageFilter.GaussianBlur(BLUR * quad_side))
    fade = (outside / FEATHER).clip(0, 1)
    picture = Image.composite(blurred, picture, _mask((3 * fade).clip(0, 1)))
    median = Image.new("RGB", picture.size, tuple(ImageStat.Stat(part).median))
    return Image.composite(median, picture, _mask(fade))


def _mask(share: np.ndarray) -> Image.Image:
    """Shares 0…1 as an 8-bit mask."""
    return Image.fromarray((share * 255).round().astype(np.uint8))
