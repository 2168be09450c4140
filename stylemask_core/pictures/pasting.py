"""A result back into its photo: the head alone, and a background where the photo's head was.

A head is expected where heads are in pictures framed as FFHQ's are, and differs in colour from what
is around it. The colours are those that remain when a smooth surface, fitted to what lies around
the head, is taken off: a plain background then is one colour, however it is lit. Both are weighed
by Bayes' rule and re-estimated in turns. Where the background is of the head's own colours, the
expected shape decides.

Source: iterated colour models as in GrabCut (Rother et al. 2004), without its graph.
"""

import math

import numpy as np
from PIL import Image, ImageFilter

from stylemask_core.pictures import alignment
from stylemask_core.pictures.images import Photo

SOLID, EDGE = 0.8, 0.97  # radius up to which, and from which on not, a pasted picture shows
ROUNDNESS = 6  # exponent of that superellipse: 2 is a circle, infinity a square
MARGIN = 5  # [px of a matte, odd] width of the filter that widens heads, whose edges are soft
SHARPNESS = 2.0  # of a head's edge
UNLIKE = 0.02  # weight of what is not like the background where the background is continued

# The head's mask
SIZE = 128  # [px] side of masks
ROUNDS = 5  # of estimating colours and mask in turns
CENTRE = (0.5, 0.5)  # of the expected head, [sides]
AXES = (0.38, 0.52)  # half its width and height
STEEPNESS = 8.0  # log-odds of its being head, from the centre to the border
MOST = 6.0  # log-odds that either the place or the colour can give
TRUST = 1.5  # weight of the colours
BELOW, BOTTOM = 0.8, 0.93  # [sides] head above the one, clothes below the other: they teach colours
BINS = 64  # of colour differences, a channel
FLOOR = 1e-6  # share of a colour that was never seen
LEAST_SPREAD = 2.0  # [levels] of a background that is perfectly plain
ZOOM, DOUBLINGS = 0.97, 7  # steps towards the centre in which holes are closed

_Y, _X = (np.mgrid[:SIZE, :SIZE] + 0.5) / SIZE
_RADIUS = np.hypot((_X - CENTRE[0]) / AXES[0], (_Y - CENTRE[1]) / AXES[1])  # 1 at the border
_PLACE = (STEEPNESS * (1 - _RADIUS)).clip(-MOST, MOST)
_AROUND = ((_RADIUS - 1.05) * 5).clip(0, 1) * (_Y < BELOW + 0.1)
_U, _V = _X - 0.5, _Y - 0.5
_TERMS = np.stack([np.ones_like(_U), _U, _V, _U * _U, _U * _V, _V * _V], -1)


def paste_back(source: Photo, quad: np.ndarray, picture: Image.Image) -> Image.Image:
    """Lay the head of an RGB square over the quad of the photo that it was made from.

    Where neither the photo's head nor the square's is, and outside the quad, the result is the
    photo's own, bit by bit.
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
    """What is laid over the quad, RGB or RGBA as the photo, and an 8-bit mask: squares.

    Where the photo's head was and the picture's is not, the picture's background shows, shifted
    smoothly to the colours, and to the transparency, that the photo has around it.
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


def head_matte(picture: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """Soft masks of an aligned RGB square: its head; what is like a smooth background.

    Both are [SIZE, SIZE], float64 in 0…1.
    """
    levels = np.asarray(picture.resize((SIZE, SIZE), Image.Resampling.BOX), np.float64)
    head = _logistic(_PLACE)
    around, clothes = _AROUND, _Y > BOTTOM
    for turn in range(ROUNDS):
        differences, plain = _unlike_surroundings(levels, around)
        # at first only the background is known, and only as far as it is smooth
        other = plain * _AROUND if turn == 0 else (1 - head) ** 2
        colours = _colour_numbers(differences)
        likely, unlikely = (
            _shares(colours, weights)
            for weights in (head * (_Y < BELOW), np.maximum(other, clothes))
        )
        colour = np.log((likely + FLOOR) / (unlikely + FLOOR)).clip(-MOST, MOST)
        head = _without_holes(_logistic(_PLACE + TRUST * _smoothed(colour, 1)))
        around = _AROUND * ((1 - head) ** 2 + FLOOR)
    return head, plain


def _logistic(odds: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-odds)))


