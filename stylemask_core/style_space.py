"""StyleGAN2's style space S: its layout, and mixing two codes in it (StyleMask, section 3.2).

S is the list of the modulation vectors of the 3×3 convolutions, one [B, dim] tensor a layer
(Wu et al. 2021, "StyleSpace Analysis"). Everything here is a pure function of tensors and names.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from stylemask_core.checks import check_strength
from stylemask_core.config import ModelConfig
from stylemask_core.errors import InvalidInputError

Styles = list[torch.Tensor]

# Resolutions [px] from the first up to, not including, the second: what people call the groups.
GROUP_RESOLUTIONS = {"coarse": (4, 16), "middle": (16, 64), "fine": (64, 2048)}
ALL_LAYERS = "all"


@dataclass(frozen=True)
class StyleLayer:
    """One convolution's place in S."""

    name: str  # "b8.conv0": block of 8×8, first convolution
    resolution: int  # of its output [px]
    dim: int  # number of style channels
    start: int  # index of its first channel in the concatenated style vector
    masked: bool  # whether a mask network controls it

    @property
    def channels(self) -> slice:
        """Where the layer's channels lie in the concatenated style vector."""
        return slice(self.start, self.start + self.dim)


@dataclass(frozen=True)
class StyleSpace:
    """The layers of S in synthesis order, derived from a model's config."""

    config: ModelConfig

    @cached_property
    def layers(self) -> tuple[StyleLayer, ...]:
        """All convolution layers, first to last."""
        layers: list[StyleLayer] = []
        start, previous = 0, self.config.channels[4]
        for resolution in self.config.resolutions:
            width = self.config.channels[resolution]
            convolutions = [("conv1", previous)]
            if resolution > 4:
                convolutions = [("conv0", previous), ("conv1", width)]
            for conv, dim in convolutions:
                masked = len(layers) < self.config.masked_layers
                name = f"b{resolution}.{conv}"
                layers.append(StyleLayer(name, resolution, dim, start, masked))
                start += dim
            previous = width
        return tuple(layers)

    @property
    def masked_layers(self) -> tuple[StyleLayer, ...]:
        """The leading layers that have a mask network."""
        return self.layers[: self.config.masked_layers]

    @property
    def dim(self) -> int:
        """Number of channels of the concatenated style vector (6048 for FFHQ-1024)."""
        return sum(layer.dim for layer in self.layers)

    @property
    def masked_dim(self) -> int:
        """Number of channels under mask control (5632 for FFHQ-1024)."""
        return sum(layer.dim for layer in self.masked_layers)

    def groups(self) -> dict[str, list[str]]:
        """Names of the masked layers in each group (coarse, middle, fine); empty ones left out."""
        groups = {
            group: [x.name for x in self.masked_layers if low <= x.resolution < high]
            for group, (low, high) in GROUP_RESOLUTIONS.items()
        }
        return {group: names for group, names in groups.items() if names}

    def check_masks(self, masks: Any) -> Styles:
        """Return masks [B, dim], one a masked layer, as they were passed, or refuse them."""
        dims = [layer.dim for layer in self.masked_layers]
        tensors = isinstance(masks, Sequence) and all(torch.is_tensor(mask) for mask in masks)
        if not tensors or [mask.shape[1:] for mask in masks] != [(dim,) for dim in dims]:
            raise InvalidInputError(f"masks must be tensors [1, dim] with these dims: {dims}")
        return list(masks)

    def select(self, names: Sequence[str] | None) -> list[bool]:
        """Say for each masked layer whether it is chosen.

        Names are those of layers ("b8.conv0"), groups ("coarse", "middle", "fine") or "all", one or
        several; None chooses all, an empty list none. An unknown one is refused.
        """
        groups = self.groups()
        valid = [layer.name for layer in self.masked_layers]
        chosen: set[str] = set()
        if names is None or isinstance(names, str):
            names = [ALL_LAYERS if names is None else names]
        if not isinstance(names, Iterable):
            raise InvalidInputError(f"layers {names!r} are not usable: give a list of names")
        for name in names:
            if not isinstance(name, str):
                raise InvalidInputError(f"layer {name!r} is not usable: give names of layers")
            if name == ALL_LAYERS:
                chosen.update(valid)
            elif name in GROUP_RESOLUTIONS:
                chosen.update(groups.get(name, ()))  # of which a small model may have none
            elif name in valid:
                chosen.add(name)
            else:
                raise InvalidInputError(
                    f"unknown layer {name!r}: choose among "
                    f"{', '.join([ALL_LAYERS, *GROUP_RESOLUTIONS, *valid])}"
                )
        return [name in chosen for name in valid]


def mix_styles(
    source: Styles,
    target: Styles,
    masks: Styles,
    strength: float = 1.0,
    selected: Sequence[bool] | None = None,
) -> Styles:
    """Move the source's styles towards the target's where the masks say so.

    Args:
        source: [B, dim] a layer, all layers.
        target: the same of the target.
        masks: [B, dim] in 0…1 for the leading masked layers.
        strength: 0…1.5, multiplies the masks; 0 keeps the source, 1 is as trained, not clipped.
        selected: for each masked layer whether it takes part; None takes all.

    Source: StyleMask, equation 3; s = m·s_target + (1 − m)·s_source at strength 1.
    """
    strength = check_strength(strength)
    take = [True] * len(masks) if selected is None else list(selected)
    mixed = list(source)
    for index, mask in enumerate(masks):
        if take[index]:
            mixed[index] = torch.lerp(source[index], target[index], strength * mask)
    return mixed
