"""Points of a picture computed exactly from the coordinates, without drawing it.

Landmarks, lids, irises, brows, hairline, outlines of skull and hair, glasses, ears and shoulders,
projected into the crop; batched and differentiable. Hidden points are given too.
"""

import functools
import json
import math
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open

from stylemask_core.errors import InvalidInputError
from training.people import world
from training.people.anatomy import BROW_GRID
from training.people.basis import VERSION, identity_weights
from training.people.camera import Views
from training.people.facial_hair import GRID_X, GRID_Z, brow_curve
from training.people.factors import DIRECTIONS, PERSON, POSE
from training.people.glasses import front, rim
from training.people.groom import hairline, receding
from training.people.head import BLINK_GAINS, gaze_angles, keep_off
from training.people.landmarks import BROW_PLACES, CANTHUS, slide
from training.people.point_basis import POINTS_FILE

LANDMARKS = slice(0, 68)
HAIRLINE_AZIMUTHS = tuple(range(-90, 91, 15))  # [deg]
OUTLINE_ANGLES = tuple(range(-30, 211, 15))  # [deg] round the head in the picture, 90 is up
BROW_EDGES = (0.1, 0.5, 0.9)  # along the brow
RIM_ANGLES = tuple(range(0, 360, 45))  # [deg] round a rim of the glasses
IRIS = 0.405  # of the eyeball's radius
EYE_SCALE = 0.992  # of the drawn ball
OUTLINE_SHARPNESS = 70.0
Columns = dict[str, torch.Tensor]
SIDED = ("right", "left")
NAMES: tuple[str, ...] = (
    *(f"landmark_{i}" for i in range(68)),
    *(f"lid_{side}_{i}" for side in SIDED for i in range(16)),
    *(f"iris_{side}_{i}" for side in SIDED for i in range(5)),
    *(f"brow_{side}_{edge}_{i}" for side in SIDED for edge in ("low", "high") for i in range(3)),
    *(f"hairline_{i}" for i in range(len(HAIRLINE_AZIMUTHS))),
    *(f"skull_{i}" for i in range(len(OUTLINE_ANGLES))),
    *(f"hair_{i}" for i in range(len(OUTLINE_ANGLES))),
    *(f"hair_end_{side}_{i}" for side in SIDED for i in range(3)),
    *(f"glasses_{side}_{i}" for side in SIDED for i in range(len(RIM_ANGLES))),
    *(f"ear_{i}" for i in range(6)),
    *(f"body_{i}" for i in range(10)),
)


class PointModel:
    """What a points file holds.

    Args:
        path: of the file.

    Raises:
        InvalidInputError: it is of another version.
    """

    def __init__(self, path: Path = POINTS_FILE) -> None:
        with safe_open(path, "pt") as file:
            if (file.metadata() or {}).get("version") != VERSION:
                raise InvalidInputError(
                    f"{path} is of another version: "
                    "make it with python -m training.people.point_basis"
                )
            t = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        self.template, self.turn = t["template"], t["turn"]
        self.identity, self.actions = t["identity"].float(), t["actions"].float()
        self.crown_rest = t["crown_rest"]
        self.spans: dict[str, slice] = {
            name: slice(*span) for name, span in json.loads(bytes(t["spans"].tolist())).items()
        }
        names = json.loads(bytes(t["action_names"].tolist()))
        self.action_index = torch.tensor([POSE.index[name] for name in names])
        blinks = [names.index("eyeBlinkRight"), names.index("eyeBlinkLeft")]
        self.blinks = torch.tensor(blinks)
        gap = self.spans["gap"]
        self.travel = -torch.stack([self.actions[b, gap][k, 2] for k, b in enumerate(blinks)])


@functools.cache
def load() -> PointModel:
    """The shipped points file."""
    return PointModel()


def points(n: torch.Tensor) -> torch.Tensor:
    """Points of pictures.

    Args:
        n: [B, K] coordinates.

    Returns:
        [B, len(NAMES), 2], −1…1 in the crop, x right and y down.
    """
    return points_of(world.from_normals(n))


