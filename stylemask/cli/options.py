"""The options that several commands share."""

from dataclasses import dataclass

import numpy as np

from stylemask.cli.parser import group, landmarks, layers, number, option
from stylemask.refinement import SECONDS_RANGE
from stylemask_core.config import STRENGTH_RANGE, TRUNCATION_RANGE
from stylemask_core.models.model_folder import EMBEDDED
from stylemask_core.models.model_source import FFHQ

MODEL_VARIABLE = "STYLEMASK_MODEL"
SIZE_RANGE = (16, 4096)  # [px] of --size
MAX_FACE = 1000  # of --face


@dataclass(frozen=True)
class ModelChoice:
    """Which model, and where it computes."""

    model: str | None = option(
        help=f"{EMBEDDED!r}, {FFHQ!r}, a model folder, or user/repo[@revision] on the Hub; "
        f"{MODEL_VARIABLE} or {EMBEDDED} if not given"
    )
    device: str = option(default="auto", help="auto, cpu, cuda, cuda:1, …")


@dataclass(frozen=True)
class Mixing:
    """How source and target are mixed."""

    strength: float = option(
        type=number(*STRENGTH_RANGE), default=1.0, metavar="X",
        help="0 = source unchanged, 1 = as trained (default), up to 1.5 exaggerates",
    )  # fmt: skip
    truncation: float | None = option(
        type=number(*TRUNCATION_RANGE), metavar="PSI",
        help="psi of seeds and z codes, 0…1; the model's own if not given",
    )  # fmt: skip


@dataclass(frozen=True)
class Panels:
    """What the written picture shows."""

    layers: list[str] | None = option(
        type=layers, metavar="NAMES",
        help="groups and layers that take part, e.g. coarse,b8.conv0; all (default); none",
    )  # fmt: skip
    grid: bool = option(help="write source | target | result")
    size: int | None = option(
        type=number(*SIZE_RANGE, int), metavar="N",
        help="side of each picture [px], area-averaged; the model's own, at least 512, if not "
        "given",
    )  # fmt: skip


@dataclass(frozen=True)
class FaceMarks:
    """Which face of a photo is read."""

    face: int | None = option(
        type=number(1, MAX_FACE, int), metavar="N",
        help="which of the faces found, 1 is the largest",
    )  # fmt: skip
    landmarks: np.ndarray | None = option(
        type=landmarks, metavar="X,Y,…",
        help="eyes and mouth corners [px], 8 numbers, or 68 landmarks, 136 numbers",
    )  # fmt: skip


@dataclass(frozen=True)
class PhotoOptions:
    """Which faces of photos are read, and how closely."""

    either: FaceMarks = group()
    source: FaceMarks = group("source-", "of SOURCE alone: ")
    target: FaceMarks = group("target-", "of TARGET alone: ")
    aligned: bool = option(
        help="the pictures are square and framed like the model's own: seek no face"
    )
    inversion_truncation: float | None = option(
        type=number(*TRUNCATION_RANGE), metavar="PSI",
        help="psi of the codes of pictures, 0…1; as they were found if not given",
    )  # fmt: skip
    refine: float | None = option(
        type=number(*SECONDS_RANGE), metavar="SECONDS",
        help="keep more of the person: bring each inversion closer to its picture for so long",
    )  # fmt: skip
