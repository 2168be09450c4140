"""Bias, leaky ReLU and gain in one call (StyleGAN2, Karras et al. 2020, section 4)."""

import math
from ctypes import CDLL
from typing import Any

import torch
import torch.nn.functional as F
from torch.autograd.function import once_differentiable

from op import build, cuda_library
from op.cuda_library import Activation, Optional

SQRT2 = math.sqrt(2.0)  # keeps the variance of a leaky ReLU's output near that of its input


def fused_bias_act(
    x: torch.Tensor,
    bias: Optional = None,
    negative_slope: float = 0.2,
    gain: float = SQRT2,
    noise: Optional = None,
    clamp: float | None = None,
) -> torch.Tensor:
    """Return `clamp(gain · leaky_relu(x + noise + bias))`.

    Args:
        x: [B, C, …], any floating dtype.
        bias: [C], added to dimension 1; None adds nothing.
        negative_slope: slope below zero; 1 leaves the values linear.
        gain: factor applied last.
        noise: [B or 1, 1, …], already times its strength, added to all channels; None adds nothing.
        clamp: largest magnitude of the result, as float16 needs; None for no limit.

    Returns:
        A tensor like x. The compiled operator has no second derivatives.

    Raises:
        ValueError: bias does not have one value a channel, noise not one a pixel.
    """
    if bias is not None and bias.shape != x.shape[1:2]:
        raise ValueError(f"bias {list(bias.shape)} must be {list(x.shape[1:2])}")
    if noise is not None and (
        noise.shape[1:] != (1, *x.shape[2:]) or noise.shape[0] not in (1, x.shape[0])
    ):
        raise ValueError(f"noise {list(noise.shape)} must be {[len(x), 1, *x.shape[2:]]}")
    activation = Activation(negative_slope, gain, clamp)
    # from y's sign the gradient tells the branch that was taken
    served = cuda_library.serves(x) and negative_slope >= 0 < gain
    library = build.load("cuda") if served else None
    if library is None:
        return _reference(x, bias, noise, activation)
    result: torch.Tensor = _Native.apply(x, bias, noise, library, activation)  # type: ignore[no-untyped-call]
    return result


def _reference(
    x: torch.Tensor, bias: Optional, noise: Optional, activation: Activation
) -> torch.Tensor:
    if noise is not None:
        x = x + noise.to(x)
    if bias is not None:
        x = x + bias.to(x).view(1, -1, *[1] * (x.ndim - 2))
    y = F.leaky_relu(x, activation.negative_slope) * activation.gain
    return y if activation.clamp is None else y.clamp(-activation.clamp, activation.clamp)


class _Native(torch.autograd.Function):
    """The compiled operator."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, bias: Optional, noise: Optional, library: CDLL, how: Activation
    ) -> torch.Tensor:
        y = cuda_library.fused_bias_act(library, x, bias, noise, how)
        ctx.save_for_backward(y, bias, noise)
        ctx.library, ctx.how = library, how
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, y_gradient: torch.Tensor) -> tuple[Optional, ...]:
        y, bias, noise = ctx.saved_tensors
        x_gradient = cuda_library.fused_bias_act_gradient(ctx.library, y_gradient, y, ctx.how)
        bias_gradient = noise_gradient = None
        if ctx.needs_input_grad[1]:
            bias_gradient = x_gradient.sum([0, *range(2, y.ndim)], dtype=bias.dtype)
        if ctx.needs_input_grad[2]:
            noise_gradient = x_gradient.to(noise.dtype).sum_to_size(noise.shape)
        return x_gradient, bias_gradient, noise_gradient, None, None