def points_of(factors: world.Factors) -> torch.Tensor:
    """Points [B, len(NAMES), 2] of factors."""
    m = load()
    person = PERSON.columns(factors.person)
    pose = POSE.columns(factors.pose)
    origins = torch.stack([person["african"], person["asian"]], 1)
    directions = torch.stack([person[f"direction_{i}"] for i in range(DIRECTIONS)], 1)
    weights = identity_weights(
        person["gender"], person["age"], person["weight"], origins, directions
    )
    calm = m.template + torch.einsum("bk,kpc->bpc", weights, m.identity)
    strengths = factors.pose[:, m.action_index]
    gain = (calm[:, m.spans["gap"], 2] / m.travel).clamp(*BLINK_GAINS)
    strengths = strengths.clone()
    strengths[:, m.blinks] = strengths[:, m.blinks] * gain
    moved = calm + torch.einsum("bk,kpc->bpc", strengths, m.actions)
    calm_parts = {name: calm[:, span] for name, span in m.spans.items()}
    parts = {name: moved[:, span] for name, span in m.spans.items()}
    eyes = _eyes(calm_parts["eyeballs"].unflatten(1, (2, 5)), pose)
    for k, side in enumerate(SIDED):
        centre, radius, _ = eyes[k]
        for name in (f"eye_{side}", f"lid_{side}"):
            parts[name] = keep_off(parts[name], centre, radius)
            calm_parts[name] = keep_off(calm_parts[name], centre, radius)
    corners = [_canthus(parts[f"eye_{side}"]) for side in SIDED]
    lips = parts["lips"]
    anchors = torch.stack([*(c.mean(1) for c in corners), lips[:, 0], lips[:, 6]], 1)
    angles = torch.stack([pose["yaw"], pose["pitch"], pose["roll"]], 1)
    view = Views(angles, anchors)
    face = _face(person, parts, corners)
    hair_line, cloud, pushed, ends = _hair(person, parts, m)
    whole = [
        slide(view.project(parts["jaw"], m.turn[m.spans["jaw"]])),
        view.project(face),
        *(view.project(parts[f"lid_{side}"]) for side in SIDED),
        *(view.project(_iris(*eye)) for eye in eyes),
        view.project(_brow_edges(person, parts)),
        view.project(hair_line),
        _outline(view.project(cloud)),
        _outline(view.project(pushed)),
        view.project(ends),
        view.project(_glasses(person, calm_parts)),
        view.project(parts["ears"]),
        view.project(parts["body"], m.turn[m.spans["body"]]),
    ]
    return torch.cat(whole, 1) * torch.tensor([1.0, -1.0])


Ball = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def _eyes(extremes: torch.Tensor, pose: Columns) -> list[Ball]:
    """Centre [B, 3], radius [B] and viewing direction [B, 3] of both eyes."""
    eyes = []
    for k, side in enumerate(("Right", "Left")):
        low_x, high_x, top, bottom, back = extremes[:, k].unbind(1)
        radius = (top[:, 2] - bottom[:, 2]) / 2
        x, z = (low_x[:, 0] + high_x[:, 0]) / 2, (top[:, 2] + bottom[:, 2]) / 2
        centre = torch.stack([x, back[:, 1] - radius, z], 1)
        yaw, pitch = gaze_angles(pose, side)
        flat = pitch.cos()
        forward = torch.stack([yaw.sin() * flat, -yaw.cos() * flat, pitch.sin()], 1)
        eyes.append((centre, radius, forward))
    return eyes


def _canthus(eye: torch.Tensor) -> torch.Tensor:
    corner = eye[:, 3] + CANTHUS * (eye[:, 3] - eye[:, 0])
    return torch.cat([eye[:, :3], corner[:, None], eye[:, 4:]], 1)


def _iris(centre: torch.Tensor, radius: torch.Tensor, forward: torch.Tensor) -> torch.Tensor:
    """Middle of the iris and four points of its border [B, 5, 3]."""
    up = torch.tensor([0.0, 0.0, 1.0]).expand_as(forward)
    side = torch.cross(forward, up, dim=1)
    side = side / side.norm(dim=1, keepdim=True)
    high = torch.cross(side, forward, dim=1)
    depth = math.sqrt(1 - IRIS**2)
    border = [depth * forward + IRIS * d for d in (side, high, -side, -high)]
    directions = torch.stack([1.055 * forward, *border], 1)
    return centre[:, None] + EYE_SCALE * radius[:, None, None] * directions


def _on_grid(grid: torch.Tensor, x: float, z: torch.Tensor) -> torch.Tensor:
    """Points [B, 3] of brow grids [B, X × Z, 3] at an abscissa and heights [B]."""
    columns, rows = BROW_GRID
    grid = grid.unflatten(1, BROW_GRID)
    a = min((x - GRID_X[0]) / (GRID_X[1] - GRID_X[0]) * (columns - 1), columns - 1.001)
    b = (z - GRID_Z[0]) / (GRID_Z[1] - GRID_Z[0]) * (rows - 1)
    b = b.clamp(0, rows - 1.001)
    i, j = int(a), b.detach().long()
    f, g = a - i, (b - j)[:, None]
    line = grid[:, i] * (1 - f) + grid[:, i + 1] * f
    at = torch.arange(len(z))
    return line[at, j] * (1 - g) + line[at, j + 1] * g


