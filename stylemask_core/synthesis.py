"""The generator's synthesis for inference: prepared once, then as fast as the device allows.

`Generator.synthesize` is the plain and differentiable form of the same arithmetic; the tests hold
one to the other. What is different here: the picture goes through the network alone, so style,
demodulation and gain are folded into the weights; features are channels_last; noise and activation
work in place; the upsampling filter is a depthwise convolution.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from op.fused_bias_act import SQRT2
from stylemask_core.generator import EPSILON, Generator, StyledConv, ToRGB, blur_kernel
from stylemask_core.style_space import Styles

NEGATIVE_SLOPE = 0.2
CHANNELS_LAST = torch.channels_last


class PreparedConv:
    """A styled convolution whose constants are computed beforehand.

    Args:
        conv: its parameters; their memory is shared where its layout permits.
    """

    def __init__(self, conv: StyledConv) -> None:
        weight = conv.weight.detach()
        if conv.up:  # transposed convolutions take [in, out, 3, 3]
            weight = weight.transpose(0, 1)
        self.up, self.weight_gain = conv.up, conv.weight_gain
        self.weight = weight.contiguous(memory_format=CHANNELS_LAST)
        power = self.weight.square().sum((2, 3))
        self.power = power if conv.up else power.t().contiguous()  # [in, out]
        self.bias = conv.bias.detach() * SQRT2
        self.noise = None if conv.noise is None else conv.noise * conv.noise_strength * SQRT2

    def __call__(self, x: torch.Tensor, style: torch.Tensor, blur: torch.Tensor) -> torch.Tensor:
        """[1, in, H, W], style [1, in] → [1, out, H', W'], activated."""
        style = style[0] * self.weight_gain
        gain = torch.rsqrt(style.square() @ self.power + EPSILON) * SQRT2  # [out]
        if self.up:
            weight = self.weight * style[:, None, None, None] * gain[:, None, None]
            x = F.conv_transpose2d(x, weight, stride=2)
            kernel = blur.expand(len(self.bias), 1, -1, -1)
            x = F.conv2d(x, kernel, self.bias, padding=1, groups=len(self.bias))
        else:
            weight = self.weight * style[:, None, None] * gain[:, None, None, None]
            x = F.conv2d(x, weight, self.bias, padding=1)
        if self.noise is not None:
            x.add_(self.noise)
        return F.leaky_relu_(x, NEGATIVE_SLOPE)


class PreparedToRGB:
    """A toRGB layer whose constants are computed beforehand.

    Args:
        torgb: its parameters.
    """

    def __init__(self, torgb: ToRGB) -> None:
        self.weight = torgb.weight.detach() * torgb.weight_gain
        self.bias = torgb.bias.detach()

    def __call__(self, x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        """[1, in, H, W], style [1, in] → [1, 3, H, W]."""
        return F.conv2d(x, self.weight * style[0][:, None, None], self.bias)


class SynthesisNetwork:
    """Styles → picture, one at a time.

    Args:
        generator: trained, on the CPU; not to be changed afterwards.
    """

    def __init__(self, generator: Generator) -> None:
        self.const = generator.const.detach().contiguous(memory_format=CHANNELS_LAST)
        self.blocks = [
            ([PreparedConv(conv) for conv in block.layers()], PreparedToRGB(block.torgb))
            for block in generator.synthesis_blocks()
        ]
        self.blur = blur_kernel(gain=4.0).to(self.const.device)

    @torch.inference_mode()
    def __call__(self, styles: Styles, rgb_styles: Styles) -> torch.Tensor:
        """Make the pictures the styles describe.

        Args:
            styles: [B, dim] for every convolution.
            rgb_styles: [B, channels] for every toRGB layer.

        Returns:
            [B, 3, R, R], about −1…1, not clamped.
        """
        batch = zip(*(torch.split(layer, 1) for layer in (*styles, *rgb_styles)), strict=True)
        count = len(styles)
        return torch.cat([self._one(one[:count], one[count:]) for one in batch])

    def _one(
        self, styles: Sequence[torch.Tensor], rgb_styles: Sequence[torch.Tensor]
    ) -> torch.Tensor:
        x, image, layer_styles = self.const, None, iter(styles)
        for (convs, torgb), rgb_style in zip(self.blocks, rgb_styles, strict=True):
            for conv in convs:
                x = conv(x, next(layer_styles), self.blur)
            rgb = torgb(x, rgb_style)
            image = rgb if image is None else rgb.add_(self._double(image))
        assert image is not None  # there is always the 4×4 block
        return image.contiguous()

    def _double(self, image: torch.Tensor) -> torch.Tensor:
        """Upsample [1, 3, H, W] to twice the size."""
        kernel = self.blur.expand(3, 1, -1, -1)
        return F.conv_transpose2d(image, kernel, stride=2, padding=1, groups=3)
