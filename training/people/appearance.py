"""What a picture looks like, in numbers that follow from the coordinates without drawing it."""

import numpy as np
import torch

from training.people import world
from training.people.factors import Person, Scene
from training.people.looks import looks

GAMMA = 1 / 2.2  # shader values are linear light; their roots are as far apart as they look


def appearance(n: torch.Tensor) -> torch.Tensor:
    """Coordinates [B, K] → [B, APPEARANCES]: all factors, and what the shaders take."""
    factors = world.from_normals(n)
    rows = zip(factors.person, factors.scene, strict=True)
    shading = torch.tensor(np.stack([_shading(person, scene) for person, scene in rows]))
    return torch.cat([*factors, shading.to(n)], 1)


def _shading(person: torch.Tensor, scene: torch.Tensor) -> np.ndarray:
    values: list[np.ndarray | float] = []
    for part in looks(Person.from_vector(person), Scene.from_vector(scene)):
        values += part.values() if isinstance(part, dict) else [part]
    flat = np.concatenate([np.ravel(value) for value in values])
    return np.sign(flat) * np.abs(flat) ** GAMMA


APPEARANCES = appearance(torch.zeros(1, world.K)).shape[1]
