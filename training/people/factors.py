"""The factors of a picture by name: what the renderer draws, in natural units.

Person, Pose and Scene are vectors with named entries; their ranges are checked, since a factor out
of range would be drawn as something that is nobody.
"""

import math
from typing import Self

import torch

from stylemask_core.errors import InvalidInputError

DIRECTIONS = 40  # principal directions of the face's shape
BEYOND = 1e-3  # how far beyond its range a factor may lie, for rounding
UNBOUND = 8.0  # of shape directions

Ranges = dict[str, tuple[float, float]]

SHAPE: Ranges = {
    "gender": (0, 1),  # female … male
    "age": (0, 2),  # child, young adult, old
    "weight": (0, 2),  # thin, average, heavy
    "african": (0, 1),  # shares; the rest is European
    "asian": (0, 1),
    **{f"direction_{i}": (-UNBOUND, UNBOUND) for i in range(DIRECTIONS)},
}
SKIN: Ranges = {
    "melanin": (0, 1),
    "redness": (0, 1),
    "undertone": (0, 1),
    "freckles": (0, 1),
    "oil": (0, 1),
    "lines": (0, 1.2),
    "under_eye": (0, 1),
    "lip_red": (0, 1),
    "makeup": (0, 1),
    "tooth_shade": (0, 1),
}
EYES: Ranges = {"iris_light": (0, 1), "iris_green": (0, 1), "pupil": (0.2, 0.6)}
HAIR: Ranges = {
    "hair_dark": (0, 1),
    "hair_red": (0, 1),
    "hair_gray": (0, 1),
    "hair_tip": (0, 1),
    "length_top": (0, 0.45),  # [m]
    "length_side": (0, 0.45),
    "length_back": (0, 0.45),
    "lift": (0, 3),
    "volume": (0, 0.06),  # [m]
    "comb_back": (0, 1.5),
    "part": (0, 1.5),
    "part_x": (-1, 1),
    "fringe": (0, 1),
    "fringe_length": (-1, 1),
    "sweep": (-1.5, 1.5),
    "gravity": (0, 1),
    "curl": (0, 0.015),  # [m]
    "curl_rate": (0, 140),  # [turns/m]
    "frizz": (0, 0.005),  # [m]
    "clump": (0, 1),
    "mess": (0, 1.5),
    "tied": (0, 1),
    "face_clear": (0, 1),
    "recession": (0, 1),
    "bald": (0, 1),
    "hairline_low": (-1, 1),
    "shine": (0, 1.5),
}
BROWS: Ranges = {
    "brow_thickness": (0, 1.2),
    "brow_arch": (-1.5, 1.5),
    "brow_tilt": (-1.5, 1.5),
    "brow_density": (0, 1.2),
    "brow_height": (-1.5, 1.5),
    "lashes": (0, 1.5),
}
BEARD: Ranges = {
    "stubble": (0, 1),
    "beard": (0, 1),
    "goatee": (0, 1),
    "moustache": (0, 1),
    "beard_length": (0, 0.05),  # [m]
}
GLASSES: Ranges = {
    "glasses": (0, 1),  # none … worn
    "glasses_square": (0, 1),
    "glasses_size": (0, 1),
    "glasses_rim": (0, 1),
    "glasses_red": (0, 1),
    "glasses_green": (0, 1),
    "glasses_blue": (0, 1),
}
CLOTHES: Ranges = {
    "cloth_red": (0, 1),
    "cloth_green": (0, 1),
    "cloth_blue": (0, 1),
    "neckline": (0, 1),
    "neck_v": (0, 1),
    "collar": (0, 1),
}
ANGLES: Ranges = {"yaw": (-1.2, 1.2), "pitch": (-0.8, 0.8), "roll": (-0.6, 0.6)}  # [rad]
ACTION_NAMES = (
    *("browInnerUp", "browDownLeft", "browDownRight", "browOuterUpLeft", "browOuterUpRight"),
    *("eyeLookUpLeft", "eyeLookUpRight", "eyeLookDownLeft", "eyeLookDownRight"),
    *("eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight"),
    *("eyeBlinkLeft", "eyeBlinkRight", "eyeSquintLeft", "eyeSquintRight"),
    *("eyeWideLeft", "eyeWideRight", "cheekPuff", "cheekSquintLeft", "cheekSquintRight"),
    *("noseSneerLeft", "noseSneerRight", "jawOpen", "jawForward", "jawLeft", "jawRight"),
    *("mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight", "mouthRollUpper"),
    *("mouthRollLower", "mouthShrugUpper", "mouthShrugLower", "mouthClose"),
    *("mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight"),
    *("mouthDimpleLeft", "mouthDimpleRight", "mouthUpperUpLeft", "mouthUpperUpRight"),
    *("mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight"),
    *("mouthStretchLeft", "mouthStretchRight", "tongueOut"),
)  # ARKit's
SURROUNDINGS: Ranges = {
    "light_azimuth": (-2, 2),  # [rad]
    "light_elevation": (-0.3, 1.4),
    "warmth": (-2, 2),
    "contrast": (0, 1),
    "softness": (0, 1),
    "rim": (0, 1),
    "fill": (0, 1),
    "rim_azimuth": (-1, 1),
    "exposure": (0.4, 2.5),
    "background_red": (0, 1),
    "background_green": (0, 1),
    "background_blue": (0, 1),
    "second_red": (0, 1),
    "second_green": (0, 1),
    "second_blue": (0, 1),
    "background_turn": (-3, 3),  # [rad]
    "horizon": (-3, 3),
    "bokeh": (0, 1),
    "bokeh_size": (0, 1),
    "windows": (0, 1),
    "pan": (-2, 2),
}


