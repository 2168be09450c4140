"""What the page and the endpoints call: checked values in, files of pictures out."""

from functools import lru_cache
from typing import Any

import gradio as gr
import torch
from PIL import Image

from demo import faces
from demo.photos import FaceChoice, Inverted, Photos
from demo.progress import say
from demo.server.arguments import Arguments, checked
from demo.server.files import figure_file, file_of, picture_file, picture_files
from demo.server.models import Models
from demo.server.request_checks import Points, guarded, path_of
from stylemask.info import model_info
from stylemask.inspect import inspection
from stylemask.provenance import stamps
from stylemask.provenance.stamps import Origin, Stamp
from stylemask_core import InvalidInputError, Inversion, LatentCode, StyleMaskPipeline, __version__
from stylemask_core.config import MAX_SEED
from stylemask_core.pictures.images import OUTPUT_SIZE, area_average

SHEET_SIZE = OUTPUT_SIZE  # [px] side of a picture in a sheet of many
TARGETS = 8  # pictures in the gallery of one source after many targets
PORTRAITS = 8  # pictures of random faces that are remembered for sliders
PATIENCE = 20.0  # [s] that a program's call waits for a model, keeping others from theirs
TRUNCATION = 0.7  # default of the endpoints, part of their contract
STRENGTH = 1.0
ROLES = ("source", "target")

Code = LatentCode | Inversion


