"""What is known of a picture without drawing it, in numbers that follow from the coordinates.

Who somebody is and how the head is held are kept apart, so that a generator that is told them can
give each style channels of its own: the points of a person are those at rest and turned a little,
the points of a pose are those of the mean person in it.
"""

import numpy as np
import torch

from training.people import points, world
from training.people.factors import Person, Scene
from training.people.looks import looks

GAMMA = 1 / 2.2  # shader values are linear light; their roots are as far apart as they look
TURNED = ("yaw", "pitch"), 1.5  # coordinates that turn a head to show its depth, and how far


def identity_facts(n: torch.Tensor) -> torch.Tensor:
    """Coordinates [B, K] → [B, N], whatever the pose: points at rest and turned, looks, lights."""
    rest = n.clone()
    rest[:, world.POSE_SPAN] = 0
    factors = world.from_normals(rest)
    places = [points.points(rest).flatten(1)]
    for name in TURNED[0]:
        turned = rest.clone()
        turned[:, world.INDEX[name]] = TURNED[1]
        places.append(points.points(turned)[:, points.LANDMARKS].flatten(1))
    rows = zip(factors.person, factors.scene, strict=True)
    shading = torch.tensor(np.stack([_shading(person, scene) for person, scene in rows]))
    return torch.cat([*places, factors.person, factors.scene, shading.to(n)], 1)


def pose_facts(n: torch.Tensor) -> torch.Tensor:
    """Coordinates [B, K] → [B, N], whoever it is: points of the mean person, angles, actions."""
    posed = torch.zeros_like(n)
    posed[:, world.POSE_SPAN] = n[:, world.POSE_SPAN]
    return torch.cat([points.points(posed).flatten(1), world.from_normals(posed).pose], 1)


def _shading(person: torch.Tensor, scene: torch.Tensor) -> np.ndarray:
    values: list[np.ndarray | float] = []
    for part in looks(Person.from_vector(person), Scene.from_vector(scene)):
        values += part.values() if isinstance(part, dict) else [part]
    flat = np.concatenate([np.ravel(value) for value in values])
    return np.sign(flat) * np.abs(flat) ** GAMMA


SIZES = {
    name: facts(torch.zeros(1, world.K)).shape[1]
    for name, facts in {"identity": identity_facts, "pose": pose_facts}.items()
}
