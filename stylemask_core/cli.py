"""The `stylemask` command line: mix, reenact, inspect, info.

Exit codes: 0 done; 1 an input or the model cannot be used (of many inputs: some failed); 2 the
command line asks for something that cannot be done, and nothing was started; 130 interrupted.
"""

import argparse
import os
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from stylemask_core import __version__, commands
from stylemask_core.config import STRENGTH_RANGE, TRUNCATION_RANGE
from stylemask_core.errors import StyleMaskError, UsageError
from stylemask_core.hub import EMBEDDED
from stylemask_core.inputs import parse_seed

MODEL_VARIABLE = "STYLEMASK_MODEL"
SIZE_RANGE = (16, 4096)  # [px] of --size
NO_LAYER = "none"
EXIT_USAGE, EXIT_INTERRUPTED = 2, 130
INPUT = "a picture, a .npy code (z or W+) or seed:7"
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


def _common_options() -> Parser:
    options = Parser(add_help=False)
    default = os.environ.get(MODEL_VARIABLE) or EMBEDDED
    about = f"{EMBEDDED!r} or a model folder; {MODEL_VARIABLE} or {EMBEDDED} if not given"
    options.add_argument("--model", default=default, help=about)
    options.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, …")
    options.add_argument("--verbose", action="store_true", help="show the traceback of an error")
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
    about = "side of each picture [px], area-averaged; the model's own if not given"
    options.add_argument("--size", type=_number(*SIZE_RANGE, int), metavar="N", help=about)
    return options


def build_parser() -> Parser:
    """The parser of the whole command line; `args.run(args)` does what was asked."""
    common, mixing, picture = _common_options(), _mixing_options(), _picture_options()
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

    mix = command(commands.mix, mixing, picture)
    mix.add_argument("--source-seed", type=parse_seed, required=True, metavar="N")
    mix.add_argument("--target-seed", type=parse_seed, required=True, metavar="N")
    mix.add_argument("-o", "--output", type=Path, required=True, metavar="PICTURE")

    reenact = command(commands.reenact, mixing, picture)
    about = f"{INPUT}; folders are paired by sorted name, a single one goes with every file"
    reenact.add_argument("source", metavar="SOURCE", help=f"whose identity is kept: {about}")
    reenact.add_argument("target", metavar="TARGET", help="whose pose is taken: likewise")
    about = "a picture, or a folder if SOURCE or TARGET is one"
    reenact.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help=about)

    inspect = command(commands.inspect, mixing)
    inspect.add_argument("source", metavar="SOURCE", help=INPUT)
    inspect.add_argument("target", metavar="TARGET", help="likewise")
    about = f"gets {', '.join(commands.INSPECTION_FILES)}"
    inspect.add_argument("-o", "--output", type=Path, metavar="FOLDER", help=about)
    inspect.add_argument("--json", action="store_true", help="print the figures as JSON")

    info = command(commands.info)
    info.add_argument("positional_model", nargs="?", metavar="MODEL", help="as --model")
    info.add_argument("--json", action="store_true", help="print a JSON object")
    return parser


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
        args = build_parser().parse_args(argv)
        code: int = args.run(args)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except Exception as error:  # the last resort: a user is never shown a traceback unasked
        if args.verbose:
            traceback.print_exc()
        if isinstance(error, StyleMaskError):
            commands.tell(f"error: {error}")
        else:
            hint = "run it with --verbose and report the traceback"
            commands.tell(f"error: unexpected {type(error).__name__}: {error}; {hint}")
        return EXIT_USAGE if isinstance(error, UsageError) else commands.EXIT_FAILED
    return code
