"""What the page and the endpoints call: checked values in, files of pictures out."""

from functools import lru_cache
from typing import Any, NamedTuple

import gradio as gr
import torch
from PIL import Image

from demo.checks import guarded, layers_of, number, path_of, seed_of, strength_of
from demo.files import figure_file, file_of, picture_file, picture_files
from stylemask_core import (
    InvalidInputError,
    Inversion,
    LatentCode,
    StyleMaskPipeline,
    __version__,
    inspection,
)
from stylemask_core.config import MAX_SEED
from stylemask_core.images import area_average, read_picture
from stylemask_core.info import model_info

SHEET_SIZE = 256  # [px] side of a picture in a sheet of many
TARGETS = 8  # pictures in the gallery of one source after many targets
KEPT = 32  # inversions, and results of picture pairs, that are remembered for sliders and examples
TRUNCATION = 0.7  # default of the endpoints, part of their contract
STRENGTH = 1.0

Code = LatentCode | Inversion


class Look(NamedTuple):
    """An inspection and its pair."""

    source: Code
    target: Code
    found: inspection.Inspection


class Handlers:
    """What the page and the endpoints call.

    Args:
        pipeline: the model behind all of them.
    """

    def __init__(self, pipeline: StyleMaskPipeline) -> None:
        self.pipeline = pipeline
        # Gradio keeps uploads in folders named by their content: a path stands for one picture
        self._invert_file = lru_cache(maxsize=KEPT)(self._read_and_invert)
        self._reenact_files = lru_cache(maxsize=KEPT)(self._invert_and_reenact)

    @guarded
    def mix(
        self,
        source_seed: int,
        target_seed: int,
        truncation: float = TRUNCATION,
        strength: float = STRENGTH,
        layers: list[str] | None = None,
    ) -> tuple[str, ...]:
        """Give one random face the head pose and expression of another.

        Args:
            source_seed: names the face whose identity is kept, 0 to 4294967295.
            target_seed: names the face whose pose is taken, 0 to 4294967295.
            truncation: 0 (the mean face) to 1 (full variety).
            strength: 0 (source unchanged) to 1.5 (exaggerated).
            layers: "all", groups ("coarse", "middle", "fine") or single layers ("b8.conv0").

        Returns:
            Source, target and result.
        """
        source = self._sample(source_seed, truncation, "source")
        target = self._sample(target_seed, truncation, "target")
        result = self._reenacted(source, target, strength, layers)
        shown = {"source": source, "target": target}
        pictures = {name: self.pipeline.synthesize(code).image for name, code in shown.items()}
        return picture_files({**pictures, "result": result})

    @guarded
    def after_targets(
        self,
        source_seed: int,
        target_seed: int,
        truncation: float,
        strength: float,
        layers: list[str] | None,
    ) -> list[tuple[str, str]]:
        """One source after the seeds that follow the target's: target above, result below."""
        source = self._sample(source_seed, truncation, "source")
        first = seed_of(target_seed, "target") + 1
        sheets = []
        for seed in (n % (MAX_SEED + 1) for n in range(first, first + TARGETS)):
            target = self._sample(seed, truncation, "target")
            result = self._reenacted(source, target, strength, layers)
            sheet = Image.new("RGB", (SHEET_SIZE, 2 * SHEET_SIZE))
            sheet.paste(area_average(self.pipeline.synthesize(target).image, SHEET_SIZE), (0, 0))
            sheet.paste(area_average(result, SHEET_SIZE), (0, SHEET_SIZE))
            sheets.append((figure_file(sheet, f"target_{seed}"), str(seed)))
        return sheets

    @guarded
    def reenact(
        self,
        source: Any,
        target: Any,
        strength: float = STRENGTH,
        layers: list[str] | None = None,
    ) -> tuple[str, ...]:
        """Give the face in one picture the head pose and expression of the face in another.

        Args:
            source: picture of the face whose identity is kept.
            target: picture of the face whose pose is taken.
            strength: 0 (source unchanged) to 1.5 (exaggerated).
            layers: "all", groups ("coarse", "middle", "fine") or single layers ("b8.conv0").

        Returns:
            Source crop, source as inverted, target crop, target as inverted, result.
        """
        pair = self._inverted(source, "source"), self._inverted(target, "target")
        chosen = layers_of(layers)
        key = strength_of(strength), chosen if chosen is None else tuple(chosen)
        result = self._reenact_files(path_of(source, "source"), path_of(target, "target"), *key)
        crops = self._crop_and_inversion(pair[0], "source")
        return (*crops, *self._crop_and_inversion(pair[1], "target"), _result(result))

    @guarded
    def inversion(self, picture: Any, role: str) -> tuple[str | None, str | None]:
        """Crop and inversion of a picture, or nothing if there is none."""
        if picture is None:
            return None, None
        return self._crop_and_inversion(self._inverted(picture, role), role)

    @guarded
    def inspect(
        self,
        source_seed: int | None = None,
        target_seed: int | None = None,
        truncation: float = TRUNCATION,
        strength: float = STRENGTH,
        source: Any = None,
        target: Any = None,
    ) -> tuple[Any, ...]:
        """Show which style channels a pair moves and where in the picture they act.

        Args:
            source_seed: names the source face; not needed with a source picture.
            target_seed: names the target face; not needed with a target picture.
            truncation: 0 to 1, for seeds.
            strength: 0 to 1.5.
            source: picture that takes the place of source_seed.
            target: picture that takes the place of target_seed.

        Returns:
            Summary, bars, heatmap, maps of effect, masks and styles as .npz, channels as .csv.
        """
        found = self._look(source_seed, target_seed, truncation, strength, source, target).found
        return (found.summary(), *_figures(found), *_downloads(found))

    @guarded
    def inspect_page(self, *values: Any) -> tuple[Any, ...]:
        """The same for the page: pair, result, figures, table of channels, downloads."""
        look = self._look(*values)
        found = look.found
        table = [
            [x.layer, x.channel, *(f"{v:.3f}" for v in (x.mask, x.source, x.target, x.shift))]
            for x in found.effects[: inspection.STRONGEST]
        ]
        pair = self._shown(look.source, "source"), self._shown(look.target, "target")
        return (*pair, _result(found.result.image), *_figures(found), table, *_downloads(found))

    @guarded
    def model_info(self) -> dict[str, Any]:
        """Describe the loaded model: resolution, layers, groups, device, versions, licence."""
        return {**model_info(self.pipeline), "versions": versions()}

    def _look(
        self,
        source_seed: Any,
        target_seed: Any,
        truncation: Any,
        strength: Any,
        source: Any,
        target: Any,
    ) -> Look:
        def code(seed: Any, picture: Any, role: str) -> Code:
            if picture is not None:
                return self._inverted(picture, role)
            if seed is None:
                raise InvalidInputError(f"give a {role} seed or a {role} picture")
            return self._sample(seed, truncation, role)

        pair = code(source_seed, source, "source"), code(target_seed, target, "target")
        return Look(*pair, inspection.inspect(self.pipeline, *pair, strength_of(strength)))

    def _sample(self, seed: Any, truncation: Any, role: str) -> LatentCode:
        return self.pipeline.sample(seed_of(seed, role), number(truncation, "truncation"))

    def _shown(self, code: Code, name: str) -> str:
        return picture_file(self.pipeline.synthesize(code).image, name)

    def _reenacted(self, source: Code, target: Code, strength: Any, layers: Any) -> Image.Image:
        chosen = strength_of(strength), layers_of(layers)
        return self.pipeline.reenact(source, target, *chosen).image

    def _crop_and_inversion(self, inversion: Inversion, role: str) -> tuple[str, str]:
        crop = picture_file(inversion.crop, f"{role}_crop")
        return crop, self._shown(inversion, f"{role}_inversion")

    def _inverted(self, picture: Any, role: str) -> Inversion:
        path = path_of(picture, role)
        try:
            return self._invert_file(path)
        except InvalidInputError as error:
            # the path is the server's; people know the file by its role
            raise InvalidInputError(str(error).replace(path, f"the {role} file")) from error

    def _invert_and_reenact(
        self, source: str, target: str, strength: float, layers: tuple[str, ...] | None
    ) -> Image.Image:
        pair = self._invert_file(source), self._invert_file(target)
        return self.pipeline.reenact(*pair, strength, layers).image

    def _read_and_invert(self, path: str) -> Inversion:
        return self.pipeline.invert(read_picture(path))


def versions() -> dict[str, str]:
    """Versions of what makes the pictures."""
    return {"stylemask": __version__, "torch": torch.__version__, "gradio": gr.__version__}


def _result(picture: Image.Image) -> str:
    return picture_file(picture, "result")


def _figures(found: inspection.Inspection) -> tuple[str, ...]:
    from stylemask_core import figures  # brings matplotlib, which the other tabs do not need

    return (
        figure_file(figures.layer_bars(found), "layer_bars"),
        figure_file(figures.mask_heatmap(found), "mask_heatmap"),
        figure_file(figures.effect_maps(found), "effect_maps"),
    )


def _downloads(found: inspection.Inspection) -> tuple[str, str]:
    return (
        file_of(found.npz(), "masks_and_styles.npz"),
        file_of(found.csv().encode(), "channels.csv"),
    )
