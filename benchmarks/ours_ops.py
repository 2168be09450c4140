"""Operators and layers of the project's way, on the inputs of `layers`."""

from collections.abc import Callable
from typing import Any

import torch

from benchmarks.layers import ACTIVATION, COMPILED_CONV, CONV, UPSAMPLING, Inputs
from op import fused_bias_act, upfirdn2d
from op.styled_conv import prepare, styled_conv
from stylemask_core.generator import EPSILON, StyledConv, blur_kernel
from stylemask_core.synthesis import PreparedConv


def _fused_bias_act(device: str, width: int, side: int) -> Callable[[], Any]:
    x, bias = Inputs(device).activation(width, side)
    x = x.contiguous(memory_format=torch.channels_last)
    return torch.inference_mode()(lambda: fused_bias_act(x, bias))


def _upfirdn2d(device: str, width: int, side: int) -> Callable[[], Any]:
    x, kernel = Inputs(device).features(width, side), blur_kernel(gain=4.0).to(device)
    x = x.contiguous(memory_format=torch.channels_last)
    return torch.inference_mode()(lambda: upfirdn2d(x, kernel, up=2, pad=(2, 1)))


@torch.inference_mode()
def _styled_conv(device: str, before: int, width: int, side: int, up: bool) -> Callable[[], Any]:
    inputs = Inputs(device)
    on_gpu = device == "cuda"
    dtype = torch.float16 if on_gpu else torch.float32
    conv = PreparedConv(inputs.fill(StyledConv(before, width, 1, side, up)), dtype, fused=on_gpu)
    x, style = inputs.conv(before, side, up)
    x = x.to(dtype).contiguous(memory_format=torch.channels_last)
    return torch.inference_mode()(lambda: conv(x, style))


def _compiled_styled_conv(
    device: str, before: int, width: int, side: int, up: bool
) -> Callable[[], Any]:
    inputs = Inputs(device)
    layer = inputs.fill(StyledConv(before, width, 1, side, up))
    weight, noise = layer.weight * layer.weight_gain, (layer.noise * layer.noise_strength)[0, 0]
    power, prepared = weight.square().sum((2, 3)).t(), prepare(weight, up, impl="native")
    x, style = inputs.conv(before, side, up)
    x, style = x.contiguous(memory_format=torch.channels_last), style[0]

    def call() -> torch.Tensor:
        demodulation = torch.rsqrt(style.square() @ power + EPSILON)
        return styled_conv(x, prepared, style, demodulation, noise, layer.bias)

    return torch.inference_mode()(call)


OPS = {
    ACTIVATION: _fused_bias_act,
    UPSAMPLING: _upfirdn2d,
    CONV: _styled_conv,
    COMPILED_CONV: _compiled_styled_conv,
}
