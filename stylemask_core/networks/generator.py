"""StyleGAN2 generator (Karras et al. 2020): mapping, style affines, synthesis from given styles."""

import math
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from op import fused_bias_act, upfirdn2d
from stylemask_core.config import FIRST_RESOLUTION, ModelConfig
from stylemask_core.style_space import Styles, StyleSpace

BLUR_TAPS = (1.0, 3.0, 3.0, 1.0)  # the low-pass filter of every resampling step
FACT_LAYERS = 3  # hidden ones of a fact network, as wide as a latent
EPSILON = 1e-8


def blur_kernel(gain: float) -> torch.Tensor:
    """The separable [1, 3, 3, 1] filter as a [4, 4] kernel that sums to gain."""
    taps = torch.tensor(BLUR_TAPS)
    kernel = torch.outer(taps, taps)
    return kernel * (gain / kernel.sum())


def _normal(*shape: int, std: float = 1.0) -> torch.Tensor:
    values = torch.empty(shape)
    # on the meta device drawing would first import a second's worth of modules
    return values if values.is_meta else values.normal_(std=std)


class EqualizedLinear(nn.Module):
    """Fully connected layer with runtime weight scaling (equalized learning rate).

    `bias` is the initial one at run time, `lr_multiplier` the runtime gain of weight and bias.
    """

    def __init__(
        self, in_features: int, out_features: int, bias: float = 0.0, lr_multiplier: float = 1.0
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(_normal(out_features, in_features, std=1 / lr_multiplier))
        self.bias = nn.Parameter(torch.full((out_features,), bias / lr_multiplier))
        self.weight_gain = lr_multiplier / math.sqrt(in_features)
        self.bias_gain = lr_multiplier

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, in] → [B, out]."""
        return F.linear(x, self.weight * self.weight_gain, self.bias * self.bias_gain)


class FactNetwork(nn.Module):
    """A normalised z → what can be known of its picture without drawing it: places, colours.

    A mapping network that is told them need not learn them from pictures, where an error of
    position, say, only shows as blur.

    Args:
        latent_dim: size of z.
        facts: their number N.
    """

    def __init__(self, latent_dim: int, facts: int) -> None:
        super().__init__()
        self.hidden = nn.ModuleList(nn.Linear(latent_dim, latent_dim) for _ in range(FACT_LAYERS))
        self.head = nn.Linear(latent_dim, facts)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """[B, latent_dim] → [B, N], each in deviations from its mean."""
        for layer in self.hidden:
            z = F.leaky_relu(layer(z), 0.2)
        facts: torch.Tensor = self.head(z)
        return facts


class MappingNetwork(nn.Module):
    """z → w: pixel norm, then fully connected layers with leaky ReLU.

    With facts in the config the first layer also reads what fact networks make of z.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim, multiplier = config.latent_dim, config.mapping_lr_multiplier
        inputs = [dim + sum(config.facts.values()), *[dim] * (config.mapping_layers - 1)]
        self.facts = nn.ModuleDict(
            {name: FactNetwork(dim, count) for name, count in config.facts.items()}
        )
        self.layers = nn.ModuleList(
            EqualizedLinear(width, dim, lr_multiplier=multiplier) for width in inputs
        )
        self.register_buffer("mean", torch.zeros(dim))
        self.mean: torch.Tensor

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """[B, latent_dim] standard normal → w [B, latent_dim]."""
        x = z * torch.rsqrt(z.square().mean(1, keepdim=True) + EPSILON)
        x = torch.cat([x, *(network(x) for network in self.facts.values())], 1)
        for layer in self.layers:
            x = fused_bias_act(layer(x))
        return x

    @torch.no_grad()
    def sample(self, count: int) -> torch.Tensor:
        """Map a fixed sample of latents, for the mean and the spread of w: [count, latent_dim]."""
        random = np.random.Generator(np.random.Philox(key=0))
        z = random.standard_normal((count, self.mean.shape[0]), dtype=np.float32)
        w: torch.Tensor = self(torch.from_numpy(z).to(self.mean.device))
        return w

    def truncate(self, w: torch.Tensor, truncation: float) -> torch.Tensor:
        """Pull w [..., latent_dim] towards the mean w; psi 1 leaves it, 0 gives the mean face."""
        return torch.lerp(self.mean, w, truncation)


