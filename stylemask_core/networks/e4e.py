"""e4e, the encoder for real photos (Tov et al. 2021): a pyramid over IR-SE50, one head a latent."""

import torch
import torch.nn.functional as F
from torch import nn

from stylemask_core.config import ModelConfig
from stylemask_core.networks.generator import EqualizedLinear
from stylemask_core.networks.ir_se50 import IRSE50, STAGES

# Levels of the pyramid: name, heads that read it, side of its features for pictures of 256 [px];
# the last serves all latents that are left (pSp, Richardson et al. 2021, section 3.1).
COARSE, MIDDLE, FINE = ("coarse", 3, 16), ("middle", 4, 32), ("fine", None, 64)
NEGATIVE_SLOPE = 0.01


def levels(latents: int) -> list[tuple[str, int, int]]:
    """Name, number of heads and side of the features [px] of each level, for L latents."""
    found = []
    for name, most, size in (COARSE, MIDDLE, FINE):
        count = latents if most is None else min(most, latents)
        found.append((name, count, size))
        latents -= count
    return found


class StyleHead(nn.Module):
    """What follows a head's first convolution: halve the features down to 1×1, make a w of them.

    Args:
        dim: channels of the features and size of w.
        size: side of the features [px], a power of two.
    """

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
    """The heads of one level of the pyramid; their first convolutions are one.

    Args:
        dim: channels of the features and size of w.
        count: number of heads.
        size: side of the features [px].
    """

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
    """Inverts aligned photos: the first head gives a w for all layers, the others what differs.

    Args:
        config: gives the shape of W+.
    """

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
        """Invert pictures.

        Args:
            x: [B, 3, 256, 256] in −1…1, aligned as FFHQ is.

        Returns:
            W+ [B, L, latent_dim], the mean code added.
        """
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
