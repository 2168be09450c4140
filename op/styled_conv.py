"""StyleGAN2's styled 3×3 convolution (Karras et al. 2020, section 2.2) in one call, for CPUs."""

import ctypes
import itertools
from typing import NamedTuple

import torch
import torch.nn.functional as F

BLUR = (0.25, 0.75, 0.75, 0.25)  # [1, 3, 3, 1] in one dimension, with the gain 2 of upsampling
# The weight's transform of F(6×6, 3×3) in one dimension, [8, 3]; the input's and the output's are
# in styled_conv.cpp. Source: Lavin and Gray 2016, "Fast Algorithms for Convolutional Neural
# Networks", at the points 0, ±1, ±2, ±1/2 and infinity.
TRANSFORM = (
    (1, 0, 0),
    (-2 / 9, -2 / 9, -2 / 9),
    (-2 / 9, 2 / 9, -2 / 9),
    (1 / 90, 1 / 45, 2 / 45),
    (1 / 90, -1 / 45, 2 / 45),
    (1 / 45, 1 / 90, 1 / 180),
    (1 / 45, -1 / 90, 1 / 180),
    (0, 0, 1),
)


class StyledConv(ctypes.Structure):
    """`StyledConv` of styled_conv.cpp."""

    _fields_ = [
        *((name, ctypes.c_int32) for name in ("height", "width", "in_channels", "out_channels")),
        ("up", ctypes.c_int32),
        *((name, ctypes.c_void_p) for name in ("x", "weights", "style")),
        *((name, ctypes.c_void_p) for name in ("demodulation", "noise", "bias")),
        *((name, ctypes.c_float) for name in ("negative_slope", "gain")),
        ("y", ctypes.c_void_p),
    ]


class PackedWeight(NamedTuple):
    """What `styled_conv` reads of a layer."""

    weight: torch.Tensor  # as `library` wants it
    in_channels: int
    out_channels: int
    up: bool  # whether the resolution is doubled
    library: ctypes.CDLL


def prepare(library: ctypes.CDLL) -> None:
    """Declare a library's functions and try the operator; RuntimeError if it does not work."""
    library.styled_conv_panel.argtypes, library.styled_conv_panel.restype = [], ctypes.c_int32
    library.styled_conv.argtypes = [ctypes.POINTER(StyledConv), ctypes.c_int32]
    library.styled_conv.restype = ctypes.c_char_p  # null, or what went wrong
    x, weight, one = torch.linspace(-4, 4, 36), torch.linspace(-1, 1, 9), torch.ones(1)
    x, weight = x.view(1, 1, 4, 9), weight.view(1, 1, 3, 3)
    y = styled_conv(x, pack(library, weight), one, one, None, one, 0.5, 2.0)
    if not torch.allclose(y, 2 * F.leaky_relu(F.conv2d(x, weight, one, padding=1), 0.5), atol=1e-3):
        raise RuntimeError("a trial run gave a wrong result")


