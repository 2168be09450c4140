"""Photos on the command line: which of their faces is read, and what is told of it."""

import argparse
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stylemask.cli.inputs import ARRAY_SUFFIX, Input, is_folder, read_array
from stylemask_core.errors import InvalidInputError, NoFaceError, UsageError
from stylemask_core.faces import landmarks
from stylemask_core.faces.fan_weights import ABOUT
from stylemask_core.pictures import framing
from stylemask_core.pictures.framing import Align
from stylemask_core.pictures.images import read_picture
from stylemask_core.pipeline import StyleMaskPipeline
from stylemask_core.progress import console_progress
from stylemask_core.results import Code, FramedPicture, Inversion

ROLES = ("source", "target")
OF_ONE_FACE = ("face", "landmarks")  # options that exist with a role before them, too
MOST_PLACES = 9  # faces whose place is told
OF_PICTURES = {*OF_ONE_FACE, "aligned", "paste_back", "inversion_truncation", "refine"}

# What it warns of is told here, in the command line's own form.
logging.getLogger(landmarks.__name__).addHandler(logging.NullHandler())


@dataclass(frozen=True)
class _Reading:
    """How a side's photos are framed: see `StyleMaskPipeline.frame`; face None is no choice."""

    align: Align
    face: int | None
    landmarks: np.ndarray | None


def _reading(options: dict[str, Any], role: str) -> _Reading:
    number, marks = (
        options.get(kind) if options.get(f"{role}_{kind}") is None else options[f"{role}_{kind}"]
        for kind in OF_ONE_FACE
    )
    return _Reading(
        "none" if options.get("aligned") else "auto",
        None if number is None else number - 1,  # people count faces from 1
        marks,
    )


def parse_landmarks(text: str) -> np.ndarray:
    """An argparse type: x,y,… of eyes and mouth corners [4, 2] or of 68 landmarks [68, 2]."""
    try:
        points = np.array([float(number) for number in text.split(",")]).reshape(-1, 2)
    except ValueError:
        points = np.empty((0, 2))
    if len(points) not in (4, 68) or not np.isfinite(points).all():
        raise argparse.ArgumentTypeError(
            "give x,y,… of both eyes and both mouth corners (8 numbers), or of 68 landmarks (136)"
        )
    return points


class CodeReader:
    """Turns SOURCE and TARGET into codes.

    Args:
        args: parsed arguments; options that a command does not have count as not given.
        source: the SOURCE that was given, maybe a folder.
        target: the TARGET that was given, maybe a folder.
        tell: writes one line to people.

    Raises:
        UsageError: options that contradict each other or the inputs.
    """

    def __init__(
        self,
        args: argparse.Namespace,
        source: Input,
        target: Input,
        tell: Callable[[str], None],
    ) -> None:
        options = vars(args)
        inputs = zip(ROLES, (source, target), strict=True)
        _check(options, {role: item for role, item in inputs if _is_picture(item)})
        self._truncation: float | None = args.truncation
        psi = options.get("inversion_truncation")
        self._inversion_truncation = 1.0 if psi is None else psi
        self._refine: float = options.get("refine") or 0.0
        self._pasted = options.get("paste_back", False)
        self._readings = {role: _reading(options, role) for role in ROLES}
        self._tell, self._told = tell, set[str]()
        both = all(_is_picture(item) for item in (source, target))
        self._choosing = {role: f"--{role}-face" if both else "--face" for role in ROLES}
        self.remarks: dict[str, list[str]] = {}  # for a summary: what is said of which files

    def read(self, pipeline: StyleMaskPipeline, item: Input, role: str) -> Code:
        """Turn an input into a code.

        Args:
            pipeline: the model.
            item: a seed, a `.npy` array (z or W+) or a picture.
            role: "source" or "target".

        Raises:
            InvalidInputError: the file cannot be used.
        """
        return self._inverted(pipeline, {role: self._code_or_square(pipeline, item, role)})[role]

    def read_pair(
        self, pipeline: StyleMaskPipeline, source: Input, target: Input
    ) -> tuple[Code, Code]:
        """Turn both inputs into codes; two pictures are inverted as one batch.

        Raises:
            InvalidInputError: a file cannot be used.
        """
        inputs = zip(ROLES, (source, target), strict=True)
        found = {role: self._code_or_square(pipeline, item, role) for role, item in inputs}
        codes = self._inverted(pipeline, found)
        return codes["source"], codes["target"]

    def _code_or_square(
        self, pipeline: StyleMaskPipeline, item: Input, role: str
    ) -> Code | FramedPicture:
        if isinstance(item, int):
            return pipeline.sample(item, self._truncation)
        if item.suffix.lower() == ARRAY_SUFFIX:
            if self._pasted and role == "source":
                raise InvalidInputError(f"{item} is no photo that a result could be pasted into")
            return read_array(pipeline, item, self._truncation)
        return self._frame(pipeline, item, role)

    def _inverted(
        self, pipeline: StyleMaskPipeline, found: dict[str, Code | FramedPicture]
    ) -> dict[str, Code]:
        squares = {role: x for role, x in found.items() if isinstance(x, FramedPicture)}
        codes = {role: x for role, x in found.items() if not isinstance(x, FramedPicture)}
        if not squares:
            return codes
        inversions = pipeline.invert_framed(list(squares.values()), self._inversion_truncation)
        if self._refine:
            inversions = [
                self._refined(pipeline, inversion, role)
                for role, inversion in zip(squares, inversions, strict=True)
            ]
        return {**codes, **dict(zip(squares, inversions, strict=True))}

    def _refined(self, pipeline: StyleMaskPipeline, inversion: Inversion, role: str) -> Inversion:
        done = pipeline.refine_inversion(inversion, self._refine)
        before, after = done.before, done.after
        self._tell(
            f"{role} refined in {done.seconds:.1f} s, {done.steps} steps: similarity of photo and "
            f"inversion {before.structure:.3f} → {after.structure:.3f} (SSIM), "
            f"{before.psnr:.1f} → {after.psnr:.1f} dB (PSNR)"
        )
        return done.inversion

    def _frame(self, pipeline: StyleMaskPipeline, path: Path, role: str) -> FramedPicture:
        photo, how = read_picture(path), self._readings[role]
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
        if note not in self._told:  # many photos share the reason of a fallback
            self._told.add(note)
            self.tell_of(path, note)
        if how.align == "none":
            if doubt := framing.doubt(photo, framing.PROFILES[pipeline.config.alignment]):
                self.tell_of(path, f"{doubt}: leave --aligned out to have it framed")
                self._remark("maybe not aligned", path.name)
        elif how.landmarks is None and not faces:
            self._remark("no face was found in", path.name)
        if len(faces) > 1 and how.face is None:
            self._tell_once(
                f"{path.name}: {_places(faces)}; {self._choosing[role]} N takes another"
            )
        return framed

    def tell_of(self, path: Path, what: str) -> None:
        """Tell people something of a file, once; nothing if it is ""."""
        self._tell_once(f"{path.name}: {what}" if what else "")

    def _remark(self, remark: str, name: str) -> None:
        names = self.remarks.setdefault(remark, [])
        if name not in names:
            names.append(name)

    def _tell_once(self, line: str) -> None:
        if line and line not in self._told:
            self._told.add(line)
            self._tell(line)


