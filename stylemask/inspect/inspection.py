"""Look inside a reenactment: which channels were taken from the target, and where they act."""

import csv
import io
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from stylemask.inspect.mask_edit import Part, only, without
from stylemask_core.checks import ByValue
from stylemask_core.pipeline import StyleMaskPipeline
from stylemask_core.results import Code, Reenactment
from stylemask_core.style_space import Styles

STRONGEST = 20  # rows of the table of channels


@dataclass(frozen=True)
class ChannelEffect:
    """One style channel of a reenactment."""

    layer: str  # "b8.conv0", …
    channel: int  # index within the layer
    mask: float  # share taken from the target, 0…1
    source: float  # style of the source
    target: float  # style of the target
    shift: float  # how far the channel moved, strength included; the table is sorted by its size


@dataclass(frozen=True, eq=False)
class Inspection(ByValue):
    """What `inspect` found."""

    result: Reenactment  # the reenactment looked into
    layer_masks: dict[str, np.ndarray]  # mask values [dim] of each masked layer, by name
    styles: dict[str, np.ndarray]  # mixed styles [dim] of every layer, by name
    effects: list[ChannelEffect]  # every masked channel, strongest shift first
    # [R, R] for each layer group: mean over colours of the absolute change of the picture (−1…1
    # scale) when the group is left at the source
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
    masks: Styles | None = None,
) -> Inspection:
    """Reenact and take the result apart; arguments as for `StyleMaskPipeline.reenact`.

    Raises:
        InvalidInputError: strength out of range.
    """
    space = pipeline.space
    result = pipeline.reenact(source, target, strength, masks=masks)
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
        rest = pipeline.reenact(source, target, strength, others, masks)
        group_effects[group] = _change(rest, result)
    mixed = zip(space.layers, result.styles, strict=True)
    styles = {layer.name: values[0].cpu().numpy() for layer, values in mixed}
    return Inspection(result, layer_masks, styles, effects, group_effects)


@dataclass(frozen=True, eq=False)
class PartEffect(ByValue):
    """What one part of the masks does to a picture."""

    alone: Reenactment  # the reenactment with this part's channels and no others
    rest: Reenactment  # the reenactment with all channels but this part's
    # [R, R], where the part acts: mean over colours of the absolute change of the picture (−1…1
    # scale) when it is left at the source
    change: np.ndarray
    channels: int  # how many channels the part has
    mean_mask: float  # their mean mask, as mixed


@torch.inference_mode()
def part_effect(
    pipeline: StyleMaskPipeline,
    source: Code,
    target: Code,
    part: Part,
    strength: float = 1.0,
    masks: Styles | None = None,
) -> PartEffect:
    """Reenact with a part of the masks alone, and with all the others; arguments as for `inspect`.

    A tenth is chosen by what the networks gave, whatever the masks.

    Raises:
        InvalidInputError: strength out of range, or the model has no such part.
    """
    natural = pipeline.masks(source, target)
    mixed = natural if masks is None else masks
    inside = part.channels(natural, pipeline.space)
    alone, rest, result = (
        pipeline.reenact(source, target, strength, masks=values)
        for values in (only(mixed, inside), without(mixed, inside), mixed)
    )
    values = torch.cat(mixed, 1)[torch.cat(inside, 1)]
    return PartEffect(alone, rest, _change(rest, result), len(values), float(values.mean()))


def _change(picture: Reenactment, result: Reenactment) -> np.ndarray:
    """[R, R]: mean over colours of the absolute difference of two pictures."""
    change: np.ndarray = (picture.tensor - result.tensor).abs().mean(1)[0].cpu().numpy()
    return change


class Agreement(NamedTuple):
    """How alike the masks of two pairs are."""

    correlation: float  # Pearson's, −1…1; 0 where either does not vary
    # sum of the smaller masks as a share of the sum of the larger ones, 0…1; 1 where both are 0
    overlap: float


def agreement(first: np.ndarray, second: np.ndarray) -> Agreement:
    """Compare two masks [dim]."""
    varied = first.std() > 0 and second.std() > 0
    correlation = float(np.corrcoef(first, second)[0, 1]) if varied else 0.0
    larger = float(np.maximum(first, second).sum())
    overlap = float(np.minimum(first, second).sum()) / larger if larger else 1.0
    return Agreement(correlation, overlap)
