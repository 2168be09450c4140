"""Inversion encoders: a picture → its W+ code. One interface, chosen by the config's `encoder`."""

import itertools

import torch
import torch.nn.functional as F
from torch import nn

from stylemask_core.config import ModelConfig
from stylemask_core.networks.e4e import E4eEncoder

REGRESSOR_INPUT_SIZE = 32  # [px] the pictures are area-averaged to
REGRESSOR_HIDDEN = (768, 768, 256)
REGRESSOR_RANK = 128  # the codes of one domain lie in a small part of W+; also keeps the file small
INPUT_GAIN = 2.0  # pictures in −1…1 have a deviation of about a half
CONVOLUTIONAL_INPUT_SIZE = 128  # [px] likewise
# Channels and residual blocks by the side of the features [px]: 0.26 GMAC.
CONVOLUTIONAL_STAGES = {64: (24, 0), 32: (48, 1), 16: (96, 2), 8: (160, 2), 4: (256, 1)}
CONVOLUTIONAL_HIDDEN = 512
CONVOLUTIONAL_RANK = 192


class RegressionEncoder(nn.Module):
    """The embedded model's encoder: a perceptron that regresses W+ from a small picture at once.

    Heads of this one domain, centred and scaled alike, need no more: at equal training time on a
    CPU it was far ahead of a residual convolutional network (docs/embedded_model.md).
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.code_shape = (config.num_latents, config.latent_dim)
        widths = (3 * REGRESSOR_INPUT_SIZE**2, *REGRESSOR_HIDDEN)
        self.hidden = nn.ModuleList(
            nn.Linear(before, after) for before, after in itertools.pairwise(widths)
        )
        self.bottleneck = nn.Linear(REGRESSOR_HIDDEN[-1], REGRESSOR_RANK)
        self.head = nn.Linear(REGRESSOR_RANK, config.num_latents * config.latent_dim)
        self.register_buffer("latent_avg", torch.zeros(self.code_shape))
        self.latent_avg: torch.Tensor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, 3, H, W] in −1…1, at least 32 px, 256 by convention → W+ [B, L, latent_dim]."""
        x = F.adaptive_avg_pool2d(x, REGRESSOR_INPUT_SIZE).flatten(1) * INPUT_GAIN
        for layer in self.hidden:
            x = F.relu(layer(x))
        code: torch.Tensor = self.head(self.bottleneck(x)).unflatten(1, self.code_shape)
        return code + self.latent_avg


class Residual(nn.Module):
    """Two 3×3 convolutions beside an identity, which it is before training."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        for parameter in self.second.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, width, H, W] → the same."""
        residual: torch.Tensor = self.second(F.silu(self.first(F.silu(x))))
        return x + residual


class ConvolutionalEncoder(nn.Module):
    """Regresses W+ with convolutions, which keep to the point when a face is framed otherwise.

    Without normalisation: group norm takes the colours of plain surfaces away.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.code_shape = (config.num_latents, config.latent_dim)
        self.stages, before = nn.ModuleList(), 3
        for width, blocks in CONVOLUTIONAL_STAGES.values():
            halve = nn.Conv2d(before, width, 4, 2, padding=1)
            after: list[nn.Module] = [Residual(width) for _ in range(blocks)]
            self.stages.append(nn.Sequential(halve, *after or [nn.SiLU()]))
            before = width
        inputs = before * min(CONVOLUTIONAL_STAGES) ** 2
        self.hidden = nn.Linear(inputs, CONVOLUTIONAL_HIDDEN)
        self.bottleneck = nn.Linear(CONVOLUTIONAL_HIDDEN, CONVOLUTIONAL_RANK)
        self.head = nn.Linear(CONVOLUTIONAL_RANK, config.num_latents * config.latent_dim)
        self.register_buffer("latent_avg", torch.zeros(self.code_shape))
        self.latent_avg: torch.Tensor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, 3, H, W] in −1…1, at least 128 px, 256 by convention → W+ [B, L, latent_dim]."""
        x = F.adaptive_avg_pool2d(x, CONVOLUTIONAL_INPUT_SIZE) * INPUT_GAIN
        x = x.contiguous(memory_format=torch.channels_last)
        for stage in self.stages:
            x = stage(x)
        x = F.silu(self.hidden(F.silu(x).flatten(1)))
        code: torch.Tensor = self.head(self.bottleneck(x)).unflatten(1, self.code_shape)
        return code + self.latent_avg


def build_encoder(config: ModelConfig) -> nn.Module:
    """The encoder a config names: maps [B, 3, 256, 256] in −1…1 to W+ [B, L, latent_dim]."""
    kinds = {
        "regressor": RegressionEncoder,
        "convolutional": ConvolutionalEncoder,
        "e4e": E4eEncoder,
    }
    return kinds[config.encoder](config)
