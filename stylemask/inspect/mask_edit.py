"""Masks changed by hand: scaled, cut off, or reduced to a part. Pure functions of tensors."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from stylemask_core.checks import number_in
from stylemask_core.errors import InvalidInputError
from stylemask_core.style_space import ALL_LAYERS, Styles, StyleSpace

THRESHOLD_RANGE = (0.0, 1.0)  # masks below it take nothing
SCALE_RANGE = (0.0, 2.0)  # mask multiplier: 0 = switched off, 1 = as trained
TENTHS = 10  # parts of a layer, by the size of their masks
SEPARATOR = "/"  # between a layer and one of its tenths


@dataclass(frozen=True)
class MaskEdit:
    """What is changed about masks before styles are mixed.

    `pipe.reenact(source, target, masks=edit.apply(pipe.masks(source, target), pipe.space))`.

    Raises:
        InvalidInputError: a number is out of its range.
    """

    threshold: float = 0.0  # masks below it become 0, 0…1
    # factors of layers ("b8.conv0"), groups ("coarse") and "all", 0 (off) to 2; a layer's own goes
    # before its group's, and that before the one of all; 1 if none is named
    scale: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        number_in(self.threshold, "threshold", THRESHOLD_RANGE)
        if not isinstance(self.scale, Mapping):
            raise InvalidInputError(f"scale {self.scale!r} is not usable: give {{name: factor}}")
        for name, factor in self.scale.items():
            number_in(factor, f"scale of {name!r}", SCALE_RANGE)

    def factors(self, space: StyleSpace) -> dict[str, float]:
        """The factor of each masked layer.

        Raises:
            InvalidInputError: a name is unknown.
        """
        space.select(list(self.scale))  # names the unknown one
        groups = {name: group for group, names in space.groups().items() for name in names}
        factors = {ALL_LAYERS: 1.0, **self.scale}
        return {
            name: float(next(factors[x] for x in (name, group, ALL_LAYERS) if x in factors))
            for name, group in groups.items()
        }

    def apply(self, masks: Styles, space: StyleSpace) -> Styles:
        """Change masks [B, dim] in 0…1: first the threshold, then the factors; → 0…2.

        Raises:
            InvalidInputError: a name is unknown.
        """
        factors = self.factors(space).values()
        return [
            torch.where(mask < self.threshold, 0.0, mask) * factor
            for mask, factor in zip(masks, factors, strict=True)
        ]


@dataclass(frozen=True)
class Part:
    """A layer group, a layer, or a tenth of a layer's channels."""

    name: str  # "coarse", "b8.conv0", …
    # 1 for the tenth of the layer's channels with the largest masks, to 10 for the one with the
    # smallest; None for all
    tenth: int | None = None

    def __str__(self) -> str:
        return self.name if self.tenth is None else f"{self.name}{SEPARATOR}{self.tenth}"

    @classmethod
    def parse(cls, text: str, space: StyleSpace) -> "Part":
        """Read "coarse", "b8.conv0" or "b8.conv0/3".

        Raises:
            InvalidInputError: this model has no such part.
        """
        name, _, tenth = text.partition(SEPARATOR)
        layers = [layer.name for layer in space.masked_layers]
        numbers = [str(number) for number in range(1, TENTHS + 1)]
        if name in layers and tenth in numbers:
            return cls(name, int(tenth))
        if text in layers or text in space.groups():
            return cls(text)
        raise InvalidInputError(
            f"this model has no part {text!r}: give a layer group, a layer such as {layers[0]}, or "
            f"a tenth of one such as {layers[0]}{SEPARATOR}1"
        )

    def channels(self, masks: Styles, space: StyleSpace) -> list[torch.Tensor]:
        """Say for each channel whether it belongs to the part: [1, dim] bool, one a masked layer.

        Args:
            masks: of one pair, [1, dim] a masked layer, as the networks gave them.
            space: of the model.

        Raises:
            InvalidInputError: the name is unknown.
        """
        selected = space.select([self.name])
        parts = []
        for mask, whole in zip(masks, selected, strict=True):
            part = torch.full_like(mask, whole, dtype=torch.bool)
            if whole and self.tenth is not None:
                part = torch.zeros_like(part)
                part[0, tenths(mask[0])[self.tenth - 1]] = True
            parts.append(part)
        return parts


def tenths(mask: torch.Tensor) -> list[torch.Tensor]:
    """Part the channels of a mask [dim] by its size: ten sets of about one size, largest first."""
    order = torch.argsort(mask, descending=True, stable=True)
    return list(torch.tensor_split(order, TENTHS))


def only(masks: Styles, part: list[torch.Tensor]) -> Styles:
    """Masks that are 0 outside a part, see `Part.channels`."""
    return [mask * inside for mask, inside in zip(masks, part, strict=True)]


def without(masks: Styles, part: list[torch.Tensor]) -> Styles:
    """Masks that are 0 inside a part, see `Part.channels`."""
    return [mask * ~inside for mask, inside in zip(masks, part, strict=True)]
