r"""DECA's and FLAME's official files → a folder for the face model `deca`.

    python -m training.convert_deca --deca deca_model.tar --flame generic_model.pkl \
        --landmarks landmark_embedding.npy -o FOLDER

Their users obtain the files themselves, under their own licences (DECA's from its authors, FLAME
2020's `generic_model.pkl` from flame.is.tue.mpg.de). Nothing in them is ever run.
"""

import argparse
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stylemask.convert.checkpoints import read_checkpoint
from stylemask.convert.e4e_tensors import fold
from stylemask_core.checks import check_tensors
from stylemask_core.errors import StyleMaskError, WeightsError
from stylemask_core.files import sha256
from stylemask_core.models.model_folder import shapes_of
from training.face_models.deca import ENCODER_NAME, FLAME_NAME, KIND, STAGES, CoarseEncoder
from training.face_models.flame import (
    CONTOUR_ANGLES,
    CONTOUR_LANDMARKS,
    EXPRESSION_COUNT,
    FACES,
    INNER_LANDMARKS,
    PARENTS,
    SHAPE_COUNT,
    VERTICES,
)
from training.network_files import check_free, write_folder
from training.unpickling import as_array, read_object_array, read_pickle

State = dict[str, torch.Tensor]
Shape = tuple[int | None, ...]

WANTED = "DECA needs FLAME 2020's generic_model.pkl"
OTHER_VERSION = re.compile("flame[ _-]?(20(?!20)[0-9]{2})|no_jaw", re.IGNORECASE)
ALL_SHAPES = 300  # columns of shapedirs before the expressions begin
JOINTS = len(PARENTS)
FLAME_SHAPES: dict[str, Shape] = {
    "v_template": (VERTICES, 3),
    "f": (FACES, 3),
    "shapedirs": (VERTICES, 3, ALL_SHAPES + 100),
    "posedirs": (VERTICES, 3, 9 * (JOINTS - 1)),
    "J_regressor": (JOINTS, VERTICES),
    "kintree_table": (2, JOINTS),
    "weights": (VERTICES, JOINTS),
}
FIXED_LANDMARKS = CONTOUR_LANDMARKS + INNER_LANDMARKS
LANDMARK_SHAPES: dict[str, Shape] = {
    "static_lmk_faces_idx": (INNER_LANDMARKS,),
    "static_lmk_bary_coords": (INNER_LANDMARKS, 3),
    "dynamic_lmk_faces_idx": (CONTOUR_ANGLES, CONTOUR_LANDMARKS),
    "dynamic_lmk_bary_coords": (CONTOUR_ANGLES, CONTOUR_LANDMARKS, 3),
    "full_lmk_faces_idx": (1, FIXED_LANDMARKS),
    "full_lmk_bary_coords": (1, FIXED_LANDMARKS, 3),
}
LANDMARK_SETS = {"inner": "static", "contours": "dynamic", "fixed": "full"}


def convert(deca: Path, flame: Path, landmarks: Path, folder: Path) -> None:
    """Write the folder of the face model, whole or not at all.

    Args:
        deca: deca_model.tar, of which the coarse encoder is kept.
        flame: FLAME 2020's generic_model.pkl.
        landmarks: DECA's landmark_embedding.npy.
        folder: to be created.

    Raises:
        WeightsError: a file is missing, damaged, of another version or holds more than arrays, or
            the folder cannot be written.

    Source: DECA (arXiv 2012.04012), FLAME (doi 10.1145/3130800.3130813).
    """
    check_free(folder)
    mesh = read_flame(flame)
    places = read_landmarks(landmarks, mesh.pop("faces"))
    encoder = read_encoder(deca)
    sources = {path.name: sha256(path) for path in (deca, flame, landmarks)}
    write_folder(
        folder,
        {"kind": KIND, "sha256": sources},
        {ENCODER_NAME: encoder, FLAME_NAME: mesh | places},
    )


def read_flame(path: Path) -> State:
    """The arrays of FLAME by the names of `Flame`'s buffers, and its triangles as faces.

    Raises:
        WeightsError: it is no FLAME 2020 model.
    """
    # versions differ in what their coefficients mean, not in their arrays' shapes
    if other := OTHER_VERSION.search(f"{path.resolve().parent.name}/{path.name}"):
        raise WeightsError(f"{path} is {other[0]}: {WANTED}, whose coefficients mean other things")
    arrays = _arrays(path, read_pickle(path), FLAME_SHAPES, WANTED)
    parents = arrays["kintree_table"][0, 1:].astype(np.int64).tolist()
    if parents != list(PARENTS[1:]):
        raise WeightsError(
            f"{path} has joints whose parents are {parents}, not {list(PARENTS[1:])}: {WANTED}"
        )
    directions = arrays["shapedirs"]
    used = [*range(SHAPE_COUNT), *range(ALL_SHAPES, ALL_SHAPES + EXPRESSION_COUNT)]
    return {
        "template": _float(arrays["v_template"]),
        "directions": _float(directions[:, :, used]),
        "pose_directions": _float(arrays["posedirs"]),
        "joint_regressor": _float(arrays["J_regressor"]),
        "skinning": _float(arrays["weights"]),
        "faces": _indices(path, "f", arrays["f"], VERTICES),
    }