def _face(person: Columns, parts: Columns, corners: list[torch.Tensor]) -> torch.Tensor:
    """Landmarks 17 to 67 [B, 51, 3]."""
    brows = []
    for side in SIDED:
        curve = [brow_curve(person, along)[:2] for along in BROW_PLACES]
        brow = [_on_grid(parts[f"brow_{side}"], x, z) for x, z in curve]
        brows.append(torch.stack(brow if side == "right" else brow[::-1], 1))
    left = corners[1][:, [3, 2, 1, 0, 5, 4]]
    return torch.cat([*brows, parts["nose"], corners[0], left, parts["lips"]], 1)


def _brow_edges(person: Columns, parts: Columns) -> torch.Tensor:
    places = []
    for side in SIDED:
        for sign in (-1, 1):
            for along in BROW_EDGES:
                x, middle, thick = brow_curve(person, along)
                places.append(_on_grid(parts[f"brow_{side}"], x, middle + sign * thick))
    return torch.stack(places, 1)


def _hair(
    person: Columns, parts: Columns, m: PointModel
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Hairline [B, H, 3], skull [B, C, 3], the skull with hair on it, ends of long hair."""
    cloud = parts["cloud"]
    centre = (parts["crown"][:, 0] + m.crown_rest)[:, None] * torch.tensor([0.0, 1.0, 1.0])
    offset = cloud - centre
    distance = offset.norm(dim=2)
    out = offset / distance[..., None]
    lines = []
    for azimuth in HAIRLINE_AZIMUTHS:
        a = abs(azimuth)
        line = float(hairline(np.array(a))) + 3
        elevation = torch.deg2rad(receding(person, float(a)) + line)
        turn, flat = math.radians(azimuth), elevation.cos()
        direction = [math.sin(turn) * flat, -math.cos(turn) * flat, elevation.sin()]
        d = torch.stack(direction, 1)[:, None]
        near = torch.softmax((out * d).sum(2) * 400, 1)  # neighbours of a direction on the skull
        lines.append(centre[:, 0] + d[:, 0] * (near * distance).sum(1, keepdim=True))
    top = ((out[..., 2] + 0.1) / 0.8).clamp(0, 1)
    length = top * person["length_top"][:, None] + (1 - top) * person["length_side"][:, None]
    standing = person["lift"] / (1 + person["lift"])
    falling = torch.exp(-5 * (person["gravity"] - 0.1))  # the longer it hangs the flatter it lies
    rise = length.clamp(max=0.07) * (standing * falling)[:, None] * 0.45
    upright = (person["lift"] - 1).clamp(0, 1)[:, None]
    rise = rise + (length - 0.03).clamp(min=0) * upright * 0.5
    rise = rise + person["volume"][:, None] * (0.45 + 0.75 * top) * (length > 0.004)
    haired = (out[..., 2] > -0.35) & (out[..., 1] > -0.8)
    kept = (1 - person["bald"] * 0.8)[:, None]
    pushed = cloud + out * (rise * haired * kept)[..., None]
    ends = []
    for sign in (-1.0, 1.0):
        for back in (-0.02, 0.02, 0.06):
            start = centre[:, 0] + torch.tensor([sign * 0.085, back, -0.01])
            fall = (person["length_side"] - 0.05).clamp(min=0)
            fall = fall * (1 - person["tied"]) * person["gravity"].clamp(max=0.4) / 0.4
            ends.append(start - fall[:, None] * torch.tensor([0.0, 0.0, 1.0]))
    return torch.stack(lines, 1), cloud, pushed, torch.stack(ends, 1)


def _outline(projected: torch.Tensor) -> torch.Tensor:
    """The outermost of points [B, C, 2] in directions round them [B, A, 2]."""
    angles = torch.deg2rad(torch.tensor(OUTLINE_ANGLES, dtype=projected.dtype))
    directions = torch.stack([angles.cos(), angles.sin()], 1)
    share = torch.softmax(projected @ directions.t() * OUTLINE_SHARPNESS, 1)
    return share.transpose(1, 2) @ projected


def _glasses(person: Columns, calm: Columns) -> torch.Tensor:
    """Rims [B, 2 × A, 3]; `glasses.rim` in torch."""
    eyes = [_canthus(calm[f"eye_{side}"]).mean(1) for side in SIDED]
    measures = front(*eyes, calm["nose"][:, 1], person["glasses_size"])
    rims = []
    for side in (-1, 1):
        for angle in RIM_ANGLES:
            place = rim(measures, person["glasses_square"], side, math.radians(angle))
            rims.append(torch.stack(place, 1))
    return torch.stack(rims, 1)
