"""How the command line is read: argparse, with errors of one line that name what comes near."""

import argparse
import difflib
import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from stylemask.cli.console import say
from stylemask.cli.inputs import exists
from stylemask_core.errors import UsageError

OPTION = re.compile(r"-[A-Za-z]|--[A-Za-z]")  # how one begins; "-1" is a number, "-" the output
NEAR = 0.6  # of 1: how alike two names are that may be mixed up


class Parser(argparse.ArgumentParser):
    """Reports bad usage as one line, like every other error here; shows examples in its help.

    Args:
        examples: command lines.
        options: argparse's own.
    """

    def __init__(self, examples: Iterable[str] = (), **options: Any) -> None:
        exits = (
            "exit codes: 0 done, 1 some inputs failed, 2 bad usage, 130 interrupted,\n"
            "            141 whoever read the output closed it"
        )
        lines = "".join(f"  {example}\n" for example in examples)
        super().__init__(
            **options,
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

    def read(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Parse the arguments of one command, options and inputs in any order.

        Raises:
            UsageError: they cannot be understood.
        """
        for argument in itertools.takewhile(lambda text: text != "--", arguments):
            if OPTION.match(argument):
                long = argument.startswith("--")
                option = argument.partition("=")[0] if long else argument[:2]
                if option not in self.options:
                    self.error(f"there is no option {option}{near(option, self.options)}")
        # the second takes options and inputs in any order, but loses "--"
        parse = self.parse_known_args if "--" in arguments else self.parse_known_intermixed_args
        args, surplus = parse(arguments)
        if surplus:
            self.error(self._explained(surplus, args))
        return args

    def _explained(self, surplus: list[str], args: argparse.Namespace) -> str:
        """What to do about arguments there is no place for."""
        last = surplus[-1]
        inputs = [action.metavar for action in self._actions if not action.option_strings]
        has_suffix = re.search(r"\.[A-Za-z]{3,4}$", last) is not None
        if has_suffix and not exists(Path(last)) and getattr(args, "output", "") is None:
            return f"{last!r} is one too many: to write that picture, give -o {last}"
        if not inputs:
            return f"{last!r} is one too many: every value here belongs to an option"
        takes = " and ".join(str(name) for name in inputs)
        hint = ""
        if "SOURCE" in inputs:
            hint = "; of many pictures give their folder (a pattern stands for all its files)"
        return f"{len(surplus)} too many, {last!r} the last: it takes {takes}{hint}"


class Version(argparse.Action):
    """Writes the version and ends."""

    def __init__(self, version: str, **options: Any) -> None:
        super().__init__(nargs=0, **options)
        self._version = version

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        """Write it."""
        say(f"{parser.prog} {self._version}\n")
        parser.exit()


class Once(argparse.Action):
    """Takes a value that must not be given twice: the first would be lost."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, *_: Any
    ) -> None:
        """Set it."""
        if getattr(namespace, self.dest) is not None:
            first = getattr(namespace, self.dest)
            raise argparse.ArgumentError(self, f"give it once, not {first!s} and {values!s}")
        setattr(namespace, self.dest, values)


def command_of(
    arguments: Sequence[str], top: Parser, commands: Mapping[str, Parser]
) -> Parser | None:
    """The command that arguments begin with; None where an option of the program itself does.

    Raises:
        UsageError: they begin with something else.
    """
    if not arguments:
        top.error(f"give a command: {', '.join(commands)}")
    first = arguments[0]
    if first in commands:
        return commands[first]
    option = first.partition("=")[0]
    if option in top.options:
        return None
    if not OPTION.match(first):
        hint = near(first, commands) or f": there are {', '.join(commands)}"
        message = f"there is no command {first!r}{hint}"
    elif any(option in command.options for command in commands.values()):
        message = f"{option} goes after the command, as in: {top.prog} COMMAND {option} …"
    else:
        message = f"there is no option {option}{near(option, top.options)}"
    raise top.error(message)


def near(name: str, names: Iterable[str]) -> str:
    """Words that ask whether another of the names was meant, "" where none comes near."""
    spelt = {name.lower(): name for name in sorted(names)}
    alike = [spelt[match] for match in difflib.get_close_matches(name.lower(), spelt, 2, NEAR)]
    return f": did you mean {' or '.join(alike)}?" if alike else ""
