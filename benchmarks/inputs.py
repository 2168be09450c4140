"""The inputs both sides of a comparison work on; equal on every machine."""

import numpy as np
from PIL import Image

PICTURE_SIDE = 256  # [px] what the encoder reads, so that nobody has to resample
TRUNCATION = 0.7  # psi of the random codes


def _random(*key: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=key))


def latent(seed: int, dim: int) -> np.ndarray:
    """Standard normal z [1, dim]."""
    return _random(0, seed).standard_normal((1, dim), dtype=np.float32)


def features(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    """Standard normal activations of any shape."""
    return _random(1, seed).standard_normal(shape, dtype=np.float32)


def picture(seed: int) -> Image.Image:
    """A smooth random RGB picture, framed as it is."""
    coarse = _random(2, seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    side = (PICTURE_SIDE, PICTURE_SIDE)
    return Image.fromarray(coarse).resize(side, Image.Resampling.BICUBIC)
