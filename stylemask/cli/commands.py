"""The commands of `stylemask` by name, and running the one that is asked for."""

from collections.abc import Sequence

from stylemask.cli import console
from stylemask.cli.model_commands import Convert, Fetch, Push
from stylemask.cli.pair_commands import Mix, Reenact
from stylemask.cli.parser import OPTION, Command, Parser, Version, near, parser_of
from stylemask.cli.report_commands import Doctor, Info, Inspect, Verify
from stylemask_core import __version__
from stylemask_core.errors import UsageError

EXIT_USAGE, EXIT_READER_GONE = 2, 141
COMMANDS: dict[str, type[Command]] = {
    "mix": Mix,
    "reenact": Reenact,
    "inspect": Inspect,
    "verify": Verify,
    "info": Info,
    "doctor": Doctor,
    "convert": Convert,
    "push": Push,
    "fetch": Fetch,
}


def run(arguments: Sequence[str]) -> int:
    """Do what a command line asks for, and say in one line why it cannot be done; the exit code."""
    console.prepare()
    try:
        return read(arguments).run()
    except console.ReaderGoneError:
        return EXIT_READER_GONE
    except Exception as error:  # the last resort: a user is never shown a traceback unasked
        console.tell_error(error, "--verbose" in arguments)
        return EXIT_USAGE if isinstance(error, UsageError) else console.EXIT_FAILED


def read(arguments: Sequence[str]) -> Command:
    """The command that a command line asks for.

    Raises:
        UsageError: it cannot be understood.
    """
    first, *rest = arguments or [""]
    if first in COMMANDS:
        return parser_of(first, COMMANDS[first]).read(COMMANDS[first], rest)
    parser = program_parser()
    option = first.partition("=")[0]
    if not arguments:
        parser.error(f"give a command: {', '.join(COMMANDS)}")
    if option in parser.options:
        parser.parse_args(arguments)  # writes the help or the version, and ends
    if not OPTION.match(first):
        hint = near(first, COMMANDS) or f": there are {', '.join(COMMANDS)}"
        message = f"there is no command {first!r}{hint}"
    elif any(option in parser_of(name, kind).options for name, kind in COMMANDS.items()):
        message = f"{option} goes after the command, as in: {parser.prog} COMMAND {option} …"
    else:
        message = f"there is no option {option}{near(option, parser.options)}"
    raise parser.error(message)


def program_parser() -> Parser:
    """The parser of what stands before a command."""
    parser = Parser(
        (Mix.examples[0], Reenact.examples[0], Doctor.examples[0]),
        prog="stylemask",
        description="Give a face the head pose and expression of another.",
    )
    about = "show the version and end"
    parser.add_argument("-V", "--version", action=Version, version=__version__, help=about)
    subparsers = parser.add_subparsers(metavar="COMMAND")
    for name, command in COMMANDS.items():
        subparsers.add_parser(name, help=(command.__doc__ or "").splitlines()[0])
    return parser