def pack(library: ctypes.CDLL, weight: torch.Tensor, up: bool = False) -> PackedWeight:
    """Transform and pack a layer's weight, once; takes 64/9 of its memory, with up 256/9.

    All that happens to the 3×3 of a pair of channels is linear, so it is one matrix: the phases of
    an up-convolution, if it is one, and Winograd's transform. What is packed is [panels · phases,
    64, in, panel]: panels of output channels, zeros beyond the last channel.

    Args:
        library: as `op.build.load("cpu")` returns it.
        weight: [out, in, 3, 3] on the CPU, float32, with its runtime gain; ValueError if not.
        up: for convolutions that double the resolution.
    """
    if weight.ndim != 4 or weight.shape[2:] != (3, 3) or not weight.numel():
        raise ValueError(f"weight {list(weight.shape)} must be [out, in, 3, 3]")
    _check_kind("weight", weight)
    weight = weight.detach()
    panel: int = library.styled_conv_panel()
    transform = torch.tensor(TRANSFORM, dtype=torch.float64)
    phases = _phases() if up else torch.eye(3, dtype=torch.float64)[None]
    line = transform @ phases  # [phase, point, tap]
    both = torch.einsum("vpk,wql->vwpqkl", line, line).reshape(-1, 9).to(weight)
    out_channels, in_channels = weight.shape[:2]
    panels = -(-out_channels // panel)
    taps = F.pad(weight.flatten(1), (0, 0, 0, panels * panel - out_channels))
    taps = taps.reshape(panels, panel, in_channels, 9).permute(0, 3, 2, 1).flatten(2)
    packed = (both @ taps).reshape(-1, len(TRANSFORM) ** 2, in_channels, panel)
    return PackedWeight(packed, in_channels, out_channels, up, library)


def styled_conv(
    x: torch.Tensor,
    packed: PackedWeight,
    style: torch.Tensor,
    demodulation: torch.Tensor,
    noise: torch.Tensor | None,
    bias: torch.Tensor,
    negative_slope: float,
    gain: float,
) -> torch.Tensor:
    """Return `gain · leaky_relu(conv(x · style) · demodulation + noise + bias)`, for inference.

    The convolution is 3×3 with zeros around x; with up it is the transposed one of stride 2,
    followed by the [1, 3, 3, 1] blur. It runs on as many threads as PyTorch; the result does not
    depend on their number.

    Args:
        x: [1, in, H, W] on the CPU, float32; fastest in channels_last.
        packed: the weight.
        style: [in].
        demodulation: [out].
        noise: [H', W'], already times its strength; None adds nothing.
        bias: [out].
        negative_slope: slope below zero.
        gain: factor applied last.

    Returns:
        [1, out, H', W'], channels_last; H', W' are H, W or their doubles.

    Raises:
        ValueError: a tensor has another shape, type or device, or wants a gradient.
        RuntimeError: there is not enough memory.
    """
    if x.ndim != 4 or x.shape[:2] != (1, packed.in_channels) or not x.numel():
        raise ValueError(f"x {list(x.shape)} must be [1, {packed.in_channels}, H, W]")
    scale = 2 if packed.up else 1
    out, height, width = packed.out_channels, scale * x.shape[2], scale * x.shape[3]
    shapes = {"style": [packed.in_channels], "demodulation": [out], "bias": [out]}
    tensors = {"x": x, "style": style, "demodulation": demodulation, "bias": bias}
    if noise is not None:
        tensors["noise"], shapes["noise"] = noise, [height, width]
    for name, tensor in tensors.items():
        if name in shapes and list(tensor.shape) != shapes[name]:
            raise ValueError(f"{name} {list(tensor.shape)} must be {shapes[name]}")
        _check_kind(name, tensor)
        if torch.is_grad_enabled() and tensor.requires_grad:
            raise ValueError(f"{name} wants a gradient, which styled_conv does not have")
    x = x.contiguous(memory_format=torch.channels_last)
    style, demodulation, bias = (t.contiguous() for t in (style, demodulation, bias))
    noise = None if noise is None else noise.contiguous()
    y = torch.empty((1, out, height, width), memory_format=torch.channels_last)
    read = (x, packed.weight, style, demodulation, noise, bias)
    pointers = [None if tensor is None else tensor.data_ptr() for tensor in read]
    sizes = (*x.shape[2:], packed.in_channels, out, packed.up)
    layer = StyledConv(*sizes, *pointers, negative_slope, gain, y.data_ptr())
    if (problem := packed.library.styled_conv(layer, torch.get_num_threads())) is not None:
        raise RuntimeError(f"styled_conv failed: {problem.decode()}")
    return y


def _check_kind(name: str, tensor: torch.Tensor) -> None:
    if tensor.dtype != torch.float32 or tensor.device.type != "cpu":
        raise ValueError(f"{name} ({tensor.dtype}, {tensor.device}) must be float32 on the CPU")


def _phases() -> torch.Tensor:
    """An up-convolution in one dimension as 3-tap ones: [parity of the output, tap, k], float64.

    Output 2q + parity of the transposed convolution and the blur sums x[i]·w[k]·BLUR[m] over all
    i, k, m with 2i + k = 2q + parity + m − 1; and x[i] is what tap i − q + 1 reads.
    """
    phases = torch.zeros(2, 3, 3, dtype=torch.float64)
    for parity, tap, k in itertools.product(range(2), range(3), range(3)):
        m = 2 * (tap - 1) + k - parity + 1
        if 0 <= m < len(BLUR):
            phases[parity, tap, k] = BLUR[m]
    return phases
