"""Methods compared where they keep the same identity.

A method that moves less of the face keeps more of the identity, so an error means something only
beside the identity it was bought with. Sweeping the strength from 0 (the source unchanged) upwards
draws a curve; at a given identity a method has the smallest error on its way down to there.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from training.evaluation.bootstrap import interval

IDENTITY = "csim"  # the figure that is matched
ERRORS = ("pose_error_deg", "expression_error")


@dataclass(frozen=True)
class Curve:
    """A method's figures along its strengths, in all resamples.

    Args:
        strengths: K ascending numbers; one for a method without a strength.
        figures: by name, [K, 1 + resamples]: the figure itself, then that of each resample.
    """

    strengths: tuple[float, ...]
    figures: dict[str, np.ndarray]


def error_at_identity(identity: np.ndarray, error: np.ndarray, level: float) -> float:
    """The smallest error a method has without falling below an identity.

    Args:
        identity: [K] along ascending strengths; between them it is taken as linear.
        error: [K] likewise.
        level: the identity to be kept.

    Returns:
        The smallest error up to where the curve first falls below the level, nan where it begins
        below.
    """
    below = np.flatnonzero(identity < level)
    if not len(below):
        return float(error.min())
    first = int(below[0])
    if first == 0:
        return float("nan")
    share = (identity[first - 1] - level) / (identity[first - 1] - identity[first])
    crossing = error[first - 1] + share * (error[first] - error[first - 1])
    return float(min(error[:first].min(), crossing))


def compare(reference: Curve, others: dict[str, Curve], strength: float = 1.0) -> dict[str, Any]:
    """Compare curves at the identity one of them has at a strength.

    Args:
        reference: the curve that gives the identity.
        others: what it is compared with, by name.
        strength: where on the reference's curve.

    Returns:
        For programs: the level, the reference's errors, and for each other curve its errors at
        that level (None where it keeps less identity at any strength), the interval of its error
        minus the reference's, and whether the reference is ahead.
    """
    levels = reference.figures[IDENTITY][reference.strengths.index(strength)]
    own = {name: _errors(reference, name, levels) for name in ERRORS}
    compared = {}
    for other, curve in others.items():
        row: dict[str, Any] = {"ahead": {}, "difference": {}}
        for name in ERRORS:
            errors = _errors(curve, name, levels)
            difference = errors - own[name]
            reached = not np.isnan(errors[0])
            row[name] = float(errors[0]) if reached else None
            row["ahead"][name] = bool(difference[0] > 0) if reached else True
            known = difference[~np.isnan(difference)]
            row["difference"][name] = list(interval(known)) if reached else None
        compared[other] = row
    return {
        "identity": IDENTITY,
        "level": float(levels[0]),
        **{name: float(errors[0]) for name, errors in own.items()},
        "methods": compared,
    }


def _errors(curve: Curve, name: str, levels: np.ndarray) -> np.ndarray:
    """The curve's error at each resample's own level, [1 + resamples]."""
    columns = zip(curve.figures[IDENTITY].T, curve.figures[name].T, levels, strict=True)
    return np.array([error_at_identity(*column) for column in columns])
