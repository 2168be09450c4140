"""The flags of `python app.py`."""

import argparse
import math
import os
from dataclasses import dataclass

HOST, PORT = "127.0.0.1", 7860
KEEP_HOURS = 3.0  # uploads and results
DISK_GB = 2.0  # of all of them together


@dataclass(frozen=True)
class Flags:
    """What the command line and the environment say."""

    model: list[str]
    host: str
    port: int
    share: bool
    auth: str | None
    keep: float  # [h]
    disk: float  # [GB]
    device: str
    verbose: bool


def parse_flags(argv: list[str] | None = None) -> Flags:
    """Read the flags; the environment gives their defaults."""
    env = os.environ.get
    parser = argparse.ArgumentParser(description="Open the StyleMask demo in a web page.")
    add = parser.add_argument
    add(
        "--model",
        action="append",
        help="embedded, ffhq, a model folder or user/repo@revision on the Hub; give it again for "
        "each model that visitors may choose (also STYLEMASK_MODEL, with commas between)",
    )
    add(
        "--host",
        default=env("GRADIO_SERVER_NAME") or HOST,
        help=f"address to listen on; 0.0.0.0 admits other machines (default {HOST})",
    )
    add(
        "--port",
        type=_port,
        default=env("GRADIO_SERVER_PORT") or PORT,
        help=f"port of the page (default {PORT})",
    )
    add("--share", action="store_true", help="also open a public gradio.live link")
    add(
        "--auth",
        metavar="USER:FILE",
        help="let in only who knows the password in the first line of a file; MCP is off then",
    )
    add(
        "--keep",
        type=lambda text: _above_0(text, "time: give a number of hours"),
        default=KEEP_HOURS,
        metavar="HOURS",
        help=f"delete uploads and results after that time (default {KEEP_HOURS:g})",
    )
    add(
        "--disk",
        type=lambda text: _above_0(text, "size: give a number of gigabytes"),
        default=DISK_GB,
        metavar="GB",
        help=f"delete the oldest of them when they take more than that (default {DISK_GB:g})",
    )
    add("--device", default="auto", help="auto, cpu, cuda, cuda:1 … (default auto)")
    add("--verbose", action="store_true", help="show the traceback of an error")
    args = parser.parse_args(argv)
    configured = [name.strip() for name in env("STYLEMASK_MODEL", "").split(",")]
    args.model = args.model or [name for name in configured if name] or ["embedded"]
    return Flags(**vars(args))


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give a whole number 1…65535")
    return int(text)


def _above_0(text: str, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no {what} above 0")
    return value
