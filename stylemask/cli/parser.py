"""How the command line is read: each command is a frozen dataclass, and each field an option.

Errors are one line that names what comes near.
"""

import argparse
import difflib
import itertools
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, ClassVar, NoReturn, TypeVar

import numpy as np

from stylemask.cli.console import say
from stylemask_core import __version__
from stylemask_core.config import MAX_SEED
from stylemask_core.errors import StyleMaskError

OPTION = re.compile(r"-[A-Za-z]|--[A-Za-z]")  # how one begins; "-1" is a number, "-" the output
NEAR = 0.6  # of 1: how alike two names are that may be mixed up
NO_LAYER = "none"
VERSION = ("-V", "--version")
DEMO = "demo"  # a command that reads its own flags
EXITS = (
    "exit codes: 0 done, 1 some inputs failed, 2 bad usage, 130 interrupted,\n"
    "            141 whoever read the output closed it"
)

Options = TypeVar("Options")


class UsageError(StyleMaskError):
    """The command line asks for something that cannot be done; nothing was started."""


def option(*names: str, **settings: Any) -> Any:
    """A field that --its-name sets, or a short name beside it; a type of bool makes a switch."""
    return field(metadata={"names": names, "settings": settings})


def output(metavar: str, about: str) -> Any:
    """The field of -o."""
    return option("-o", action=_Once, metavar=metavar, help=about)


def argument(metavar: str | None, about: str, **settings: Any) -> Any:
    """A field that stands without a name."""
    return field(
        metadata={"names": None, "settings": {"metavar": metavar, "help": about, **settings}}
    )


def group(prefix: str = "", about: str = "", title: str = "") -> Any:
    """A field that holds another dataclass of options: their names and help begin like this."""
    return field(metadata={"prefix": prefix, "about": about, "title": title})


@dataclass(frozen=True)
class Command(ABC):
    """What the command line asks for; its docstring's first line is the help."""

    examples: ClassVar[tuple[str, ...]] = ()
    verbose: bool = option(help="show the traceback of an error")

    @abstractmethod
    def run(self) -> int:
        """Do it; the exit code."""