def _places(faces: list[landmarks.Face]) -> str:
    """Where the faces of a picture are, for people."""
    places = []
    for number, face in enumerate(faces[:MOST_PLACES], 1):
        left, top, right, bottom = face.box
        x, y, width = (left + right) / 2, (top + bottom) / 2, right - left
        places.append(f"{number} at {x:.0f},{y:.0f} ({width:.0f} px wide)")
    more = f" and {len(faces) - MOST_PLACES} smaller" if len(faces) > MOST_PLACES else ""
    return f"{len(faces)} faces found, the largest is taken: {', '.join(places)}{more}"


def _is_picture(item: Input) -> bool:
    """Whether an input is a picture, or a folder of them."""
    return isinstance(item, Path) and item.suffix.lower() != ARRAY_SUFFIX


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _check(options: dict[str, Any], pictures: dict[str, Input]) -> None:
    """Refuse options of photos that contradict each other or the inputs."""
    given = {name for name, value in options.items() if value is not None and value is not False}
    for name in sorted(given & OF_PICTURES):
        if not pictures:
            raise UsageError(f"{_flag(name)} is for pictures: neither SOURCE nor TARGET is one")
    for role in ROLES:
        how = {"aligned"} & given
        for kind in OF_ONE_FACE:
            own = f"{role}_{kind}"
            if own in given and role not in pictures:
                raise UsageError(f"{_flag(own)} is for a picture: {role.upper()} is none")
            if {kind, own} <= given:
                raise UsageError(f"give {_flag(kind)} or {_flag(own)}, not both")
            how |= {kind, own} & given
            if kind == "landmarks" and how & {kind, own} and is_folder(pictures.get(role, 0)):
                raise UsageError(f"landmarks mark one picture: {role.upper()} is a folder")
        if len(how) > 1:
            raise UsageError(f"choose one of {' and '.join(map(_flag, sorted(how)))}")
    if "landmarks" in given and len(pictures) > 1:
        raise UsageError(
            "--landmarks could be those of SOURCE or TARGET: give --source-landmarks or "
            "--target-landmarks"
        )
    if "paste_back" in given:
        if "source" not in pictures:
            raise UsageError("--paste-back is for a photo: SOURCE is none")
        if clash := sorted(given & {"grid", "size"}):
            raise UsageError(f"--paste-back writes the whole photo: leave out {_flag(clash[0])}")
