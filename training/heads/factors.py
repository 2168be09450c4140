"""The factors that describe one head, their natural ranges and how a uniform draw becomes them."""

from dataclasses import dataclass

import torch

JAW_CLOSED_SHARE = 0.45  # of all draws have the mouth shut
EYES_OPEN_SHARE = 0.78  # of all draws have the lids fully open
EYES_CLOSING_SHARE = 0.14  # of all draws have them in between; the rest has them shut


@dataclass(frozen=True)
class Factor:
    """One factor and its range.

    Args:
        name: what it controls.
        low: smallest value.
        high: largest value.
        unit: "deg" for angles, "1" for a share or a deviation from the mean head.
    """

    name: str
    low: float
    high: float
    unit: str = "1"


class FactorTable:
    """Names and ranges of the columns of a factor tensor [B, len(table)]."""

    def __init__(self, *factors: Factor) -> None:
        self.factors = factors
        self.index = {factor.name: position for position, factor in enumerate(factors)}

    def __len__(self) -> int:
        return len(self.factors)

    def column(self, values: torch.Tensor, name: str) -> torch.Tensor:
        """One factor of values [B, len(table)] as [B, 1]."""
        position = self.index[name]
        return values[:, position : position + 1]

    def scale(self, uniform: torch.Tensor) -> torch.Tensor:
        """Spread uniform [B, len(table)] in 0…1 over the factors' ranges."""
        low = uniform.new_tensor([factor.low for factor in self.factors])
        high = uniform.new_tensor([factor.high for factor in self.factors])
        return low + (high - low) * uniform


IDENTITY_FACTORS = FactorTable(
    Factor("melanin", 0, 1),
    Factor("redness", -1, 1),
    Factor("face_width", -1, 1),
    Factor("face_length", -1, 1),
    Factor("jaw_width", -1, 1),
    Factor("cheeks", -1, 1),
    Factor("cranium", -1, 1),
    Factor("nose_width", -1, 1),
    Factor("nose_length", -1, 1),
    Factor("nose_projection", -1, 1),
    Factor("eye_size", -1, 1),
    Factor("eye_distance", -1, 1),
    Factor("eye_tilt", -1, 1),
    Factor("eye_color", 0, 1),  # brown → green → blue
    Factor("brow_thickness", -1, 1),
    Factor("brow_height", -1, 1),
    Factor("brow_tilt", -1, 1),
    Factor("lip_thickness", -1, 1),
    Factor("mouth_width", -1, 1),
    Factor("lip_color", 0, 1),  # pale → red
    Factor("hair_lightness", 0, 1),
    Factor("hair_redness", 0, 1),
    Factor("hair_volume", -1, 1),
    Factor("hair_length", 0, 1),
    Factor("hairline", -1, 1),
    Factor("hair_parting", -1, 1),
    Factor("beard", -1, 1),  # none below 0.46 (73 %), moustache, full and denser from 0.58
    Factor("glasses", -1, 1),  # none below 0.57, worn from 0.63 (20 %)
    Factor("glasses_roundness", 0, 1),
    Factor("ear_size", -1, 1),
    Factor("shirt_hue", 0, 1),
    Factor("background_hue", 0, 1),
    Factor("background_brightness", 0, 1),
    Factor("light_side", -1, 1),  # from the picture's left to its right, always from above
    Factor("hair_curl", 0, 1),
    Factor("fringe", 0, 1),  # none below 0.35, down to the brows at 0.75
    Factor("hair_bun", 0, 1),  # none below 0.7
)

POSE_FACTORS = FactorTable(
    Factor("yaw", -45, 45, "deg"),  # positive: the face turns to the picture's right
    Factor("pitch", -25, 25, "deg"),  # positive: the face looks up
    Factor("roll", -8, 8, "deg"),  # positive: the head leans to the picture's left
    Factor("jaw_open", 0, 1),
    Factor("smile", -0.6, 1),
    Factor("brow_raise", -0.6, 1),
    Factor("eyes_closed", 0, 1),
    Factor("gaze_x", -1, 1),
    Factor("gaze_y", -1, 1),
)


def from_uniform(uniform: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Turn a uniform draw into a head's factors.

    Args:
        uniform: [B, 46] in 0…1, identity before pose.

    Returns:
        Identity [B, 37] and pose [B, 9] in their natural ranges.
    """
    identity, pose = uniform.split([len(IDENTITY_FACTORS), len(POSE_FACTORS)], dim=1)
    jaw = POSE_FACTORS.column(pose, "jaw_open")
    lids = POSE_FACTORS.column(pose, "eyes_closed")
    pose = POSE_FACTORS.scale(pose)
    pose[:, [POSE_FACTORS.index["jaw_open"]]] = (
        (jaw - JAW_CLOSED_SHARE) / (1 - JAW_CLOSED_SHARE)
    ).clamp(0, 1)
    pose[:, [POSE_FACTORS.index["eyes_closed"]]] = (
        (lids - EYES_OPEN_SHARE) / EYES_CLOSING_SHARE
    ).clamp(0, 1)
    return IDENTITY_FACTORS.scale(identity), pose
