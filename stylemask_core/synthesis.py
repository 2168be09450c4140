"""The generator's synthesis for inference: prepared once, then as fast as the device allows.

`Generator.synthesize` is the plain and differentiable form of the same arithmetic; the tests hold
one to the other. What is different here: a picture goes through the network alone, so style,
demodulation and gain are folded into the weights; features are channels_last; on a CPU noise and
activation work in place and the blur is a depthwise convolution; on a GPU they are this project's
operators, the large resolutions are float16 (StyleGAN2-ADA, Karras et al. 2020) and all of it is
one CUDA graph.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from op import build, fused_bias_act, upfirdn2d
from op.fused_bias_act import SQRT2
from stylemask_core.cuda_graph import Recorded
from stylemask_core.generator import EPSILON, Generator, StyledConv, ToRGB, blur_kernel
from stylemask_core.style_space import Styles

NEGATIVE_SLOPE = 0.2
HALF_CLAMP = 256.0  # magnitude that float16 features are clamped to
HALF_RESOLUTIONS = 4  # the largest ones, which a GPU computes in float16
CHANNELS_LAST = torch.channels_last


class PreparedConv:
    """A styled convolution whose constants are computed beforehand.

    Args:
        conv: its parameters; their memory is shared where its layout permits.
        dtype: of the features it writes.
        fused: use this project's operators instead of PyTorch's in-place ones.
    """

    def __init__(self, conv: StyledConv, dtype: torch.dtype, fused: bool) -> None:
        weight = conv.weight.detach()
        if conv.up:  # transposed convolutions take [in, out, 3, 3]
            weight = weight.transpose(0, 1)
        self.up, self.weight_gain, self.dtype, self.fused = conv.up, conv.weight_gain, dtype, fused
        self.weight = weight.contiguous(memory_format=CHANNELS_LAST)
        power = self.weight.square().sum((2, 3))
        self.power = power if conv.up else power.t().contiguous()  # [in, out]
        constants = torch.float32 if fused else dtype  # the operators read these in float32
        self.bias = (conv.bias.detach() * SQRT2).to(constants)
        self.noise = None
        if conv.noise is not None:
            self.noise = (conv.noise * conv.noise_strength * SQRT2).to(constants)
        self.clamp = HALF_CLAMP if dtype == torch.float16 else None
        self.blur = blur_kernel(gain=4.0).to(weight.device)

    def __call__(self, x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        """[1, in, H, W], style [1, in] → [1, out, H', W'], activated."""
        x, weight = x.to(self.dtype), self._modulated_weight(style[0] * self.weight_gain)
        bias = None if self.fused else self.bias
        if self.up:
            x = F.conv_transpose2d(x, weight, stride=2)
            x = self._blurred(x, bias)
        else:
            x = F.conv2d(x, weight, bias, padding=1)
        if self.fused:
            return fused_bias_act(x, self.bias, NEGATIVE_SLOPE, 1.0, self.noise, self.clamp)
        if self.noise is not None:
            x.add_(self.noise)
        x = F.leaky_relu_(x, NEGATIVE_SLOPE)
        return x if self.clamp is None else x.clamp_(-self.clamp, self.clamp)

    def _modulated_weight(self, style: torch.Tensor) -> torch.Tensor:
        """Fold in style, demodulation and the activation's gain, in float32."""
        gain = torch.rsqrt(style.square() @ self.power + EPSILON) * SQRT2  # [out]
        before, after = (style, gain) if self.up else (gain, style)
        weight = self.weight * before[:, None, None, None] * after[:, None, None]
        return weight.to(self.dtype)

    def _blurred(self, x: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        if self.fused:
            return upfirdn2d(x, self.blur, pad=(1, 1))
        channels = x.shape[1]
        kernel = self.blur.to(x.dtype).expand(channels, 1, -1, -1)
        return F.conv2d(x, kernel, bias, padding=1, groups=channels)


class PreparedToRGB:
    """A toRGB layer whose constants are computed beforehand.

    Args:
        torgb: its parameters.
        dtype: of the features it reads.
    """

    def __init__(self, torgb: ToRGB, dtype: torch.dtype) -> None:
        self.weight = torgb.weight.detach() * torgb.weight_gain
        self.bias = torgb.bias.detach().to(dtype)

    def __call__(self, x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        """[1, in, H, W], style [1, in] → [1, 3, H, W] float32."""
        weight = self.weight * style[0][:, None, None]
        return F.conv2d(x, weight.to(x.dtype), self.bias).float()


class SynthesisNetwork:
    """Styles → pictures.

    Args:
        generator: trained, on the device where it is to run; not to be changed afterwards.
        half: compute the HALF_RESOLUTIONS largest resolutions in float16.
        fused: use this project's operators; None for yes on a GPU.
    """

    def __init__(self, generator: Generator, half: bool = False, fused: bool | None = None) -> None:
        fused = generator.const.is_cuda if fused is None else fused
        self._const = generator.const.detach().contiguous(memory_format=CHANNELS_LAST)
        self._blur = blur_kernel(gain=4.0).to(self._const.device)
        resolutions, self._blocks = generator.config.resolutions, []
        for resolution, block in zip(resolutions, generator.synthesis_blocks(), strict=True):
            in_half = half and resolution in resolutions[-HALF_RESOLUTIONS:]
            dtype = torch.float16 if in_half else torch.float32
            convs = [PreparedConv(conv, dtype, fused) for conv in block.layers()]
            self._blocks.append((convs, PreparedToRGB(block.torgb, dtype)))
        self._layers = sum(len(convs) for convs, _ in self._blocks)
        self._run = Recorded(self._picture, version=lambda: build.load("cuda") is not None)

    @torch.inference_mode()
    def __call__(self, styles: Styles, rgb_styles: Styles) -> torch.Tensor:
        """Make the pictures the styles describe, one after the other.

        Args:
            styles: [B, dim] for every convolution.
            rgb_styles: [B, channels] for every toRGB layer.

        Returns:
            [B, 3, R, R] float32, about −1…1, not clamped.
        """
        batch = zip(*(torch.split(layer, 1) for layer in (*styles, *rgb_styles)), strict=True)
        return torch.cat([self._run(*one) for one in batch])

    def _picture(self, styles: Sequence[torch.Tensor]) -> torch.Tensor:
        """One picture; the styles of all convolutions, then those of all toRGB layers."""
        layer_styles, rgb_styles = iter(styles[: self._layers]), styles[self._layers :]
        x, image = self._const, None
        for (convs, torgb), rgb_style in zip(self._blocks, rgb_styles, strict=True):
            for conv in convs:
                x = conv(x, next(layer_styles))
            rgb = torgb(x, rgb_style)
            image = rgb if image is None else rgb.add_(self._doubled(image))
        assert image is not None  # there is always the 4×4 block
        return image.contiguous()

    def _doubled(self, image: torch.Tensor) -> torch.Tensor:
        """Upsample [1, 3, H, W] to twice the size."""
        if image.is_cuda:
            return upfirdn2d(image, self._blur, up=2, pad=(2, 1))
        kernel = self._blur.expand(3, 1, -1, -1)
        return F.conv_transpose2d(image, kernel, stride=2, padding=1, groups=3)
