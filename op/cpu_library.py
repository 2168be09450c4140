"""The compiled CPU operator as functions of tensors: what op/csrc/styled_conv.cpp exports."""

import ctypes

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


def prepare(library: ctypes.CDLL) -> None:
    """Declare a library's functions and try the operator.

    Raises:
        RuntimeError: it computes something else than it should.
    """
    library.styled_conv_panel.argtypes, library.styled_conv_panel.restype = [], ctypes.c_int32
    library.styled_conv.argtypes = [ctypes.POINTER(StyledConv), ctypes.c_int32]
    library.styled_conv.restype = ctypes.c_char_p
    x, weight, one = torch.linspace(-4, 4, 36), torch.linspace(-1, 1, 9), torch.ones(1)
    x, weight = x.view(1, 1, 4, 9), weight.view(1, 1, 3, 3)
    y = styled_conv(library, x, pack(library, weight, False), False, one, one, None, one, 0.5, 2.0)
    if not torch.allclose(y, 2 * F.leaky_relu(F.conv2d(x, weight, one, padding=1), 0.5), atol=1e-3):
        raise RuntimeError("a trial run gave a wrong result")


def pack(library: ctypes.CDLL, weight: torch.Tensor, up: bool) -> torch.Tensor:
    """Transform and pack a weight for a library.

    All that happens to the 3×3 of a pair of channels is linear, so it is one matrix: the phases of
    an up-convolution, if it is one, and Winograd's transform.

    Args:
        library: the loaded library.
        weight: [out, in, 3, 3].
        up: whether it is an up-convolution.

    Returns:
        [panels · phases, 64, in, panel]: panels of output channels, zeros beyond the last channel.
    """
    panel: int = library.styled_conv_panel()
    transform = torch.tensor(TRANSFORM, dtype=torch.float64)
    phases = _phases() if up else torch.eye(3, dtype=torch.float64)[None]
    line = transform @ phases  # [phase, point, tap]
    both = torch.einsum("vpk,wql->vwpqkl", line, line).reshape(-1, 9).to(weight)
    out_channels, in_channels = weight.shape[:2]
    panels = -(-out_channels // panel)
    taps = F.pad(weight.flatten(1), (0, 0, 0, panels * panel - out_channels))
    taps = taps.reshape(panels, panel, in_channels, 9).permute(0, 3, 2, 1).flatten(2)
    return (both @ taps).reshape(-1, len(TRANSFORM) ** 2, in_channels, panel)


def _phases() -> torch.Tensor:
    """An up-convolution in one dimension, as a 3-tap convolution for every parity of the output.

    Output 2q + parity of the transposed convolution and the blur sums x[i]·w[k]·BLUR[m] over all
    i, k, m with 2i + k = 2q + parity + m − 1; and x[i] is what tap i − q + 1 reads.

    Returns:
        [parity, tap, k], float64.
    """
    phases = torch.zeros(2, 3, 3, dtype=torch.float64)
    for parity in range(2):
        for tap in range(3):
            for k in range(3):
                m = 2 * (tap - 1) + k - parity + 1
                if 0 <= m < len(BLUR):
                    phases[parity, tap, k] = BLUR[m]
    return phases


def styled_conv(
    library: ctypes.CDLL,
    x: torch.Tensor,
    weights: torch.Tensor,
    up: bool,
    style: torch.Tensor,
    demodulation: torch.Tensor,
    noise: torch.Tensor | None,
    bias: torch.Tensor,
    negative_slope: float,
    gain: float,
) -> torch.Tensor:
    """See `op.styled_conv`; shapes are not checked.

    Args:
        library: the loaded library.
        x: [1, in, H, W].
        weights: transformed and packed for this library.
        up: whether they are those of an up-convolution.
        style: [in].
        demodulation: [out].
        noise: [H', W'] or None.
        bias: [out].
        negative_slope: of the activation.
        gain: factor applied last.

    Returns:
        [1, out, H', W'], channels_last.

    Raises:
        RuntimeError: there is not enough memory.
    """
    height, width = x.shape[2:]
    x = x.contiguous(memory_format=torch.channels_last)
    style, demodulation, bias = (t.contiguous() for t in (style, demodulation, bias))
    noise = None if noise is None else noise.contiguous()
    scale = 2 if up else 1
    size = (1, len(bias), scale * height, scale * width)
    y = torch.empty(size, memory_format=torch.channels_last)
    layer = StyledConv(
        height=height,
        width=width,
        in_channels=len(style),
        out_channels=len(bias),
        up=up,
        x=x.data_ptr(),
        weights=weights.data_ptr(),
        style=style.data_ptr(),
        demodulation=demodulation.data_ptr(),
        noise=None if noise is None else noise.data_ptr(),
        bias=bias.data_ptr(),
        negative_slope=negative_slope,
        gain=gain,
        y=y.data_ptr(),
    )
    if (problem := library.styled_conv(layer, torch.get_num_threads())) is not None:
        raise RuntimeError(f"styled_conv failed: {problem.decode()}")
    return y