class FactorTable:
    """Names and ranges of the columns of a factor tensor."""

    def __init__(self, ranges: Ranges) -> None:
        self.ranges = ranges
        self.names = tuple(ranges)
        self.index = {name: i for i, name in enumerate(self.names)}

    def __len__(self) -> int:
        return len(self.names)

    def columns(self, values: torch.Tensor) -> dict[str, torch.Tensor]:
        """Columns [B] of values [B, len(table)] by name."""
        return dict(zip(self.names, values.unbind(1), strict=True))


PERSON = FactorTable(SHAPE | SKIN | EYES | HAIR | BROWS | BEARD | GLASSES | CLOTHES)
POSE = FactorTable(ANGLES | dict.fromkeys(ACTION_NAMES, (0.0, 1.0)))
SCENE = FactorTable(SURROUNDINGS)


class Named:
    """A vector of factors whose entries have names: `person["age"]`.

    Args:
        **values: the factors; those left out are 0, or as near to it as their range goes.

    Raises:
        InvalidInputError: a name is unknown, a value no number or out of its range.
    """

    table: FactorTable

    def __init__(self, **values: float) -> None:
        unknown = sorted(set(values) - set(self.table.names))
        if unknown:
            raise InvalidInputError(
                f"{type(self).__name__} has no factor {', '.join(unknown)}: "
                f"name some of {', '.join(self.table.names)}"
            )
        self.values = {name: float(values.get(name, 0.0)) for name in self.table.names}
        for name, (low, high) in self.table.ranges.items():
            value = self.values[name]
            if name not in values:
                self.values[name] = min(max(value, low), high)
            elif not (math.isfinite(value) and low - BEYOND <= value <= high + BEYOND):
                raise InvalidInputError(f"{name} is {value:g}: it must be {low:g} to {high:g}")

    @classmethod
    def from_vector(cls, vector: torch.Tensor) -> Self:
        """Of values in the table's order."""
        if vector.shape != (len(cls.table),):
            raise InvalidInputError(
                f"{cls.__name__} has {len(cls.table)} factors, not {tuple(vector.shape)}"
            )
        return cls(**dict(zip(cls.table.names, vector.tolist(), strict=True)))

    def vector(self) -> torch.Tensor:
        """Values [len(table)] in the table's order."""
        return torch.tensor(list(self.values.values()))

    def __getitem__(self, name: str) -> float:
        return self.values[name]


class Person(Named):
    """Who somebody is: shape, skin, eyes, hair, glasses and clothes."""

    table = PERSON


class Pose(Named):
    """How the head is held and what the face does: angles and ARKit's actions."""

    table = POSE


class Scene(Named):
    """Lights and background."""

    table = SCENE
