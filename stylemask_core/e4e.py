"""e4e, the encoder for real photos (Tov et al. 2021): a pyramid over IR-SE50, one head a latent."""

import torch
import torch.nn.functional as F
from torch import nn

from stylemask_core.config import ModelConfig
from stylemask_core.generator import EqualizedLinear
from stylemask_core.ir_se50 import IRSE50, STAGES

# Latents read from the pyramid's levels: the first 3 from 16×16 features, the next 4 from 32×32,
# all others from 64×64 (pSp, Richardson et al. 2021, section 3.1).
COARSE_HEADS, MIDDLE_HEADS = 3, 4
COARSE_SIZE, MIDDLE_SIZE, FINE_SIZE = 16, 32, 64  # [px] for pictures of 256


def head_sizes(latents: int) -> list[int]:
    """Side of the features [px] that each of the heads reads."""
    sizes = [COARSE_SIZE] * COARSE_HEADS + [MIDDLE_SIZE] * MIDDLE_HEADS
    return [*sizes, *[FINE_SIZE] * (latents - len(sizes))][:latents]


class StyleHead(nn.Module):
    """Features → one w: convolutions that halve the resolution down to 1×1, and a linear layer.

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
            x = F.leaky_relu(conv(x), 0.01)
        w: torch.Tensor = self.linear(x.flatten(1))
        return w


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
        self.heads = nn.ModuleList(StyleHead(dim, size) for size in head_sizes(latents))
        self.register_buffer("latent_avg", torch.zeros(latents, dim))
        self.latent_avg: torch.Tensor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Invert pictures.

        Args:
            x: [B, 3, 256, 256] in −1…1, aligned as FFHQ is.

        Returns:
            W+ [B, L, latent_dim], the mean code added.
        """
        _, fine, middle, coarse = self.backbone(x)
        middle = _upsample_add(coarse, self.lateral_middle(middle))
        fine = _upsample_add(middle, self.lateral_fine(fine))
        end = COARSE_HEADS + MIDDLE_HEADS
        deltas = [head(coarse) for head in self.heads[:COARSE_HEADS]]
        deltas += [head(middle) for head in self.heads[COARSE_HEADS:end]]
        deltas += [head(fine) for head in self.heads[end:]]
        shared = deltas[0]
        codes = [shared, *(shared + delta for delta in deltas[1:])]
        return torch.stack(codes, 1) + self.latent_avg


def _upsample_add(coarse: torch.Tensor, fine: torch.Tensor) -> torch.Tensor:
    size = fine.shape[2:]
    return F.interpolate(coarse, size=size, mode="bilinear", align_corners=True) + fine
