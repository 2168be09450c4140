"""Signed distance fields of skin, neck and shirt, and the scene they make with the hair."""

from typing import NamedTuple

import torch

from training.heads.hair import hair_distance
from training.heads.primitives import (
    Vec,
    carve,
    ellipsoid,
    length,
    mirrored,
    smooth_intersection,
    smooth_union,
    smoothstep,
)
from training.heads.shape import HeadShape, mouth_lines

NOSE_BRIDGE_Y, NOSE_BRIDGE_Z = 0.06, 0.655  # [head units]


class Scene(NamedTuple):
    """Distance to each material [B, N]."""

    skin: torch.Tensor
    hair: torch.Tensor
    shirt: torch.Tensor

    def nearest(self) -> torch.Tensor:
        """Distance to whatever is nearest."""
        return torch.minimum(torch.minimum(self.skin, self.hair), self.shirt)


def scene(point: Vec, body_point: Vec, shape: HeadShape) -> Scene:
    """Distances to everything in the picture.

    Args:
        point: [B, N] in the head's frame.
        body_point: the same points in the camera's axes, from the pivot of the neck: the body does
            not turn with the head.
        shape: the heads.
    """
    skull = _skull(point, shape)
    skin = smooth_union(_face(point, skull, shape), neck_distance(body_point), 0.12)
    return Scene(skin, hair_distance(point, skull, shape), shirt_distance(body_point))


def scene_distance(point: Vec, body_point: Vec, shape: HeadShape) -> torch.Tensor:
    """Distance [B, N] to the nearest surface; arguments as in `scene`."""
    return scene(point, body_point, shape).nearest()


def skin_distance(point: Vec, shape: HeadShape) -> torch.Tensor:
    """Distance [B, N] to the skin of the head, without the neck."""
    return _face(point, _skull(point, shape), shape)


def _face(point: Vec, skull: torch.Tensor, shape: HeadShape) -> torch.Tensor:
    """Everything that the skin covers, around the skull."""
    half = Vec(mirrored(point.x), point.y, point.z)  # everything but the lips is mirrored
    distance = _add_jaw(skull, point, shape)
    distance = _add_eyes(_add_cheeks(distance, half, shape), half, shape)
    distance = _add_nose(distance, point, half, shape)
    distance = distance - _lip_relief(point, shape)
    return smooth_union(distance, _ear_distance(half, shape), 0.05)


def _skull(point: Vec, shape: HeadShape) -> torch.Tensor:
    extra = shape.face_extra_length
    cranium_radii = (shape.cranium_half_width, shape.cranium_half_height, 0.95)
    cranium = ellipsoid(point, (0.0, 0.27, -0.22), cranium_radii)
    face_radii = (shape.face_half_width, 0.72 + extra, 0.60)
    face = ellipsoid(point, (0.0, -0.33 - 0.5 * extra, 0.10), face_radii)
    return smooth_union(cranium, face, 0.16)


def _add_jaw(distance: torch.Tensor, point: Vec, shape: HeadShape) -> torch.Tensor:
    """Jaw, chin and muzzle; opening, the jaw drops and goes back."""
    extra, drop = shape.face_extra_length, shape.jaw_drop
    jaw_center = (0.0, -0.78 - extra - 0.75 * drop, 0.22 - 0.25 * drop)
    jaw_radii = (shape.jaw_half_width + 0.08, 0.36 + 0.2 * drop, 0.40)
    distance = smooth_union(distance, ellipsoid(point, jaw_center, jaw_radii), 0.22)
    chin_center = (0.0, -0.98 - extra - drop, 0.50 - 0.25 * drop)
    chin_radii = (shape.jaw_half_width * 0.42, 0.13, 0.13)
    distance = smooth_union(distance, ellipsoid(point, chin_center, chin_radii), 0.16)
    muzzle_center = (0.0, -0.68 - 0.5 * extra - 0.35 * drop, 0.50)
    muzzle = ellipsoid(point, muzzle_center, (0.27, 0.22 + 0.4 * drop, 0.17))
    return smooth_union(distance, muzzle, 0.16)


def _add_cheeks(distance: torch.Tensor, half: Vec, shape: HeadShape) -> torch.Tensor:
    full = shape.cheek_fullness
    center = (0.34, -0.30 + full * 0.5, 0.42)
    return smooth_union(
        distance, ellipsoid(half, center, (0.20 + full, 0.19 + full, 0.19 + full)), 0.18
    )


