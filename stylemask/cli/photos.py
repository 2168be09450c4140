"""Photos on the command line: which of their faces is read, and what is said of it."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from stylemask.cli.console import console_progress, tell
from stylemask.cli.inputs import ARRAY_SUFFIX, Input, is_folder, read_array
from stylemask.cli.options import FaceMarks, PhotoOptions
from stylemask.cli.parser import UsageError
from stylemask.refinement import refine_inversion
from stylemask_core.errors import InvalidInputError, NoFaceError
from stylemask_core.faces import landmarks
from stylemask_core.faces.fan import ABOUT
from stylemask_core.pictures import alignment, framing
from stylemask_core.pictures.framing import Align
from stylemask_core.pictures.images import read_photo
from stylemask_core.pipeline import StyleMaskPipeline
from stylemask_core.results import Code, FramedPicture, Inversion

ROLES = ("source", "target")
MOST_PLACES = 9  # faces whose place is told
DOUBT = 0.4  # [sides] a face's quad this far from an aligned picture's whole is doubted
DOUBT_SIDE = 320  # [px] long side of the copy searched for it

# What it warns of is told here, in the command line's own form.
logging.getLogger(landmarks.__name__).addHandler(logging.NullHandler())


@dataclass(frozen=True)
class _Reading:
    """How a side's photos are framed: see `StyleMaskPipeline.frame`; face None is no choice."""

    align: Align
    face: int | None
    landmarks: np.ndarray | None


class CodeReader:
    """Turns SOURCE and TARGET, which may be folders, into codes.

    Raises:
        UsageError: options that contradict each other or the inputs.
    """

    def __init__(
        self, options: PhotoOptions, truncation: float | None, source: Input, target: Input
    ) -> None:
        sides = zip(ROLES, (source, target), strict=True)
        self.pictures = {role: item for role, item in sides if _is_picture(item)}
        self._options, self._truncation = options, truncation
        self._check_use()
        marks = {"source": options.source, "target": options.target}
        self._readings = {role: self._reading(role, own) for role, own in marks.items()}
        self.photo = lru_cache(maxsize=len(ROLES))(read_photo)  # a pair's are decoded once
        self._said = set[str]()
        self.remarks: dict[str, list[str]] = {}  # for a summary: what is said of which files

    def _check_use(self) -> None:
        """Refuse options that need a picture, or could be meant for either."""
        options = self._options
        flags = {
            "--aligned": options.aligned or None,
            "--face": options.either.face,
            "--inversion-truncation": options.inversion_truncation,
            "--landmarks": options.either.landmarks,
            "--refine": options.refine,
        }
        for flag, value in flags.items():
            if value is not None and not self.pictures:
                raise UsageError(f"{flag} is for pictures: neither SOURCE nor TARGET is one")
        if options.either.landmarks is not None and len(self.pictures) > 1:
            raise UsageError(
                "--landmarks could be those of SOURCE or TARGET: give --source-landmarks or "
                "--target-landmarks"
            )

    def _reading(self, role: str, own: FaceMarks) -> _Reading:
        """How one side is read."""
        either, aligned = self._options.either, self._options.aligned
        kinds: dict[str, tuple[object, object]] = {
            "face": (either.face, own.face),
            "landmarks": (either.landmarks, own.landmarks),
        }
        flags = ["--aligned"] if aligned else []
        for kind, (of_either, of_own) in kinds.items():
            flag, own_flag = f"--{kind}", f"--{role}-{kind}"
            if of_own is not None and role not in self.pictures:
                raise UsageError(f"{own_flag} is for a picture: {role.upper()} is none")
            if of_own is not None and of_either is not None:
                raise UsageError(f"give {flag} or {own_flag}, not both")
            if of_own is not None or of_either is not None:
                flags.append(flag if of_own is None else own_flag)
        face = either.face if own.face is None else own.face
        marks = either.landmarks if own.landmarks is None else own.landmarks
        if marks is not None and is_folder(self.pictures.get(role, 0)):
            raise UsageError(f"landmarks mark one picture: {role.upper()} is a folder")
        if len(flags) > 1:
            raise UsageError(f"choose one of {' and '.join(flags)}")
        # people count faces from 1
        return _Reading("none" if aligned else "auto", None if face is None else face - 1, marks)

    def read(self, pipeline: StyleMaskPipeline, item: Input, role: str) -> Code:
        """Turn a seed, a `.npy` array or a picture into a code.

        Raises:
            InvalidInputError: the file cannot be used.
        """
        return self._inverted(pipeline, {role: self._code_or_square(pipeline, item, role)})[role]

    def pair(
        self,
        pipeline: StyleMaskPipeline,
        source: Input,
        target: Input,
        known: Mapping[str, Code] | None = None,
    ) -> tuple[Code, Code]:
        """Turn both inputs into codes, if not known; two pictures are inverted as one batch.

        Raises:
            InvalidInputError: a file cannot be used.
        """
        known = known or {}
        read = {
            role: known.get(role) or self._code_or_square(pipeline, item, role)
            for role, item in zip(ROLES, (source, target), strict=True)
        }
        codes = self._inverted(pipeline, read)
        return codes["source"], codes["target"]

    def _code_or_square(
        self, pipeline: StyleMaskPipeline, item: Input, role: str
    ) -> Code | FramedPicture:
        if isinstance(item, int):
            return pipeline.sample(item, self._truncation)
        if item.suffix.lower() == ARRAY_SUFFIX:
            return read_array(pipeline, item, self._truncation)
        return self._frame(pipeline, item, role)

    def _inverted(
        self, pipeline: StyleMaskPipeline, read: Mapping[str, Code | FramedPicture]
    ) -> dict[str, Code]:
        squares = {role: x for role, x in read.items() if isinstance(x, FramedPicture)}
        codes = {role: x for role, x in read.items() if not isinstance(x, FramedPicture)}
        if not squares:
            return codes
        psi = self._options.inversion_truncation
        inversions = pipeline.invert_framed([*squares.values()], 1.0 if psi is None else psi)
        if self._options.refine:
            inversions = [
                self._refined(pipeline, inversion, role, self._options.refine)
                for role, inversion in zip(squares, inversions, strict=True)
            ]
        return {**codes, **dict(zip(squares, inversions, strict=True))}

    def _refined(
        self, pipeline: StyleMaskPipeline, inversion: Inversion, role: str, seconds: float
    ) -> Inversion:
        refinement = refine_inversion(pipeline, inversion, seconds)
        before, after = refinement.before, refinement.after
        tell(
            f"{role} refined in {refinement.seconds:.1f} s, {refinement.steps} steps: similarity "
            f"of photo and inversion {before.structure:.3f} → {after.structure:.3f} (SSIM), "
            f"{before.psnr:.1f} → {after.psnr:.1f} dB (PSNR)"
        )
        return refinement.inversion

    def _frame(self, pipeline: StyleMaskPipeline, path: Path, role: str) -> FramedPicture:
        photo, how = self.photo(path), self._readings[role]
        with console_progress() as bar:

            def progress(what: str, done: int, total: int) -> None:
                self._tell_once(f"downloading the {ABOUT}")
                bar(what, done, total)

            try:
                framed = pipeline.frame(
                    photo,
                    align=how.align,
                    face=how.face or 0,
                    landmarks=how.landmarks,
                    progress=progress,
                )
            except NoFaceError as error:
                raise NoFaceError(f"{path}: {error} (--landmarks, --aligned)") from error
            except InvalidInputError as error:
                raise InvalidInputError(f"{path}: {error}") from error
        note, faces = framed.framing.note, framed.framing.faces
        if note not in self._said:  # many photos share the reason of a fallback
            self._said.add(note)
            self.tell_of(path, note)
        if how.align == "none":
            if doubt := _doubt(photo.rgb, framing.PROFILES[pipeline.config.alignment]):
                self.tell_of(path, f"{doubt}: leave --aligned out to have it framed")
                self._remark("maybe not aligned", path.name)
        elif how.landmarks is None and not faces:
            self._remark("no face was found in", path.name)
        if len(faces) > 1 and how.face is None:
            flag = f"--{role}-face" if len(self.pictures) > 1 else "--face"
            self._tell_once(f"{path.name}: {_places(faces)}; {flag} N takes another")
        return framed

    def tell_of(self, path: Path, what: str) -> None:
        """Tell people something of a file, once; nothing if it is ""."""
        self._tell_once(f"{path.name}: {what}" if what else "")

    def _remark(self, remark: str, name: str) -> None:
        names = self.remarks.setdefault(remark, [])
        if name not in names:
            names.append(name)

    def _tell_once(self, line: str) -> None:
        if line and line not in self._said:
            self._said.add(line)
            tell(line)


