"""The flags of `python app.py`."""

import argparse
import math
import os

HOST, PORT = "127.0.0.1", 7860
KEEP_HOURS = 3.0  # uploads and results
DISK_GB = 2.0  # of all of them together


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the flags; the environment gives their defaults."""
    env = os.environ.get
    parser = argparse.ArgumentParser(description="Open the StyleMask demo in a web page.")
    parser.add_argument(
        "--model",
        action="append",
        help="embedded, ffhq, a model folder or user/repo@revision on the Hub; give it again for "
        "each model that visitors may choose (also STYLEMASK_MODEL, with commas between)",
    )
    parser.add_argument(
        "--host",
        default=env("GRADIO_SERVER_NAME") or HOST,
        help=f"address to listen on; 0.0.0.0 admits other machines (default {HOST})",
    )
    parser.add_argument(
        "--port",
        type=port_number,
        default=env("GRADIO_SERVER_PORT") or PORT,
        help=f"port of the page (default {PORT})",
    )
    parser.add_argument("--share", action="store_true", help="also open a public gradio.live link")
    parser.add_argument(
        "--auth",
        metavar="USER:FILE",
        help="let in only who knows the password in the first line of a file; MCP is off then",
    )
    parser.add_argument(
        "--keep",
        type=hours,
        default=KEEP_HOURS,
        metavar="HOURS",
        help=f"delete uploads and results after that time (default {KEEP_HOURS:g})",
    )
    parser.add_argument(
        "--disk",
        type=gigabytes,
        default=DISK_GB,
        metavar="GB",
        help=f"delete the oldest of them when they take more than that (default {DISK_GB:g})",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 … (default auto)")
    parser.add_argument("--verbose", action="store_true", help="show the traceback of an error")
    args = parser.parse_args(argv)
    configured = [name.strip() for name in env("STYLEMASK_MODEL", "").split(",")]
    args.model = args.model or [name for name in configured if name] or ["embedded"]
    return args


def port_number(text: str) -> int:
    """A TCP port.

    Raises:
        ArgumentTypeError: it is no whole number in 1…65535.
    """
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give a whole number 1…65535")
    return int(text)


def hours(text: str) -> float:
    """A length of time [h].

    Raises:
        ArgumentTypeError: it is no number above 0.
    """
    return _above_0(text, "time: give a number of hours")


def gigabytes(text: str) -> float:
    """Room on a disk [GB].

    Raises:
        ArgumentTypeError: it is no number above 0.
    """
    return _above_0(text, "size: give a number of gigabytes")


def _above_0(text: str, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no {what} above 0")
    return value
