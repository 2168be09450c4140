"""From factors to the measures of one head, and the curves of its eyes, brows and mouth."""

from typing import NamedTuple

import torch

from training.heads.factors import IDENTITY_FACTORS, POSE_FACTORS
from training.heads.primitives import smoothstep

BROW_HALF_LENGTH = 0.21  # [head units]
BROW_INSET = 0.01  # [head units] the brow's middle lies so much nearer the nose than the eye's


class HeadShape(NamedTuple):
    """Measures of a head, each [B, 1] in head units unless said otherwise; heights are y."""

    eye_x: torch.Tensor
    eye_half_width: torch.Tensor
    upper_lid: torch.Tensor  # height above the eye's middle
    lower_lid: torch.Tensor  # depth below it
    eye_slope: torch.Tensor  # rise over run
    face_half_width: torch.Tensor
    face_extra_length: torch.Tensor
    jaw_half_width: torch.Tensor
    cheek_fullness: torch.Tensor
    cranium_half_width: torch.Tensor
    cranium_half_height: torch.Tensor
    nose_half_width: torch.Tensor
    nose_tip_y: torch.Tensor
    nose_tip_z: torch.Tensor
    mouth_half_width: torch.Tensor
    mouth_y: torch.Tensor
    mouth_rise: torch.Tensor  # of the inner upper lip over the closed mouth's line
    mouth_drop: torch.Tensor  # of the inner lower lip under it
    upper_lip: torch.Tensor
    lower_lip: torch.Tensor
    smile: torch.Tensor  # -0.6…1
    jaw_drop: torch.Tensor
    hair_thickness: torch.Tensor
    hair_length: torch.Tensor  # 0…1
    hairline_y: torch.Tensor
    recession: torch.Tensor  # of the hairline over the temples
    hair_parting_x: torch.Tensor
    fringe_y: torch.Tensor  # its lower edge; above the hairline there is none
    curl: torch.Tensor  # 0…1
    bun: torch.Tensor  # 0 = none, 1 = full size
    ear_cover: torch.Tensor  # 0 = hair goes around the ears, 1 = over them
    ear_scale: torch.Tensor  # 1 = mean size, near 0 = covered by hair
    brow_y: torch.Tensor
    brow_half_thickness: torch.Tensor
    brow_slope: torch.Tensor  # rise over run, times 4
    gaze_x: torch.Tensor  # -1…1
    gaze_y: torch.Tensor  # -1…1
    beard: torch.Tensor  # -1…1
    glasses: torch.Tensor  # 0 = none, 1 = worn
    glasses_roundness: torch.Tensor  # 0…1


def head_shape(identity: torch.Tensor, pose: torch.Tensor) -> HeadShape:
    """Measures of the heads with these factors.

    Args:
        identity: [B, 37].
        pose: [B, 9].
    """

    def trait(name: str) -> torch.Tensor:
        return IDENTITY_FACTORS.column(identity, name)

    def motion(name: str) -> torch.Tensor:
        return POSE_FACTORS.column(pose, name)

    jaw, smile, brow_raise = motion("jaw_open"), motion("smile"), motion("brow_raise")
    grin, closed = smile.clamp_min(0), motion("eyes_closed")
    lid_gap = (0.094 + 0.02 * trait("eye_size")) * (1 + 0.18 * brow_raise.clamp_min(0))
    lower_lid = 0.055 + 0.012 * trait("eye_size") - 0.012 * grin
    curl = smoothstep(trait("hair_curl"), 0.45, 0.95)
    # long and bulky hair covers the ears, which then shrink into the head
    ear_cover = smoothstep(trait("hair_length") + 0.10 * curl, 0.28, 0.37)
    fringe = smoothstep(trait("fringe"), 0.35, 0.75)
    hairline_y = 0.56 + 0.13 * trait("hairline")
    face_extra_length = 0.05 * trait("face_length")
    return HeadShape(
        eye_x=0.315 + 0.035 * trait("eye_distance"),
        eye_half_width=0.178 + 0.03 * trait("eye_size"),
        # closing, the upper lid comes down onto the lower one
        upper_lid=lid_gap * (1 - 0.25 * grin) * (1 - closed) - lower_lid * closed * 0.96,
        lower_lid=lower_lid,
        eye_slope=0.16 * trait("eye_tilt"),
        face_half_width=0.64 + 0.055 * trait("face_width"),
        face_extra_length=face_extra_length,
        jaw_half_width=0.40 + 0.10 * trait("jaw_width"),
        cheek_fullness=0.035 * trait("cheeks") + 0.03 * grin,
        cranium_half_width=0.745 + 0.03 * trait("face_width") + 0.02 * trait("cranium"),
        cranium_half_height=0.84 + 0.07 * trait("cranium"),
        nose_half_width=0.092 + 0.03 * trait("nose_width"),
        nose_tip_y=-0.37 - 0.055 * trait("nose_length"),
        nose_tip_z=0.90 + 0.085 * trait("nose_projection"),
        mouth_half_width=(
            (0.245 + 0.045 * trait("mouth_width")) * (1 + 0.22 * smile) * (1 - 0.12 * jaw)
        ),
        mouth_y=-0.70 - 0.5 * face_extra_length,
        mouth_rise=0.035 * jaw + 0.022 * grin + 0.001,
        mouth_drop=0.25 * jaw + 0.030 * grin + 0.001,
        upper_lip=(0.055 + 0.026 * trait("lip_thickness")) * (1 - 0.25 * smile),
        lower_lip=(0.075 + 0.032 * trait("lip_thickness")) * (1 - 0.2 * smile),
        smile=smile,
        jaw_drop=0.20 * jaw,
        hair_thickness=(0.085 + 0.05 * trait("hair_volume")) * (1 + 1.0 * curl),
        hair_length=trait("hair_length"),
        hairline_y=hairline_y,
        recession=0.13 * trait("hairline").clamp_min(0) + 0.02,
        hair_parting_x=0.30 * trait("hair_parting"),
        fringe_y=hairline_y + 0.12 + (0.36 - hairline_y - 0.12) * fringe,
        curl=curl,
        bun=smoothstep(trait("hair_bun"), 0.65, 0.9),
        ear_cover=ear_cover,
        ear_scale=(1 + 0.22 * trait("ear_size")) * (1 - 0.95 * ear_cover),
        brow_y=0.235 + 0.03 * trait("brow_height") + 0.075 * brow_raise,
        brow_half_thickness=0.036 + 0.018 * trait("brow_thickness"),
        brow_slope=0.22 * trait("brow_tilt") + 0.12 * brow_raise.clamp_max(0),
        gaze_x=motion("gaze_x"),
        gaze_y=motion("gaze_y"),
        beard=trait("beard"),
        glasses=((trait("glasses") - 0.57) / 0.06).clamp(0, 1),
        glasses_roundness=trait("glasses_roundness"),
    )


