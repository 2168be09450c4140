"""Where lines meet a surface, differentiable in whatever shapes the surface and the lines."""

from collections.abc import Callable

import torch

from training.heads.primitives import Vec

SLOPE_STEP = 1e-3  # [head units] either way
LEAST_SLOPE = 0.05  # of the distance along a line; a line that grazes the surface has none


def cast(
    distance: Callable[[Vec], torch.Tensor],
    start: Vec,
    direction: Vec,
    steps: int,
    step_share: float,
) -> Vec:
    """Points where lines first meet a surface.

    The place is found without gradients; one Newton step along the line, with the slope held
    fixed, then carries the exact gradient of the implicit function.

    Args:
        distance: field of the surface, from points [B, N] to [B, N].
        start: of the lines, outside the surface.
        direction: unit vectors that broadcast with the start.
        steps: of sphere tracing.
        step_share: of the distance goes into a step.
    """

    def at(travel: torch.Tensor) -> Vec:
        return Vec(*(s + travel * d for s, d in zip(start, direction, strict=True)))

    with torch.no_grad():
        travel = torch.zeros_like(distance(at(start.x.new_zeros(()))))
        for _ in range(steps):
            travel = travel + step_share * distance(at(travel))
        rise = distance(at(travel + SLOPE_STEP)) - distance(at(travel - SLOPE_STEP))
        slope = (rise / (2 * SLOPE_STEP)).clamp_max(-LEAST_SLOPE)
    return at(travel - distance(at(travel)) / slope)
