"""How photos come back from an inversion: pose against a reference, and a sheet to look at."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from stylemask_core import StyleMaskPipeline
from stylemask_core.errors import InvalidInputError
from stylemask_core.pictures.images import read_picture, to_image, to_tensor
from stylemask_core.results import Inversion
from training.face_models import FaceModel

REFERENCE = "faces.json"
SHEET = "photos.png"
ROWS_ACROSS = 3  # photos side by side in the sheet


@dataclass(frozen=True)
class ReferenceFace:
    """A face whose pose is known.

    Args:
        file: the photo's name.
        points: eyes and mouth corners [4, 2] px.
        yaw: [deg], positive to the picture's right.
        pitch: [deg], positive up.
    """

    file: str
    points: np.ndarray
    yaw: float
    pitch: float


def reference_faces(folder: Path) -> list[ReferenceFace]:
    """The largest face of each photo that a folder's faces.json names.

    Raises:
        InvalidInputError: the file is missing or not of that form, or names no face.
    """
    path = folder / REFERENCE
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        faces = [
            ReferenceFace(name, np.array(face["points"], float), face["yaw"], face["pitch"])
            for name, entry in sorted(entries.items())
            for face in sorted(entry["faces"], key=_eye_distance)[-1:]
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInputError(f"cannot read {path}: {error}") from error
    if len(faces) < 3:
        raise InvalidInputError(f"{path} names {len(faces)} photos with a face: give 3 or more")
    return faces


def _eye_distance(face: dict[str, Any]) -> float:
    left, right = (np.array(point, float) for point in face["points"][:2])
    return float(np.linalg.norm(left - right))


@torch.inference_mode()
def invert_photos(
    pipeline: StyleMaskPipeline, face_model: FaceModel, folder: Path
) -> tuple[dict[str, Any], Image.Image]:
    """Invert the photos of a folder where its reference says the faces are.

    Args:
        pipeline: the model.
        face_model: reads the pose of the inversions.
        folder: photos and faces.json.

    Returns:
        Figures, and a sheet photo | inversion | reenacted in the pose of the next photo.

    Raises:
        InvalidInputError: there is no reference, or fewer than three photos can be used.
    """
    faces, inversions, skipped = [], [], 0
    for face in reference_faces(folder):
        try:
            photo = read_picture(folder / face.file)
            inversions.append(pipeline.invert(photo, landmarks=face.points))
            faces.append(face)
        except InvalidInputError as error:
            skipped += 1
            print(f"skipped {face.file}: {error}", file=sys.stderr)
    if len(faces) < 3:
        raise InvalidInputError(f"{folder} has {len(faces)} usable photos: give 3 or more")
    drawn = [pipeline.synthesize(inversion).tensor for inversion in inversions]
    angles = [face_model.estimate(picture.clamp(-1, 1)).angles[0].tolist() for picture in drawn]
    figures: dict[str, Any] = {"photos": len(faces), "skipped": skipped}
    for index, name in enumerate(("yaw", "pitch")):
        exact = np.array([getattr(face, name) for face in faces])
        found = np.array([row[index] for row in angles])
        figures[f"{name}_correlation"] = _correlation(found, exact)
        figures[f"{name}_error_deg"] = float(np.abs(found - exact).mean())
    return figures, _sheet(pipeline, inversions, drawn)


def _correlation(found: np.ndarray, exact: np.ndarray) -> float:
    """0 where one of both does not vary."""
    spread = found.std() * exact.std()
    return float(((found - found.mean()) * (exact - exact.mean())).mean() / max(spread, 1e-9))


def _sheet(
    pipeline: StyleMaskPipeline, inversions: list[Inversion], drawn: list[torch.Tensor]
) -> Image.Image:
    targets = [*inversions[1:], inversions[0]]
    rows = []
    for source, target, picture in zip(inversions, targets, drawn, strict=True):
        reenacted = pipeline.reenact(source, target).tensor
        rows.append(
            to_image(torch.cat([to_tensor(source.crop).to(picture), picture, reenacted], 3))
        )
    width, height = rows[0].size
    lines = -(-len(rows) // ROWS_ACROSS)
    sheet = Image.new("RGB", (ROWS_ACROSS * width, lines * height), "white")
    for index, row in enumerate(rows):
        sheet.paste(row, (index % ROWS_ACROSS * width, index // ROWS_ACROSS * height))
    return sheet