class Handlers:
    """What the page and the endpoints call.

    Args:
        models: those a call may name; None stands for the first.
    """

    def __init__(self, models: Models) -> None:
        self.models = models
        self.arguments = Arguments(models)
        self.photos = Photos()
        self._portrait = lru_cache(maxsize=PORTRAITS)(_portrait)

    @guarded
    @checked
    def mix(
        self,
        source_seed: int,
        target_seed: int,
        truncation: float = TRUNCATION,
        strength: float = STRENGTH,
        layers: list[str] | None = None,
        model: str | None = None,
    ) -> tuple[str, ...]:
        """Give one random face the head pose and expression of another.

        Args:
            source_seed: names the face whose identity is kept, 0 to 4294967295.
            target_seed: names the face whose pose is taken, 0 to 4294967295.
            truncation: 0 (the mean face) to 1 (full variety).
            strength: 0 (source unchanged) to 1.5 (exaggerated).
            layers: "all", groups ("coarse", "middle", "fine") or single layers ("b8.conv0").
            model: one of those /model_info lists; the first if none is given.

        Returns:
            Source, target and result.
        """
        pipeline = self._pipeline(model, layers)
        seeds = source_seed, target_seed
        source, target = (pipeline.sample(seed, truncation) for seed in seeds)
        result = pipeline.reenact(source, target, strength, layers).image
        portraits = (self._portrait(pipeline, seed, truncation) for seed in seeds)
        pictures = dict(zip((*ROLES, "result"), (*portraits, result), strict=True))
        return picture_files(pictures, stamp_of(pipeline, source, target))

    @guarded
    @checked
    def after_targets(
        self,
        source_seed: int,
        target_seed: int,
        truncation: float,
        strength: float,
        layers: list[str] | None,
        model: str | None,
    ) -> list[tuple[str, str]]:
        """One source after the seeds that follow the target's: target above, result below."""
        pipeline = self._pipeline(model, layers)
        source = pipeline.sample(source_seed, truncation)
        sheets = []
        for step in range(TARGETS):
            say(f"target {step + 1} of {TARGETS}", step / TARGETS)
            seed = (target_seed + 1 + step) % (MAX_SEED + 1)
            target = pipeline.sample(seed, truncation)
            result = pipeline.reenact(source, target, strength, layers).image
            sheet = Image.new("RGB", (SHEET_SIZE, 2 * SHEET_SIZE))
            sheet.paste(area_average(pipeline.synthesize(target).image, SHEET_SIZE), (0, 0))
            sheet.paste(area_average(result, SHEET_SIZE), (0, SHEET_SIZE))
            stamp = stamp_of(pipeline, source, target)
            sheets.append((figure_file(sheet, f"target_{seed}", stamp), str(seed)))
        return sheets

    @guarded
    @checked
    def reenact(
        self,
        source: Any,
        target: Any,
        strength: float = STRENGTH,
        layers: list[str] | None = None,
        source_face: int = 1,
        target_face: int = 1,
        source_landmarks: Points | None = None,
        target_landmarks: Points | None = None,
        aligned: bool = False,
        paste_back: bool = False,
        inversion_truncation: float = 1.0,
        model: str | None = None,
        refine_seconds: float = 0.0,
    ) -> tuple[Any, ...]:
        """Give the face in one picture the head pose and expression of the face in another.

        Args:
            source: picture of the face whose identity is kept.
            target: picture of the face whose pose is taken.
            strength: 0 (source unchanged) to 1.5 (exaggerated).
            layers: "all", groups ("coarse", "middle", "fine") or single layers ("b8.conv0").
            source_face: which face of the source, 1 for the largest.
            target_face: which face of the target, 1 for the largest.
            source_landmarks: x, y of both eyes, both mouth corners or 68 landmarks, not searched.
            target_landmarks: the same for the target.
            aligned: both pictures are square and already framed as the model's own are.
            paste_back: also lay the head of the result over the source picture.
            inversion_truncation: 1 (as inverted) to 0 (the mean face).
            model: one of those /model_info lists; the first if none is given.
            refine_seconds: bring each inversion closer to its picture for so long, 0 to 60.

        Returns:
            Source crop, source as inverted, target crop, target as inverted, result,
            the source picture with the result in it (or none), the faces found and used.
        """
        pipeline = self._pipeline(model, layers)
        pictures = {"source": source, "target": target}
        asked = (source_face, source_landmarks), (target_face, target_landmarks)
        choices = {
            role: FaceChoice(face - 1, points, aligned, inversion_truncation, refine_seconds)
            for role, (face, points) in zip(ROLES, asked, strict=True)
        }
        pair = self.photos.inverted(pipeline, pictures, choices)
        result, pasted, loss = self.result(pipeline, source, pair, strength, layers, paste_back)
        details = {role: faces.details(pair[role], choices[role]) for role in pair}
        if loss:
            details["source"]["note"] = "; ".join(filter(None, (details["source"]["note"], loss)))
        return (*crops_and_inversions(pipeline, pair), result, pasted, details)

    def result(
        self,
        pipeline: StyleMaskPipeline,
        source: Any,
        pair: dict[str, Inverted],
        strength: float,
        layers: list[str] | None,
        paste_back: bool,
    ) -> tuple[str, str | None, str]:
        """Reenact two inverted pictures.

        Args:
            pipeline: the model.
            source: picture, as sent.
            pair: inversions by role.
            strength: of the masks.
            layers: that take part; None for all.
            paste_back: whether to lay the result over the source picture.

        Returns:
            Files of the result, and of the source picture with the result in it; "", or what of
            the source picture that could not keep.

        Raises:
            StyleMaskError: something cannot be used.
        """
        say("reenacting", 0.8)
        inverted, pose = pair["source"].inversion, pair["target"].inversion
        result = pipeline.reenact(inverted, pose, strength, layers).image
        stamp, pasted, loss = stamp_of(pipeline, inverted, pose), None, ""
        if paste_back:
            photo = self.photos.read(source, "source")
            loss, whole = photo.loss, pipeline.paste_back(photo, inverted, result)
            pasted = figure_file(whole, "pasted_back", stamp)
        return picture_file(result, "result", stamp), pasted, loss

    @guarded
    @checked
    def faces(self, picture: Any, model: str | None = None) -> tuple[dict[str, Any], str]:
        """Find the faces in a picture.

        Args:
            picture: of any size.
            model: one of those /model_info lists; the first if none is given.

        Returns:
            Faces, the largest first, with a note on what kept them from being found better,
            the picture with them drawn and numbered.
        """
        pipeline = self._pipeline(model)
        photo = self.photos.read(picture, "given")
        search = self.photos.search(pipeline, picture, "given", photo)
        drawn = faces.drawn(photo.rgb, search.faces)
        listed = [faces.described(face) for face in search.faces]
        stamp = Stamp.of(pipeline, Origin.PHOTO)
        return {"faces": listed, "note": search.note}, figure_file(drawn, "faces", stamp)

    @guarded
    @checked
    def inspect(
        self,
        source_seed: int | None = None,
        target_seed: int | None = None,
        truncation: float = TRUNCATION,
        strength: float = STRENGTH,
        source: Any = None,
        target: Any = None,
        source_face: int = 1,
        target_face: int = 1,
        source_landmarks: Points | None = None,
        target_landmarks: Points | None = None,
        aligned: bool = False,
        model: str | None = None,
    ) -> tuple[Any, ...]:
        """Show which style channels a pair moves and where in the picture they act.

        Args:
            source_seed: names the source face; not needed with a source picture.
            target_seed: names the target face; not needed with a target picture.
            truncation: 0 to 1, for seeds.
            strength: 0 to 1.5.
            source: picture that takes the place of source_seed.
            target: picture that takes the place of target_seed.
            source_face: which face of the source picture, as for /reenact.
            target_face: which face of the target picture.
            source_landmarks: of the source picture, in place of a search.
            target_landmarks: of the target picture.
            aligned: pictures are square and already framed as the model's own are.
            model: one of those /model_info lists; the first if none is given.

        Returns:
            Summary, bars, heatmap, maps of effect, masks and styles as .npz, channels as .csv.
        """
        seeds = {"source": source_seed, "target": target_seed}
        pictures = {"source": source, "target": target}
        asked = (source_face, source_landmarks), (target_face, target_landmarks)
        choices = {
            role: FaceChoice(face - 1, points, aligned)
            for role, (face, points) in zip(ROLES, asked, strict=True)
        }
        pipeline = self._pipeline(model)
        codes = self.codes(pipeline, seeds, truncation, pictures, choices)
        say("taking the result apart", 0.8)
        found = inspection.inspect(pipeline, *codes, strength)
        return (found.summary(), *_figures(found, stamp_of(pipeline, *codes)), *downloads(found))

    @guarded
    @checked
    def verify(self, picture: Any) -> dict[str, Any]:
        """Tell whether a picture is marked as made by StyleMask: in its metadata, or invisibly.

        Args:
            picture: the file as it came; a screenshot or a copy may have lost its metadata.

        Returns:
            verdict: "marked", "XMP only", "watermark only" or "nothing found", which proves
            nothing; the same as a sentence; what the metadata tell; the watermark's score and the
            chance of a false alarm.
        """
        path = path_of(picture, "given")
        try:
            return stamps.read(path).to_dict()
        except InvalidInputError as error:
            raise InvalidInputError(str(error).replace(path, "the file")) from error

    @guarded
    @checked
    def model_info(self, model: str | None = None) -> dict[str, Any]:
        """Describe a model: resolution, layers, groups, device, versions, licence.

        Args:
            model: one of those under "models"; the first if none is given.
        """
        labels = self.models.labels
        info = {**model_info(self._pipeline(model)), "model": model or labels[0]}
        return {**info, "models": labels, "versions": versions()}

    def _pipeline(self, model: str | None, layers: list[str] | None = None) -> StyleMaskPipeline:
        pipeline = self.models.get(model, patience=PATIENCE)
        pipeline.space.select(layers)  # each model has its own
        return pipeline

    def codes(
        self,
        pipeline: StyleMaskPipeline,
        seeds: dict[str, int | None],
        truncation: float,
        pictures: dict[str, Any],
        choices: dict[str, FaceChoice],
    ) -> tuple[Code, Code]:
        """The codes of a pair of seeds or pictures.

        Args:
            pipeline: the model.
            seeds: by role; not needed where there is a picture.
            truncation: psi of the seeds' codes.
            pictures: as sent, by role; None to use the seed.
            choices: which face of a picture, by role.

        Raises:
            StyleMaskError: something is missing or cannot be used.
        """
        sent = {role: picture for role, picture in pictures.items() if picture is not None}
        for role, picture in sent.items():
            path_of(picture, role)
            if role not in choices:
                raise InvalidInputError(
                    f"no face is marked in the {role} picture yet: click both eyes and both "
                    "corners of the mouth, or wait until the search is done"
                )
        codes: dict[str, Code] = {}
        for role in ROLES:
            seed = seeds[role]
            if role not in sent and seed is None:
                raise InvalidInputError(f"give a {role} seed or a {role} picture")
            if role not in sent and seed is not None:
                codes[role] = pipeline.sample(seed, truncation)
        inverted = self.photos.inverted(pipeline, sent, {role: choices[role] for role in sent})
        codes |= {role: x.inversion for role, x in inverted.items()}
        return codes["source"], codes["target"]


