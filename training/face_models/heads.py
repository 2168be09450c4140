"""The face model of the synthetic heads: the renderer's own factors and surface.

Coefficients are factors in their natural units, so those of a latent are known exactly.
"""

from pathlib import Path

import torch

from training.face_models.interface import Coefficients, Geometry
from training.heads.answers import HeadsWorld
from training.heads.camera import to_camera
from training.heads.factors import IDENTITY_FACTORS, POSE_FACTORS, Factor, FactorTable
from training.heads.landmarks import landmarks
from training.heads.shape import head_shape
from training.heads.surface import surface_points
from training.heads.world import factors
from training.network_files import read_network
from training.picture_network import PictureNetwork

INPUT_SIZE = 128  # [px] gaze moves an iris by a pixel or two
WEIGHTS_NAME = "estimator.safetensors"
# Of all that makes an identity, what moves a landmark or a point of the bare face.
SHAPE_FACTORS = (
    "face_width",
    "face_length",
    "jaw_width",
    "cheeks",
    "cranium",
    "nose_width",
    "nose_length",
    "nose_projection",
    "eye_size",
    "eye_distance",
    "eye_tilt",
    "brow_height",
    "brow_tilt",
    "lip_thickness",
    "mouth_width",
)
ANGLES = ("yaw", "pitch", "roll")
EXPRESSION_FACTORS = tuple(name for name in POSE_FACTORS.index if name not in ANGLES)
COEFFICIENTS = (*SHAPE_FACTORS, *EXPRESSION_FACTORS, *ANGLES)


def new_estimator() -> PictureNetwork:
    """An untrained estimator."""
    return PictureNetwork(len(COEFFICIENTS), INPUT_SIZE)


def known_coefficients(identity: torch.Tensor, pose: torch.Tensor) -> torch.Tensor:
    """The columns of COEFFICIENTS [B, C] among the factors of heads."""
    shape = identity[:, [IDENTITY_FACTORS.index[name] for name in SHAPE_FACTORS]]
    motion = pose[:, [POSE_FACTORS.index[name] for name in EXPRESSION_FACTORS + ANGLES]]
    return torch.cat([shape, motion], 1)


class HeadsFaceModel:
    """Reads factors off pictures of synthetic heads, and places their faces exactly.

    Args:
        network: [B, 3, R, R] → [B, len(COEFFICIENTS)] as shares of half their ranges.
    """

    name, domain, expression_names = "heads", "synthetic heads", EXPRESSION_FACTORS

    def __init__(self, network: PictureNetwork) -> None:
        self.network = network
        device = next(network.parameters()).device
        ranges = [_factor(name) for name in COEFFICIENTS]
        self.center = torch.tensor([(r.high + r.low) / 2 for r in ranges], device=device)
        self.half_range = torch.tensor([(r.high - r.low) / 2 for r in ranges], device=device)
        first = len(SHAPE_FACTORS)
        last = first + len(EXPRESSION_FACTORS)
        self.expression_range = 2 * self.half_range[first:last]
        self.compared = torch.arange(len(EXPRESSION_FACTORS), device=device)

    @classmethod
    def load(
        cls, device: torch.device | str = "cpu", folder: Path | None = None
    ) -> "HeadsFaceModel":
        """The shipped model, or one from another folder.

        Raises:
            WeightsError: the weights are missing, damaged or of another network.
        """
        path = (folder or Path(__file__).parent) / WEIGHTS_NAME
        return cls(read_network(new_estimator, path).to(device))

    def exact(self, z: torch.Tensor, world: HeadsWorld) -> Coefficients:
        """The coefficients of the heads that latents z [B, 512] name in a world."""
        return coefficients(known_coefficients(*factors(z, world.heads)))

    def estimate(self, images: torch.Tensor) -> Coefficients:
        """Coefficients of pictures [B, 3, R, R] in −1…1; differentiable."""
        return coefficients(self.center + self.half_range * self.network(images).float())

    def decode(self, shape: torch.Tensor, expression: torch.Tensor, pose: torch.Tensor) -> Geometry:
        """The face of shape [B, S], expression [B, E] and pose [B, 3] [deg]; differentiable."""
        identity = _table(IDENTITY_FACTORS, SHAPE_FACTORS, shape)
        motion = _table(POSE_FACTORS, EXPRESSION_FACTORS + ANGLES, torch.cat([expression, pose], 1))
        landmarks_2d, _, landmarks_3d = landmarks(identity, motion)
        points = surface_points(identity, motion)
        vertices = to_camera(points, head_shape(identity, motion), motion)
        return Geometry(vertices, landmarks_2d, landmarks_3d)


def _table(table: FactorTable, names: tuple[str, ...], values: torch.Tensor) -> torch.Tensor:
    """Factors [B, len(table)] with these values [B, len(names)], the others in the middle."""
    factors = table.scale(values.new_full((len(values), len(table)), 0.5))
    factors[:, [table.index[name] for name in names]] = values
    return factors


def _factor(name: str) -> Factor:
    table = IDENTITY_FACTORS if name in IDENTITY_FACTORS.index else POSE_FACTORS
    return table.factors[table.index[name]]


def coefficients(values: torch.Tensor) -> Coefficients:
    """Split values [B, len(COEFFICIENTS)] into shape, expression and pose."""
    sizes = [len(SHAPE_FACTORS), len(EXPRESSION_FACTORS), len(ANGLES)]
    shape, expression, angles = values.split(sizes, 1)
    return Coefficients(shape=shape, expression=expression, pose=angles, angles=angles)
