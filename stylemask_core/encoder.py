"""Inversion encoders: a picture → its W+ code. One interface, chosen by the config's `encoder`."""

import itertools

import torch
import torch.nn.functional as F
from torch import nn

from stylemask_core.config import ModelConfig
from stylemask_core.e4e import E4eEncoder

REGRESSOR_INPUT_SIZE = 32  # [px] the pictures are area-averaged to
REGRESSOR_HIDDEN = (768, 768, 256)
REGRESSOR_RANK = 128  # the codes of one domain lie in a small part of W+; also keeps the file small
INPUT_GAIN = 2.0  # pictures in −1…1 have a deviation of about a half


class RegressionEncoder(nn.Module):
    """The embedded model's encoder: a perceptron that regresses W+ from a small picture at once.

    Heads of this one domain, centred and scaled alike, need no more: at equal training time on a
    CPU it was far ahead of a residual convolutional network (docs/embedded_model.md).

    Args:
        config: gives the shape of W+.
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
        """Invert pictures.

        Args:
            x: [B, 3, H, W] in −1…1, at least 32 px; 256 by convention.

        Returns:
            W+ [B, L, latent_dim], the mean code added.
        """
        x = F.adaptive_avg_pool2d(x, REGRESSOR_INPUT_SIZE).flatten(1) * INPUT_GAIN
        for layer in self.hidden:
            x = F.relu(layer(x))
        code: torch.Tensor = self.head(self.bottleneck(x)).unflatten(1, self.code_shape)
        return code + self.latent_avg


def build_encoder(config: ModelConfig) -> nn.Module:
    """The encoder a config names: maps [B, 3, 256, 256] in −1…1 to W+ [B, L, latent_dim]."""
    return {"regressor": RegressionEncoder, "e4e": E4eEncoder}[config.encoder](config)