class EyeLines(NamedTuple):
    """The lids' edges over the eye's width, heights from the eye's middle, [B, N]."""

    upper: torch.Tensor
    lower: torch.Tensor
    crease: torch.Tensor  # fold of skin over the upper lid


def eye_lines(shape: HeadShape, across: torch.Tensor) -> EyeLines:
    """Lids of an eye.

    Args:
        shape: the heads.
        across: [B, N] -1 in the inner corner, 1 in the outer.
    """
    bow = (1 - across * across).clamp_min(0)
    arch = (bow * (0.75 + 0.25 * bow)).clamp_min(1e-6)
    crease_height = 0.105 + 0.2 * (shape.eye_half_width - 0.165)
    return EyeLines(
        upper=shape.upper_lid * arch**0.75,
        lower=-shape.lower_lid * bow,
        crease=crease_height * arch**0.6 + 0.012,
    )


def brow_line(shape: HeadShape, across: torch.Tensor) -> torch.Tensor:
    """Height of the brow's middle, across [B, N] as in `eye_lines`."""
    arch = 0.045 * (1 - (across - 0.2) ** 2) - 0.03
    return shape.brow_y + arch + shape.brow_slope * 0.25 * across


class MouthLines(NamedTuple):
    """Edges of the lips over the mouth's width, heights, [B, N]."""

    across: torch.Tensor  # -1 in the left corner, 1 in the right, held at ±1.2 beyond
    bow: torch.Tensor  # 1 in the middle, 0 from the corners outwards
    inner_upper: torch.Tensor
    inner_lower: torch.Tensor
    outer_upper: torch.Tensor
    outer_lower: torch.Tensor


def mouth_lines(shape: HeadShape, x: torch.Tensor) -> MouthLines:
    """Edges of the lips at x [B, N]."""
    across = (x / shape.mouth_half_width).clamp(-1.2, 1.2)
    bow = (1 - across * across).clamp_min(0)
    round_bow = bow.clamp_min(1e-6).sqrt()
    line = shape.mouth_y + shape.smile * (0.12 * across * across - 0.045)
    inner_upper = line + shape.mouth_rise * bow
    inner_lower = line - shape.mouth_drop * round_bow * (0.35 + 0.65 * bow)
    cupid = 1 - 0.35 * torch.exp(-((across * 5) ** 2))
    return MouthLines(
        across=across,
        bow=bow,
        inner_upper=inner_upper,
        inner_lower=inner_lower,
        outer_upper=inner_upper + shape.upper_lip * round_bow * cupid,
        outer_lower=inner_lower - shape.lower_lip * round_bow,
    )
