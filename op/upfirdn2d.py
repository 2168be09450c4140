"""Upsample and filter in one call (StyleGAN2, Karras et al. 2020, appendix B)."""

from ctypes import CDLL
from typing import Any

import torch
import torch.nn.functional as F
from torch.autograd.function import once_differentiable

from op import build, cuda_library
from op.cuda_library import Resampling


def upfirdn2d(
    x: torch.Tensor, kernel: torch.Tensor, up: int = 1, pad: tuple[int, int] = (0, 0)
) -> torch.Tensor:
    """Insert zeros, pad, convolve every channel with one FIR kernel.

    Args:
        x: [B, C, H, W].
        kernel: [kH, kW], convolved (not correlated) with the upsampled x.
        up: upsampling factor, 1 or more; up − 1 zeros follow every sample.
        pad: zeros before and after both axes of the upsampled x; negative values crop.

    Returns:
        [B, C, H', W'] with H' = H·up + pad[0] + pad[1] − kH + 1, W' alike. The compiled operator
        has no second derivatives.

    Raises:
        ValueError: a shape or factor is unusable, or nothing would be left.
    """
    if x.ndim != 4 or kernel.ndim != 2 or up < 1:
        raise ValueError(
            "upfirdn2d needs x [B, C, H, W], kernel [kH, kW] and a factor of 1 or more"
        )
    height, width = (
        length * up + sum(pad) - taps + 1
        for length, taps in zip(x.shape[2:], kernel.shape, strict=True)
    )
    if min(height, width) < 1:
        raise ValueError("the kernel is larger than the padded input")
    served = cuda_library.serves(x) and not kernel.requires_grad
    library = build.load("cuda") if served else None
    if library is None:
        return _reference(x, kernel, up, pad)
    geometry = Resampling(up, 1, (pad[0], pad[0]), (height, width))
    result: torch.Tensor = _Native.apply(x, kernel, library, geometry)  # type: ignore[no-untyped-call]
    return result


def _reference(
    x: torch.Tensor, kernel: torch.Tensor, up: int, pad: tuple[int, int]
) -> torch.Tensor:
    channels, (rows, columns) = x.shape[1], kernel.shape
    before, after = pad
    if up == 1:
        weight = kernel.flip((0, 1)).to(x).expand(channels, 1, rows, columns)
        return F.conv2d(F.pad(x, (before, after, before, after)), weight, groups=channels)
    # a transposed convolution is the zero insertion and the full convolution in one step
    weight = kernel.to(x).expand(channels, 1, rows, columns)
    x = F.conv_transpose2d(x, weight, stride=up, groups=channels)
    before, after = before + 1, after + up
    return F.pad(x, (before - columns, after - columns, before - rows, after - rows))


class _Native(torch.autograd.Function):
    """The compiled operator; its gradient is the same one with up and down exchanged."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, taps: torch.Tensor, library: CDLL, geometry: Resampling
    ) -> torch.Tensor:
        ctx.save_for_backward(taps)
        ctx.library, ctx.geometry, ctx.size = library, geometry, (x.shape[2], x.shape[3])
        return cuda_library.upfirdn2d(library, x, taps, geometry)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, y_gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (taps,) = ctx.saved_tensors
        up, down, (pad_y, pad_x), _ = ctx.geometry
        pad = (taps.shape[0] - 1 - pad_y, taps.shape[1] - 1 - pad_x)
        transposed = Resampling(down, up, pad, ctx.size)
        taps = taps.flip((0, 1))
        return cuda_library.upfirdn2d(ctx.library, y_gradient, taps, transposed), None, None, None
