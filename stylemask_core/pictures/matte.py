"""Where the head is in a picture that is framed as FFHQ's are: a soft mask from its colours.

A head is expected where heads are in such pictures, and differs in colour from what is around it.
The colours are those that remain when a smooth surface, fitted to what lies around the head, is
taken off: a plain background then is one colour, however it is lit. Both are weighed by Bayes' rule
and re-estimated in turns. Where the background is of the head's own colours, the expected shape
decides.

Source: iterated colour models as in GrabCut (Rother et al. 2004), without its graph.
"""

import numpy as np
from PIL import Image

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


def head_matte(picture: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """Find the head in an aligned picture, and its background.

    Args:
        picture: RGB square.

    Returns:
        Two masks [SIZE, SIZE], float64 in 0…1, soft: the head; what is like a smooth background.
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
        head = _without_holes(_logistic(_PLACE + TRUST * smoothed(colour, 1)))
        around = _AROUND * ((1 - head) ** 2 + FLOOR)
    return head, plain


def _logistic(odds: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-odds)))


def _unlike_surroundings(levels: np.ndarray, around: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What stands out from a quadratic surface that is fitted to weighted surroundings.

    Returns:
        [SIZE, SIZE, 3] differences in levels, and [SIZE, SIZE] how well the surface fits, 0…1.
    """
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
    """The bin of each pixel's colour, [SIZE, SIZE]."""
    bins = ((differences / 2 + 128) * BINS / 256).clip(0, BINS - 1).astype(np.intp)
    return (bins[..., 0] * BINS + bins[..., 1]) * BINS + bins[..., 2]


def _shares(colours: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The share that each pixel's colour has among weighted pixels, [SIZE, SIZE]."""
    counts = np.bincount(colours.ravel(), weights.ravel(), BINS**3).reshape((BINS,) * 3)
    counts = smoothed(counts, 1)
    return np.asarray(counts.ravel()[colours] / max(float(counts.sum()), FLOOR))


def _without_holes(mask: np.ndarray) -> np.ndarray:
    """Fill what lies between the mask and its centre: a head has no holes."""
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


def smoothed(values: np.ndarray, radius: int, axes: int | None = None) -> np.ndarray:
    """Average twice over 2·radius + 1 neighbours along each of the first axes (all if None)."""
    for axis in range(values.ndim if axes is None else axes):
        for _ in range(2):
            border = [(radius, radius) if k == axis else (0, 0) for k in range(values.ndim)]
            padded = np.pad(values, border, mode="edge")
            windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * radius + 1, axis)
            values = windows.mean(-1)
    return values


def filled(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Continue values smoothly to where they are not known (pull-push).

    Args:
        values: [N, N, C], N a power of two.
        known: [N, N] in 0…1.

    Returns:
        [N, N, C]: where they are wholly known, the values; 0 if they are known nowhere.

    Source: Gortler et al., "The Lumigraph" (1996).
    """
    if len(values) == 1:
        return np.asarray(values * known[..., None])
    half = len(values) // 2
    weights = known.reshape(half, 2, half, 2).mean((1, 3))
    sums = (values * known[..., None]).reshape(half, 2, half, 2, -1).mean((1, 3))
    coarse = filled(sums / np.maximum(weights, FLOOR)[..., None], (2 * weights).clip(0, 1))
    finer = smoothed(coarse.repeat(2, 0).repeat(2, 1), 1, axes=2)
    return np.asarray(known[..., None] * values + (1 - known[..., None]) * finer)
