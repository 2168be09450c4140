"""StyleGAN2's styled 3×3 convolution in one call, for CPUs (Karras et al. 2020, section 2.2)."""

import ctypes
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from op import build, cpu_library
from op.fused_bias_act import SQRT2


@dataclass(frozen=True, eq=False)
class PreparedWeight:
    """What `styled_conv` reads of a layer.

    Args:
        weight: as given, or as `library` wants it.
        in_channels: channels read.
        out_channels: channels written.
        up: whether the resolution is doubled.
        library: the compiled operator that the weight was prepared for; None for PyTorch.
    """

    weight: torch.Tensor
    in_channels: int
    out_channels: int
    up: bool
    library: ctypes.CDLL | None


def prepare(
    weight: torch.Tensor, up: bool = False, impl: build.Implementation = "auto"
) -> PreparedWeight:
    """Bring a layer's weight into the form that its convolutions read, once.

    For the compiled operator that takes 64/9 of the weight's memory, with up 256/9.

    Args:
        weight: [out, in, 3, 3] on the CPU, float32, with its runtime gain.
        up: for convolutions that double the resolution.
        impl: "native" demands the compiled operator, "reference" PyTorch's; "auto" takes the
            compiled one if it is there by now.

    Returns:
        The argument of `styled_conv`.

    Raises:
        ValueError: weight has another shape, type or device.
        BuildError: the compiled operator is demanded and cannot be had.
    """
    if weight.ndim != 4 or weight.shape[2:] != (3, 3) or not weight.numel():
        raise ValueError(f"weight {list(weight.shape)} must be [out, in, 3, 3]")
    _check_kind("weight", weight)
    weight = weight.detach()
    library = build.choose("cpu", impl, True)
    packed = weight if library is None else cpu_library.pack(library, weight, up)
    return PreparedWeight(packed, weight.shape[1], weight.shape[0], up, library)


def styled_conv(
    x: torch.Tensor,
    prepared: PreparedWeight,
    style: torch.Tensor,
    demodulation: torch.Tensor,
    noise: torch.Tensor | None,
    bias: torch.Tensor,
    negative_slope: float = 0.2,
    gain: float = SQRT2,
) -> torch.Tensor:
    """Return `gain · leaky_relu(conv(x · style) · demodulation + noise + bias)`, for inference.

    The convolution is 3×3 with zeros around x; with up it is the transposed one of stride 2,
    followed by the [1, 3, 3, 1] blur. The compiled operator runs on as many threads as PyTorch
    (`torch.get_num_threads()`); its result does not depend on their number.

    Args:
        x: [1, in, H, W] on the CPU, float32; fastest in channels_last.
        prepared: the weight.
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
    """
    if x.ndim != 4 or x.shape[:2] != (1, prepared.in_channels) or not x.numel():
        raise ValueError(f"x {list(x.shape)} must be [1, {prepared.in_channels}, H, W]")
    scale = 2 if prepared.up else 1
    out, height, width = prepared.out_channels, scale * x.shape[2], scale * x.shape[3]
    tensors = {"x": x, "style": style, "demodulation": demodulation, "bias": bias}
    shapes = {"style": [prepared.in_channels], "demodulation": [out], "bias": [out]}
    if noise is not None:
        tensors["noise"], shapes["noise"] = noise, [height, width]
    for name, shape in shapes.items():
        if list(tensors[name].shape) != shape:
            raise ValueError(f"{name} {list(tensors[name].shape)} must be {shape}")
    for name, tensor in tensors.items():
        _check_kind(name, tensor)
        if torch.is_grad_enabled() and tensor.requires_grad:
            raise ValueError(f"{name} wants a gradient, which styled_conv does not have")
    rest = (prepared.up, style, demodulation, noise, bias, negative_slope, gain)
    if prepared.library is None:
        return _reference(x, prepared.weight, *rest)
    return cpu_library.styled_conv(prepared.library, x, prepared.weight, *rest)


def _check_kind(name: str, tensor: torch.Tensor) -> None:
    if tensor.dtype != torch.float32 or tensor.device.type != "cpu":
        raise ValueError(f"{name} ({tensor.dtype}, {tensor.device}) must be float32 on the CPU")


def _reference(
    x: torch.Tensor,
    weight: torch.Tensor,
    up: bool,
    style: torch.Tensor,
    demodulation: torch.Tensor,
    noise: torch.Tensor | None,
    bias: torch.Tensor,
    negative_slope: float,
    gain: float,
) -> torch.Tensor:
    x = (x * style[:, None, None]).contiguous(memory_format=torch.channels_last)
    if up:
        taps = torch.tensor(cpu_library.BLUR).to(x)
        kernel = torch.outer(taps, taps).expand(len(weight), 1, 4, 4)
        x = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
        x = F.conv2d(x, kernel, padding=1, groups=len(weight))
    else:
        x = F.conv2d(x, weight, padding=1)
    x = x * demodulation[:, None, None] + bias[:, None, None]
    x = F.leaky_relu(x if noise is None else x + noise, negative_slope) * gain
    return x.contiguous(memory_format=torch.channels_last)
