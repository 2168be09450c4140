"""Inversion encoders: a picture → its W+ code. One interface, chosen by the config's `encoder`."""

import torch
import torch.nn.functional as F
from torch import nn

from stylemask_core.config import ModelConfig

REGRESSOR_INPUT_SIZE = 128  # [px] the pictures are area-averaged to
# (channels, stride) of the residual blocks after the stem; they end at 4×4
REGRESSOR_BLOCKS = ((48, 2), (64, 2), (96, 2), (160, 2), (192, 1))
REGRESSOR_HIDDEN = 256
REGRESSOR_RANK = 128  # the codes of one domain lie in a small part of W+; also keeps the file small
NORM_GROUPS = 8


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions with group norm and a shortcut.

    Args:
        in_channels: channels read.
        out_channels: channels written.
        stride: 1, or 2 to halve the resolution.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.norm1 = nn.GroupNorm(NORM_GROUPS, out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.norm2 = nn.GroupNorm(NORM_GROUPS, out_channels)
        self.shortcut = nn.Conv2d(in_channels, out_channels, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, in, H, W] → [B, out, H/stride, W/stride]."""
        y = F.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        return F.relu(y + self.shortcut(F.avg_pool2d(x, self.stride)))


class RegressionEncoder(nn.Module):
    """The embedded model's encoder: a small residual network that regresses W+ at once.

    Args:
        config: gives the shape of W+.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.code_shape = (config.num_latents, config.latent_dim)
        self.stem = nn.Conv2d(3, 32, 5, 2, 2)
        widths = [32, *(channels for channels, _ in REGRESSOR_BLOCKS)]
        self.blocks = nn.Sequential(
            *(
                ResidualBlock(widths[i], channels, stride)
                for i, (channels, stride) in enumerate(REGRESSOR_BLOCKS)
            )
        )
        self.hidden = nn.Linear(widths[-1] * 16, REGRESSOR_HIDDEN)
        self.bottleneck = nn.Linear(REGRESSOR_HIDDEN, REGRESSOR_RANK)
        self.head = nn.Linear(REGRESSOR_RANK, config.num_latents * config.latent_dim)
        self.register_buffer("latent_avg", torch.zeros(self.code_shape))
        self.latent_avg: torch.Tensor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Invert pictures.

        Args:
            x: [B, 3, H, W] in −1…1, at least 128 px; 256 by convention.

        Returns:
            W+ [B, L, latent_dim], the mean code added.
        """
        x = F.adaptive_avg_pool2d(x, REGRESSOR_INPUT_SIZE)
        x = self.blocks(F.relu(self.stem(x)))
        x = F.relu(self.hidden(x.flatten(1)))
        code: torch.Tensor = self.head(self.bottleneck(x)).unflatten(1, self.code_shape)
        return code + self.latent_avg


def build_encoder(config: ModelConfig) -> nn.Module:
    """The encoder a config names: maps [B, 3, 256, 256] in −1…1 to W+ [B, L, latent_dim]."""
    return {"regressor": RegressionEncoder}[config.encoder](config)
