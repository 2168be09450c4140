"""Look inside a reenactment: which channels were taken from the target, and where they act."""

import csv
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from stylemask_core.pipeline import StyleMaskPipeline
from stylemask_core.results import Code, Reenactment

STRONGEST = 20  # rows of the table of channels


@dataclass(frozen=True)
class ChannelEffect:
    """One style channel of a reenactment.

    Args:
        layer: "b8.conv0", …
        channel: index within the layer.
        mask: share taken from the target, 0…1.
        source: style of the source.
        target: style of the target.
        shift: how far the channel moved, strength included; the table is sorted by its size.
    """

    layer: str
    channel: int
    mask: float
    source: float
    target: float
    shift: float


@dataclass(frozen=True)
class Inspection:
    """What `inspect` found.

    Args:
        result: the reenactment looked into.
        layer_masks: mask values [dim] of each masked layer, by name.
        styles: mixed styles [dim] of every layer, by name.
        effects: every masked channel, strongest shift first.
        group_effects: [R, R] for each layer group: mean over colours of the absolute change of
            the picture (−1…1 scale) when the group is left at the source.
    """

    result: Reenactment
    layer_masks: dict[str, np.ndarray]
    styles: dict[str, np.ndarray]
    effects: list[ChannelEffect]
    group_effects: dict[str, np.ndarray]

    @property
    def layer_means(self) -> dict[str, float]:
        """Mean mask of each layer, 0…1."""
        return {name: float(mask.mean()) for name, mask in self.layer_masks.items()}

    def summary(self) -> dict[str, Any]:
        """Figures for programs: layer means, strongest channels, mean effect of each group."""
        return {
            "layer_means": self.layer_means,
            "strongest_channels": [vars(effect) for effect in self.effects[:STRONGEST]],
            "group_effects": {k: float(v.mean()) for k, v in self.group_effects.items()},
        }

    def npz(self) -> bytes:
        """Masks and mixed styles as a NumPy archive: `mask/LAYER` and `style/LAYER`, [dim] each."""
        arrays = {f"mask/{name}": mask for name, mask in self.layer_masks.items()}
        arrays |= {f"style/{name}": style for name, style in self.styles.items()}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
        return buffer.getvalue()

    def csv(self) -> str:
        """Every masked channel as a row of layer, channel, mask, source, target, shift."""
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, list(ChannelEffect.__dataclass_fields__))
        writer.writeheader()
        writer.writerows(vars(effect) for effect in self.effects)
        return buffer.getvalue()


@torch.inference_mode()
def inspect(
    pipeline: StyleMaskPipeline,
    source: Code,
    target: Code,
    strength: float = 1.0,
) -> Inspection:
    """Reenact and take the result apart.

    Args:
        pipeline: the model.
        source: whose identity is kept.
        target: whose pose is taken.
        strength: 0…1.5.

    Raises:
        InvalidInputError: strength out of range.
    """
    space = pipeline.space
    result = pipeline.reenact(source, target, strength)
    before, wanted = (
        torch.cat(pipeline.generator.styles(code.w_plus), 1)[0, : space.masked_dim].cpu().numpy()
        for code in (source, target)
    )
    mask = result.mask[0].cpu().numpy()
    layer_masks = {layer.name: mask[layer.channels] for layer in space.masked_layers}
    shift = strength * mask * (wanted - before)
    names = [(layer.name, i) for layer in space.masked_layers for i in range(layer.dim)]
    effects = [
        ChannelEffect(*names[k], *(float(values[k]) for values in (mask, before, wanted, shift)))
        for k in np.argsort(-np.abs(shift), kind="stable")
    ]
    group_effects = {}
    groups = space.groups()
    for group in groups:
        others = [name for other, members in groups.items() if other != group for name in members]
        without = pipeline.reenact(source, target, strength, layers=others)
        change = (without.tensor - result.tensor).abs().mean(1)[0]
        group_effects[group] = change.cpu().numpy()
    mixed = zip(space.layers, result.styles, strict=True)
    styles = {layer.name: values[0].cpu().numpy() for layer, values in mixed}
    return Inspection(result, layer_masks, styles, effects, group_effects)
