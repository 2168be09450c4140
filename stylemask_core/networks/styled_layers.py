"""A generator's layers with their constants computed beforehand, for one picture at a time."""

from collections.abc import Callable
from ctypes import CDLL

import torch
import torch.nn.functional as F

from op import fused_bias_act, upfirdn2d
from op.fused_bias_act import SQRT2
from op.styled_conv import pack, styled_conv
from stylemask_core.networks.generator import EPSILON, StyledConv, ToRGB, blur_kernel

NEGATIVE_SLOPE = 0.2
HALF_CLAMP = 256.0  # magnitude that float16 features are clamped to (StyleGAN2-ADA)
CHANNELS_LAST = torch.channels_last

Layer = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


class Constants:
    """What every form of a styled convolution needs beside its weight.

    The activation's gain is part of them, since a leaky ReLU passes positive factors on.

    Args:
        conv: the layer.
        dtype: of bias and noise.
    """

    def __init__(self, conv: StyledConv, dtype: torch.dtype) -> None:
        self.weight_gain = conv.weight_gain
        self.power = conv.weight.detach().square().sum((2, 3)).t().contiguous()  # [in, out]
        self.bias = (conv.bias.detach() * SQRT2).to(dtype)
        self.noise = None
        if conv.noise is not None:
            self.noise = (conv.noise * conv.noise_strength * SQRT2).to(dtype)

    def demodulation(self, style: torch.Tensor) -> torch.Tensor:
        """[in] → [out], the activation's gain included; in float32."""
        power = (style * self.weight_gain).square() @ self.power
        return torch.rsqrt(power + EPSILON) * SQRT2


class TorchConv:
    """A styled convolution by PyTorch; style and demodulation are folded into the weight.

    Args:
        conv: the layer; its weight is copied.
        dtype: of the features it writes.
        fused: use this project's operators instead of PyTorch's in-place ones.
    """

    def __init__(self, conv: StyledConv, dtype: torch.dtype, fused: bool) -> None:
        weight = conv.weight.detach()
        if conv.up:  # transposed convolutions take [in, out, 3, 3]
            weight = weight.transpose(0, 1)
        self.up, self.dtype, self.fused = conv.up, dtype, fused
        self.constants = Constants(conv, torch.float32 if fused else dtype)  # as they are read
        self.weight = weight.contiguous(memory_format=CHANNELS_LAST)
        self.clamp = HALF_CLAMP if dtype == torch.float16 else None
        self.blur = blur_kernel(gain=4.0).to(weight.device)

    def __call__(self, x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        """[1, in, H, W], style [1, in] → [1, out, H', W'], activated."""
        x, weight = x.to(self.dtype), self._modulated_weight(style[0])
        bias, noise = self.constants.bias, self.constants.noise
        early_bias = None if self.fused else bias
        if self.up:
            x = self._blurred(F.conv_transpose2d(x, weight, stride=2), early_bias)
        else:
            x = F.conv2d(x, weight, early_bias, padding=1)
        if self.fused:
            return fused_bias_act(x, bias, NEGATIVE_SLOPE, 1.0, noise, self.clamp)
        if noise is not None:
            x.add_(noise)
        x = F.leaky_relu_(x, NEGATIVE_SLOPE)
        return x if self.clamp is None else x.clamp_(-self.clamp, self.clamp)

    def _modulated_weight(self, style: torch.Tensor) -> torch.Tensor:
        gain = self.constants.demodulation(style)
        style = style * self.constants.weight_gain
        before, after = (style, gain) if self.up else (gain, style)
        weight = self.weight * before[:, None, None, None] * after[:, None, None]
        return weight.to(self.dtype)

    def _blurred(self, x: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        if self.fused:
            return upfirdn2d(x, self.blur, pad=(1, 1))
        channels = x.shape[1]
        kernel = self.blur.to(x.dtype).expand(channels, 1, -1, -1)
        return F.conv2d(x, kernel, bias, padding=1, groups=channels)


class CompiledConv:
    """A styled convolution by this project's compiled operator for CPUs.

    Args:
        conv: its weight is copied, in the operator's form.
        library: as `op.build.load("cpu")` returns it.
    """

    def __init__(self, conv: StyledConv, library: CDLL) -> None:
        self.constants = Constants(conv, torch.float32)
        self.packed = pack(library, conv.weight.detach() * conv.weight_gain, conv.up)

    def __call__(self, x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        """[1, in, H, W], style [1, in] → [1, out, H', W'], activated."""
        constants = self.constants
        noise = None if constants.noise is None else constants.noise[0, 0]
        gain = constants.demodulation(style[0])
        rest = (noise, constants.bias, NEGATIVE_SLOPE, 1.0)
        return styled_conv(x, self.packed, style[0], gain, *rest)


class PreparedToRGB:
    """A toRGB layer.

    Args:
        torgb: the layer.
        dtype: of the features it reads.
    """

    def __init__(self, torgb: ToRGB, dtype: torch.dtype) -> None:
        self.weight = torgb.weight.detach() * torgb.weight_gain
        self.bias = torgb.bias.detach().to(dtype)

    def __call__(self, x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        """[1, in, H, W], style [1, in] → [1, 3, H, W] float32."""
        weight = self.weight * style[0][:, None, None]
        image = F.conv2d(x, weight.to(x.dtype), self.bias)
        if x.dtype == torch.float16:
            image = image.clamp_(-HALF_CLAMP, HALF_CLAMP)
        return image.float()
