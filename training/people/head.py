"""One head's surfaces: skin, eyeballs, teeth and tongue, in the unturned head frame."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch

from training.people.anatomy import REGIONS, RING, Places, eye_ball, smooth
from training.people.basis import Basis, identity_weights, quiet, vertex_normals
from training.people.factors import DIRECTIONS, Person, Pose

GAZE_YAW, GAZE_UP, GAZE_DOWN = 0.62, 0.42, 0.48  # [rad] of a whole eyeLook action
LID_GAP = 0.0004  # [m] lids keep from the eyeball
SMOOTHING = 5  # steps that make the soft normals
SIDES = ("right", "left")  # of the person; the right is at −x
BLINK_GAINS = (0.6, 1.4)


class Eye(NamedTuple):
    """An eyeball: centre [3], radius and viewing direction [3]."""

    centre: np.ndarray
    radius: float
    forward: np.ndarray


class Surfaces(NamedTuple):
    """One head.

    Args:
        vertices: fine, [F, 3].
        normals: [F, 3].
        soft_normals: [F, 3] of a smoothed surface, for light that has scattered in the skin.
        eyes: right and left.
        teeth: vertices and normals [T, 6], the tongue's behind them.
    """

    vertices: np.ndarray
    normals: np.ndarray
    soft_normals: np.ndarray
    eyes: tuple[Eye, Eye]
    teeth: np.ndarray


def weights_of(person: Person) -> torch.Tensor:
    """Weights of the identity shapes of a person."""
    p = {name: torch.tensor([person[name]]) for name in ("gender", "age", "weight")}
    origins = torch.tensor([[person["african"], person["asian"]]])
    directions = torch.tensor([[person[f"direction_{i}"] for i in range(DIRECTIONS)]])
    return identity_weights(p["gender"], p["age"], p["weight"], origins, directions)[0]


class HeadModel:
    """Builds heads from factors."""

    def __init__(self, basis: Basis) -> None:
        self.basis = basis
        t = basis.tensors
        self.regions = dict(zip(REGIONS, t["regions"].astype(np.float32).T / 255, strict=True))
        self.masks = np.clip(basis.refine(t["masks"].astype(np.float32) / 255), 0, 1)
        turn = t["turn"].astype(np.float32)[:, None]
        self.turn = np.clip(basis.refine(turn)[:, 0], 0, 1)
        self.lids = tuple(self.places(f"lid_{side}") for side in SIDES)
        self._smoothing = _smoothing(basis.quads, len(basis.template))
        self._blinks = [basis.action_names.index(f"eyeBlink{side}") for side in ("Right", "Left")]
        points = basis.fine_template
        skin = np.zeros(len(points), bool)
        skin[basis.fine_quads] = True
        self._near_eye = []
        for side in ("r", "l"):
            centre, _ = eye_ball(basis.template, basis.part(f"eye_{side}"))
            near = np.linalg.norm(points - centre, axis=1) < 0.03
            self._near_eye.append(np.flatnonzero(near & skin))
        closing = [basis.refine(basis.actions[i].reshape(-1, 3).numpy()) for i in self._blinks]
        self._travels = [-self._gap(moved, k) for k, moved in enumerate(closing)]
        self._teeth()

    def places(self, name: str) -> Places:
        """Places of the basis by name."""
        tensors = self.basis.tensors
        triangles = tensors[f"places_{name}"].astype(np.int64)
        weights = tensors[f"weights_{name}"].astype(np.float32)
        return Places(triangles, weights / np.maximum(weights.sum(1, keepdims=True), 1e-6))

    def neutral(self, person: Person) -> np.ndarray:
        """Coarse vertices of a calm face."""
        return self.basis.coarse(weights_of(person)).astype(np.float32)

    def action_strengths(self, neutral: np.ndarray, pose: Pose) -> torch.Tensor:
        """Strengths of the basis' actions; a blink is as strong as closing these lids takes."""
        strengths = torch.tensor([pose[name] for name in self.basis.action_names])
        fine = None
        for k, index in enumerate(self._blinks):
            if strengths[index] > 0:
                fine = self.basis.refine(neutral) if fine is None else fine
                gain = self._gap(fine, k) / self._travels[k]
                strengths[index] *= float(np.clip(gain, *BLINK_GAINS))
        return strengths

    def build(self, neutral: np.ndarray, pose: Pose) -> Surfaces:
        """A head.

        Args:
            neutral: coarse vertices of its calm face.
            pose: what it does; its angles are not applied.
        """
        strengths = self.action_strengths(neutral, pose)
        moved = (strengths @ self.basis.actions).reshape(-1, 3).numpy()
        coarse = neutral + moved
        vertices = self.basis.refine(coarse)
        eyes = []
        for k, side in enumerate(("Right", "Left")):
            centre, radius = eye_ball(neutral, self.basis.part("eye_" + side[0].lower()))
            eye = Eye(centre, radius, gaze(pose, side))
            eyes.append(eye)
            near = self._near_eye[k]
            skin, middle = torch.from_numpy(vertices[near]), torch.tensor(centre).float()
            kept_off = keep_off(skin[None], middle[None], torch.tensor([eye.radius]))
            vertices[near] = kept_off[0].numpy()
        normals = vertex_normals(vertices, self.basis.fine_quads)
        soft = vertex_normals(coarse, self.basis.quads).astype(np.float32)
        soft = self.basis.refine((self._smoothing @ torch.from_numpy(soft)).numpy())
        return Surfaces(vertices, normals, soft, (eyes[0], eyes[1]), self._mouth(coarse))

    def _gap(self, fine: np.ndarray, k: int) -> float:
        ring = self.lids[k].of(fine)
        upper, lower = ring[RING // 4 - 4 : RING // 4 + 5], ring[3 * RING // 4 - 4 :][:9]
        return float(upper[:, 2].mean() - lower[:, 2].mean())

    def lid_curves(
        self, vertices: np.ndarray, k: int, centre: np.ndarray, count: int
    ) -> np.ndarray:
        """The lids' openings at abscissas across an eye.

        Args:
            vertices: fine.
            k: 0 the right eye, 1 the left.
            centre: of the eyeball.
            count: of the abscissas.

        Returns:
            [count, 4]: abscissa, upper and lower edge relative to the centre [m], 0.
        """
        ring = self.lids[k].of(vertices) - centre
        at = np.linspace(0, RING // 2, count).round().astype(int)
        upper, lower = ring[at], ring[(-at) % RING]
        order = np.argsort(lower[:, 0])
        low = np.interp(upper[:, 0], lower[order, 0], lower[order, 2])
        return np.stack([upper[:, 0], upper[:, 2], low, 0 * low], 1)

    def _teeth(self, across: int = 61, down: int = 9) -> None:
        """Two arches bound to MakeHuman's helper teeth."""
        coarse = self.basis.template.astype(np.float64)
        vertices, faces, bound, shares, uv = [], [], [], [], []
        s, r = np.meshgrid(np.linspace(-1, 1, across), np.linspace(0, 1, down), indexing="ij")
        for part, name in enumerate(("teeth_upper", "teeth_lower")):
            helpers = self.basis.part(name)
            h = coarse[helpers]
            width, front, back = h[:, 0].max() * 0.80, h[:, 1].min() + 0.0015, h[:, 1].max()
            low, high = h[:, 2].min(), h[:, 2].max()
            if part:
                width, front, high = width * 0.92, front + 0.0045, high - 0.0045
                z = low + (high - low) * r
            else:
                z = high - (high - low + 0.0022) * r
            angle = s * 1.45
            x = width * np.sin(angle) / np.sin(1.45)
            y = front + (back - front) * 0.8 * (1 - np.cos(angle)) / (1 - np.cos(1.45))
            y = y + 0.0025 * smooth(0.86, 1.0, r) - 0.0008 * np.sin(np.pi * r)
            v = np.stack([x, y, z], -1).reshape(-1, 3)
            distance = np.linalg.norm(v[:, None] - h[None], axis=2)
            nearest = distance.argsort(1)[:, :6]
            share = 1 / (np.take_along_axis(distance, nearest, 1) + 0.002) ** 2
            bound.append(helpers[nearest])
            shares.append(share / share.sum(1, keepdims=True))
            grid = np.arange(across * down).reshape(across, down) + part * across * down
            corners = (grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:])
            faces.append(np.stack(corners, -1).reshape(-1, 4))
            vertices.append(v)
            uv.append(np.stack([s, r, np.full_like(s, part)], -1).reshape(-1, 3))
        self._arches = np.concatenate(vertices).astype(np.float32)
        self._bound, self._shares = np.concatenate(bound), np.concatenate(shares)
        self._offset = np.einsum("tk,tkc->tc", self._shares, coarse[self._bound])
        self.teeth_quads = np.concatenate(faces)
        self._tongue = self.basis.part("tongue")
        self.tongue_quads = self.basis.tensors["tongue_quads"].astype(np.int64) - self._tongue[0]
        no_uv = np.zeros((len(self._tongue), 3))
        self.teeth_uv = np.concatenate([*uv, no_uv]).astype(np.float32)

    def _mouth(self, coarse: np.ndarray) -> np.ndarray:
        moved = np.einsum("tk,tkc->tc", self._shares, coarse[self._bound]) - self._offset
        teeth = (self._arches + moved).astype(np.float32)
        tongue = coarse[self._tongue].astype(np.float32)
        parts = ((teeth, self.teeth_quads), (tongue, self.tongue_quads))
        rows = [np.concatenate([v, vertex_normals(v, quads)], 1) for v, quads in parts]
        return np.concatenate(rows).astype(np.float32)


def gaze_angles(pose: Mapping[str, Any], side: str) -> tuple[Any, Any]:
    """Yaw and pitch of an eye [rad] as its actions, numbers or tensors, turn it.

    Args:
        pose: strengths by the actions' names.
        side: "Right" or "Left", of the person.
    """
    outwards = pose["eyeLookOut" + side] - pose["eyeLookIn" + side]
    yaw = outwards * GAZE_YAW * (1 if side == "Left" else -1)
    return yaw, pose["eyeLookUp" + side] * GAZE_UP - pose["eyeLookDown" + side] * GAZE_DOWN


def gaze(pose: Pose, side: str) -> np.ndarray:
    """Where an eye looks, unit vector [3]."""
    yaw, pitch = gaze_angles(pose.values, side)
    flat = np.cos(pitch)
    return np.array([np.sin(yaw) * flat, -np.cos(yaw) * flat, np.sin(pitch)])


def keep_off(points: torch.Tensor, centre: torch.Tensor, radius: torch.Tensor) -> torch.Tensor:
    """Points of lids [B, P, 3] that do not sink into eyeballs of centres [B, 3] and radii [B]."""
    offset = points - centre[:, None]
    distance = offset.norm(dim=2, keepdim=True)
    limit = (radius + LID_GAP)[:, None, None]
    pushed = offset / distance * (limit + 0.15 * (distance - limit)) + centre[:, None]
    inside = (distance < limit) & (offset[..., 1:2] < -0.3 * radius[:, None, None])
    return torch.where(inside, pushed, points)


@quiet
def _smoothing(quads: np.ndarray, count: int) -> torch.Tensor:
    """Sparse [V, V] that averages over neighbours several times."""
    sides = np.concatenate([quads[:, [k, (k + 1) % 4]] for k in range(4)])
    i, j = np.unique(np.sort(sides, 1), axis=0).T
    rows, columns = np.concatenate([i, j]), np.concatenate([j, i])
    degree = np.maximum(np.bincount(rows, minlength=count), 1)
    index = torch.from_numpy(np.stack([rows, columns]))
    values = torch.from_numpy(0.7 / degree[rows])
    every = torch.arange(count).repeat(2, 1)
    own = torch.full((count,), 0.3, dtype=torch.float64)
    step = torch.sparse_coo_tensor(
        torch.cat([index, every], 1), torch.cat([values, own]), (count, count)
    ).coalesce()
    whole = step
    for _ in range(SMOOTHING - 1):
        whole = whole @ step
    return whole.to(torch.float32).coalesce().to_sparse_csr()
