"""e4e, the encoder for real photos (Tov et al. 2021): a pyramid over IR-SE50, one head a latent.

IR-SE50 is ArcFace's backbone (Deng et al. 2019) with squeeze and excitation (Hu et al. 2018), built
for evaluation: a batch normalisation that follows a convolution is folded into its weights when a
checkpoint is converted (`stylemask/convert/e4e_tensors.py`), one that precedes a convolution is a
scale and a shift, since the padding in between must see the shifted values.
"""

import torch
import torch.nn.functional as F
from torch import nn

from stylemask_core.config import ModelConfig
from stylemask_core.networks.generator import EqualizedLinear

STEM_CHANNELS = 64
# channels and residual units of each stage; the first unit of a stage halves the resolution
STAGES = ((64, 3), (128, 4), (256, 14), (512, 3))
SQUEEZE_RATIO = 16
# Levels of the pyramid: name, heads that read it, side of its features for pictures of 256 [px];
# the last serves all latents that are left (pSp, Richardson et al. 2021, section 3.1).
COARSE, MIDDLE, FINE = ("coarse", 3, 16), ("middle", 4, 32), ("fine", None, 64)
NEGATIVE_SLOPE = 0.01


class Stem(nn.Module):
    """First convolution: RGB → features at full resolution."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, STEM_CHANNELS, 3, padding=1)
        self.prelu = nn.PReLU(STEM_CHANNELS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, 3, H, W] → [B, 64, H, W]."""
        out: torch.Tensor = self.prelu(self.conv(x))
        return out


class Unit(nn.Module):
    """Residual unit: two convolutions, channels weighted by squeeze and excitation."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.scale = nn.Parameter(torch.ones(before, 1, 1))
        self.shift = nn.Parameter(torch.zeros(before, 1, 1))
        self.conv1 = nn.Conv2d(before, after, 3, padding=1, bias=False)
        self.prelu = nn.PReLU(after)
        self.conv2 = nn.Conv2d(after, after, 3, stride, padding=1)
        self.squeeze = nn.Conv2d(after, after // SQUEEZE_RATIO, 1, bias=False)
        self.excite = nn.Conv2d(after // SQUEEZE_RATIO, after, 1, bias=False)
        self.shortcut = nn.Conv2d(before, after, 1, stride) if before != after else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, before, H, W] → [B, after, H / stride, W / stride]."""
        out: torch.Tensor = self.prelu(self.conv1(torch.addcmul(self.shift, x, self.scale)))
        out = self.conv2(out)
        share = out.mean((2, 3), keepdim=True)
        share = torch.sigmoid(self.excite(F.relu(self.squeeze(share))))
        every = self.stride
        x = x[:, :, ::every, ::every] if self.shortcut is None else self.shortcut(x)
        return torch.addcmul(x, out, share)


class IRSE50(nn.Module):
    """The backbone without its recognition head; 24 units in four stages."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Stem()
        self.units = nn.ModuleList()
        before = STEM_CHANNELS
        for after, count in STAGES:
            for index in range(count):
                self.units.append(Unit(before, after, stride=2 if index == 0 else 1))
                before = after

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """[B, 3, H, W] in −1…1 → features of the stages, [B, 64, H/2, W/2] to [B, 512, H/16, …]."""
        x = self.stem(x)
        features, units = [], iter(self.units)
        for _, count in STAGES:
            for _ in range(count):
                x = next(units)(x)
            features.append(x)
        return features


def levels(latents: int) -> list[tuple[str, int, int]]:
    """Name, number of heads and side of the features [px] of each level, for L latents."""
    result = []
    for name, most, size in (COARSE, MIDDLE, FINE):
        count = latents if most is None else min(most, latents)
        result.append((name, count, size))
        latents -= count
    return result


class StyleHead(nn.Module):
    """What follows a head's first convolution: halve the features down to 1×1, make a w of them."""

    def __init__(self, dim: int, size: int) -> None:
        super().__init__()
        count = size.bit_length() - 1
        self.convs = nn.ModuleList(nn.Conv2d(dim, dim, 3, 2, padding=1) for _ in range(count))
        self.linear = EqualizedLinear(dim, dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, dim, size, size] → [B, dim]."""
        for conv in self.convs:
            x = F.leaky_relu(conv(x), NEGATIVE_SLOPE, inplace=True)
        w: torch.Tensor = self.linear(x.flatten(1))
        return w


class Level(nn.Module):
    """The heads of one level of the pyramid; their first convolutions are one."""

    def __init__(self, dim: int, count: int, size: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(dim, count * dim, 3, 2, padding=1)
        self.heads = nn.ModuleList(StyleHead(dim, size // 2) for _ in range(count))

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """[B, dim, size, size] → [B, dim] a head."""
        x = F.leaky_relu(self.first(x), NEGATIVE_SLOPE, inplace=True)
        parts = x.chunk(len(self.heads), 1)
        return [head(part) for head, part in zip(self.heads, parts, strict=True)]


class E4eEncoder(nn.Module):
    """Inverts aligned photos: the first head gives a w for all layers, the others what differs."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim, latents = config.latent_dim, config.num_latents
        middle, fine = STAGES[2][0], STAGES[1][0]
        self.backbone = IRSE50()
        self.lateral_middle = nn.Conv2d(middle, dim, 1)
        self.lateral_fine = nn.Conv2d(fine, dim, 1)
        self.levels = nn.ModuleDict(
            {name: Level(dim, count, size) for name, count, size in levels(latents) if count}
        )
        self.register_buffer("latent_avg", torch.zeros(latents, dim))
        self.latent_avg: torch.Tensor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, 3, 256, 256] in −1…1, aligned as FFHQ is → W+ [B, L, latent_dim]."""
        x = x.contiguous(memory_format=torch.channels_last)
        _, fine, middle, coarse = self.backbone(x)
        middle = _upsample_add(coarse, self.lateral_middle(middle))
        fine = _upsample_add(middle, self.lateral_fine(fine))
        features = {"coarse": coarse, "middle": middle, "fine": fine}
        shared, *deltas = [w for name, level in self.levels.items() for w in level(features[name])]
        codes = [shared, *(shared + delta for delta in deltas)]
        return torch.stack(codes, 1) + self.latent_avg


def _upsample_add(coarse: torch.Tensor, fine: torch.Tensor) -> torch.Tensor:
    size = fine.shape[2:]
    return F.interpolate(coarse, size=size, mode="bilinear", align_corners=True) + fine