class Parser(argparse.ArgumentParser):
    """Reports bad usage as one line, like every other error here; shows examples in its help."""

    def __init__(self, examples: Iterable[str] = (), exits: str = EXITS, **settings: Any) -> None:
        lines = "".join(f"  {example}\n" for example in examples)
        super().__init__(
            **settings,
            epilog=f"examples:\n{lines}\n{exits}" if lines else exits,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage and leaving."""
        raise UsageError(f"{message} (see {self.prog} --help)")

    def print_help(self, file: Any = None) -> None:
        """Write the help to standard output."""
        say(self.format_help())

    @property
    def options(self) -> set[str]:
        """What may stand before a value, such as "-o" and "--output"."""
        return set(self._option_string_actions)

    def declare(self, kind: type) -> None:
        """Take the options of a dataclass."""
        _declare(self, kind)

    def read(self, kind: type[Options], arguments: Sequence[str]) -> Options:
        """Parse what stands after a command's name, options and inputs in any order.

        Raises:
            UsageError: it cannot be understood.
        """
        arguments = _joined(arguments)
        for text in itertools.takewhile(lambda text: text != "--", arguments):
            name = text.partition("=")[0] if text.startswith("--") else text[:2]
            if OPTION.match(text) and name not in self.options:
                self.error(f"there is no option {name}{near(name, self.options)}")
        # the second takes options and inputs in any order, but loses "--"
        parse = self.parse_known_args if "--" in arguments else self.parse_known_intermixed_args
        namespace, surplus = parse(arguments)
        values = vars(namespace)
        if surplus:
            self.error(self._explained(surplus, values.get("output", "") is None))
        return _filled(kind, values)

    def _explained(self, surplus: list[str], has_no_output: bool) -> str:
        """What to do about arguments there is no place for."""
        last = surplus[-1]
        inputs = [action.metavar for action in self._actions if not action.option_strings]
        if has_no_output and re.search(r"\.[A-Za-z]{3,4}$", last) and not exists(Path(last)):
            return f"{last!r} is one too many: to write that picture, give -o {last}"
        if not inputs:
            return f"{last!r} is one too many: every value here belongs to an option"
        hint = ""
        if "SOURCE" in inputs:
            hint = "; of many pictures give their folder (a pattern stands for all its files)"
        takes = " and ".join(map(str, inputs))
        return f"{len(surplus)} too many, {last!r} the last: it takes {takes}{hint}"


def parser_of(name: str, command: type[Command]) -> Parser:
    """The parser of one command's options."""
    about = (command.__doc__ or "").splitlines()[0]
    parser = Parser(command.examples, prog=f"stylemask {name}", description=about)
    parser.declare(command)
    return parser


def read(arguments: Sequence[str], commands: Mapping[str, type[Command]]) -> Command:
    """The command that a command line asks for.

    Raises:
        UsageError: it cannot be understood.
    """
    first, *rest = arguments or [""]
    if first in commands:
        return parser_of(first, commands[first]).read(commands[first], rest)
    parser = program_parser(commands)
    option = first.partition("=")[0]
    if not arguments:
        parser.error(f"give a command: {', '.join([*commands, DEMO])}")
    if option in VERSION:
        say(f"{parser.prog} {__version__}\n")
        parser.exit()
    if option in parser.options:
        parser.print_help()
        parser.exit()
    if not OPTION.match(first):
        names = [*commands, DEMO]
        hint = near(first, names) or f": there are {', '.join(names)}"
        message = f"there is no command {first!r}{hint}"
    elif any(option in parser_of(name, kind).options for name, kind in commands.items()):
        message = f"{option} goes after the command, as in: {parser.prog} COMMAND {option} …"
    else:
        message = f"there is no option {option}{near(option, parser.options)}"
    raise parser.error(message)


def program_parser(commands: Mapping[str, type[Command]]) -> Parser:
    """The parser of what stands before a command."""
    parser = Parser(
        [commands[name].examples[0] for name in ("mix", "reenact", "doctor")],
        prog="stylemask",
        description="Give a face the head pose and expression of another.",
    )
    parser.add_argument(*VERSION, action="store_true", help="show the version and end")
    subparsers = parser.add_subparsers(metavar="COMMAND")
    for name, command in commands.items():
        subparsers.add_parser(name, help=(command.__doc__ or "").splitlines()[0])
    subparsers.add_parser(DEMO, help="Open the demo in a web page.")
    return parser


def _declare(parser: Any, kind: Any, prefix: str = "", about: str = "") -> None:
    """Add the options of a dataclass; those of the class it is made from come last."""
    bases = filter(is_dataclass, kind.__mro__[1:])
    inherited = {x.name for base in bases for x in fields(base)}
    for own in sorted(fields(kind), key=lambda own: own.name in inherited):
        data, settings = own.metadata, dict(own.metadata.get("settings", {}))
        if "settings" not in data:
            within = parser.add_argument_group(data["title"]) if data["title"] else parser
            _declare(within, own.type, data["prefix"], data["about"])
        elif data["names"] is None:
            parser.add_argument(own.name, **settings)
        else:
            if own.type is bool:
                settings["action"] = "store_true"
            name = f"--{prefix}{own.name.replace('_', '-')}"
            settings["help"] = about + settings["help"]
            parser.add_argument(*data["names"], name, **settings)


def _filled(kind: type[Options], values: Mapping[str, Any], prefix: str = "") -> Options:
    """Make a dataclass of options out of what argparse read."""
    parts = {
        own.name: values[f"{prefix}{own.name}"]
        if "settings" in own.metadata
        else _filled(own.type, values, own.metadata["prefix"].replace("-", "_"))  # type: ignore[arg-type]
        for own in fields(kind)  # type: ignore[arg-type]
    }
    return kind(**parts)


def _joined(arguments: Sequence[str]) -> list[str]:
    """Join landmarks that begin with a minus to their option: argparse takes them for another."""
    joined: list[str] = []
    for text in arguments:
        if joined and joined[-1].endswith("landmarks") and re.match(r"-[\d.]", text):
            joined[-1] += f"={text}"
        else:
            joined.append(text)
    return joined


class _Once(argparse.Action):
    """Takes a value that must not be given twice: the first would be lost."""

    def __call__(self, parser: Any, namespace: Any, values: Any, *_: Any) -> None:
        if first := vars(namespace)[self.dest]:
            raise argparse.ArgumentError(self, f"give it once, not {first!s} and {values!s}")
        setattr(namespace, self.dest, values)


def near(name: str, names: Iterable[str]) -> str:
    """Words that ask whether another of the names was meant, "" where none comes near."""
    spelt = {name.lower(): name for name in sorted(names)}
    alike = [spelt[match] for match in difflib.get_close_matches(name.lower(), spelt, 2, NEAR)]
    return f": did you mean {' or '.join(alike)}?" if alike else ""


def exists(path: Path) -> bool:
    """Whether there is such a file or folder; no error for a name that there cannot be."""
    try:
        return path.exists()
    except OSError:  # e.g. a name longer than the file system allows
        return False


# The types of values; argparse names the option that an ArgumentTypeError is about.


def number(low: float, high: float, kind: type[int] | type[float] = float) -> Callable[[str], Any]:
    """A number in a range, both ends included."""

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


def seed(text: str) -> int:
    """The number of a random face."""
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not 0 <= value <= MAX_SEED:
        raise argparse.ArgumentTypeError(f"{text!r} is no seed: give a whole number 0…{MAX_SEED}")
    return value


def layers(text: str) -> list[str]:
    """Comma-separated layers and groups; "none" for no layer at all."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise argparse.ArgumentTypeError(f"no layer named: give e.g. coarse,b8.conv0 or {NO_LAYER}")
    return [] if names == [NO_LAYER] else names


def factors(low: float, high: float) -> Callable[[str], dict[str, float]]:
    """Comma-separated NAME=FACTOR of layers and groups."""
    factor = number(low, high)

    def parse(text: str) -> dict[str, float]:
        pairs = [pair.partition("=") for pair in text.split(",")]
        return {name.strip(): factor(value.strip()) for name, _, value in pairs}

    return parse


def landmarks(text: str) -> np.ndarray:
    """x,y,… of eyes and mouth corners [4, 2] or of 68 landmarks [68, 2]."""
    try:
        points = np.array([float(value) for value in text.split(",")]).reshape(-1, 2)
    except ValueError:
        points = np.empty((0, 2))
    if len(points) not in (4, 68) or not np.isfinite(points).all():
        raise argparse.ArgumentTypeError(
            "give x,y,… of both eyes and both mouth corners (8 numbers), or of 68 landmarks (136)"
        )
    return points
