"""3D face models: `heads` and `people` know their worlds; `deca` (DECA and FLAME) reads photos."""

from pathlib import Path

import torch

from training.face_models.interface import Coefficients, ExactFaceModel, FaceModel, Geometry
from training.face_models.ranges import measure_expression_range

__all__ = [
    "FACE_MODELS",
    "Coefficients",
    "ExactFaceModel",
    "FaceModel",
    "Geometry",
    "load_face_model",
    "measure_expression_range",
]

FACE_MODELS = ("heads", "people", "deca")


def load_face_model(
    name: str, device: torch.device | str = "cpu", folder: Path | None = None
) -> FaceModel:
    """Load a 3D face model.

    Args:
        name: one of FACE_MODELS.
        device: where it computes.
        folder: what `training.convert_deca` wrote, for deca; for the others a folder with
            other weights than the shipped ones.

    Raises:
        WeightsError: the weights are missing, damaged or of another model.
        InvalidInputError: there is no such model, or deca has no folder.
    """
    from stylemask_core.errors import InvalidInputError

    if name == "heads":
        from training.face_models.heads import HeadsFaceModel

        return HeadsFaceModel.load(device, folder)
    if name == "people":
        from training.face_models.people import PeopleFaceModel

        return PeopleFaceModel.load(device, folder)
    if name == "deca":
        from training.face_models.deca import DecaFaceModel

        if folder is None:
            raise InvalidInputError(
                "face model deca: name the folder that python -m training.convert_deca wrote"
            )
        return DecaFaceModel.load(folder, device)
    raise InvalidInputError(
        f"there is no face model {name!r}: choose one of {', '.join(FACE_MODELS)}"
    )
