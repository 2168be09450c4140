"""The figures: what they are called, what they mean, and how pairs become them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from training.evaluation.bootstrap import interval

Columns = dict[str, np.ndarray]  # one number a pair, [N] each


@dataclass(frozen=True)
class Figure:
    """One figure of a table.

    Args:
        meaning: for people.
        column: which of the pairs' numbers it is the mean of.
        unit: behind the number.
        share: whether it is given as a share of the unchanged source's mean.
        against: the column of whose mean it is given as a share; "" for none.
    """

    meaning: str
    column: str
    unit: str = ""
    share: bool = False
    against: str = ""


# Of any method.
FIGURES = {
    "l1_ratio": Figure(
        "L1 of the reenacted to the exact picture, as a share of the unchanged source's",
        "l1",
        share=True,
    ),
    "l1_ratio_renderer": Figure("the same against the renderer's picture", "l1_renderer", "", True),
    "pose_error_deg": Figure("error of yaw and pitch, their mean", "pose", "°"),
    "expression_error": Figure(
        "error of the expression's coefficients, as a share of their ranges", "expression"
    ),
    "expression_error_ratio": Figure(
        "the same as a share of the unchanged source's", "expression", share=True
    ),
    "gaze_error_ratio": Figure(
        "error of the gaze's coefficients, as a share of the unchanged source's", "gaze", share=True
    ),
    "lids_error_ratio": Figure(
        "error of the lids' coefficients, as a share of the unchanged source's", "lids", share=True
    ),
    "csim": Figure("cosine similarity of identity to the source", "csim"),
    "identity_retrieval": Figure(
        "share of pairs whose source is the nearest of 200 identities", "retrieved"
    ),
    "shape_error": Figure("error of the shape's coefficients against the source's", "shape"),
}
# Of the model itself.
MODEL_FIGURES = {
    "psnr_db": Figure("generator against renderer", "psnr", " dB"),
    "sharpness": Figure(
        "gradient energy of the generator's pictures, as a share of the renders'",
        "energy",
        against="energy_render",
    ),
    "sharpness_face": Figure(
        "the same within the face", "energy_face", against="energy_face_render"
    ),
    "inversion_psnr_db": Figure(
        "held-out renders, inverted and drawn again, against themselves", "inversion", " dB"
    ),
}
EXPRESSION = "expression/"  # begins the column of one expression coefficient
ANGLE = "angle/"  # begins the column of one angle


def resampled(column: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """A column's mean, then its mean in each resample: [1 + resamples]."""
    return np.concatenate([[column.mean()], weights @ column])


def figure_values(
    figure: Figure, columns: Columns, source: Columns, weights: np.ndarray
) -> np.ndarray:
    """A figure, then the figure of each resample: [1 + resamples].

    Args:
        figure: which.
        columns: of the method.
        source: of the unchanged source.
        weights: of the pairs in the resamples, see `bootstrap.resample_weights`.
    """
    values = resampled(columns[figure.column], weights)
    if figure.share:
        values = values / np.maximum(resampled(source[figure.column], weights), 1e-12)
    if figure.against:
        values = values / np.maximum(resampled(columns[figure.against], weights), 1e-12)
    return values


def summary(
    columns: Columns, source: Columns, weights: np.ndarray, figures: dict[str, Figure] = FIGURES
) -> dict[str, Any]:
    """All figures the columns allow, with intervals, by the names programs know."""
    known = {
        name: figure_values(figure, columns, source, weights)
        for name, figure in figures.items()
        if figure.column in columns
    }
    values: dict[str, Any] = {name: float(x[0]) for name, x in known.items()}
    return values | {"intervals": {name: list(interval(x[1:])) for name, x in known.items()}}


def details(columns: Columns, source: Columns) -> dict[str, dict[str, float]]:
    """The pose error angle by angle, and the expression error coefficient by coefficient."""

    def means(of: Columns, prefix: str) -> dict[str, float]:
        return {
            name.removeprefix(prefix): float(column.mean())
            for name, column in of.items()
            if name.startswith(prefix)
        }

    errors, unchanged = means(columns, EXPRESSION), means(source, EXPRESSION)
    return {
        "angle_errors_deg": means(columns, ANGLE),
        "expression_errors": errors,
        "expression_error_ratios": {
            name: error / max(unchanged[name], 1e-12) for name, error in errors.items()
        },
    }
