"""Building blocks of signed distance fields; all lengths in head units."""

from typing import NamedTuple

import torch

Value = torch.Tensor | float


class Vec(NamedTuple):
    """Points or directions; the parts are kept apart so that a compiler can fuse what uses them.

    Args:
        x: to the picture's right, [B, N] or broadcastable.
        y: up.
        z: out of the face, or towards the camera.
    """

    x: torch.Tensor
    y: torch.Tensor
    z: torch.Tensor


def length(*parts: torch.Tensor) -> torch.Tensor:
    """Euclidean length, kept off zero so that nothing divides by it."""
    return (sum(part * part for part in parts) + 1e-9).sqrt()


def mirrored(x: torch.Tensor) -> torch.Tensor:
    """|x|, rounded at zero so that mirrored shapes meet without a crease."""
    return (x * x + 1e-6).sqrt()


def smoothstep(value: torch.Tensor, low: float, high: float) -> torch.Tensor:
    """0 below low, 1 above high, a cubic in between."""
    share = ((value - low) / (high - low)).clamp(0, 1)
    return share * share * (3 - 2 * share)


def smooth_union(a: torch.Tensor, b: torch.Tensor, radius: float) -> torch.Tensor:
    """Union of two fields, filleted where they are within radius of each other."""
    overlap = (radius - (a - b).abs()).clamp_min(0) / radius
    return torch.minimum(a, b) - overlap * overlap * radius * 0.25


def smooth_intersection(a: torch.Tensor, b: torch.Tensor, radius: float) -> torch.Tensor:
    """Intersection of two fields with its edge rounded."""
    return -smooth_union(-a, -b, radius)


def carve(solid: torch.Tensor, hole: torch.Tensor, radius: float) -> torch.Tensor:
    """The solid without the hole, its edge rounded."""
    return smooth_intersection(solid, -hole, radius)


def ellipsoid(
    point: Vec, center: tuple[Value, Value, Value], radii: tuple[Value, Value, Value]
) -> torch.Tensor:
    """Distance to an ellipsoid with axes along x, y, z, first order near its surface."""
    scaled = [(p - c) / r for p, c, r in zip(point, center, radii, strict=True)]
    gradient = [s / r for s, r in zip(scaled, radii, strict=True)]
    level = length(*scaled)
    return level * (level - 1) / length(*gradient)
