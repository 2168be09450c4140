"""What the Inspect tab shows: a pair taken apart, its masks edited, and a second pair beside it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from demo.handlers import ROLES, Code, Handlers, downloads, stamp_of
from demo.photos import FaceChoice
from demo.progress import say
from demo.server.files import figure_file, picture_files
from demo.server.request_checks import number, seed_of
from demo.tabs.mask_chart import chart_of, picked
from demo.tabs.photo_pair import PhotoPair
from stylemask.inspect import inspection
from stylemask.inspect.inspection import PartEffect
from stylemask.inspect.mask_edit import MaskEdit, Part
from stylemask.provenance.stamps import Stamp
from stylemask_core import StyleMaskPipeline
from stylemask_core.checks import check_strength, check_truncation
from stylemask_core.style_space import GROUP_RESOLUTIONS, Styles

SEEDS, PICTURES = "seeds", "pictures"


@dataclass(frozen=True)
class Asked:
    """The values of the tab's controls, checked.

    Args:
        pipeline: the model.
        pair: source and target.
        other: those of the second pair, None for none.
        strength: of the masks.
        edit: of the first pair's masks.
        part: that is picked in the chart.
    """

    pipeline: StyleMaskPipeline
    pair: tuple[Code, Code]
    other: tuple[Code, Code] | None
    strength: float
    edit: MaskEdit
    part: Part | None

    @cached_property
    def stamp(self) -> Stamp:
        """What the metadata of the pair's pictures tell."""
        return stamp_of(self.pipeline, *self.pair)

    @cached_property
    def network(self) -> Styles:
        """Masks of the pair as the networks give them."""
        return self.pipeline.masks(*self.pair)

    @cached_property
    def masks(self) -> Styles:
        """Masks of the pair as they are mixed."""
        return self.edit.apply(self.network, self.pipeline.space)


class Inspector:
    """Makes what the tab shows from the values of its controls.

    Args:
        handlers: where codes come from.
        photos: the tab's pictures.
    """

    def __init__(self, handlers: Handlers, photos: PhotoPair) -> None:
        self._handlers, self._photos = handlers, photos

    def asked(self, values: list[Any]) -> Asked:
        """Check the values of the controls.

        Args:
            values: kind; picture and marks of the source and of the target; both seeds,
                truncation, strength; groups that are on, their factors, threshold; whether to
                compare, both seeds of pair B; the chart; the model's label.

        Raises:
            StyleMaskError: something is missing or cannot be used.
        """
        kind, *values = values
        sent, values = values[:4], values[4:]
        *seeds, psi, strength = values[:4]
        on, *factors, threshold = values[4:9]
        compare, *other_seeds, chart, model = values[9:]
        pipeline = self._handlers.models.get(model)
        psi, strength = check_truncation(psi), check_strength(strength)
        edit = MaskEdit(number(threshold, "threshold"), factors_of(on, factors))
        part = picked(chart, pipeline.space)
        pictures: dict[str, Any] = {}
        choices: dict[str, FaceChoice] = {}
        if kind == PICTURES:
            given, choices = self._photos.choices(pipeline, sent)
            # an empty dict stands for a missing picture: None would mean "use the seed"
            pictures = {role: picture or {} for role, picture in given.items()}
        by_role = {
            role: None if role in pictures or seed is None else seed_of(seed, role)
            for role, seed in zip(ROLES, seeds, strict=True)
        }
        other = None
        if compare:
            named = zip(ROLES, other_seeds, strict=True)
            source, target = [seed_of(seed, f"{role} B") for role, seed in named]
            other = pipeline.sample(source, psi), pipeline.sample(target, psi)
        pair = self._handlers.codes(pipeline, by_role, psi, pictures, choices)
        return Asked(pipeline, pair, other, strength, edit, part)

    def pair_pictures(self, asked: Asked) -> tuple[str, ...]:
        """Files of source and target, as the model makes them."""
        say("drawing source and target")
        pictures = (asked.pipeline.synthesize(code).image for code in asked.pair)
        return picture_files(dict(zip(ROLES, pictures, strict=True)), asked.stamp)

    def look(self, asked: Asked) -> tuple[Any, ...]:
        """What changes with every control.

        Returns:
            Result; chart; files of the picked part alone, of all but it, of where it acts; source,
            target and result of pair B. None where nothing is picked or compared.
        """
        pipeline, masks = asked.pipeline, asked.masks
        say("reenacting", 0.3)
        result = pipeline.reenact(*asked.pair, asked.strength, masks=masks)
        files, effect, peak = self._part(asked)
        other_masks, other_files = self._other(asked)
        chart = chart_of(
            pipeline.space, asked.network, masks, other_masks, asked.part, effect, peak
        )
        return *picture_files({"result": result.image}, asked.stamp), chart, *files, *other_files

    def details(self, asked: Asked) -> tuple[Any, ...]:
        """Maps of the layer groups, table of channels, and two files with all numbers."""
        from stylemask.inspect import figures  # brings matplotlib, which the other tabs do not need

        say("taking the result apart", 0.5)
        found = inspection.inspect(asked.pipeline, *asked.pair, asked.strength, asked.masks)
        table = [
            [x.layer, x.channel, *(f"{v:.3f}" for v in (x.mask, x.source, x.target, x.shift))]
            for x in found.effects[: inspection.STRONGEST]
        ]
        effects = figure_file(figures.effect_maps(found), "effect_maps", asked.stamp)
        return effects, table, *downloads(found)

    def _part(self, asked: Asked) -> tuple[tuple[str | None, ...], PartEffect | None, float]:
        if asked.part is None:
            return (None, None, None), None, 0.0
        from stylemask.inspect import figures

        say("switching the part on and off", 0.5)
        effect = inspection.part_effect(
            asked.pipeline, *asked.pair, asked.part, asked.strength, asked.masks
        )
        where, peak = figures.heat_map(effect.rest.image, effect.change)
        pictures = {"only": effect.alone.image, "without": effect.rest.image, "where": where}
        return picture_files(pictures, asked.stamp), effect, peak / figures.FULL_RANGE

    def _other(self, asked: Asked) -> tuple[Styles | None, tuple[str | None, ...]]:
        if asked.other is None:
            return None, (None, None, None)
        say("the second pair", 0.7)
        pipeline = asked.pipeline
        pictures = {
            f"{role}_b": pipeline.synthesize(code).image
            for role, code in zip(ROLES, asked.other, strict=True)
        }
        result = pipeline.reenact(*asked.other, asked.strength)
        files = picture_files(
            {**pictures, "result_b": result.image}, stamp_of(pipeline, *asked.other)
        )
        return pipeline.masks(*asked.other), files


def factors_of(on: Any, factors: list[Any]) -> dict[str, float]:
    """Factors of the layer groups' masks.

    Args:
        on: groups that are switched on, as sent.
        factors: of coarse, middle and fine, as sent.

    Raises:
        InvalidInputError: a factor is no number.
    """
    return {
        group: number(factor, f"factor of {group}") if group in (on or []) else 0.0
        for group, factor in zip(GROUP_RESOLUTIONS, factors, strict=True)
    }
