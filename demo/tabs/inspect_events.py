"""What the Inspect tab shows: a pair taken apart, its masks edited, and a second pair beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from demo.events import say
from demo.handlers import Handlers, downloads, stamp_of
from demo.photos import FaceChoice, Upload
from demo.server.arguments import ROLES, seed_of
from demo.server.storage import picture_file, picture_files
from demo.tabs.mask_chart import chart_of, picked
from demo.tabs.photo_pair import PhotoPair
from stylemask.inspect import inspection
from stylemask.inspect.inspection import PartEffect
from stylemask.inspect.mask_edit import SCALE_RANGE, MaskEdit, Part
from stylemask.provenance.stamps import Stamp
from stylemask_core import InvalidInputError, StyleMaskPipeline
from stylemask_core.checks import check_strength, check_truncation, number_in
from stylemask_core.results import Code
from stylemask_core.style_space import GROUP_RESOLUTIONS, Styles

SEEDS, PICTURES = "seeds", "pictures"


@dataclass(frozen=True)
class Inspected:
    """The values of the tab's controls, checked."""

    pipeline: StyleMaskPipeline
    pair: tuple[Code, Code]
    other: tuple[Code, Code] | None  # the second pair
    strength: float
    edit: MaskEdit  # of the first pair's masks
    part: Part | None  # picked in the chart

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
    """Makes what the tab shows from the values of its controls."""

    def __init__(self, handlers: Handlers, photos: PhotoPair) -> None:
        self._handlers, self._photos = handlers, photos

    def check(self, values: Mapping[str, Any]) -> Inspected:
        """Check the values of the tab's controls, by their names, and invert what is to be."""
        pipeline = self._handlers.models.get(values["model"])
        psi, strength = check_truncation(values["truncation"]), check_strength(values["strength"])
        edit = MaskEdit(values["threshold"], factors_of(values))
        part = picked(values["chart"], pipeline.space)
        seeds: dict[str, int | None] = dict.fromkeys(ROLES)
        uploads: dict[str, Upload] = {}
        choices: dict[str, FaceChoice] = {}
        if values["kind"] == PICTURES:
            uploads, choices = self._photos.choices(pipeline, values)
            for role in ROLES:
                if role not in uploads:
                    raise InvalidInputError(f"give a {role} picture")
        else:
            seeds |= {role: seed_of(values[f"{role}_seed"], role) for role in ROLES}
        other = None
        if values["compare"]:
            source, target = (seed_of(values[f"other_{role}"], f"{role} B") for role in ROLES)
            other = pipeline.sample(source, psi), pipeline.sample(target, psi)
        pair = self._handlers.codes(pipeline, seeds, psi, uploads, choices)
        return Inspected(pipeline, pair, other, strength, edit, part)

    def pair_pictures(self, inspected: Inspected) -> tuple[str, ...]:
        """Files of source and target, as the model makes them."""
        say("drawing source and target")
        pictures = (inspected.pipeline.synthesize(code).image for code in inspected.pair)
        return picture_files(dict(zip(ROLES, pictures, strict=True)), inspected.stamp)

    def look(self, inspected: Inspected) -> tuple[Any, ...]:
        """What changes with every control.

        Returns:
            Result; chart; files of the picked part alone, of all but it, of where it acts; source,
            target and result of pair B. None where nothing is picked or compared.
        """
        pipeline, masks = inspected.pipeline, inspected.masks
        say("reenacting", 0.3)
        result = pipeline.reenact(*inspected.pair, inspected.strength, masks=masks)
        files, effect, peak = self._part(inspected)
        other_masks, other_files = self._other(inspected)
        chart = chart_of(
            pipeline.space, inspected.network, masks, other_masks, inspected.part, effect, peak
        )
        return (
            *picture_files({"result": result.image}, inspected.stamp),
            chart,
            *files,
            *other_files,
        )

    def details(self, inspected: Inspected) -> tuple[Any, ...]:
        """Maps of the layer groups, table of channels, and two files with all numbers."""
        from stylemask.inspect import figures  # brings matplotlib, which the other tabs do not need

        say("taking the result apart", 0.5)
        whole = inspection.inspect(
            inspected.pipeline, *inspected.pair, inspected.strength, inspected.masks
        )
        table = [
            [x.layer, x.channel, *(f"{v:.3f}" for v in (x.mask, x.source, x.target, x.shift))]
            for x in whole.effects[: inspection.STRONGEST]
        ]
        effects = picture_file(
            figures.effect_maps(whole), "effect_maps", inspected.stamp, enlarge=False
        )
        return effects, table, *downloads(whole)

    def _part(
        self, inspected: Inspected
    ) -> tuple[tuple[str | None, ...], PartEffect | None, float]:
        if inspected.part is None:
            return (None, None, None), None, 0.0
        from stylemask.inspect import figures

        say("switching the part on and off", 0.5)
        effect = inspection.part_effect(
            inspected.pipeline, *inspected.pair, inspected.part, inspected.strength, inspected.masks
        )
        where, peak = figures.heat_map(effect.rest.image, effect.change)
        pictures = {"only": effect.alone.image, "without": effect.rest.image, "where": where}
        return picture_files(pictures, inspected.stamp), effect, peak / figures.FULL_RANGE

    def _other(self, inspected: Inspected) -> tuple[Styles | None, tuple[str | None, ...]]:
        if inspected.other is None:
            return None, (None, None, None)
        say("the second pair", 0.7)
        pipeline = inspected.pipeline
        pictures = {
            f"{role}_b": pipeline.synthesize(code).image
            for role, code in zip(ROLES, inspected.other, strict=True)
        }
        result = pipeline.reenact(*inspected.other, inspected.strength)
        files = picture_files(
            {**pictures, "result_b": result.image}, stamp_of(pipeline, *inspected.other)
        )
        return pipeline.masks(*inspected.other), files


def factors_of(values: Mapping[str, Any]) -> dict[str, float]:
    """Factors of the layer groups' masks, 0 for a group that is off."""
    on = values["on"] or []
    return {
        group: number_in(values[group], f"factor of {group}", SCALE_RANGE) if group in on else 0.0
        for group in GROUP_RESOLUTIONS
    }
