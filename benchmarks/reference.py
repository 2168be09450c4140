"""The authors' way, written plainly: what every figure of the benchmarks is a ratio to.

NCHW, weights modulated and demodulated for each sample, up-convolution followed by a FIR filter
made of zero insertion, padding and a convolution, noise, bias and activation each a step of its
own; the encoder evaluated picture by picture. A random pair is synthesized three times (source,
target, reenacted), a photo pair five times (also both inversions). Nothing of the project is
imported here, so that none of its settings applies; a test holds the results to the project's.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from benchmarks.inputs import TRUNCATION
from benchmarks.reference_encoder import Encoder, unfolded

EPSILON = 1e-8


def fir_kernel(gain: float) -> torch.Tensor:
    """The outer product of [1, 3, 3, 1] with itself, [4, 4], scaled to sum to gain."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    kernel = torch.outer(taps, taps)
    return kernel / kernel.sum() * gain


def upfirdn2d(
    x: torch.Tensor, kernel: torch.Tensor, up: int = 1, pad: tuple[int, int] = (0, 0)
) -> torch.Tensor:
    """Zero insertion, padding and a convolution of each channel, one after the other."""
    batch, channels, height, width = x.shape
    x = x.reshape(batch * channels, 1, height, 1, width, 1)
    x = F.pad(x, (0, up - 1, 0, 0, 0, up - 1))
    x = x.reshape(batch * channels, 1, height * up, width * up)
    x = F.pad(x, (*pad, *pad))
    x = F.conv2d(x, kernel.flip((0, 1))[None, None])
    return x.reshape(batch, channels, *x.shape[2:])


