"""The hair: a shell over the skull that thins out at the hairline, a fall behind it and a bun."""

import torch

from training.heads.primitives import (
    Vec,
    ellipsoid,
    length,
    mirrored,
    smooth_intersection,
    smooth_union,
    smoothstep,
)
from training.heads.shape import HeadShape

BELOW_SKIN = 0.035  # [head units] how deep the shell lies where no hair grows
FALL_Z, FALL_DEPTH = -0.36, 0.60  # [head units] middle and half depth of long hair
BUMP_FREQUENCY = 11.0  # [1 / head unit] of the curls
LOCK_FREQUENCY = 19.0  # [1 / head unit] of the locks at the hairline


def hair_distance(point: Vec, skull: torch.Tensor, shape: HeadShape) -> torch.Tensor:
    """Distance [B, N] to the hair.

    Args:
        point: [B, N] in the head's frame.
        skull: distance [B, N] to the bare skull.
        shape: the heads.
    """
    half_x = mirrored(point.x)
    grown = smoothstep(_growth(point, half_x, shape), 0.0, 0.32)
    thickness = shape.hair_thickness * _fullness(point, shape)
    shell = skull + BELOW_SKIN - (thickness + BELOW_SKIN) * grown
    hair = smooth_union(shell, _fall(point, shape), 0.16)
    size = 0.10 + 0.22 * shape.bun
    bun = ellipsoid(point, (0.0, 0.96, -0.64), (size * 1.15, size, size))
    hair = smooth_union(hair, bun + (0.2 - size).clamp_min(0) * 4, 0.06)
    bumps = (half_x * BUMP_FREQUENCY).cos() * (point.y * BUMP_FREQUENCY).cos()
    bumps = bumps * (point.z * BUMP_FREQUENCY).cos()
    return (hair - 0.04 * shape.curl * grown * bumps) * (0.9 - 0.25 * shape.curl)


def _fullness(point: Vec, shape: HeadShape) -> torch.Tensor:
    """Share of the full thickness: more on top, less in the parting and on its narrow side."""
    from_parting = (point.x - shape.hair_parting_x) / 0.055
    groove = torch.exp(-from_parting * from_parting) * smoothstep(point.z, -0.55, -0.2)
    on_top = 0.65 + 0.5 * smoothstep(point.y, -0.1, 0.9)
    return on_top * (1 - 1.6 * point.x * shape.hair_parting_x) * (1 - 0.45 * groove)


def _growth(point: Vec, half_x: torch.Tensor, shape: HeadShape) -> torch.Tensor:
    """Distance [B, N] from the edge of what hair grows on, positive within."""
    locks = ((point.x - shape.hair_parting_x) * LOCK_FREQUENCY).cos()
    parting = shape.hair_parting_x * smoothstep(point.y, -0.1, 0.5)
    temples = shape.recession * smoothstep(half_x, 0.06, 0.36)
    face_center = (parting, shape.hairline_y - 0.90 + temples, 0.95)
    bare = ellipsoid(point, face_center, (0.66, 0.90, 0.93))
    # a fringe falls over the forehead, swept away from the parting
    swept = shape.hair_parting_x * point.x
    fringe = shape.fringe_y + swept - 0.10 * half_x * half_x + 0.016 * locks - point.y
    outside = smooth_union(-bare - 0.008 * locks, fringe * 1.4, 0.05)
    sideburns_to_nape = -0.16 - 0.34 * smoothstep(-point.z, 0.12, 0.6) - 0.9 * shape.ear_cover
    outside = smooth_intersection(outside, sideburns_to_nape - point.y, 0.08)
    ear_center = (shape.cranium_half_width, -0.05, -0.13)
    around_ear = ellipsoid(Vec(half_x, point.y, point.z), ear_center, (0.30, 0.24, 0.19))
    return -smooth_intersection(outside, -around_ear - 0.8 * shape.ear_cover, 0.06)


def _fall(point: Vec, shape: HeadShape) -> torch.Tensor:
    """Hair that hangs behind the face; short hair has none: it is pushed out of reach."""
    long = shape.hair_length
    hanging = smoothstep(-point.y, -0.3, 1.0)
    width = shape.cranium_half_width + 0.55 * shape.hair_thickness + (0.13 * long - 0.03) * hanging
    around = length(point.x / width, (point.z - FALL_Z) / FALL_DEPTH)
    fall = (around - 1) * FALL_DEPTH
    fall = smooth_intersection(fall, point.y - 0.35, 0.3)
    fall = smooth_intersection(fall, point.z - 0.12 + 0.10 * hanging, 0.14)
    tips = -0.30 - 1.25 * long
    fall = smooth_intersection(fall, tips - point.y, 0.16)
    return fall + 3.0 * (0.36 - long).clamp_min(0)
