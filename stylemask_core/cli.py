"""The `stylemask` command line: mix, reenact, inspect, verify, info, doctor, convert, push, fetch.

Exit codes: 0 done; 1 an input or the model cannot be used (of many inputs: some failed); 2 the
command line asks for something that cannot be done, and nothing was started; 130 interrupted;
143 terminated.
"""

import argparse
import os
import re
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from stylemask_core import __version__
from stylemask_core.command_line import commands, model_commands, verify_command
from stylemask_core.command_line.inputs import parse_seed
from stylemask_core.command_line.photo_inputs import parse_landmarks
from stylemask_core.config import STRENGTH_RANGE, TRUNCATION_RANGE
from stylemask_core.errors import UsageError
from stylemask_core.hub import EMBEDDED
from stylemask_core.mask_edit import SCALE_RANGE, THRESHOLD_RANGE
from stylemask_core.refinement import SECONDS_RANGE
from stylemask_core.remote.model_source import FFHQ

MODEL_VARIABLE = "STYLEMASK_MODEL"
SIZE_RANGE = (16, 4096)  # [px] of --size
MAX_FACE = 1000  # of --face
NO_LAYER = "none"
EXIT_USAGE, EXIT_INTERRUPTED, EXIT_TERMINATED = 2, 130, 143
INPUT = "a picture, a .npy code (z or W+) or seed:7"
CHECKPOINTS = {
    "generator": "StyleGAN2, such as stylegan2-ffhq-config-f.pt",
    "mask-network": "StyleMask's, such as mask_network_1024.pt",
    "encoder": "e4e's, such as e4e_ffhq_encode.pt",
}
EPILOG = "exit codes: 0 done, 1 some inputs failed, 2 bad usage"


class Parser(argparse.ArgumentParser):
    """Reports bad usage as one line, like every other error here."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage and leaving."""
        raise UsageError(f"{message} (see {self.prog} --help)")


def _number(low: float, high: float, kind: type[int] | type[float]) -> Callable[[str], float]:
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


def _scale(text: str) -> dict[str, float]:
    """An argparse type: comma-separated NAME=FACTOR of layers and groups."""
    factor = _number(*SCALE_RANGE, float)
    pairs = [pair.partition("=") for pair in text.split(",")]
    return {name.strip(): factor(number.strip()) for name, _, number in pairs}


def _common_options() -> Parser:
    options = Parser(add_help=False)
    options.add_argument("--verbose", action="store_true", help="show the traceback of an error")
    return options


def _model_options() -> Parser:
    options = Parser(add_help=False)
    default = os.environ.get(MODEL_VARIABLE) or EMBEDDED
    about = (
        f"{EMBEDDED!r}, {FFHQ!r}, a model folder, or user/repo[@revision] on the Hub; "
        f"{MODEL_VARIABLE} or {EMBEDDED} if not given"
    )
    options.add_argument("--model", default=default, help=about)
    options.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, …")
    return options


def _mixing_options() -> Parser:
    options = Parser(add_help=False)
    about = "0 = source unchanged, 1 = as trained (default), up to 1.5 exaggerates"
    strength = _number(*STRENGTH_RANGE, float)
    options.add_argument("--strength", type=strength, default=1.0, metavar="X", help=about)
    about = "psi of seeds and z codes, 0…1; the model's own if not given"
    truncation = _number(*TRUNCATION_RANGE, float)
    options.add_argument("--truncation", type=truncation, metavar="PSI", help=about)
    return options


def _picture_options() -> Parser:
    options = Parser(add_help=False)
    about = "groups and layers that take part, e.g. coarse,b8.conv0; all (default); none"
    options.add_argument("--layers", type=_layers, metavar="NAMES", help=about)
    options.add_argument("--grid", action="store_true", help="write source | target | result")
    about = "side of each picture [px], area-averaged; the model's own, at least 512, if not given"
    options.add_argument("--size", type=_number(*SIZE_RANGE, int), metavar="N", help=about)
    return options


def _photo_options() -> Parser:
    options = Parser(add_help=False)
    photos = options.add_argument_group("pictures")
    roles = {"": "", "source-": "of SOURCE alone: ", "target-": "of TARGET alone: "}
    about = "which of the faces found, 1 is the largest"
    for role, whose in roles.items():
        number = _number(1, MAX_FACE, int)
        photos.add_argument(f"--{role}face", type=number, metavar="N", help=whose + about)
    about = "eyes and mouth corners [px], 8 numbers, or 68 landmarks, 136 numbers"
    for role, whose in roles.items():
        name = f"--{role}landmarks"
        photos.add_argument(name, type=parse_landmarks, metavar="X,Y,…", help=whose + about)
    about = "the pictures are square and framed like the model's own: seek no face"
    photos.add_argument("--aligned", action="store_true", help=about)
    about = "psi of the codes of pictures, 0…1; as they were found if not given"
    truncation = _number(*TRUNCATION_RANGE, float)
    photos.add_argument("--inversion-truncation", type=truncation, metavar="PSI", help=about)
    about = "keep more of the person: bring each inversion closer to its picture for so long"
    seconds = _number(*SECONDS_RANGE, float)
    photos.add_argument("--refine", type=seconds, metavar="SECONDS", help=about)
    return options


