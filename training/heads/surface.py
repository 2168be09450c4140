"""A fixed set of points of the bare skin, the same ones on every head."""

import math

import torch

from training.heads.casting import cast
from training.heads.geometry import skin_distance
from training.heads.landmarks import without_ears
from training.heads.primitives import Vec
from training.heads.shape import head_shape

PAIRS = 100  # of points, mirror images of each other
CENTER = (0.0, -0.25, -0.02)  # [head units] that the lines are cast towards
START = 2.2  # [head units] from the centre
LOWEST = -0.72  # sine of the elevation; below is the neck
GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))


def directions() -> torch.Tensor:
    """Fixed unit vectors [200, 3] from the centre, evenly spread but for the neck.

    The second half mirrors the first one.
    """
    # every second point of a spiral over the sphere, from the top down to the neck
    index = torch.arange(2 * PAIRS, dtype=torch.float64) + 0.5
    height = 1 - index / (2 * PAIRS) * (1 - LOWEST)
    angle = (index * GOLDEN_ANGLE) % math.pi  # folded onto x > 0
    height, angle = height[::2], 0.04 * math.pi + 0.92 * angle[::2]  # off the middle
    radius = (1 - height * height).sqrt()
    right = torch.stack([radius * angle.sin(), height, radius * angle.cos()], 1)
    left = right * right.new_tensor([-1.0, 1.0, 1.0])
    return torch.cat([right, left]).float()


def surface_points(identity: torch.Tensor, pose: torch.Tensor) -> torch.Tensor:
    """Points of the skin without hair, ears and glasses, differentiable in the factors.

    Args:
        identity: [B, 37] factors.
        pose: [B, 9] factors.

    Returns:
        [B, 200, 3] in the head's frame, head units; `camera.to_camera` turns them.
    """
    bare = without_ears(head_shape(identity, pose))
    outwards = directions().to(identity)
    x, y, z = (outwards[None, :, axis] for axis in range(3))
    start = Vec(*(c + START * d for c, d in zip(CENTER, (x, y, z), strict=True)))
    points = cast(lambda point: skin_distance(point, bare), start, Vec(-x, -y, -z), 24, 0.8)
    return torch.stack([*points], 2)
