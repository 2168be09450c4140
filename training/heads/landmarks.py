"""The 68 landmarks of iBUG's scheme, exact for every head."""

import math

import torch

from training.heads.camera import to_camera
from training.heads.casting import cast
from training.heads.geometry import skin_distance
from training.heads.primitives import Vec
from training.heads.shape import (
    BROW_HALF_LENGTH,
    BROW_INSET,
    HeadShape,
    brow_line,
    eye_lines,
    head_shape,
    mouth_lines,
)

# Where each group begins and ends among the 68; left and right are the picture's.
JAW, LEFT_BROW, RIGHT_BROW = slice(0, 17), slice(17, 22), slice(22, 27)
NOSE, LEFT_EYE, RIGHT_EYE = slice(27, 36), slice(36, 42), slice(42, 48)
OUTER_LIPS, INNER_LIPS = slice(48, 60), slice(60, 68)

# Places over a feature's width, in iBUG's order: from -1 to 1 (eyes and brows: inner to outer).
BROW_ACROSS = (0.95, 0.5, 0.0, -0.5, -0.92)
EYE_UPPER_ACROSS = (0.97, 0.35, -0.35, -0.97)
EYE_LOWER_ACROSS = (-0.35, 0.35)
NOSE_BASE_ACROSS = (-1.0, -0.5, 0.0, 0.5, 1.0)
OUTER_LIP_ACROSS = (-0.62, -0.28, 0.0, 0.28, 0.62)
INNER_LIP_ACROSS = (-0.35, 0.0, 0.35)
OUTER_CORNER, INNER_CORNER = 0.98, 0.85

JAW_REACH = 100.0  # [deg] of the contour either way from the chin
JAW_CENTER = (0.0, -0.18, -0.02)  # [head units] the contour is cast towards
FRONT_Z = 1.4  # [head units] features are cast onto the skin from here

Points = tuple[torch.Tensor, torch.Tensor]  # x and y, each [B, K]


def landmarks(
    identity: torch.Tensor, pose: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Landmarks of heads, differentiable in the factors.

    Args:
        identity: [B, 37] factors.
        pose: [B, 9] factors.

    Returns:
        x and y in the picture [B, 68, 2], 0…1 from its top left; x, y, z in the head's frame
        [B, 68, 3], head units; x, y, z in the camera's frame [B, 68, 3], x and y as in the
        picture, z towards the camera in picture sides.
    """
    shape = head_shape(identity, pose)
    in_head = torch.cat([_jaw_contour(shape), _onto_skin(_features(shape), shape)], 1)
    in_camera = to_camera(in_head, shape, pose)
    return in_camera[..., :2], in_head, in_camera


def _features(shape: HeadShape) -> Points:
    """Landmarks 17 to 67 in the front view of the head."""
    groups = [
        _brow(shape, -1),
        _brow(shape, 1),
        _nose(shape),
        _eye(shape, -1),
        _eye(shape, 1),
        _lips(shape, OUTER_LIP_ACROSS, OUTER_CORNER, "outer"),
        _lips(shape, INNER_LIP_ACROSS, INNER_CORNER, "inner"),
    ]
    return torch.cat([x for x, _ in groups], 1), torch.cat([y for _, y in groups], 1)


def _row(shape: HeadShape, values: tuple[float, ...]) -> torch.Tensor:
    return shape.eye_x.new_tensor(values)[None]


def _brow(shape: HeadShape, side: int) -> Points:
    """From the picture's left to its right."""
    across = _row(shape, BROW_ACROSS[::-side])
    x = across * BROW_HALF_LENGTH + shape.eye_x - BROW_INSET
    return side * x, brow_line(shape, across)


def _nose(shape: HeadShape) -> Points:
    """Four points down the ridge, five along the base from left to right."""
    down = _row(shape, (0.0, 1 / 3, 2 / 3, 1.0))
    ridge_y = 0.02 + (shape.nose_tip_y - 0.02) * down
    across = _row(shape, NOSE_BASE_ACROSS)
    base_x = across * (shape.nose_half_width * 1.25 + 0.03)
    base_y = shape.nose_tip_y - 0.075 - 0.02 * (1 - across.abs())
    return (
        torch.cat([torch.zeros_like(ridge_y), base_x], 1),
        torch.cat([ridge_y, base_y.expand_as(base_x)], 1),
    )


def _eye(shape: HeadShape, side: int) -> Points:
    """Upper lid from the picture's left to its right, then the lower one back."""
    upper, lower = (_row(shape, row[::-side]) for row in (EYE_UPPER_ACROSS, EYE_LOWER_ACROSS))
    across = torch.cat([upper, lower], 1)
    height = torch.cat([eye_lines(shape, upper).upper, eye_lines(shape, lower).lower], 1)
    x = across * shape.eye_half_width
    return side * (x + shape.eye_x), height + shape.eye_slope * x


def _lips(shape: HeadShape, places: tuple[float, ...], corner: float, edge: str) -> Points:
    """From the left corner over the upper lip to the right corner, and back over the lower."""
    row = (-corner, *places, corner, *places[::-1])
    x = _row(shape, row) * shape.mouth_half_width
    lines = mouth_lines(shape, x)
    middle = (lines.inner_upper + lines.inner_lower) / 2
    if edge == "outer":
        upper, lower = lines.outer_upper, lines.outer_lower
    else:
        upper, lower = lines.inner_upper, lines.inner_lower
    right_corner = len(places) + 1
    over, under = slice(1, right_corner), slice(right_corner + 1, None)
    y = [middle[:, :1], upper[:, over], middle[:, right_corner, None], lower[:, under]]
    return x, torch.cat(y, 1)


def _onto_skin(points: Points, shape: HeadShape) -> torch.Tensor:
    """Cast points of the front view onto the skin, [B, K, 3]."""
    x, y = points
    start = Vec(x, y, torch.full_like(x, FRONT_Z))
    ahead = Vec(*(x.new_tensor(part) for part in (0.0, 0.0, -1.0)))
    return torch.stack([*cast(lambda point: skin_distance(point, shape), start, ahead, 40, 0.9)], 2)


def without_ears(shape: HeadShape) -> HeadShape:
    """The heads with ears that do not stand out."""
    return shape._replace(ear_scale=torch.full_like(shape.ear_scale, 0.05))


def _jaw_contour(shape: HeadShape) -> torch.Tensor:
    """Landmarks 0 to 16: ear to ear around the chin, cast inwards in a forward-leaning fan."""
    bare = without_ears(shape)
    angle = torch.linspace(-JAW_REACH, JAW_REACH, 17, device=shape.eye_x.device) * math.pi / 180
    forward = 0.55 * angle.cos().clamp_min(0) - 0.05
    outwards = torch.stack([angle.sin(), -angle.cos(), forward])
    x, y, z = (outwards / outwards.norm(dim=0))[:, None]
    start = Vec(*(c + 2.0 * d for c, d in zip(JAW_CENTER, (x, y, z), strict=True)))
    inwards = Vec(-x, -y, -z)
    return torch.stack(
        [*cast(lambda point: skin_distance(point, bare), start, inwards, 60, 0.8)], 2
    )
