"""The options that several subcommands share, and how their values are read."""

import argparse
import os
from collections.abc import Callable
from typing import TypeVar

from stylemask.cli.inputs import parse_seed
from stylemask.cli.parser import Once, Parser
from stylemask.cli.photo_inputs import parse_landmarks
from stylemask.inspect.mask_edit import SCALE_RANGE
from stylemask_core.config import STRENGTH_RANGE, TRUNCATION_RANGE
from stylemask_core.errors import UsageError
from stylemask_core.models.model_folder import EMBEDDED
from stylemask_core.models.model_source import FFHQ
from stylemask_core.refinement import SECONDS_RANGE

MODEL_VARIABLE = "STYLEMASK_MODEL"
SIZE_RANGE = (16, 4096)  # [px] of --size
MAX_FACE = 1000  # of --face
NO_LAYER = "none"

Value = TypeVar("Value")


def value_of(parse: Callable[[str], Value]) -> Callable[[str], Value]:
    """An argparse type made of a function that raises UsageError: the option is named with it."""

    def parsed(text: str) -> Value:
        try:
            return parse(text)
        except UsageError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return parsed


seed = value_of(parse_seed)


def number(low: float, high: float, kind: type[int] | type[float]) -> Callable[[str], float]:
    """An argparse type: a number in a range, both ends included."""

    def parse(text: str) -> float:
        try:
            value: float = kind(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:  # also true of NaN
            what = "whole number" if kind is int else "number"
            raise argparse.ArgumentTypeError(f"{text!r} is no {what} from {low:g} to {high:g}")
        return value

    return parse


def _layers(text: str) -> list[str]:
    """An argparse type: comma-separated layers and groups; "none" for no layer at all."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise argparse.ArgumentTypeError(f"no layer named: give e.g. coarse,b8.conv0 or {NO_LAYER}")
    return [] if names == [NO_LAYER] else names


def scale(text: str) -> dict[str, float]:
    """An argparse type: comma-separated NAME=FACTOR of layers and groups."""
    factor = number(*SCALE_RANGE, float)
    pairs = [pair.partition("=") for pair in text.split(",")]
    return {name.strip(): factor(value.strip()) for name, _, value in pairs}


def common() -> Parser:
    """Options of every subcommand."""
    options = Parser(add_help=False)
    options.add_argument("--verbose", action="store_true", help="show the traceback of an error")
    return options


def model() -> Parser:
    """Which model, and where it computes."""
    options = Parser(add_help=False)
    default = os.environ.get(MODEL_VARIABLE) or EMBEDDED
    about = (
        f"{EMBEDDED!r}, {FFHQ!r}, a model folder, or user/repo[@revision] on the Hub; "
        f"{MODEL_VARIABLE} or {EMBEDDED} if not given"
    )
    options.add_argument("--model", default=default, help=about)
    options.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, …")
    return options


def mixing() -> Parser:
    """How source and target are mixed."""
    options = Parser(add_help=False)
    about = "0 = source unchanged, 1 = as trained (default), up to 1.5 exaggerates"
    strength = number(*STRENGTH_RANGE, float)
    options.add_argument("--strength", type=strength, default=1.0, metavar="X", help=about)
    about = "psi of seeds and z codes, 0…1; the model's own if not given"
    truncation = number(*TRUNCATION_RANGE, float)
    options.add_argument("--truncation", type=truncation, metavar="PSI", help=about)
    return options


def picture() -> Parser:
    """What the written picture shows."""
    options = Parser(add_help=False)
    about = "groups and layers that take part, e.g. coarse,b8.conv0; all (default); none"
    options.add_argument("--layers", type=_layers, metavar="NAMES", help=about)
    options.add_argument("--grid", action="store_true", help="write source | target | result")
    about = "side of each picture [px], area-averaged; the model's own, at least 512, if not given"
    options.add_argument("--size", type=number(*SIZE_RANGE, int), metavar="N", help=about)
    return options


def photos() -> Parser:
    """Which face of a photo is read, and how closely."""
    options = Parser(add_help=False)
    group = options.add_argument_group("pictures")
    roles = {"": "", "source-": "of SOURCE alone: ", "target-": "of TARGET alone: "}
    about = "which of the faces found, 1 is the largest"
    for role, whose in roles.items():
        face = number(1, MAX_FACE, int)
        group.add_argument(f"--{role}face", type=face, metavar="N", help=whose + about)
    about = "eyes and mouth corners [px], 8 numbers, or 68 landmarks, 136 numbers"
    for role, whose in roles.items():
        name = f"--{role}landmarks"
        group.add_argument(name, type=parse_landmarks, metavar="X,Y,…", help=whose + about)
    about = "the pictures are square and framed like the model's own: seek no face"
    group.add_argument("--aligned", action="store_true", help=about)
    about = "psi of the codes of pictures, 0…1; as they were found if not given"
    truncation = number(*TRUNCATION_RANGE, float)
    group.add_argument("--inversion-truncation", type=truncation, metavar="PSI", help=about)
    about = "keep more of the person: bring each inversion closer to its picture for so long"
    seconds = number(*SECONDS_RANGE, float)
    group.add_argument("--refine", type=seconds, metavar="SECONDS", help=about)
    return options


def output(command: Parser, metavar: str, about: str) -> None:
    """Add -o to a subcommand."""
    command.add_argument("-o", "--output", action=Once, metavar=metavar, help=about)
