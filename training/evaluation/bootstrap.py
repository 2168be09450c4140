"""Bootstrap intervals (Efron 1979): how far a figure would scatter on other pairs."""

import numpy as np

RESAMPLES = 2000
CONFIDENCE = 0.95


def resample_weights(count: int, resamples: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """How much each pair weighs in each resample.

    All figures of a run share them, so that differences between methods are paired.

    Args:
        count: number of pairs.
        resamples: number of resamples, each of `count` pairs drawn with replacement.
        seed: of the draw.

    Returns:
        [resamples, count] float64; rows sum to 1.
    """
    random = np.random.default_rng(seed)
    return random.multinomial(count, np.full(count, 1 / count), resamples) / count


def interval(values: np.ndarray) -> tuple[float, float]:
    """The percentile interval of a figure's values [resamples] in all resamples."""
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)