def read_landmarks(path: Path, faces: torch.Tensor) -> State:
    """The places of the landmarks, by the names of `Flame`'s buffers.

    Args:
        path: landmark_embedding.npy.
        faces: [F, 3] vertices of each triangle.

    Raises:
        WeightsError: it is not DECA's.
    """
    wanted = "DECA's landmark_embedding.npy is needed"
    arrays = _arrays(path, read_object_array(path), LANDMARK_SHAPES, wanted)
    state = {}
    for ours, theirs in LANDMARK_SETS.items():
        key = f"{theirs}_lmk_faces_idx"
        triangles = faces[_indices(path, key, arrays[key], len(faces))]
        weights = _float(arrays[f"{theirs}_lmk_bary_coords"])
        if theirs == "full":
            triangles, weights = triangles[0], weights[0]
        state |= {f"{ours}.triangles": triangles, f"{ours}.weights": weights}
    return state


def read_encoder(path: Path) -> State:
    """The coarse encoder's tensors by the names of `CoarseEncoder`, normalisations folded.

    Raises:
        WeightsError: it is no DECA checkpoint.
    """
    content = read_checkpoint(path)
    state = content.get("E_flame")
    if not isinstance(state, dict):
        found = ", ".join(sorted(map(str, content))[:5])
        raise WeightsError(f"{path} holds {found} and no E_flame: deca_model.tar is needed")
    if odd := [key for key, value in state.items() if not isinstance(value, torch.Tensor)]:
        raise WeightsError(f"{path}: {odd[0]!r} in E_flame is no tensor")
    state = {k: x for k, x in state.items() if not k.endswith(".num_batches_tracked")}
    try:
        tensors = convert_encoder(state)
    except KeyError as error:
        raise WeightsError(f"{path}: E_flame.{error.args[0]} is missing") from error
    except RuntimeError as error:
        raise WeightsError(f"{path}: E_flame is no ResNet-50 of DECA's") from error
    if state:
        raise WeightsError(f"{path}: E_flame.{min(state)} has no place in DECA's encoder")
    with torch.device("meta"):
        network = CoarseEncoder()
    check_tensors(shapes_of(tensors), shapes_of(network.state_dict()), path)
    return tensors


def convert_encoder(state: State) -> State:
    """Rename and fold: `encoder.…` and `layers.…` → `CoarseEncoder`.

    Args:
        state: the checkpoint's; emptied of all that is used.

    Raises:
        KeyError: a tensor is missing.
    """
    tensors: State = {}
    fold(state, tensors, "encoder.conv1", "encoder.bn1", "stem")
    for stage, (_, count) in enumerate(STAGES):
        for block in range(count):
            theirs, ours = f"encoder.layer{stage + 1}.{block}", f"stages.{stage}.{block}"
            for part in (1, 2, 3):
                fold(
                    state,
                    tensors,
                    f"{theirs}.conv{part}",
                    f"{theirs}.bn{part}",
                    f"{ours}.conv{part}",
                )
            if block == 0:
                shortcut = f"{theirs}.downsample"
                fold(state, tensors, f"{shortcut}.0", f"{shortcut}.1", f"{ours}.shortcut")
    for theirs, ours in (("layers.0", "hidden"), ("layers.2", "head")):
        for part in ("weight", "bias"):
            tensors[f"{ours}.{part}"] = state.pop(f"{theirs}.{part}")
    return tensors


def _arrays(
    path: Path, content: Any, shapes: Mapping[str, Shape], wanted: str
) -> dict[str, np.ndarray]:
    """The arrays of a file's dictionary, of just these shapes and finite."""
    if not isinstance(content, dict):
        raise WeightsError(f"{path} holds a {type(content).__name__}, no dictionary: {wanted}")
    found = {}
    for name, shape in shapes.items():
        if name not in content:
            keys = ", ".join(sorted(map(str, content)))
            raise WeightsError(f"{path} has no {name} (only {keys}): {wanted}")
        try:
            found[name] = as_array(content[name])
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise WeightsError(f"{path}: {name} is no array ({error}): {wanted}") from error
        if found[name].shape != shape:
            raise WeightsError(
                f"{path}: {name} has shape {list(found[name].shape)}, not {list(shape)}: {wanted}"
            )
        if not np.isfinite(found[name]).all():
            raise WeightsError(f"{path}: {name} has values that are not finite")
    return found


def _float(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))


def _indices(path: Path, name: str, array: np.ndarray, count: int) -> torch.Tensor:
    indices = torch.from_numpy(np.ascontiguousarray(array.astype(np.int64)))
    if indices.min() < 0 or indices.max() >= count:
        raise WeightsError(f"{path}: {name} points outside the {count} that there are")
    return indices


def main(argv: list[str] | None = None) -> None:
    """Command-line entry."""
    parser = argparse.ArgumentParser(description="Convert DECA's and FLAME's official files.")
    parser.add_argument("--deca", type=Path, required=True, help="deca_model.tar")
    parser.add_argument("--flame", type=Path, required=True, help="FLAME 2020's generic_model.pkl")
    parser.add_argument("--landmarks", type=Path, required=True, help="landmark_embedding.npy")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder to be created")
    args = parser.parse_args(argv)
    try:
        convert(args.deca, args.flame, args.landmarks, args.output)
    except StyleMaskError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