def fused_bias_act(x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """Bias, leaky ReLU and gain as three steps."""
    x = x + bias.view(1, -1, *[1] * (x.ndim - 2))
    return F.leaky_relu(x, 0.2) * math.sqrt(2)


class Linear(nn.Module):
    """Fully connected layer whose weight is scaled at run time."""

    def __init__(self, before: int, after: int, multiplier: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, before) / multiplier)
        self.bias = nn.Parameter(torch.zeros(after))
        self.scale, self.multiplier = multiplier / math.sqrt(before), multiplier

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, before] → [B, after]."""
        return F.linear(x, self.weight * self.scale, self.bias * self.multiplier)


class ModulatedConv(nn.Module):
    """Convolution with the style in its weights: one weight a sample, samples as groups."""

    def __init__(self, before: int, after: int, size: int, dim: int, up: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, before, size, size))
        self.affine = Linear(dim, before)
        self.scale, self.up, self.demodulate = 1 / math.sqrt(before * size**2), up, size > 1
        self.register_buffer("kernel", fir_kernel(gain=4.0), persistent=False)

    def convolve(self, x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        """[B, before, H, W], style [B, before] → [B, after, H', W']."""
        batch, before, height, width = x.shape
        after, size = self.weight.shape[0], self.weight.shape[-1]
        weight = self.weight[None] * self.scale * style[:, None, :, None, None]
        if self.demodulate:
            power = weight.square().sum((2, 3, 4), keepdim=True)
            weight = weight * torch.rsqrt(power + EPSILON)
        x = x.reshape(1, batch * before, height, width)
        if self.up:
            weight = weight.transpose(1, 2).reshape(batch * before, after, size, size)
            x = F.conv_transpose2d(x, weight, stride=2, groups=batch)
            x = x.reshape(batch, after, *x.shape[2:])
            return upfirdn2d(x, self.kernel, pad=(1, 1))
        weight = weight.reshape(batch * after, before, size, size)
        x = F.conv2d(x, weight, padding=size // 2, groups=batch)
        return x.reshape(batch, after, height, width)


class StyledConv(ModulatedConv):
    """3×3 convolution, then noise, then bias, then activation."""

    def __init__(
        self, before: int, after: int, dim: int, noise_side: int | None, up: bool = False
    ) -> None:
        super().__init__(before, after, 3, dim, up)
        self.bias = nn.Parameter(torch.zeros(after))
        if noise_side is None:
            self.noise = None
        else:
            self.register_buffer("noise", torch.randn(1, 1, noise_side, noise_side))
            self.noise_strength = nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        """[B, before, H, W], style [B, before] → [B, after, H', W']."""
        x = self.convolve(x, style)
        if self.noise is not None:
            x = x + self.noise_strength * self.noise
        return fused_bias_act(x, self.bias)


class ToRGB(ModulatedConv):
    """1×1 convolution to three channels."""

    def __init__(self, before: int, dim: int) -> None:
        super().__init__(before, 3, 1, dim)
        self.bias = nn.Parameter(torch.zeros(3))

    def forward(self, x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        """[B, before, H, W], style [B, before] → [B, 3, H, W]."""
        return self.convolve(x, style) + self.bias.view(1, 3, 1, 1)


class Block(nn.Module):
    """The layers of one resolution."""

    def __init__(self, side: int, before: int | None, width: int, dim: int, noise: bool) -> None:
        super().__init__()
        noise_side = side if noise else None
        self.convs = nn.ModuleDict()
        if before is not None:
            self.convs["conv0"] = StyledConv(before, width, dim, noise_side, up=True)
        self.convs["conv1"] = StyledConv(width, width, dim, noise_side)
        self.torgb = ToRGB(width, dim)


class Mapping(nn.Module):
    """z → w."""

    def __init__(self, dim: int, layers: int, multiplier: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Linear(dim, dim, multiplier) for _ in range(layers))
        self.register_buffer("mean", torch.zeros(dim))

    def forward(self, z: torch.Tensor, truncation: float) -> torch.Tensor:
        """[B, dim] → [B, dim], pulled towards the mean."""
        x = z * torch.rsqrt(z.square().mean(1, keepdim=True) + EPSILON)
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2) * math.sqrt(2)
        return self.mean + truncation * (x - self.mean)


class Generator(nn.Module):
    """StyleGAN2 with output skips.

    Args:
        config: the content of a model folder's config.json.
    """

    def __init__(self, config: dict) -> None:
        super().__init__()
        dim, widths = config["latent_dim"], {int(k): v for k, v in config["channels"].items()}
        layers, multiplier = config["mapping_layers"], config["mapping_lr_multiplier"]
        self.latents = 2 * len(widths)
        self.mapping = Mapping(dim, layers, multiplier)
        self.const = nn.Parameter(torch.randn(1, widths[4], 4, 4))
        self.blocks = nn.ModuleDict(
            {
                f"b{side}": Block(side, widths.get(side // 2), widths[side], dim, config["noise"])
                for side in sorted(widths)
            }
        )
        self.register_buffer("kernel", fir_kernel(gain=4.0), persistent=False)

    def convs(self) -> list[StyledConv]:
        """All 3×3 convolutions in order."""
        return [conv for block in self.blocks.values() for conv in block.convs.values()]

    def styles(self, w_plus: torch.Tensor) -> list[torch.Tensor]:
        """[B, L, dim] → styles of the 3×3 convolutions."""
        return [conv.affine(w_plus[:, k]) for k, conv in enumerate(self.convs())]

    def synthesize(self, styles: Sequence[torch.Tensor], w_plus: torch.Tensor) -> torch.Tensor:
        """Styles of the convolutions, and W+ for toRGB → [B, 3, R, R]."""
        x, image, layer_styles = self.const.repeat(len(w_plus), 1, 1, 1), None, iter(styles)
        for index, block in enumerate(self.blocks.values()):
            for conv in block.convs.values():
                x = conv(x, next(layer_styles))
            rgb = block.torgb(x, block.torgb.affine(w_plus[:, 2 * index + 1]))
            if image is not None:
                rgb = rgb + upfirdn2d(image, self.kernel, up=2, pad=(2, 1))
            image = rgb
        return image


class MaskNetwork(nn.Module):
    """A two-layer perceptron for each masked layer."""

    def __init__(self, config: dict, generator: Generator) -> None:
        super().__init__()
        blocks = generator.blocks.items()
        names = [f"{name}_{conv}" for name, block in blocks for conv in block.convs]
        widths = [conv.weight.shape[1] for conv in generator.convs()]
        masked = list(zip(names, widths, strict=True))[: config["masked_layers"]]
        self.layers = nn.ModuleDict(
            {n: nn.Sequential(nn.Linear(d, d), nn.ReLU(), nn.Linear(d, d)) for n, d in masked}
        )

    def forward(self, source: list[torch.Tensor], target: list[torch.Tensor]) -> list[torch.Tensor]:
        """Styles of both → mixed styles."""
        mixed = list(source)
        for k, layer in enumerate(self.layers.values()):
            mask = torch.sigmoid(layer(source[k] - target[k]))
            mixed[k] = mask * target[k] + (1 - mask) * source[k]
        return mixed


def _fill(module: nn.Module, folder: Path, part: str, device: str) -> nn.Module:
    tensors = load_file(folder / f"{part}.safetensors")
    if part == "encoder":
        tensors = unfolded(tensors)
    module.load_state_dict(tensors)
    return module.eval().to(device)


class Reference:
    """The authors' way through a model folder.

    Args:
        folder: a model folder of this project; its encoder must be e4e to be loaded.
        device: "cpu" or "cuda".
        encoder: whether to load the encoder.
    """

    def __init__(self, folder: Path, device: str = "cpu", encoder: bool = True) -> None:
        self.config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self.device = device
        self.generator = _fill(Generator(self.config), folder, "generator", device)
        self.masks = _fill(MaskNetwork(self.config, self.generator), folder, "mask_network", device)
        if encoder:
            self.encoder = _fill(Encoder(self.generator.latents), folder, "encoder", device)

    @torch.no_grad()
    def code(self, z: np.ndarray) -> torch.Tensor:
        """Map z [B, dim] → W+ [B, L, dim], truncated."""
        w = self.generator.mapping(torch.from_numpy(z).to(self.device), TRUNCATION)
        return w[:, None].repeat(1, self.generator.latents, 1)

    @torch.no_grad()
    def encode(self, pictures: Sequence[Image.Image]) -> torch.Tensor:
        """Pictures of 256 px → W+ [B, L, dim], one picture after the other."""
        codes = []
        for picture in pictures:
            values = torch.from_numpy(np.asarray(picture, dtype=np.float32))
            x = (values.permute(2, 0, 1)[None] / 127.5 - 1).contiguous()
            codes.append(self.encoder(x.to(self.device)))
        return torch.cat(codes)

    @torch.no_grad()
    def synthesize(self, code: torch.Tensor) -> torch.Tensor:
        """W+ [B, L, dim] → [B, 3, R, R]."""
        return self.generator.synthesize(self.generator.styles(code), code)

    @torch.no_grad()
    def _pair(self, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        styles = [self.generator.styles(code) for code in (source, target)]
        for code, own in zip((source, target), styles, strict=True):
            self.generator.synthesize(own, code)
        return self.generator.synthesize(self.masks(*styles), source)

    def random_pair(self, source: np.ndarray, target: np.ndarray) -> torch.Tensor:
        """Two z → the reenacted picture, in three syntheses."""
        return self._pair(self.code(source), self.code(target))

    def photo_pair(self, source: Image.Image, target: Image.Image) -> torch.Tensor:
        """Two aligned pictures → the reenacted one, in two encodes and five syntheses."""
        codes = [self.encode([picture]) for picture in (source, target)]
        for code in codes:
            self.synthesize(code)  # what the script shows as the inversion
        return self._pair(*codes)

    def driven_frame(self, source: torch.Tensor, target: Image.Image) -> torch.Tensor:
        """A further target for a source whose code is known: one encode, four syntheses."""
        code = self.encode([target])
        self.synthesize(code)
        return self._pair(source, code)