def build_parser() -> Parser:
    """The parser of the whole command line; `args.run(args)` does what was asked."""
    common, model = _common_options(), _model_options()
    mixing, picture, photos = _mixing_options(), _picture_options(), _photo_options()
    parser = Parser(
        prog="stylemask",
        description="Give a face the head pose and expression of another.",
        epilog=EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"stylemask {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(run: Callable[[argparse.Namespace], int], *options: Parser) -> Parser:
        about = (run.__doc__ or "").splitlines()[0]
        added = subparsers.add_parser(
            run.__name__,
            parents=[*options, common],
            help=about,
            description=about,
            epilog=EPILOG,
            allow_abbrev=False,
        )
        added.set_defaults(run=run)
        return added

    mix = command(commands.mix, mixing, picture, model)
    mix.add_argument("--source-seed", type=parse_seed, required=True, metavar="N")
    mix.add_argument("--target-seed", type=parse_seed, required=True, metavar="N")
    mix.add_argument("-o", "--output", type=Path, required=True, metavar="PICTURE")
    mix.set_defaults(paste_back=False)

    reenact = command(commands.reenact, mixing, picture, photos, model)
    about = f"{INPUT}; folders are paired by sorted name, a single one goes with every file"
    reenact.add_argument("source", metavar="SOURCE", help=f"whose identity is kept: {about}")
    reenact.add_argument("target", metavar="TARGET", help="whose pose is taken: likewise")
    about = "lay the result back into the photo that SOURCE is"
    reenact.add_argument("--paste-back", action="store_true", help=about)
    about = "a picture, or a folder if SOURCE or TARGET is one"
    reenact.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help=about)

    inspect = command(commands.inspect, mixing, photos, model)
    inspect.add_argument("source", metavar="SOURCE", help=INPUT)
    inspect.add_argument("target", metavar="TARGET", help="likewise")
    about = "masks below it take nothing, 0…1 (default 0)"
    threshold = _number(*THRESHOLD_RANGE, float)
    inspect.add_argument("--threshold", type=threshold, default=0.0, metavar="X", help=about)
    about = "factors of the masks of groups and layers, 0…2, e.g. fine=0,b8.conv0=1.5"
    inspect.add_argument("--scale", type=_scale, default={}, metavar="NAME=X,…", help=about)
    about = f"gets {', '.join(commands.INSPECTION_FILES)}"
    inspect.add_argument("-o", "--output", type=Path, metavar="FOLDER", help=about)
    inspect.add_argument("--json", action="store_true", help="print the figures as JSON")

    verify = command(verify_command.verify)
    verify.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a picture")
    verify.add_argument("--json", action="store_true", help="print a list, one object a file")

    info = command(commands.info, model)
    info.add_argument("positional_model", nargs="?", metavar="MODEL", help="as --model")
    info.add_argument("--json", action="store_true", help="print a JSON object")

    doctor = command(commands.doctor, model)
    doctor.add_argument("--build", action="store_true", help="compile operators ahead of use")
    doctor.add_argument("--json", action="store_true", help="print a JSON object")

    convert = command(model_commands.convert)
    for part, about in CHECKPOINTS.items():
        convert.add_argument(f"--{part}", type=Path, required=True, metavar="FILE", help=about)
    about = "model folder to be created; an existing one is replaced"
    convert.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER", help=about)
    dtypes = list(model_commands.DTYPES)
    about = "of the written weights"
    convert.add_argument("--dtype", choices=dtypes, default=dtypes[0], help=about)

    push = command(model_commands.push)
    push.add_argument("folder", type=Path, metavar="FOLDER", help="model folder")
    push.add_argument("repo", metavar="USER/REPO", help="on the Hub, made if need be")
    push.add_argument("--private", action="store_true", help="a repository that is made is private")

    fetch = command(model_commands.fetch)
    fetch.add_argument("model", choices=[FFHQ], help="the authors' model of photos, 1024 px")
    about = "to be created; in this project's cache if not given"
    fetch.add_argument("-o", "--output", type=Path, metavar="FOLDER", help=about)
    about = "mask_network_1024.pt, where Google Drive does not give it"
    fetch.add_argument("--mask-network", type=Path, metavar="FILE", help=about)
    fetch.add_argument("--dtype", choices=dtypes, default=dtypes[0], help="of the written weights")
    fetch.add_argument("--keep", action="store_true", help="do not delete the downloaded files")
    return parser


def _joined(arguments: Sequence[str]) -> list[str]:
    """Join landmarks that begin with a minus to their option: argparse takes them for another."""
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1].endswith("landmarks") and re.match(r"-[\d.]", argument):
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM unwind what is being done, so that nothing half-written is left behind."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only there may handlers be set
        return
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_TERMINATED))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: the arguments; None for the process's own.

    Returns:
        Exit code, see the module's first lines.
    """
    args: Any = argparse.Namespace(verbose=False)
    # Pillow warns of large pictures and odd metadata: the one is checked here, the other harmless.
    warnings.filterwarnings("ignore", module="PIL")
    try:
        args = build_parser().parse_args(_joined(sys.argv[1:] if argv is None else argv))
        with _terminable():
            code: int = args.run(args)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except Exception as error:  # the last resort: a user is never shown a traceback unasked
        commands.tell_error(error, args.verbose)
        return EXIT_USAGE if isinstance(error, UsageError) else commands.EXIT_FAILED
    return code
