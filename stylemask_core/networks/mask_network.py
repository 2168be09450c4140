"""The mask networks: which style channels come from the target (StyleMask, section 3.2)."""

import torch
from torch import nn

from stylemask_core.config import ModelConfig
from stylemask_core.style_space import Styles, StyleSpace


class MaskNetwork(nn.Module):
    """One two-layer perceptron for each masked style layer, sigmoid at its end."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleDict(
            {
                # a module's name may not contain a dot
                layer.name.replace(".", "_"): nn.Sequential(
                    nn.Linear(layer.dim, layer.dim), nn.ReLU(), nn.Linear(layer.dim, layer.dim)
                )
                for layer in StyleSpace(config).masked_layers
            }
        )

    def forward(self, source: Styles, target: Styles) -> Styles:
        """Styles [B, dim] of all layers → the target's share of every masked channel, 0…1."""
        return [
            torch.sigmoid(network(a - b))
            for network, a, b in zip(self.layers.values(), source, target, strict=False)
        ]
