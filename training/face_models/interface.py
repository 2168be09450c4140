"""What every 3D face model offers: coefficients of pictures, and the face that they describe."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch

from training.worlds import World


@dataclass(frozen=True)
class Coefficients:
    """What a face model reads off pictures.

    Args:
        shape: [B, S], the form of the face at rest.
        expression: [B, E], its expression; in FLAME the jaw too.
        pose: [B, P], how the head is turned, in the model's own terms.
        angles: [B, 3] yaw, pitch, roll [deg]: positive turns the face to the picture's right,
            lets it look up, leans the head to the picture's left.
    """

    shape: torch.Tensor
    expression: torch.Tensor
    pose: torch.Tensor
    angles: torch.Tensor


@dataclass(frozen=True)
class Geometry:
    """A face under a camera that never moves; all lengths are shares of the picture's side.

    Args:
        vertices: [B, V, 3] x to the right and y down from the picture's top left, z towards the
            camera; a vertex is the same place of every face.
        landmarks_2d: [B, 68, 2] x and y of iBUG's landmarks as the picture shows them.
        landmarks_3d: [B, 68, 3] the same places on the face, as vertices are.
    """

    vertices: torch.Tensor
    landmarks_2d: torch.Tensor
    landmarks_3d: torch.Tensor


class FaceModel(Protocol):
    """A 3D face model, frozen and in evaluation mode.

    Args:
        name: of the model.
        expression_names: [E] of the expression coefficients.
        expression_range: [E] range of each expression coefficient over random pictures, the
            scale of the expression error.
        compared: [K] indices of the expression coefficients that count in the expression error.
    """

    name: str
    expression_names: tuple[str, ...]
    expression_range: torch.Tensor
    compared: torch.Tensor

    def estimate(self, images: torch.Tensor) -> Coefficients:
        """Coefficients of pictures [B, 3, R, R] in −1…1; differentiable."""

    def decode(self, shape: torch.Tensor, expression: torch.Tensor, pose: torch.Tensor) -> Geometry:
        """The face of shape [B, S], expression [B, E] and pose [B, P]; differentiable."""


@runtime_checkable
class ExactFaceModel(FaceModel, Protocol):
    """A face model of one kind of world, which knows the faces there without looking.

    Args:
        domain: of those worlds.
    """

    domain: str

    def exact(self, z: torch.Tensor, world: World) -> Coefficients:
        """The coefficients of what latents z [B, 512] name in a world."""