def _add_eyes(distance: torch.Tensor, half: Vec, shape: HeadShape) -> torch.Tensor:
    """Brow ridge, sockets, and the lids' bulge; the eyes themselves are painted on."""
    brow_ridge = ellipsoid(half, (0.26, 0.19, 0.53), (0.26, 0.075, 0.14))
    distance = smooth_union(distance, brow_ridge, 0.14)
    socket = ellipsoid(half, (shape.eye_x, 0.0, 0.83), (0.20, 0.125, 0.15))
    distance = carve(distance, socket, 0.13)
    lid_radii = (shape.eye_half_width * 0.98, 0.15, 0.165)
    return smooth_union(distance, ellipsoid(half, (shape.eye_x, 0.0, 0.52), lid_radii), 0.04)


def _add_nose(distance: torch.Tensor, point: Vec, half: Vec, shape: HeadShape) -> torch.Tensor:
    """Bridge (a widening capsule), tip and wings."""
    tip_y, tip_z, width = shape.nose_tip_y, shape.nose_tip_z, shape.nose_half_width
    run_y, run_z = tip_y - NOSE_BRIDGE_Y, tip_z - 0.10 - NOSE_BRIDGE_Z
    y, z = point.y - NOSE_BRIDGE_Y, point.z - NOSE_BRIDGE_Z
    along = ((y * run_y + z * run_z) / (run_y * run_y + run_z * run_z)).clamp(0, 1)
    off_y, off_z = y - along * run_y, z - along * run_z
    off_axis = (point.x * point.x * 1.5 + off_y * off_y + off_z * off_z + 1e-9).sqrt()
    bridge = off_axis - (0.055 + 0.035 * along)
    distance = smooth_union(distance, bridge * 0.9, 0.12)
    tip = ellipsoid(point, (0.0, tip_y, tip_z - 0.09), (width * 1.05, 0.085, 0.105))
    distance = smooth_union(distance, tip, 0.05)
    wing_center = (width * 1.25, tip_y - 0.035, tip_z - 0.20)
    return smooth_union(distance, ellipsoid(half, wing_center, (0.065, 0.065, 0.10)), 0.05)


def _lip_relief(point: Vec, shape: HeadShape) -> torch.Tensor:
    """How far the lips stand out of the skin, negative inside the open mouth."""
    lines = mouth_lines(shape, point.x)
    upper_middle = (lines.inner_upper + lines.outer_upper) * 0.5
    lower_middle = (lines.inner_lower + lines.outer_lower) * 0.5
    upper_spread = 0.6 * shape.upper_lip + 0.004
    lower_spread = 0.6 * shape.lower_lip + 0.004
    upper = torch.exp(-(((point.y - upper_middle) / upper_spread) ** 2)) * lines.bow * 0.028
    lower = torch.exp(-(((point.y - lower_middle) / lower_spread) ** 2)) * lines.bow * 0.036
    cavity = (
        smoothstep(lines.inner_upper - point.y, -0.005, 0.03)
        * smoothstep(point.y - lines.inner_lower, -0.005, 0.03)
        * smoothstep(lines.bow, 0.0, 0.3)
    )
    return smoothstep(point.z, 0.3, 0.5) * (upper + lower - cavity * 0.09) * 0.9


def _ear_distance(half: Vec, shape: HeadShape) -> torch.Tensor:
    size, side = shape.ear_scale, half.x - shape.cranium_half_width
    out, back = side - 0.045 + 0.10 * shape.ear_cover, half.z + 0.16  # under the hair
    turned = Vec(out * 0.94 + back * 0.34, half.y, back * 0.94 - out * 0.34)
    ear = ellipsoid(turned, (0.0, -0.06, 0.0), (0.058 * size, 0.205 * size, 0.12 * size))
    hollow_center = (0.12, -0.03, -0.10)
    hollow = ellipsoid(Vec(side, half.y, half.z), hollow_center, (0.05, 0.13 * size, 0.075))
    return carve(ear, hollow, 0.03)


def neck_distance(point: Vec) -> torch.Tensor:
    """Distance [B, N] to the neck, a leaning cylinder that widens downwards."""
    lean = point.z + 0.02 - 0.12 * point.y
    neck = length(point.x, lean) - 0.40 - 0.09 * smoothstep(-point.y, 0.35, 0.9)
    return smooth_intersection(neck, point.y - 0.45, 0.2)


def shirt_distance(point: Vec) -> torch.Tensor:
    """Distance [B, N] to the shirt: shoulders and a collar."""
    shoulders = ellipsoid(point, (0.0, -1.30, -0.05), (1.55, 0.62, 0.55))
    around = (length(point.x, point.z + 0.08) - 0.47).clamp_min(-0.2)
    collar = around + (point.y + 0.66).abs().clamp_min(0.10) - 0.10
    return smooth_union(shoulders, collar, 0.25)
