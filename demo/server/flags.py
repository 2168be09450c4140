"""The flags of `python app.py` and `stylemask demo`."""

import argparse
import math
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from stylemask.cli.parser import Parser, UsageError, option

HOST, PORT = "127.0.0.1", 7860
KEEP_HOURS = 3.0  # uploads and results
DISK_GB = 2.0  # of all of them together


def port_number(text: str) -> int:
    """A TCP port."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give a whole number 1…65535")
    return int(text)


def above_0(what: str) -> Callable[[str], float]:
    """A number above 0, of what the message says."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not 0 < value < math.inf:
            raise argparse.ArgumentTypeError(f"{text!r} is no {what} above 0")
        return value

    return parse


@dataclass(frozen=True)
class Flags:
    """Open the StyleMask demo in a web page."""

    model: list[str] = option(
        action="append",
        help="embedded, ffhq, a model folder or user/repo@revision on the Hub; give it again for "
        "each model that visitors may choose (also STYLEMASK_MODEL, with commas between)",
    )
    host: str = option(help=f"address to listen on; 0.0.0.0 admits other machines (default {HOST})")
    port: int = option(type=port_number, help=f"port of the page (default {PORT})")
    share: bool = option(help="also open a public gradio.live link")
    auth: str | None = option(
        metavar="USER:FILE",
        help="let in only who knows the password in the first line of a file; MCP is off then",
    )
    keep: float = option(
        type=above_0("time: give a number of hours"), default=KEEP_HOURS, metavar="HOURS",
        help=f"delete uploads and results after that time (default {KEEP_HOURS:g})",
    )  # fmt: skip
    disk: float = option(
        type=above_0("size: give a number of gigabytes"), default=DISK_GB, metavar="GB",
        help=f"delete the oldest of them when they take more than that (default {DISK_GB:g})",
    )  # fmt: skip
    device: str = option(default="auto", help="auto, cpu, cuda, cuda:1 … (default auto)")
    verbose: bool = option(help="show the traceback of an error")


def parse_flags(argv: Sequence[str] | None = None) -> Flags:
    """Read the flags; the environment gives their defaults. Bad usage is one line, and the end."""
    env = os.environ.get
    parser = Parser(prog="stylemask demo", description=Flags.__doc__, exits="")
    parser.declare(Flags)
    parser.set_defaults(
        host=env("GRADIO_SERVER_NAME") or HOST, port=env("GRADIO_SERVER_PORT") or PORT
    )
    try:
        flags = parser.read(Flags, sys.argv[1:] if argv is None else argv)
    except UsageError as error:
        parser.exit(2, f"error: {error}\n")
    configured = [name.strip() for name in env("STYLEMASK_MODEL", "").split(",")]
    models = flags.model or [name for name in configured if name] or ["embedded"]
    return replace(flags, model=models)
