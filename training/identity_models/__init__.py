"""Identity models: pictures of one person lie close together, those of two far apart."""

from pathlib import Path
from typing import Protocol

import torch

__all__ = ["IDENTITY_MODELS", "IdentityModel", "load_identity_model"]

IDENTITY_MODELS = ("heads", "people", "arcface")


class IdentityModel(Protocol):
    """An identity model, frozen and in evaluation mode.

    Args:
        name: of the model.
    """

    name: str

    def embed(self, images: torch.Tensor) -> torch.Tensor:
        """Embeddings [B, D] of unit length of pictures [B, 3, R, R] in −1…1; differentiable."""


def load_identity_model(
    name: str, device: torch.device | str = "cpu", folder: Path | None = None
) -> IdentityModel:
    """Load an identity model.

    Args:
        name: one of IDENTITY_MODELS.
        device: where it computes.
        folder: what `training.convert_arcface` wrote, for arcface; for the others a folder with
            other weights than the shipped ones.

    Raises:
        WeightsError: the weights are missing, damaged or of another model.
        InvalidInputError: there is no such model, or arcface has no folder.
    """
    from stylemask_core.errors import InvalidInputError

    if name == "heads":
        from training.identity_models.heads import HeadsIdentityModel

        return HeadsIdentityModel.load(device, folder)
    if name == "people":
        from training.identity_models.people import PeopleIdentityModel

        return PeopleIdentityModel.load(device, folder)
    if name == "arcface":
        from training.identity_models.arcface import ArcFaceModel

        if folder is None:
            raise InvalidInputError(
                "identity model arcface: name the folder that python -m training.convert_arcface "
                "wrote"
            )
        return ArcFaceModel.load(folder, device)
    raise InvalidInputError(
        f"there is no identity model {name!r}: choose one of {', '.join(IDENTITY_MODELS)}"
    )
