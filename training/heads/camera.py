"""An orthographic camera that frames heads as the aligned FFHQ pictures do."""

import math
from typing import NamedTuple

import torch

from training.heads.factors import POSE_FACTORS
from training.heads.primitives import Value, Vec
from training.heads.shape import HeadShape

HALF_VIEW = 1.28  # [head units] half the picture's side
CAMERA_Z = 1.6  # [head units] where rays start
PIVOT = (0.0, -0.62, -0.30)  # [head units] where the neck turns
# FFHQ centres a tenth of the way from the eyes to the mouth. In depth the centre is drawn from
# the face towards the middle of the head, so that profiles stay in the picture.
CENTER_TOWARDS_MOUTH = 0.1
CENTER_Z = 0.72 * 0.606 + 0.28 * -0.15


class Rays(NamedTuple):
    """One ray through every pixel; at distance t it is at origin + t * direction.

    Args:
        origin: [B, N] in the head's frame.
        direction: [B, 1] in the head's frame.
        body_origin: the origin in the camera's axes, from the pivot; rays go along -z there.
        image_x: [1, N] in the camera's axes, from the picture's centre.
        image_y: [1, N].
        camera_axes: the camera's x, y and z axis in the head's frame, [B, 1] a part.
    """

    origin: Vec
    direction: Vec
    body_origin: Vec
    image_x: torch.Tensor
    image_y: torch.Tensor
    camera_axes: tuple[Vec, Vec, Vec]

    def at(self, travel: torch.Tensor) -> tuple[Vec, Vec]:
        """Points after travel [B, N]: in the head's frame, and as the body sees them."""
        origin, direction, body = self.origin, self.direction, self.body_origin
        point = Vec(
            origin.x + travel * direction.x,
            origin.y + travel * direction.y,
            origin.z + travel * direction.z,
        )
        return point, Vec(body.x, body.y, body.z - travel)


def head_rotation(pose: torch.Tensor) -> torch.Tensor:
    """Rotation [B, 3, 3] from the head's frame to the camera's axes: yaw, then pitch, then roll."""

    def turn(name: str, first: int, second: int) -> torch.Tensor:
        angle = POSE_FACTORS.column(pose, name)[:, 0] * math.pi / 180
        rotation = torch.eye(3, device=pose.device).repeat(len(pose), 1, 1)
        rotation[:, first, first] = rotation[:, second, second] = angle.cos()
        rotation[:, second, first] = angle.sin()
        rotation[:, first, second] = -angle.sin()
        return rotation

    return turn("roll", 0, 1) @ turn("pitch", 2, 1) @ turn("yaw", 2, 0)


def head_offset(shape: HeadShape, rotation: torch.Tensor) -> torch.Tensor:
    """Translation [B, 3] after the rotation that brings the face to the picture's centre."""
    center_y = CENTER_TOWARDS_MOUTH * shape.mouth_y
    center = torch.cat(
        [torch.zeros_like(center_y), center_y, torch.full_like(center_y, CENTER_Z)], 1
    )
    offset = -(rotation @ center[:, :, None])[:, :, 0]
    offset[:, 2] = 0  # an orthographic picture does not depend on it
    return offset


def to_camera(in_head: torch.Tensor, shape: HeadShape, pose: torch.Tensor) -> torch.Tensor:
    """Turn points [B, K, 3] of the head's frame into the camera's.

    Returns:
        [B, K, 3]: x and y in the picture, 0…1 from its top left, z towards the camera in picture
        sides.
    """
    rotation = head_rotation(pose)
    turned = in_head @ rotation.transpose(1, 2) + head_offset(shape, rotation)[:, None]
    right, up, depth = (turned * (0.5 / HALF_VIEW)).split(1, 2)
    return torch.cat([0.5 + right, 0.5 - up, depth], 2)


def cast_rays(shape: HeadShape, pose: torch.Tensor, resolution: int) -> Rays:
    """Rays through the centres of resolution² pixels, row by row from the top."""
    rotation = head_rotation(pose)
    offset = head_offset(shape, rotation)
    axis = ((torch.arange(resolution, device=pose.device) + 0.5) / resolution * 2 - 1) * HALF_VIEW
    image_x = axis.repeat(resolution)[None]
    image_y = -axis.repeat_interleave(resolution)[None]
    right, up, back = (Vec(*rotation[:, row].split(1, 1)) for row in range(3))
    start = (image_x - offset[:, 0:1], image_y - offset[:, 1:2], CAMERA_Z - offset[:, 2:3])
    pivot = (rotation @ rotation.new_tensor(PIVOT)[:, None])[:, :, 0] + offset
    return Rays(
        origin=along_axes((right, up, back), *start),
        direction=Vec(-back.x, -back.y, -back.z),
        body_origin=Vec(image_x - pivot[:, 0:1], image_y - pivot[:, 1:2], CAMERA_Z - pivot[:, 2:3]),
        image_x=image_x,
        image_y=image_y,
        camera_axes=(right, up, back),
    )


def along_axes(axes: tuple[Vec, Vec, Vec], x: Value, y: Value, z: Value) -> Vec:
    """The vector with parts x, y, z along the axes."""
    right, up, back = axes
    return Vec(
        right.x * x + up.x * y + back.x * z,
        right.y * x + up.y * y + back.y * z,
        right.z * x + up.z * y + back.z * z,
    )
