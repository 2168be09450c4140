"""What the page and the endpoints call: checked values in, files of pictures out."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import gradio as gr
import torch
from PIL import Image

from demo.events import say
from demo.photos import FaceChoice, Inverted, Photos, Upload, described, details_of, drawn
from demo.server.arguments import ROLES, Arguments, Points, checked
from demo.server.models import Models
from demo.server.storage import file_of, picture_file, picture_files
from stylemask.info import model_info
from stylemask.inspect import inspection
from stylemask.provenance import stamps
from stylemask.provenance.stamps import Origin, Stamp
from stylemask_core import InvalidInputError, Inversion, StyleMaskPipeline, __version__
from stylemask_core.config import MAX_SEED
from stylemask_core.pictures.images import OUTPUT_SIZE, area_average
from stylemask_core.results import Code

SHEET_SIZE = OUTPUT_SIZE  # [px] side of a picture in a sheet of many
TARGETS = 8  # pictures in the gallery of one source after many targets
PORTRAITS = 8  # pictures of random faces that are remembered for sliders
PATIENCE = 20.0  # [s] that a program's call waits for a model, keeping others from theirs
TRUNCATION = 0.7  # default of the endpoints, part of their contract
STRENGTH = 1.0


class Handlers:
    """What the page and the endpoints call."""

    def __init__(self, models: Models) -> None:
        self.models = models
        self.arguments = Arguments(models)
        self.photos = Photos()
        self._portrait = lru_cache(maxsize=PORTRAITS)(_portrait)

    def forget_visitor(self, request: gr.Request) -> None:
        """Drop what was remembered for a visitor who has left."""
        self.photos.leave(request.session_hash)

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
        pipeline = self.models.get(model, patience=PATIENCE)
        seeds = source_seed, target_seed
        source, target = (pipeline.sample(seed, truncation) for seed in seeds)
        result = pipeline.reenact(source, target, strength, layers).image
        portraits = (self._portrait(pipeline, seed, truncation) for seed in seeds)
        pictures = dict(zip((*ROLES, "result"), (*portraits, result), strict=True))
        return picture_files(pictures, stamp_of(pipeline, source, target))

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
        pipeline = self.models.get(model, patience=PATIENCE)
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
            sheets.append((picture_file(sheet, f"target_{seed}", stamp, enlarge=False), str(seed)))
        return sheets

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
        pipeline = self.models.get(model, patience=PATIENCE)
        uploads = {"source": Upload(source, "source"), "target": Upload(target, "target")}
        options = aligned, inversion_truncation, refine_seconds
        choices = {
            "source": FaceChoice(source_face - 1, source_landmarks, *options),
            "target": FaceChoice(target_face - 1, target_landmarks, *options),
        }
        pair = self.photos.inverted(pipeline, uploads, choices)
        upload = uploads["source"] if paste_back else None
        result, pasted, loss = reenacted(pipeline, pair, strength, layers, upload)
        details = {role: details_of(pair[role], choices[role]) for role in pair}
        if loss:
            details["source"]["note"] = "; ".join(filter(None, (details["source"]["note"], loss)))
        return (*crops_and_inversions(pipeline, pair).values(), result, pasted, details)

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
        pipeline = self.models.get(model, patience=PATIENCE)
        upload = Upload(picture, "given")
        search = self.photos.search(pipeline, upload)
        marked = drawn(upload.photo.rgb, search.faces)
        listed = [described(face) for face in search.faces]
        stamp = Stamp.of(pipeline, Origin.PHOTO)
        return {"faces": listed, "note": search.note}, picture_file(marked, "faces", stamp, False)

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
        paths = {"source": source, "target": target}
        uploads = {role: Upload(path, role) for role, path in paths.items() if path is not None}
        choices = {
            "source": FaceChoice(source_face - 1, source_landmarks, aligned),
            "target": FaceChoice(target_face - 1, target_landmarks, aligned),
        }
        pipeline = self.models.get(model, patience=PATIENCE)
        codes = self.codes(pipeline, seeds, truncation, uploads, choices)
        say("taking the result apart", 0.8)
        whole = inspection.inspect(pipeline, *codes, strength)
        return (whole.summary(), *_figures(whole, stamp_of(pipeline, *codes)), *downloads(whole))

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
        try:
            return stamps.read(picture).to_dict()
        except InvalidInputError as error:
            raise InvalidInputError(str(error).replace(picture, "the file")) from error

    @checked
    def model_info(self, model: str | None = None) -> dict[str, Any]:
        """Describe a model: resolution, layers, groups, device, versions, licence.

        Args:
            model: one of those under "models"; the first if none is given.
        """
        labels = self.models.labels
        info = {
            **model_info(self.models.get(model, patience=PATIENCE)),
            "model": model or labels[0],
        }
        return {**info, "models": labels, "versions": versions()}

    def codes(
        self,
        pipeline: StyleMaskPipeline,
        seeds: Mapping[str, int | None],
        truncation: float,
        uploads: Mapping[str, Upload],
        choices: Mapping[str, FaceChoice],
    ) -> tuple[Code, Code]:
        """The codes of source and target: of pictures where there are some, else of seeds."""
        for role in ROLES:
            if role in uploads and role not in choices:
                raise InvalidInputError(
                    f"no face is marked in the {role} picture yet: click both eyes and both "
                    "corners of the mouth, or wait until the search is done"
                )
            if role not in uploads and seeds[role] is None:
                raise InvalidInputError(f"give a {role} seed or a {role} picture")
        codes: dict[str, Code] = {
            role: pipeline.sample(seed, truncation)
            for role, seed in seeds.items()
            if role not in uploads and seed is not None
        }
        pair = self.photos.inverted(pipeline, uploads, {role: choices[role] for role in uploads})
        codes |= {role: inverted.inversion for role, inverted in pair.items()}
        return codes["source"], codes["target"]


def reenacted(
    pipeline: StyleMaskPipeline,
    pair: Mapping[str, Inverted],
    strength: float,
    layers: list[str] | None,
    upload: Upload | None,
) -> tuple[str, str | None, str]:
    """Reenact two inverted pictures, and lay the result over the source if that is given.

    Returns:
        Files of the result, and of the source picture with the result in it; "", or what of
        the source picture that could not keep.
    """
    say("reenacting", 0.8)
    source, target = pair["source"].inversion, pair["target"].inversion
    result = pipeline.reenact(source, target, strength, layers).image
    stamp, pasted, loss = Stamp.of(pipeline, Origin.PHOTO), None, ""
    if upload is not None:
        loss, laid_over = upload.photo.loss, pipeline.paste_back(upload.photo, source, result)
        pasted = picture_file(laid_over, "pasted_back", stamp, enlarge=False)
    return picture_file(result, "result", stamp), pasted, loss


def stamp_of(pipeline: StyleMaskPipeline, *codes: Code) -> Stamp:
    """What the metadata of pictures made from these codes tell."""
    photo = any(isinstance(code, Inversion) for code in codes)
    return Stamp.of(pipeline, Origin.PHOTO if photo else Origin.RANDOM)


def crops_and_inversions(
    pipeline: StyleMaskPipeline, pair: Mapping[str, Inverted]
) -> dict[str, str]:
    """Files of the source's crop and of what the model makes of it, then the target's, by name."""
    pictures = {}
    for role, inverted in pair.items():
        pictures[f"{role}_crop"] = inverted.inversion.crop
        pictures[f"{role}_inversion"] = inverted.picture
    files = picture_files(pictures, Stamp.of(pipeline, Origin.PHOTO))
    return dict(zip(pictures, files, strict=True))


def versions() -> dict[str, str]:
    """Versions of what makes the pictures."""
    return {"stylemask": __version__, "torch": torch.__version__, "gradio": gr.__version__}


def _portrait(pipeline: StyleMaskPipeline, seed: int, truncation: float) -> Image.Image:
    return pipeline.synthesize(pipeline.sample(seed, truncation)).image


def _figures(whole: inspection.Inspection, stamp: Stamp) -> tuple[str, ...]:
    from stylemask.inspect import figures  # brings matplotlib, which the other tabs do not need

    drawn = {
        "layer_bars": figures.layer_bars(whole),
        "mask_heatmap": figures.mask_heatmap(whole),
        "effect_maps": figures.effect_maps(whole),
    }
    return tuple(picture_file(x, name, stamp, enlarge=False) for name, x in drawn.items())


def downloads(whole: inspection.Inspection) -> tuple[str, str]:
    """Files of an inspection: masks and styles, all channels."""
    return (
        file_of(whole.npz(), "masks_and_styles.npz"),
        file_of(whole.csv().encode(), "channels.csv"),
    )
