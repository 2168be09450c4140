"""Bias, leaky ReLU and gain in one call (StyleGAN2, Karras et al. 2020, section 4)."""

import math

import torch
import torch.nn.functional as F

SQRT2 = math.sqrt(2.0)  # keeps the variance of a leaky ReLU's output near that of its input


def fused_bias_act(
    x: torch.Tensor,
    bias: torch.Tensor | None = None,
    negative_slope: float = 0.2,
    gain: float = SQRT2,
) -> torch.Tensor:
    """Return `gain · leaky_relu(x + bias)`.

    Args:
        x: [B, C, …], any floating dtype.
        bias: [C], added to dimension 1; None adds nothing.
        negative_slope: slope below zero; 1 leaves the values linear.
        gain: factor applied last.

    Returns:
        A tensor like x.

    Raises:
        ValueError: bias does not have one value a channel.
    """
    if bias is not None:
        if bias.shape != x.shape[1:2]:
            raise ValueError(f"bias {list(bias.shape)} must be {list(x.shape[1:2])}")
        x = x + bias.to(x).view(1, -1, *[1] * (x.ndim - 2))
    return F.leaky_relu(x, negative_slope) * gain
