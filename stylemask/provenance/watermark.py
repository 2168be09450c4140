"""An invisible mark in the brightness of a picture, found again after everyday edits.

A square tile of noise, whose spectrum is a ring of harmonics of fixed phases, is
added all over the picture: weakly where the picture is smooth, more where it is busy. A periodic
mark has all its energy in the harmonics of the tile, so the detector takes one Fourier transform,
reads the harmonics that a tile of any size would have, and compares their phases with the mark's at
every shift. Only phases count: no single strong pattern of a picture can imitate the mark.

Source: spread spectrum, Cox et al., "Secure spread spectrum watermarking for multimedia" (1997);
phase-only matching, Kuglin and Hines, "The phase correlation image alignment method" (1975).
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageChops, ImageFilter

# The mark: changing one of these makes it another mark.
TILE = 128  # [px] period
RING = (7, 20)  # harmonics of the tile, by distance: 5 to 16 cycles in 100 px
KEY = 20230105  # of the phases
# [px] of larger pictures the mark grows along, as the picture's own detail does
NOMINAL_SIDE = 1024
# Its root mean square, in levels of 0…255: in smooth areas, the most, and growth with activity.
WEAKEST, STRONGEST, GROWTH = 0.6, 2.0, 0.15

# Where it is sought.
SCALES = (0.48, 1.36)  # of the tile after resizing; further halvings extend it
WINDOW = 640  # [px] side of the central square that is looked at
SMALLEST = 192  # [px] in smaller pictures there is too little of the mark
SHIFTS = 64  # steps of a shift over the tile
FINALISTS, FINE_SHIFTS = 8, 128  # scales that are looked at once more, in finer steps
CHANCE = 1e-7  # the mark counts as found where chance alone is rarer

_UNIT = 32  # integers below stand for fractions of a level
_ACTIVITY = 4  # the same, of activity
_POWER = 4  # and of squared levels
_LIMIT = 6.0  # [levels] the mark stands out no more than that: what does is of the picture


@dataclass(frozen=True)
class Detection:
    """What a search for the mark gave."""

    found: bool  # whether chance is rarer than `CHANCE`
    score: float  # agreement of the phases, in standard deviations of an unmarked picture's
    # bound on the probability that the picture reaches the score at any of the scales and shifts
    # that were tried, were the mark's phases not its own but drawn at random
    chance: float
    scale: float  # of the mark, where it agrees best; 1 as embedded


def embed(image: Image.Image) -> Image.Image:
    """Mark a picture → RGB; the same pixels give the same pixels on every machine.

    The PSNR to the original is 42 dB or more; from about 512 px on the mark survives edits.
    """
    image = image.convert("RGB")
    grey = image.convert("L")
    detail = ImageChops.difference(grey, grey.filter(ImageFilter.BoxBlur(3)))
    activity = detail.point([min(255, _ACTIVITY * v) for v in range(256)])
    strength = activity.filter(ImageFilter.BoxBlur(6)).point(_strengths())
    # integers all the way, so that no machine rounds otherwise
    change = _pattern(image.size) * np.asarray(strength, dtype=np.int16)
    change = (change + _UNIT * _UNIT // 2) // (_UNIT * _UNIT)
    lighter, darker = (
        Image.fromarray(np.maximum(part, 0).astype(np.uint8)) for part in (change, -change)
    )
    image = ImageChops.add(image, Image.merge("RGB", [lighter] * 3))
    return ImageChops.subtract(image, Image.merge("RGB", [darker] * 3))


def detect(image: Image.Image) -> Detection:
    """Seek the mark in a picture that may have been resized, cropped or compressed."""
    grey = image.convert("L")
    if (growth := _growth(grey.size)) > 1:
        grey = _reduced(grey, growth)
    matches: list[tuple[float, float]] = []
    trials, halvings = 0, 0
    while min(grey.size) >= SMALLEST:
        scores, scales = _scores(grey)
        best = int(scores.argmax())
        matches.append((float(scores[best]), float(scales[best]) * growth * 2**halvings))
        trials += scores.size * FINE_SHIFTS**2
        grey, halvings = _reduced(grey, 2), halvings + 1
    if not matches:
        return Detection(False, 0.0, 1.0, 0.0)
    score, scale = max(matches)
    # Chernoff's bound of a sum of cosines of random phases: whatever the picture, it holds
    chance = min(1.0, trials * math.exp(-(score**2) / 2))
    return Detection(chance < CHANCE, score, chance, scale)


def _growth(size: tuple[int, int]) -> float:
    """How much larger than nominal the mark is in a picture of this size."""
    return max(1.0, math.sqrt(size[0] * size[1]) / NOMINAL_SIDE)


def _reduced(image: Image.Image, factor: float) -> Image.Image:
    size = [max(1, round(length / factor)) for length in image.size]
    return image.resize((size[0], size[1]), Image.Resampling.BOX)


# The mark


@lru_cache(maxsize=1)
def _code() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertical and horizontal frequency [per tile] of the harmonics, and their values, each [K]."""
    low, high = RING
    rows, columns = np.meshgrid(np.arange(-high, high + 1), np.arange(high + 1), indexing="ij")
    distance = np.hypot(rows, columns)
    # one of each pair of conjugates
    half = (low <= distance) & (distance <= high) & ((columns > 0) | (rows > 0))
    rows, columns = rows[half], columns[half]
    phases = np.random.Generator(np.random.Philox(key=KEY)).uniform(0, 2 * np.pi, len(rows))
    return rows, columns, np.exp(1j * phases).astype(np.complex64)


