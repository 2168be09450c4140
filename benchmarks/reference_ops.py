"""Operators and layers of the authors' way, on the inputs of `layers`."""

from collections.abc import Callable
from typing import Any

import torch

from benchmarks.layers import ACTIVATION, COMPILED_CONV, CONV, UPSAMPLING, Inputs
from benchmarks.reference import StyledConv, fir_kernel, fused_bias_act, upfirdn2d


def _fused_bias_act(device: str, width: int, side: int) -> Callable[[], Any]:
    x, bias = Inputs(device).activation(width, side)
    return torch.no_grad()(lambda: fused_bias_act(x, bias))


def _upfirdn2d(device: str, width: int, side: int) -> Callable[[], Any]:
    x, kernel = Inputs(device).features(width, side), fir_kernel(gain=4.0).to(device)
    return torch.no_grad()(lambda: upfirdn2d(x, kernel, up=2, pad=(2, 1)))


def _styled_conv(device: str, before: int, width: int, side: int, up: bool) -> Callable[[], Any]:
    inputs = Inputs(device)
    conv = inputs.fill(StyledConv(before, width, 1, side, up)).to(device)
    x, style = inputs.conv(before, side, up)
    return torch.no_grad()(lambda: conv(x, style))


OPS = {
    ACTIVATION: _fused_bias_act,
    UPSAMPLING: _upfirdn2d,
    CONV: _styled_conv,
    COMPILED_CONV: _styled_conv,
}
