"""The compiled CUDA operators as functions of tensors: what op/csrc/operators.h declares.

Called through ctypes on raw pointers: no header of torch is compiled, which makes a build a matter
of seconds, and one library fits every torch.
"""

import ctypes
import math
from ctypes import CDLL
from threading import RLock
from typing import Any, NamedTuple

import torch

# CUDA allows one graph to be recorded at a time, and a library that is tried out meanwhile would
# launch and wait within somebody else's recording: whoever does either in this process holds this
# lock. The function that is recorded may itself ask for a library.
RECORDING = RLock()
Optional = torch.Tensor | None
DATA_TYPES = {torch.float32: 0, torch.float16: 1}


class BiasAct(ctypes.Structure):
    """`BiasAct` of operators.h."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("batch", "channels", "pixels", "noise_batch")),
        *((name, ctypes.c_int32) for name in ("data_type", "channels_last")),
        *((name, ctypes.c_float) for name in ("negative_slope", "gain", "clamp")),
    ]


class UpFirDn(ctypes.Structure):
    """`UpFirDn` of operators.h."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("batch", "channels")),
        *((name, ctypes.c_int64) for name in ("height", "width", "out_height", "out_width")),
        *((name, ctypes.c_int64) for name in ("up_y", "up_x", "down_y", "down_x")),
        *((name, ctypes.c_int64) for name in ("pad_y", "pad_x", "taps_y", "taps_x")),
        *((name, ctypes.c_int32) for name in ("data_type", "channels_last")),
    ]


class Activation(NamedTuple):
    """What follows the bias."""

    negative_slope: float  # 0 or more
    gain: float  # above 0
    clamp: float | None  # largest magnitude of the result; None for no limit


class Resampling(NamedTuple):
    """The geometry of upfirdn2d, each pair for y and x."""

    up: int
    down: int
    pad: tuple[int, int]  # zeros before the first row and column of the upsampled x
    size: tuple[int, int]  # of the result


def serves(x: torch.Tensor) -> bool:
    """Whether the library computes with such a tensor."""
    return x.is_cuda and x.dtype in DATA_TYPES


def fused_bias_act(
    library: CDLL, x: torch.Tensor, bias: Optional, noise: Optional, activation: Activation
) -> torch.Tensor:
    """See `op.fused_bias_act`; without gradients."""
    x, channels_last = _dense(x)
    bias = None if bias is None else bias.float().contiguous()
    noise = None if noise is None else noise.float().contiguous()
    y = torch.empty_like(x)
    shape = _bias_act(x, channels_last, 0 if noise is None else len(noise), activation)
    _call(library.fused_bias_act, x, shape, x, bias, noise, y)
    return y


def fused_bias_act_gradient(
    library: CDLL, y_gradient: torch.Tensor, y: torch.Tensor, activation: Activation
) -> torch.Tensor:
    """The gradient with regard to x of `fused_bias_act` with the result y."""
    y, channels_last = _dense(y)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    y_gradient = y_gradient.contiguous(memory_format=layout)
    x_gradient = torch.empty_like(y)
    shape = _bias_act(y, channels_last, 0, activation)
    _call(library.fused_bias_act_gradient, y, shape, y_gradient, y, x_gradient)
    return x_gradient


def upfirdn2d(library: CDLL, x: torch.Tensor, taps: torch.Tensor, how: Resampling) -> torch.Tensor:
    """See `op.upfirdn2d`; without gradients. Keeps every `down`-th sample."""
    x, channels_last = _dense(x)
    taps = taps.to(x.device, torch.float32).contiguous()
    layout = torch.channels_last if channels_last else torch.contiguous_format
    size = (*x.shape[:2], *how.size)
    y = torch.empty(size, dtype=x.dtype, device=x.device, memory_format=layout)
    steps = (how.up, how.up, how.down, how.down)
    kind = (DATA_TYPES[x.dtype], channels_last)
    shape = UpFirDn(*x.shape, *how.size, *steps, *how.pad, *taps.shape, *kind)
    _call(library.upfirdn2d, x, shape, x, taps, y)
    return y


def prepare(library: CDLL, device: str = "cuda") -> None:
    """Declare a library's functions and try each; RuntimeError if they do not work here."""
    pointer, bias_act, resampling = ctypes.c_void_p, *map(ctypes.POINTER, (BiasAct, UpFirDn))
    library.fused_bias_act.argtypes = [bias_act, *[pointer] * 5]
    library.fused_bias_act_gradient.argtypes = [bias_act, *[pointer] * 4]
    library.upfirdn2d.argtypes = [resampling, *[pointer] * 4]
    for function in (library.fused_bias_act, library.fused_bias_act_gradient, library.upfirdn2d):
        function.restype = ctypes.c_char_p  # null, or what went wrong
    with RECORDING:
        x = torch.linspace(-4, 4, 64, device=device).view(1, 4, 4, 4)
        activation = Activation(0.25, 2.0, None)
        y = fused_bias_act(library, x, x.new_zeros(4), None, activation)
        same = upfirdn2d(library, x, x.new_ones(1, 1), Resampling(1, 1, (0, 0), (4, 4)))
        gradient = fused_bias_act_gradient(library, torch.ones_like(x), y, activation)
        slope = torch.where(x > 0, 2.0, 0.5)
        if not all(map(torch.equal, (y, gradient, same), (slope * x, slope, x))):
            raise RuntimeError("a trial run gave a wrong result")


def _bias_act(
    x: torch.Tensor, channels_last: bool, noise_batch: int, activation: Activation
) -> BiasAct:
    slope, gain, clamp = activation
    batch, channels, pixels = x.shape[0], x.shape[1], x.shape[2:].numel()
    limit = math.nan if clamp is None else clamp
    kind = DATA_TYPES[x.dtype]
    return BiasAct(batch, channels, pixels, noise_batch, kind, channels_last, slope, gain, limit)


def _dense(x: torch.Tensor) -> tuple[torch.Tensor, bool]:
    """A tensor in one of the two memory formats, and whether that is channels_last."""
    channels_last = (
        x.ndim == 4 and not x.is_contiguous() and x.is_contiguous(memory_format=torch.channels_last)
    )
    return (x if channels_last else x.contiguous()), channels_last


def _call(function: Any, x: torch.Tensor, shape: ctypes.Structure, *tensors: Any) -> None:
    """Call a function of the library on the device and the stream that are current for x."""
    pointers = [None if tensor is None else tensor.data_ptr() for tensor in tensors]
    if x.is_cuda:
        with torch.cuda.device(x.device):
            problem = function(shape, *pointers, torch.cuda.current_stream().cuda_stream)
    else:
        problem = function(shape, *pointers, None)
    if problem is not None:
        raise RuntimeError(f"{function.__name__} failed on {x.device}: {problem.decode()}")