def _spectrum(values: np.ndarray, side: int) -> np.ndarray:
    """Values of the harmonics [..., K] → spectrum of a real tile [..., side, side // 2 + 1]."""
    rows, columns, _ = _code()
    spectrum = np.zeros((*values.shape[:-1], side, side // 2 + 1), np.complex64)
    spectrum[..., rows % side, columns] = values
    edge = columns == 0  # there both of a pair are in the half that is kept
    spectrum[..., -rows[edge] % side, 0] = values[..., edge].conj()
    return spectrum


@lru_cache(maxsize=1)
def _tile() -> np.ndarray:
    """The mark, [TILE, TILE] int16 of root mean square `_UNIT`."""
    tile = np.fft.irfft2(_spectrum(_code()[2], TILE), (TILE, TILE))
    levels: np.ndarray = np.rint(tile * (_UNIT / tile.std())).clip(-127, 127).astype(np.int16)
    return levels


@lru_cache(maxsize=4)
def _pattern(size: tuple[int, int]) -> np.ndarray:
    """The tile laid out over a picture of a size (width, height), [height, width] int16."""
    growth = _growth(size)
    width, height = (math.ceil(length / growth) for length in size)
    repeats = math.ceil(height / TILE), math.ceil(width / TILE)
    pattern = np.tile(_tile(), repeats)[:height, :width]
    if growth > 1:
        picture = Image.fromarray((pattern + 128).astype(np.uint8))
        box = (0, 0, size[0] / growth, size[1] / growth)
        picture = picture.resize(size, Image.Resampling.BICUBIC, box)
        pattern = np.asarray(picture).astype(np.int16) - 128
    pattern.flags.writeable = False
    return pattern


@lru_cache(maxsize=1)
def _strengths() -> list[int]:
    """Activity, in units of 1 / _ACTIVITY levels → root mean square, in units of 1 / _UNIT."""
    levels = WEAKEST + GROWTH * np.arange(256) / _ACTIVITY
    return [int(value) for value in np.rint(np.minimum(levels, STRONGEST) * _UNIT)]


# The search


@dataclass(frozen=True)
class _Plan:
    """Where and how the spectrum of a window is read."""

    padded: tuple[int, int]  # height and width of the transform
    width: int  # columns of the spectrum that are needed
    scales: np.ndarray  # [S], of the tile
    places: np.ndarray  # [S, K], of each harmonic in the flattened spectrum
    # [S, K], turns a harmonic of the mark, met in the window's middle, into 1
    reference: np.ndarray


@lru_cache(maxsize=8)
def _plan(height: int, width: int) -> _Plan:
    """The plan for windows of even sides."""
    scales, scale = [], SCALES[0]
    while scale < SCALES[1]:
        scales.append(scale)
        # the finest harmonic slips by half a cycle over the window from one scale to the next
        scale *= 1 + 0.5 * scale * TILE / (RING[1] * max(height, width))
    sizes = np.array(scales)
    rows, columns, code = _code()
    # twice the window: halfway between two lines of the spectrum most of a harmonic is still there
    padded = 2 * height, 2 * width
    row, column = (
        np.rint(frequency / (TILE * sizes[:, None]) * length).astype(np.intp)
        for frequency, length in zip((rows, columns), padded, strict=True)
    )
    # phases are counted from the middle, where a scale that is a little off does least harm
    quarter_turns = np.array([1, 1j, -1, -1j], np.complex64)
    reference = quarter_turns[(row + column) % 4] * code.conj()
    needed = int(column.max()) + 1
    return _Plan(padded, needed, sizes, row % padded[0] * needed + column, reference)


def _scores(grey: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """The best agreement over all shifts at each scale [S], and the scales [S]."""
    window = _residual(_window(grey))
    plan = _plan(*window.shape)
    spectrum = np.fft.rfft(window, plan.padded[1], axis=1)[:, : plan.width]
    spectrum = np.fft.fft(spectrum, plan.padded[0], axis=0)
    harmonics = spectrum.ravel()[plan.places] * plan.reference
    harmonics /= np.abs(harmonics) + 1e-6
    scores = _agreement(harmonics, SHIFTS)
    best = np.argsort(scores)[-FINALISTS:]
    scores[best] = np.maximum(scores[best], _agreement(harmonics[best], FINE_SHIFTS))
    return scores, plan.scales


def _agreement(phases: np.ndarray, steps: int) -> np.ndarray:
    """Unit numbers [S, K] → how well they agree at the best shift, in standard deviations [S]."""
    agreement = np.fft.irfft2(_spectrum(phases, steps), (steps, steps))
    # the transform is a mean and counts every harmonic twice; the cosine of each varies by 1/2
    deviation = 2 * math.sqrt(phases.shape[1] / 2) / steps**2
    best: np.ndarray = agreement.max((1, 2)) / deviation
    return best


def _window(grey: Image.Image) -> Image.Image:
    """The central part that is looked at, of even sides."""
    width, height = (min(length, WINDOW) // 2 * 2 for length in grey.size)
    left, top = (grey.width - width) // 2, (grey.height - height) // 2
    return grey.crop((left, top, left + width, top + height))


def _residual(grey: Image.Image) -> np.ndarray:
    """What stands out of its surroundings, evened out over the picture and tapered, [H, W]."""
    around = ImageFilter.BoxBlur(5)
    detail = np.asarray(grey, np.float32) - np.asarray(grey.filter(around), np.float32)
    power = np.minimum(_POWER * detail**2, 255).astype(np.uint8)
    mean = np.asarray(Image.fromarray(power).filter(around), np.float32) / _POWER
    even = detail.clip(-_LIMIT, _LIMIT) / np.sqrt(mean + 0.5)
    rows, columns = (np.sqrt(np.hanning(length + 2)[1:-1]) for length in even.shape)
    residual: np.ndarray = even * np.outer(rows, columns).astype(np.float32)
    return residual
