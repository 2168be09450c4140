"""Operators and layers of the project's way, on the inputs of `layers`."""

from collections.abc import Callable
from typing import Any

import torch

from benchmarks.layers import ACTIVATION, COMPILED_CONV, CONV, UPSAMPLING, Inputs
from op import build, fused_bias_act, upfirdn2d
from stylemask_core.networks.generator import StyledConv, blur_kernel
from stylemask_core.networks.synthesis import CompiledConv, TorchConv


def _as_features(x: torch.Tensor) -> torch.Tensor:
    """In the layout and the type that the large resolutions have on x's device."""
    dtype = torch.float16 if x.is_cuda else torch.float32
    return x.to(dtype).contiguous(memory_format=torch.channels_last)


def _fused_bias_act(device: str, width: int, side: int) -> Callable[[], Any]:
    x, bias = Inputs(device).activation(width, side)
    x = _as_features(x)
    return torch.inference_mode()(lambda: fused_bias_act(x, bias))


def _upfirdn2d(device: str, width: int, side: int) -> Callable[[], Any]:
    x, kernel = Inputs(device).features(width, side), blur_kernel(gain=4.0).to(device)
    x = _as_features(x)
    return torch.inference_mode()(lambda: upfirdn2d(x, kernel, up=2, pad=(2, 1)))


@torch.inference_mode()
def _styled_conv(device: str, before: int, width: int, side: int, up: bool) -> Callable[[], Any]:
    inputs = Inputs(device)
    x, style = inputs.conv(before, side, up)
    x = _as_features(x)
    layer = inputs.fill(StyledConv(before, width, 1, side, up))
    conv = TorchConv(layer, x.dtype, fused=x.is_cuda)
    return torch.inference_mode()(lambda: conv(x, style))


@torch.inference_mode()
def _compiled_styled_conv(
    device: str, before: int, width: int, side: int, up: bool
) -> Callable[[], Any]:
    inputs = Inputs(device)
    library = build.load(device)
    if library is None:
        raise RuntimeError(f"there are no compiled operators for {device}")
    conv = CompiledConv(inputs.fill(StyledConv(before, width, 1, side, up)), library)
    x, style = inputs.conv(before, side, up)
    x = _as_features(x)
    return torch.inference_mode()(lambda: conv(x, style))


OPS = {
    ACTIVATION: _fused_bias_act,
    UPSAMPLING: _upfirdn2d,
    CONV: _styled_conv,
    COMPILED_CONV: _compiled_styled_conv,
}
