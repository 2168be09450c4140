"""Spectacles: two rims, a bridge, temples and clear lenses, placed by the landmarks."""

from typing import Any, NamedTuple

import numpy as np
import torch

from training.people.factors import Person

AROUND, SIDES = 40, 7  # points of a rim and of a tube's cross-section
BEND = 1.0  # [1/m] of the front round the face


class Mesh(NamedTuple):
    """Vertices and normals [V, 6], triangles [T, 3]; the last `lenses` triangles are glass."""

    vertices: np.ndarray
    triangles: np.ndarray
    lenses: int


class Front(NamedTuple):
    """Where spectacles sit on faces [m], tensors [B]."""

    half: torch.Tensor
    width: torch.Tensor
    height: torch.Tensor
    depth: torch.Tensor
    middle: torch.Tensor


def front(right: torch.Tensor, left: torch.Tensor, nose: torch.Tensor, size: torch.Tensor) -> Front:
    """The front's measures on calm faces.

    Args:
        right: [B, 3] middle of the right eye's landmarks.
        left: [B, 3] of the left eye's.
        nose: [B, 3] the second landmark of its bridge.
        size: [B] of the glasses, 0…1.
    """
    half = (left[:, 0] - right[:, 0]) / 2
    depth = torch.minimum(nose[:, 1], right[:, 1] - 0.012) - 0.004
    width, height = half * (0.70 + 0.12 * size), half * (0.50 + 0.22 * size)
    return Front(half, width, height, depth, (right[:, 2] + left[:, 2]) / 2 - 0.003)


def rim(f: Front, square: Any, side: int, angle: Any) -> tuple[Any, Any, Any]:
    """A rim's points x, y and z at an angle [rad], of one face many or of a batch one each.

    Args:
        f: measures, numbers with an array of angles or tensors with one angle.
        square: how square the rims are, 0…1.
        side: −1 the person's right, 1 the left.
        angle: on the rim.
    """
    power = 2 / (2 + 3 * square)
    cos, sin = np.cos(angle), np.sin(angle)
    x = np.abs(cos) ** power * f.width * np.sign(cos) + side * f.half * 1.03
    z = np.abs(sin) ** power * f.height * np.sign(sin) * (1 - 0.06 * cos * side)
    return x, x * x * BEND + f.depth, z + f.middle


def glasses_mesh(landmarks: np.ndarray, ears: np.ndarray, person: Person) -> Mesh:
    """Spectacles.

    Args:
        landmarks: [68, 3] of the calm face.
        ears: [E, 3] points of the ears.
        person: whose.
    """
    right, left, nose = (
        torch.from_numpy(place)[None]
        for place in (landmarks[36:42].mean(0), landmarks[42:48].mean(0), landmarks[28])
    )
    f = front(right, left, nose, torch.tensor([person["glasses_size"]]))
    f = Front._make(value.numpy() for value in f)
    radius = 0.0008 + 0.0013 * person["glasses_rim"]
    parts: list[tuple[np.ndarray, np.ndarray]] = []
    angles = np.linspace(0, 2 * np.pi, AROUND, endpoint=False)
    square = person["glasses_square"]
    rims = [np.stack(rim(f, square, side, angles), -1) for side in (-1, 1)]
    for side, path in zip((-1, 1), rims, strict=True):
        parts.append(_tube(path, radius, closed=True))
        ear = ears[np.sign(ears[:, 0]) == side]
        hook = np.array(
            [side * (np.abs(ear[:, 0]).min() + 0.005), ear[:, 1].mean(), ear[:, 2].max() - 0.006]
        )
        outer = side * (f.half * 1.03 + f.width)
        high = f.middle + f.height * 0.35
        hinge = np.concatenate([outer, f.depth + BEND * outer**2, high])
        u = np.linspace(0, 1, 14)[:, None]
        temple = hinge + (hook - hinge) * np.concatenate([u**0.6, u, u], 1)
        parts.append(_tube(temple, radius, closed=False))
    u = np.linspace(-1, 1, 9)
    x = (f.half * 1.03 - f.width) * u
    arch = f.middle + f.height * 0.25 + 0.0025 * (1 - u * u)
    parts.append(_tube(np.stack([x, f.depth - 0.001 + 0 * u, arch], 1), radius, closed=False))
    parts += [_lens(path) for path in rims]
    vertices, triangles, first = [], [], 0
    for rows, faces in parts:
        vertices.append(rows)
        triangles.append(faces + first)
        first += len(rows)
    return Mesh(
        np.concatenate(vertices).astype(np.float32),
        np.concatenate(triangles).astype(np.int32),
        2 * AROUND,
    )


def _tube(path: np.ndarray, radius: float, closed: bool) -> tuple[np.ndarray, np.ndarray]:
    count = len(path)
    along = np.roll(path, -1, 0) - np.roll(path, 1, 0) if closed else np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    reference = np.where(np.abs(along[:, 2:3]) > 0.9, [[1.0, 0, 0]], [[0, 0, 1.0]])
    a = np.cross(along, reference)
    a /= np.linalg.norm(a, axis=1, keepdims=True) + 1e-9
    b = np.cross(along, a)
    turn = np.linspace(0, 2 * np.pi, SIDES, endpoint=False)[None, :, None]
    normals = a[:, None] * np.cos(turn) + b[:, None] * np.sin(turn)
    rows = np.concatenate([path[:, None] + radius * normals, normals], 2).reshape(-1, 6)
    grid = np.arange(count * SIDES).reshape(count, SIDES)
    grid = np.concatenate([grid, grid[:1]]) if closed else grid
    grid = np.concatenate([grid, grid[:, :1]], 1)
    return rows, _triangles(grid)


def _lens(path: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    points = np.concatenate([path, path.mean(0, keepdims=True)])
    offset = (points - points[-1]) / [0.03 / 0.25, 1, 0.02 / 0.2]
    normals = np.stack([offset[:, 0], -np.ones(len(points)), offset[:, 2]], 1)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    k = np.arange(len(path))
    faces = np.stack([k, (k + 1) % len(path), np.full_like(k, len(path))], 1)
    return np.concatenate([points, normals], 1), faces


def _triangles(grid: np.ndarray) -> np.ndarray:
    corners = (grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:])
    quads = np.stack(corners, -1).reshape(-1, 4)
    return np.concatenate([quads[:, :3], quads[:, [0, 2, 3]]])
