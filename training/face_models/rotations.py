"""Rotations three ways: axis times angle, matrix, and yaw, pitch, roll.

Axes are x to the picture's right, y up, z out of the face, for FLAME and for the heads.
"""

import math

import torch


def matrix_from_axis_angle(rotation: torch.Tensor) -> torch.Tensor:
    """Rotation matrices [..., 3, 3] of axis times angle [..., 3] in radians.

    Source: Rodrigues' formula.
    """
    # away from zero, where the gradient of a length does not exist
    angle = (rotation.square().sum(-1, keepdim=True) + 1e-16).sqrt()
    x, y, z = (rotation / angle).unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))
    sin, cos = angle.sin()[..., None], angle.cos()[..., None]
    eye = torch.eye(3, dtype=rotation.dtype, device=rotation.device)
    return eye + sin * cross + (1 - cos) * (cross @ cross)


def axis_angle_from_matrix(matrix: torch.Tensor) -> torch.Tensor:
    """Axis times angle [..., 3] in radians of rotation matrices [..., 3, 3], angle at most π."""
    trace = matrix.diagonal(dim1=-2, dim2=-1).sum(-1)
    # a unit quaternion, from whichever of its four parts is largest: stable at every angle
    squares = torch.stack([trace, *(2 * matrix[..., i, i] - trace for i in range(3))], -1)
    lower = torch.stack(
        [
            matrix[..., 2, 1] - matrix[..., 1, 2],
            matrix[..., 0, 2] - matrix[..., 2, 0],
            matrix[..., 1, 0] - matrix[..., 0, 1],
        ],
        -1,
    )
    symmetric = matrix + matrix.transpose(-1, -2)
    rows = [torch.cat([1 + squares[..., :1], lower], -1)]
    for i in range(3):
        row = symmetric[..., i, :].clone()
        row[..., i] = 1 + squares[..., i + 1]
        rows.append(torch.cat([lower[..., i : i + 1], row], -1))
    best = squares.argmax(-1)[..., None, None].expand(*matrix.shape[:-2], 1, 4)
    quaternion = torch.stack(rows, -2).gather(-2, best)[..., 0, :]
    quaternion = quaternion / quaternion.norm(dim=-1, keepdim=True)
    quaternion = torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)
    vector = quaternion[..., 1:]
    sin = vector.norm(dim=-1, keepdim=True)
    angle = 2 * torch.atan2(sin, quaternion[..., :1])
    return vector * torch.where(sin > 1e-7, angle / sin.clamp_min(1e-7), 2.0)


def matrix_from_angles(angles: torch.Tensor) -> torch.Tensor:
    """Rotation matrices [..., 3, 3] of yaw, pitch, roll [..., 3] in degrees, in that order.

    Positive turns the face to the picture's right, lets it look up, leans the head to the left.
    """
    yaw, pitch, roll = (angles * (math.pi / 180)).unbind(-1)
    zero = torch.zeros_like(yaw)
    axes = [
        torch.stack([zero, zero, roll], -1),
        torch.stack([-pitch, zero, zero], -1),
        torch.stack([zero, yaw, zero], -1),
    ]
    first, second, third = (matrix_from_axis_angle(axis) for axis in axes)
    return first @ second @ third


def angles_from_matrix(matrix: torch.Tensor) -> torch.Tensor:
    """Yaw, pitch, roll [..., 3] in degrees of rotation matrices [..., 3, 3]; pitch within ±90."""
    yaw = torch.atan2(-matrix[..., 2, 0], matrix[..., 2, 2])
    pitch = torch.asin((-matrix[..., 2, 1]).clamp(-1 + 1e-7, 1 - 1e-7))
    roll = torch.atan2(-matrix[..., 0, 1], matrix[..., 1, 1])
    return torch.stack([yaw, pitch, roll], -1) * (180 / math.pi)