def _unlike_surroundings(levels: np.ndarray, around: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What stands out from a quadratic surface fitted to weighted surroundings; its fit, 0…1."""
    used = around > 0
    terms, values, weights = _TERMS[used], levels[used], around[used]
    trusted = weights
    for _ in range(6):  # what does not fit, such as hair at the border, counts less and less
        weighted = terms * trusted[:, None]
        ridge = 1e-9 * np.eye(terms.shape[1])
        surface = np.linalg.solve(weighted.T @ terms + ridge, weighted.T @ values)
        distance = np.abs(values - terms @ surface).max(1)
        spread = max(LEAST_SPREAD, float(np.median(distance)))
        trusted = weights / (1 + (distance / (2 * spread)) ** 2) ** 2
    differences = levels - _TERMS @ surface
    return differences, 1 / (1 + (np.abs(differences).max(-1) / (3 * spread)) ** 2) ** 2


def _colour_numbers(differences: np.ndarray) -> np.ndarray:
    bins = ((differences / 2 + 128) * BINS / 256).clip(0, BINS - 1).astype(np.intp)
    return (bins[..., 0] * BINS + bins[..., 1]) * BINS + bins[..., 2]


def _shares(colours: np.ndarray, weights: np.ndarray) -> np.ndarray:
    # that each pixel's colour has among weighted pixels
    counts = np.bincount(colours.ravel(), weights.ravel(), BINS**3).reshape((BINS,) * 3)
    counts = _smoothed(counts, 1)
    return np.asarray(counts.ravel()[colours] / max(float(counts.sum()), FLOOR))


def _without_holes(mask: np.ndarray) -> np.ndarray:
    # what lies between the mask and its centre is filled
    zoom = ZOOM
    for _ in range(DOUBLINGS):
        x, y = (SIZE * middle * (1 - 1 / zoom) for middle in CENTRE)
        nearer = Image.fromarray(mask.astype(np.float32)).transform(
            (SIZE, SIZE),
            Image.Transform.AFFINE,
            (1 / zoom, 0, x, 0, 1 / zoom, y),
            Image.Resampling.BILINEAR,
        )
        mask, zoom = np.maximum(mask, np.asarray(nearer, np.float64)), zoom * zoom
    return mask


def _smoothed(values: np.ndarray, radius: int, axes: int | None = None) -> np.ndarray:
    """Average twice over 2·radius + 1 neighbours along each of the first axes (all if None)."""
    for axis in range(values.ndim if axes is None else axes):
        for _ in range(2):
            border = [(radius, radius) if k == axis else (0, 0) for k in range(values.ndim)]
            padded = np.pad(values, border, mode="edge")
            windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * radius + 1, axis)
            values = windows.mean(-1)
    return values


def filled(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Continue values [N, N, C] smoothly to where they are not known, [N, N] in 0…1 (pull-push).

    Source: Gortler et al., "The Lumigraph" (1996).
    """
    if len(values) == 1:
        return np.asarray(values * known[..., None])
    half = len(values) // 2
    weights = known.reshape(half, 2, half, 2).mean((1, 3))
    sums = (values * known[..., None]).reshape(half, 2, half, 2, -1).mean((1, 3))
    coarse = filled(sums / np.maximum(weights, FLOOR)[..., None], (2 * weights).clip(0, 1))
    finer = _smoothed(coarse.repeat(2, 0).repeat(2, 1), 1, axes=2)
    return np.asarray(known[..., None] * values + (1 - known[..., None]) * finer)
