"""Upsample, filter and downsample in one call (StyleGAN2, Karras et al. 2020, appendix B)."""

import ctypes
from typing import Any

import torch
import torch.nn.functional as F

from op import build, cuda_library
from op.cuda_library import Resampling


def upfirdn2d(
    x: torch.Tensor,
    kernel: torch.Tensor,
    up: int = 1,
    down: int = 1,
    pad: tuple[int, int] = (0, 0),
    impl: build.Implementation = "auto",
) -> torch.Tensor:
    """Insert zeros, pad, convolve every channel with one FIR kernel, keep every `down`-th sample.

    Args:
        x: [B, C, H, W].
        kernel: [kH, kW], convolved (not correlated) with the upsampled x; or [k] for one that is
            separable, which is then applied along each axis in turn: better above 8 taps or so.
        up: upsampling factor, 1 or more; up − 1 zeros follow every sample.
        down: downsampling factor, 1 or more.
        pad: zeros before and after both axes of the upsampled x; negative values crop.
        impl: "native" demands the compiled operator, "reference" PyTorch's; "auto" takes the
            compiled one where there is one for x and the kernel needs no gradient.

    Returns:
        [B, C, H', W'] with H' = (H·up + pad[0] + pad[1] − kH) // down + 1, W' alike.

    Raises:
        ValueError: a shape or factor is unusable, or nothing would be left; or the compiled
            operator is demanded of tensors that it does not serve.
        BuildError: the compiled operator is demanded and cannot be had.
    """
    if x.ndim != 4 or kernel.ndim not in (1, 2) or up < 1 or down < 1:
        raise ValueError(
            "upfirdn2d needs x [B, C, H, W], kernel [kH, kW] or [k] and factors of 1 or more"
        )
    size = [
        (length * up + sum(pad) - taps) // down + 1
        for length, taps in zip(x.shape[2:], (kernel.shape[0], kernel.shape[-1]), strict=True)
    ]
    if min(size) < 1:
        raise ValueError("the kernel is larger than the padded input")
    if kernel.ndim == 2:
        geometry = Resampling((up, up), (down, down), (pad[0], pad[0]), (size[0], size[1]))
        return _resample(x, kernel, geometry, impl)
    rows = Resampling((up, 1), (down, 1), (pad[0], 0), (size[0], x.shape[3]))
    columns = Resampling((1, up), (1, down), (0, pad[0]), (size[0], size[1]))
    return _resample(_resample(x, kernel[:, None], rows, impl), kernel[None], columns, impl)


def _resample(
    x: torch.Tensor, kernel: torch.Tensor, geometry: Resampling, impl: build.Implementation
) -> torch.Tensor:
    served = cuda_library.serves(x) and not kernel.requires_grad
    library = build.choose("cuda", impl, served)
    if library is None:
        return _reference(x, kernel, geometry)
    result: torch.Tensor = _Native.apply(x, kernel, library, geometry)  # type: ignore[no-untyped-call]
    return result


def _reference(x: torch.Tensor, kernel: torch.Tensor, geometry: Resampling) -> torch.Tensor:
    up, down, before, size = geometry
    # a transposed convolution is the zero insertion and the full convolution in one step; without
    # upsampling an ordinary one, of what is padded first, saves the crop
    direct = up == (1, 1)
    taps, channels = kernel.shape, x.shape[1]
    if not direct:
        weight = kernel.to(x).expand(channels, 1, *taps)
        x = F.conv_transpose2d(x, weight, stride=up, groups=channels)
        before = (before[0] - taps[0] + 1, before[1] - taps[1] + 1)
        taps = torch.Size((1, 1))
    after = [
        (size[axis] - 1) * down[axis] + taps[axis] - before[axis] - x.shape[2 + axis]
        for axis in (0, 1)
    ]
    x = F.pad(x, (before[1], after[1], before[0], after[0]))
    if not direct:
        return x[:, :, :: down[0], :: down[1]]
    weight = kernel.flip((0, 1)).to(x).expand(channels, 1, *taps)
    return F.conv2d(x, weight, stride=down, groups=channels)


class _Native(torch.autograd.Function):
    """The compiled operator; its gradient is the same operator with up and down exchanged."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        taps: torch.Tensor,
        library: ctypes.CDLL,
        geometry: Resampling,
    ) -> torch.Tensor:
        ctx.save_for_backward(taps)
        ctx.library, ctx.geometry, ctx.size = library, geometry, (x.shape[2], x.shape[3])
        return cuda_library.upfirdn2d(library, x, taps, geometry)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (taps,) = ctx.saved_tensors
        geometry: Resampling = ctx.geometry
        pad_y, pad_x = geometry.pad
        transposed = Resampling(
            up=geometry.down,
            down=geometry.up,
            pad=(taps.shape[0] - 1 - pad_y, taps.shape[1] - 1 - pad_x),
            size=ctx.size,
        )
        x_gradient = _Native.apply(gradients[0], taps.flip((0, 1)), ctx.library, transposed)  # type: ignore[no-untyped-call]
        return x_gradient, None, None, None
