"""DECA (Feng et al. 2021): FLAME's coefficients of a photo, by its coarse encoder.

Weights are official ones that each user has to obtain and to convert: `training.convert_deca`.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from training.face_models.flame import (
    EXPRESSION_COUNT,
    JAW,
    PARENTS,
    ROOT,
    SHAPE_COUNT,
    Flame,
)
from training.face_models.interface import Coefficients, Geometry
from training.face_models.rotations import angles_from_matrix, matrix_from_axis_angle
from training.network_files import read_config, read_network
from training.picture_network import resize

KIND = "deca"  # in a converted folder's config
ENCODER_NAME, FLAME_NAME = "encoder.safetensors", "flame.safetensors"

# What the encoder tells: its name and number of values, in this order.
CODE = {"shape": SHAPE_COUNT, "texture": 50, "expression": EXPRESSION_COUNT, "pose": 6}
CODE |= {"camera": 3, "light": 27}
STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))  # width and blocks of each, ResNet-50
EXPANSION = 4
FEATURES, HIDDEN = 2048, 1024

INPUT_SIZE = 224  # [px]
# DECA crops 1.375 times the mean side of the landmarks' box around its middle; of pictures
# aligned as FFHQ's are it is always about this square. [picture sides]
CROP_LEFT, CROP_TOP, CROP_SIDE = 0.135, 0.27, 0.73
CAMERA_SCALE = 9.0  # [half crop sides / m] of the camera that never moves
JAW_COUNT = 3  # the expression's first coefficients turn the jaw, axis times angle
COMPARED_EXPRESSIONS = 20  # of 50 count in the expression error, with the jaw's opening


class Bottleneck(nn.Module):
    """Residual block of ResNet-50, its batch normalisations part of the convolutions.

    Args:
        before: channels of the input.
        width: channels within.
        stride: 2 halves the resolution.
    """

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        after = EXPANSION * width
        self.conv1 = nn.Conv2d(before, width, 1)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1)
        self.conv3 = nn.Conv2d(width, after, 1)
        self.shortcut = nn.Conv2d(before, after, 1, stride) if before != after else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, before, H, W] → [B, 4 width, H / stride, W / stride]."""
        out = F.relu(self.conv2(F.relu(self.conv1(x))))
        return F.relu(self.conv3(out) + (x if self.shortcut is None else self.shortcut(x)))


class CoarseEncoder(nn.Module):
    """ResNet-50 (He et al. 2016) and two layers that read the coefficients off its features."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 64, 7, 2, padding=3)
        self.stages, before = nn.ModuleList(), 64
        for stage, (width, count) in enumerate(STAGES):
            blocks = nn.Sequential()
            for index in range(count):
                stride = 2 if stage and index == 0 else 1
                blocks.append(Bottleneck(before, width, stride))
                before = EXPANSION * width
            self.stages.append(blocks)
        self.hidden = nn.Linear(FEATURES, HIDDEN)
        self.head = nn.Linear(HIDDEN, sum(CODE.values()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, 3, 224, 224] in 0…1 → [B, 236], in the order of CODE."""
        x = x.contiguous(memory_format=torch.channels_last)
        x = F.max_pool2d(F.relu(self.stem(x)), 3, 2, padding=1)
        for stage in self.stages:
            x = stage(x)
        code: torch.Tensor = self.head(F.relu(self.hidden(x.mean((2, 3)))))
        return code


class DecaFaceModel:
    """DECA's coefficients of aligned pictures, and FLAME's faces.

    The expression is the jaw's rotation (axis times angle [rad], 3 values), then FLAME's 50; the
    pose is the head's rotation (axis times angle [rad]). The neck and the eyes are at rest.

    Args:
        encoder: the coarse encoder.
        flame: the mesh.
    """

    name = "deca"

    def __init__(self, encoder: CoarseEncoder, flame: Flame) -> None:
        self.encoder, self.flame = encoder, flame
        device = flame.template.device
        self.expression_names = tuple(map(str, range(JAW_COUNT + EXPRESSION_COUNT)))
        # FLAME's coefficients are standard deviations: 1 until `measure_expression_range` is used
        self.expression_range = torch.ones(JAW_COUNT + EXPRESSION_COUNT, device=device)
        self.compared = torch.tensor(
            [0, *range(JAW_COUNT, JAW_COUNT + COMPARED_EXPRESSIONS)], device=device
        )

    @classmethod
    def load(cls, folder: Path, device: torch.device | str = "cpu") -> "DecaFaceModel":
        """Load what `training.convert_deca` wrote.

        Raises:
            WeightsError: it is missing, damaged or something else.
        """
        read_config(folder, KIND)
        encoder = read_network(CoarseEncoder, folder / ENCODER_NAME)
        flame = read_network(Flame, folder / FLAME_NAME)
        return cls(encoder.to(device), flame.to(device))

    def estimate(self, images: torch.Tensor) -> Coefficients:
        """Coefficients of pictures [B, 3, R, R] in −1…1, aligned as FFHQ's; differentiable."""
        code = self.encoder(crop(images) * 0.5 + 0.5)
        parts = dict(zip(CODE, code.split(list(CODE.values()), 1), strict=True))
        root, jaw = parts["pose"].split(JAW_COUNT, 1)
        return Coefficients(
            shape=parts["shape"],
            expression=torch.cat([jaw, parts["expression"]], 1),
            pose=root,
            angles=angles_from_matrix(matrix_from_axis_angle(root)),
        )

    def decode(self, shape: torch.Tensor, expression: torch.Tensor, pose: torch.Tensor) -> Geometry:
        """The face of shape [B, 100], expression [B, 53] and pose [B, 3]; differentiable."""
        joints: list[torch.Tensor] = [torch.zeros_like(pose)] * len(PARENTS)
        joints[ROOT], joints[JAW] = pose, expression[:, :JAW_COUNT]
        rotations = torch.stack(joints, 1)
        vertices = self.flame(shape, expression[:, JAW_COUNT:], rotations)
        return Geometry(
            vertices=to_picture(vertices),
            landmarks_2d=to_picture(self.flame.landmarks_2d(vertices, rotations))[..., :2],
            landmarks_3d=to_picture(self.flame.landmarks_3d(vertices)),
        )


def crop(images: torch.Tensor) -> torch.Tensor:
    """The square around the face of pictures [B, 3, R, R], [B, 3, 224, 224]."""
    side = images.shape[-1]
    left, top, size = (round(share * side) for share in (CROP_LEFT, CROP_TOP, CROP_SIDE))
    return resize(images[:, :, top : top + size, left : left + size], INPUT_SIZE)


def to_picture(points: torch.Tensor) -> torch.Tensor:
    """Points [B, K, 3] in metres → shares of the picture's side, x right, y down, z nearer."""
    scaled = points * (0.5 * CROP_SIDE * CAMERA_SCALE)
    x, y, z = scaled.unbind(-1)
    middle = 0.5 * CROP_SIDE
    return torch.stack([CROP_LEFT + middle + x, CROP_TOP + middle - y, z], -1)
