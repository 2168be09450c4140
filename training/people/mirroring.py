"""Factors of the mirrored picture."""

from typing import TypeVar

import numpy as np

from training.people.factors import ACTION_NAMES, Named, Person, Pose, Scene

SIGNED = (
    *("part_x", "sweep", "yaw", "roll", "light_azimuth", "rim_azimuth", "background_turn", "pan"),
)
LANDMARK_ORDER = (
    *range(16, -1, -1),
    *range(26, 16, -1),
    *(27, 28, 29, 30, 35, 34, 33, 32, 31),
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),
    *(64, 63, 62, 61, 60, 67, 66, 65),
)
_LEFTS = tuple(name for name in ACTION_NAMES if name.endswith("Left"))
TWIN = {name: name.removesuffix("Left") + "Right" for name in _LEFTS}
TWIN |= {right: left for left, right in TWIN.items()}
Kind = TypeVar("Kind", bound=Named)


def mirrored(factors: Kind) -> Kind:
    """Factors of the mirror image: signed ones negated, sided actions exchanged."""
    values = factors.values
    return type(factors)(
        **{
            name: -values[name] if name in SIGNED else values[TWIN.get(name, name)]
            for name in values
        }
    )


def mirrored_landmarks(landmarks: np.ndarray, width: float) -> np.ndarray:
    """Landmarks [68, 2] of the mirrored picture."""
    turned = landmarks[list(LANDMARK_ORDER)]
    return (turned * [-1, 1] + [width, 0]).astype(landmarks.dtype)


def parted_left(person: Person) -> bool:
    """Whether a person is the mirror image of the one that is groomed."""
    return _negative(person["part_x"], person["sweep"])


def faces_left(person: Person, pose: Pose, scene: Scene) -> bool:
    """Whether a picture is the mirror image of the one that is drawn."""
    sides = [pose["yaw"], pose["roll"], scene["light_azimuth"], person["part_x"], scene["pan"]]
    sides += [scene["background_turn"], scene["rim_azimuth"], person["sweep"]]
    sides += [pose[left] - pose[TWIN[left]] for left in _LEFTS]
    return _negative(*sides)


def _negative(*values: float) -> bool:
    return next((value < 0 for value in values if value), False)