def stamp_of(pipeline: StyleMaskPipeline, *codes: Code) -> Stamp:
    """What the metadata of pictures made from these codes tell."""
    photo = any(isinstance(code, Inversion) for code in codes)
    return Stamp.of(pipeline, Origin.PHOTO if photo else Origin.RANDOM)


def crops_and_inversions(
    pipeline: StyleMaskPipeline, pair: dict[str, Inverted]
) -> tuple[str | None, ...]:
    """Files of the source's crop and of what the model makes of it, then the target's."""
    pictures = {
        name: picture
        for role, inverted in pair.items()
        for name, picture in (
            (f"{role}_crop", inverted.inversion.crop),
            (f"{role}_inversion", inverted.picture),
        )
    }
    stamp = Stamp.of(pipeline, Origin.PHOTO)
    files = dict(zip(pictures, picture_files(pictures, stamp), strict=True))
    return tuple(files.get(f"{role}_{kind}") for role in ROLES for kind in ("crop", "inversion"))


def versions() -> dict[str, str]:
    """Versions of what makes the pictures."""
    return {"stylemask": __version__, "torch": torch.__version__, "gradio": gr.__version__}


def _portrait(pipeline: StyleMaskPipeline, seed: int, truncation: float) -> Image.Image:
    return pipeline.synthesize(pipeline.sample(seed, truncation)).image


def _figures(found: inspection.Inspection, stamp: Stamp) -> tuple[str, ...]:
    from stylemask.inspect import figures  # brings matplotlib, which the other tabs do not need

    return (
        figure_file(figures.layer_bars(found), "layer_bars", stamp),
        figure_file(figures.mask_heatmap(found), "mask_heatmap", stamp),
        figure_file(figures.effect_maps(found), "effect_maps", stamp),
    )


def downloads(found: inspection.Inspection) -> tuple[str, str]:
    """Files of an inspection: masks and styles, all channels."""
    return (
        file_of(found.npz(), "masks_and_styles.npz"),
        file_of(found.csv().encode(), "channels.csv"),
    )
