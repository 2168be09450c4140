"""A result back into its photo: the head alone, and a background where the photo's head was."""

import math

import numpy as np
from PIL import Image, ImageFilter

from stylemask_core.pictures import alignment
from stylemask_core.pictures.images import Photo
from stylemask_core.pictures.matte import SIZE, filled, head_matte

SOLID, EDGE = 0.8, 0.97  # radius up to which, and from which on not, a pasted picture shows
ROUNDNESS = 6  # exponent of that superellipse: 2 is a circle, infinity a square
MARGIN = 5  # [px of a matte, odd] width of the filter that widens heads, whose edges are soft
SHARPNESS = 2.0  # of a head's edge
UNLIKE = 0.02  # weight of what is not like the background where the background is continued


def paste_back(source: Photo, quad: np.ndarray, picture: Image.Image) -> Image.Image:
    """Lay the head of a picture over the quad of the photo that it was made from.

    Args:
        source: the photo.
        quad: [4, 2] in the photo, as the crop had it.
        picture: RGB square of any size.

    Returns:
        A picture of the photo's size and mode. Where neither the photo's head nor the picture's
        is, and outside the quad, it is the photo's own, bit by bit.
    """
    photo = source.picture
    overlay, mask = _overlay(source, quad, picture)
    low = np.floor(quad.min(0)).astype(int).clip(0, photo.size)
    high = np.ceil(quad.max(0)).astype(int).clip(0, photo.size)
    width, height = (high - low).tolist()
    result = photo.copy()
    if min(width, height) < 1:
        return result
    length = math.ceil(alignment.side(quad))
    if overlay.width > length:  # antialiased; the transform below only interpolates
        overlay = overlay.resize((length, length), Image.Resampling.LANCZOS)
    box = (*low.tolist(), *high.tolist())
    cover = _turned(mask, quad, box)
    # premultiplied, so that colours that nobody sees do not mix with those of the head
    mode = "RGBa" if photo.mode == "RGBA" else "RGB"
    layers = _turned(overlay, quad, box).convert(mode), photo.crop(box).convert(mode)
    mixed = Image.composite(*layers, cover).convert(photo.mode)
    result.paste(mixed, box, cover.point(lambda share: 255 * bool(share)))
    return result


def _turned(picture: Image.Image, quad: np.ndarray, box: tuple[int, ...]) -> Image.Image:
    """What of a square picture, laid over a quad, lies in a box of the photo; 0 around it."""
    # photo → picture: the inverse of the affine map that the quad's edges span
    to_photo = np.column_stack([quad[3] - quad[0], quad[1] - quad[0]]) / picture.width
    inverse = np.linalg.inv(to_photo)
    offset = inverse @ (np.array(box[:2]) - quad[0])
    return picture.transform(
        (box[2] - box[0], box[3] - box[1]),
        Image.Transform.AFFINE,
        (*inverse[0], offset[0], *inverse[1], offset[1]),
        Image.Resampling.BICUBIC,
    )


def _overlay(
    source: Photo, quad: np.ndarray, picture: Image.Image
) -> tuple[Image.Image, Image.Image]:
    """What is laid over the quad, as square pictures.

    Where the photo's head was and the picture's is not, the picture's background shows, shifted
    smoothly to the colours, and to the transparency, that the photo has around it.

    Returns:
        RGB or RGBA as the photo, and an 8-bit mask.
    """
    photo, crop = source.picture, alignment.crop(source.rgb, quad, SIZE)
    (old, plain), (new, _) = head_matte(crop), head_matte(picture)
    old, new = _contrasted(old), _contrasted(new)
    either = Image.fromarray((255 * np.maximum(old, new)).round().astype(np.uint8))
    wide = either.filter(ImageFilter.MaxFilter(MARGIN)).filter(ImageFilter.BoxBlur(MARGIN // 4))
    around = 1 - np.asarray(wide) / 255
    mask = (1 - around) * _fade(quad, photo.size)
    small = picture.resize((SIZE, SIZE), Image.Resampling.BOX)
    differences = _with_alpha(photo, quad, crop) - _with_alpha(photo, None, small)
    # hair that flies around is no background to be continued, but better than nothing
    known = around * (UNLIKE + (1 - UNLIKE) * plain)
    colours, rest = differences[..., :3], differences[..., 3:]
    if photo.mode == "RGBA":  # of what is transparent, only that it is
        rest, known = filled(rest, known), known * (1 + rest[..., 0] / 255)
    shift = np.dstack([filled(colours, known), rest]) * (1 - new[..., None])
    overlay = _with_alpha(photo, None, picture) + _enlarged(shift, picture.width)
    levels = Image.fromarray(overlay.round().clip(0, 255).astype(np.uint8))
    return levels, Image.fromarray((mask * 255).round().astype(np.uint8))


def _fade(quad: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A soft border [SIZE, SIZE] of the quad, but where the photo ends there too."""
    axis = 2 * (np.arange(SIZE) + 0.5) / SIZE - 1
    edges = (quad + np.roll(quad, -1, 0)) / 2  # their middles: left, bottom, right, top
    outward = (edges - quad.mean(0)) / SIZE
    left, bottom, right, top = ((edges + outward <= 0) | (edges + outward >= size)).any(1)
    u, v = (
        np.where((axis < 0) & before | (axis > 0) & after, 0, axis)
        for before, after in ((left, right), (top, bottom))
    )
    radius = (u**ROUNDNESS + v[:, None] ** ROUNDNESS) ** (1 / ROUNDNESS)
    fade = ((EDGE - radius) / (EDGE - SOLID)).clip(0, 1)
    return np.asarray(fade * fade * (3 - 2 * fade))


def _with_alpha(photo: Image.Image, quad: np.ndarray | None, square: Image.Image) -> np.ndarray:
    """A square as floats [N, N, C]; of a photo with transparency, that of the quad is added."""
    levels = np.asarray(square, np.float64)
    if photo.mode == "RGB":
        return levels
    if quad is None:
        return np.dstack([levels, np.full(levels.shape[:2], 255.0)])
    alpha = Image.merge("RGB", [photo.getchannel("A")] * 3)
    return np.dstack([levels, np.asarray(alignment.crop(alpha, quad, SIZE))[..., 0]])


def _contrasted(matte: np.ndarray) -> np.ndarray:
    share = (0.5 + SHARPNESS * (matte - 0.5)).clip(0, 1)
    return np.asarray(share * share * (3 - 2 * share))


def _enlarged(values: np.ndarray, size: int) -> np.ndarray:
    """[N, N, C] floats at another size."""
    planes = (Image.fromarray(plane.astype(np.float32)) for plane in np.moveaxis(values, -1, 0))
    enlarged = (plane.resize((size, size), Image.Resampling.BICUBIC) for plane in planes)
    return np.dstack([np.asarray(plane, np.float64) for plane in enlarged])