class ModulatedConv(nn.Module):
    """Convolution whose input channels are scaled by a style (StyleGAN2, section 2.2).

    The style scales the activations and demodulation the output, which equals modulating the
    weights and lets one convolution serve a whole batch. `up` doubles the resolution.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        latent_dim: int,
        up: bool = False,
        demodulate: bool = True,
    ) -> None:
        super().__init__()
        self.up, self.demodulate = up, demodulate
        self.weight = nn.Parameter(_normal(out_channels, in_channels, kernel_size, kernel_size))
        self.weight_gain = 1 / math.sqrt(in_channels * kernel_size**2)
        self.affine = EqualizedLinear(latent_dim, in_channels, bias=1.0)

    def forward(self, x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        """[B, in, H, W], style [B, in] → [B, out, H, W], or [B, out, 2H, 2W] with up."""
        weight = self.weight * self.weight_gain
        x = x * style[:, :, None, None]
        if self.up:
            x = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
            x = upfirdn2d(x, blur_kernel(gain=4.0), pad=(1, 1))
        else:
            x = F.conv2d(x, weight, padding=weight.shape[-1] // 2)
        if self.demodulate:
            power = style.square() @ weight.square().sum((2, 3)).t()
            x = x * torch.rsqrt(power + EPSILON)[:, :, None, None]
        return x


class StyledConv(ModulatedConv):
    """Modulated 3×3 convolution with noise, bias and leaky ReLU.

    `noise_resolution` is the side of the fixed noise buffer [px]; None for no noise input.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        latent_dim: int,
        noise_resolution: int | None,
        up: bool = False,
    ) -> None:
        super().__init__(in_channels, out_channels, 3, latent_dim, up=up)
        self.bias = nn.Parameter(torch.zeros(out_channels))
        if noise_resolution is None:
            self.noise = None
        else:
            shape = (1, 1, noise_resolution, noise_resolution)
            self.register_buffer("noise", _normal(*shape))
            self.noise_strength = nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        """[B, in, H, W], style [B, in] → [B, out, H', W']."""
        x = super().forward(x, style)
        if self.noise is not None:
            x = x + self.noise * self.noise_strength
        return fused_bias_act(x, self.bias)


class ToRGB(ModulatedConv):
    """Modulated 1×1 convolution to the picture's three channels, without demodulation."""

    def __init__(self, in_channels: int, latent_dim: int) -> None:
        super().__init__(in_channels, 3, 1, latent_dim, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(3))

    def forward(self, x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        """[B, in, H, W], style [B, in] → [B, 3, H, W]."""
        return super().forward(x, style) + self.bias.view(1, 3, 1, 1)


class SynthesisBlock(nn.Module):
    """The convolutions and the toRGB of one resolution."""

    def __init__(self, config: ModelConfig, resolution: int) -> None:
        super().__init__()
        dim, width = config.latent_dim, config.channels[resolution]
        noise_resolution = resolution if config.noise else None
        self.convs = nn.ModuleDict()
        if resolution > FIRST_RESOLUTION:
            previous = config.channels[resolution // 2]
            self.convs["conv0"] = StyledConv(previous, width, dim, noise_resolution, up=True)
        self.convs["conv1"] = StyledConv(width, width, dim, noise_resolution)
        self.torgb = ToRGB(width, dim)

    def layers(self) -> list[StyledConv]:
        """The one or two convolutions in order."""
        return cast(list[StyledConv], list(self.convs.values()))


class Generator(nn.Module):
    """StyleGAN2 with skip connections, for any resolution and channel table."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.space = StyleSpace(config)
        self.mapping = MappingNetwork(config)
        self.const = nn.Parameter(_normal(1, config.channels[4], 4, 4))
        self.blocks = nn.ModuleDict(
            {f"b{r}": SynthesisBlock(config, r) for r in config.resolutions}
        )

    def synthesis_blocks(self) -> list[SynthesisBlock]:
        """The blocks in synthesis order, 4×4 first."""
        return cast(list[SynthesisBlock], list(self.blocks.values()))

    def broadcast(self, w: torch.Tensor) -> torch.Tensor:
        """Repeat w [B, latent_dim] for every layer: W+ [B, L, latent_dim]."""
        return w[:, None].expand(-1, self.config.num_latents, -1)

    def styles(self, w_plus: torch.Tensor) -> Styles:
        """W+ [B, L, latent_dim] → styles [B, dim] of every convolution; number k reads w k."""
        convs = [conv for block in self.synthesis_blocks() for conv in block.layers()]
        return [conv.affine(w_plus[:, k]) for k, conv in enumerate(convs)]

    def rgb_styles(self, w_plus: torch.Tensor) -> Styles:
        """W+ [B, L, latent_dim] → styles [B, channels] of every toRGB; number j reads w 2j + 1."""
        return [
            block.torgb.affine(w_plus[:, 2 * j + 1])
            for j, block in enumerate(self.synthesis_blocks())
        ]

    def synthesize(
        self, styles: Styles, rgb_styles: Styles, resolution: int | None = None
    ) -> torch.Tensor:
        """Make the picture [B, 3, R, R] the styles describe, about −1…1, not clamped.

        Args:
            styles: [B, dim] for every convolution.
            rgb_styles: [B, channels] for every toRGB layer.
            resolution: stop at this block's picture [px]; None for the full one.

        Source: StyleGAN2, figure 7 (output skips).
        """
        layer_styles = iter(styles)
        x = self.const.expand(len(styles[0]), -1, -1, -1)
        x = x.contiguous(memory_format=torch.channels_last)
        image: torch.Tensor | None = None
        for block, rgb_style in zip(self.synthesis_blocks(), rgb_styles, strict=True):
            for conv in block.layers():
                x = conv(x, next(layer_styles))
            rgb = block.torgb(x, rgb_style)
            if image is None:
                image = rgb
            else:
                image = rgb + upfirdn2d(image, blur_kernel(gain=4.0), up=2, pad=(2, 1))
            if image.shape[-1] == resolution:
                break
        assert image is not None  # there is always the 4×4 block
        return image

    def forward(self, w_plus: torch.Tensor, resolution: int | None = None) -> torch.Tensor:
        """W+ [B, L, latent_dim] → picture [B, 3, resolution, resolution]."""
        return self.synthesize(self.styles(w_plus), self.rgb_styles(w_plus), resolution)