def _places(faces: list[landmarks.Face]) -> str:
    """Where the faces of a picture are, for people."""
    places = []
    for number, face in enumerate(faces[:MOST_PLACES], 1):
        left, top, right, bottom = face.box
        x, y, width = (left + right) / 2, (top + bottom) / 2, right - left
        places.append(f"{number} at {x:.0f},{y:.0f} ({width:.0f} px wide)")
    more = f" and {len(faces) - MOST_PLACES} smaller" if len(faces) > MOST_PLACES else ""
    return f"{len(faces)} faces found, the largest is taken: {', '.join(places)}{more}"


def _doubt(picture: Image.Image, profile: framing.Profile) -> str:
    """Why an RGB square that is said to be aligned may not be, "" if nothing tells so."""
    # not the default detector: no weights are to be downloaded for a doubt
    haar = replace(profile, detector=landmarks.HAAR, searched_side=DOUBT_SIDE)
    faces = framing.find_faces(picture, haar).faces
    whole = alignment.centred_quad(picture.size)
    if not faces or min(alignment.deviation(face.quad, whole) for face in faces) <= DOUBT:
        return ""
    x, y = faces[0].points.mean(0)
    return f"its face is not where an aligned picture has it, but at {x:.0f},{y:.0f}"


def _is_picture(item: Input) -> bool:
    """Whether an input is a picture, or a folder of them."""
    return isinstance(item, Path) and item.suffix.lower() != ARRAY_SUFFIX
