"""What `points` computes from: `python -m training.people.point_basis` writes points.safetensors.

Places of the head as linear functions of the shape weights, cut out of the whole basis so that a
model can carry them.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

from training.people.anatomy import HEAD_CENTRE, HEAD_MAP, RING
from training.people.basis import SOURCE, VERSION, Basis
from training.people.head import HeadModel
from training.people.landmarks import INNER_LIPS, OUTER_LIPS, Landmarks, ring_index

POINTS_FILE = Path(__file__).with_name("points.safetensors")
CLOUD_STEP = (3, 2)  # of the head map's rows and columns that the cloud keeps
LID_STEP = 4  # of a lid ring's places
BODY = (  # near these places of the template [m]; each has a twin
    *((0.045, -0.03, -0.12), (0.05, -0.02, -0.15), (0.09, 0.0, -0.165), (0.14, 0.0, -0.19)),
    *((0.05, -0.08, -0.20),),
)
EAR_HEIGHTS = (0.02, -0.01, -0.04)  # [m]
Places = Callable[[np.ndarray], np.ndarray]


def _selections(head: HeadModel) -> dict[str, Places]:
    """Functions of fine vertices [F, 3] → places [N, 3] by name; all are linear."""
    landmarks = Landmarks(head)
    basis = head.basis
    template = basis.fine_template
    rings = [places.of for places in head.lids]
    crown = template[:, 2] > 0.03
    cloud = np.arange(HEAD_MAP[0] * HEAD_MAP[1]).reshape(HEAD_MAP)
    cloud = cloud[:: CLOUD_STEP[0], :: CLOUD_STEP[1]].reshape(-1)
    head_map = head.places("head_map")
    body = _nearest(template, np.array([[s * x, y, z] for x, y, z in BODY for s in (-1, 1)]))
    ears = np.flatnonzero(head.masks[:, 2] > 0.6)
    rims = []
    for side in (-1, 1):
        own = ears[np.sign(template[ears, 0]) == side]
        for height in EAR_HEIGHTS:
            off = np.abs(template[own, 2] - height) - 0.3 * np.abs(template[own, 0])
            rims.append(own[off.argmin()])
    middle = slice(RING // 4 - 4, RING // 4 + 5)
    low = slice(3 * RING // 4 - 4, 3 * RING // 4 + 5)
    return {
        "eye_right": lambda v: rings[0](v)[list(landmarks.eye)],
        "eye_left": lambda v: rings[1](v)[list(landmarks.eye)],
        "lid_right": lambda v: rings[0](v)[::LID_STEP],
        "lid_left": lambda v: rings[1](v)[::LID_STEP],
        "gap": lambda v: np.stack([r(v)[middle].mean(0) - r(v)[low].mean(0) for r in rings]),
        "jaw": landmarks.jaw.of,
        "nose": landmarks.nose.of,
        "lips": lambda v: np.concatenate(
            [
                landmarks.outer.of(v)[[ring_index(a) for a in OUTER_LIPS]],
                landmarks.inner.of(v)[[ring_index(a) for a in INNER_LIPS]],
            ]
        ),
        "brow_right": landmarks.brows[0].of,
        "brow_left": landmarks.brows[1].of,
        "crown": lambda v: v[crown].mean(0, keepdims=True),
        "cloud": lambda v: head_map.of(v)[cloud],
        "body": lambda v: v[body],
        "ears": lambda v: v[rims],
    }


def _eye_extremes(basis: Basis) -> np.ndarray:
    """Coarse vertices [2, 5] at an eyeball's sides, top, bottom and back."""
    rows = []
    for side in ("r", "l"):
        part = basis.part(f"eye_{side}")
        ball = basis.template[part]
        picks = (ball[:, 0].argmin(), ball[:, 0].argmax(), ball[:, 2].argmax())
        rows.append(part[[*picks, ball[:, 2].argmin(), ball[:, 1].argmax()]])
    return np.stack(rows)


def _nearest(vertices: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    return np.array([np.linalg.norm(vertices - p, axis=1).argmin() for p in wanted])


def build() -> dict[str, np.ndarray]:
    """Tensors of the points file: places of the template, of every shape, and how they turn."""
    head = HeadModel(Basis())
    basis = head.basis
    selections = _selections(head)
    extremes = _eye_extremes(basis).reshape(-1)

    def places(coarse: np.ndarray) -> np.ndarray:
        fine = basis.refine(coarse)
        parts = [select(fine) for select in selections.values()]
        return np.concatenate([*parts, coarse[extremes]])

    def of_shapes(shapes: torch.Tensor) -> np.ndarray:
        return np.stack([places(shape.reshape(-1, 3).numpy()) for shape in shapes])

    spans, first = {}, 0
    for name, select in selections.items():
        count = len(select(basis.fine_template))
        spans[name] = [first, first + count]
        first += count
    spans["eyeballs"] = [first, first + len(extremes)]
    turn = np.ones(first + len(extremes))
    flat = np.repeat(head.turn[:, None], 3, 1)
    for name in ("jaw", "body"):
        turn[slice(*spans[name])] = selections[name](flat)[:, 0]
    return {
        "template": places(basis.template).astype(np.float32),
        "identity": of_shapes(basis.identity).astype(np.float16),
        "actions": of_shapes(basis.actions).astype(np.float16),
        "turn": turn.astype(np.float32),
        "crown_rest": (HEAD_CENTRE - selections["crown"](basis.fine_template)[0]).astype("f4"),
        "spans": np.frombuffer(json.dumps(spans).encode(), np.uint8),
        "action_names": np.frombuffer(json.dumps(basis.action_names).encode(), np.uint8),
    }


def write() -> None:
    """Write points.safetensors next to this module."""
    save_file(build(), POINTS_FILE, {"version": VERSION, "source": SOURCE})
    print(f"{POINTS_FILE}: {POINTS_FILE.stat().st_size / 2**20:.2f} MiB")


if __name__ == "__main__":
    write()
