"""What the command line says: results on standard output, all else on standard error."""

import codecs
import errno
import io
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from tqdm import tqdm

from stylemask_core.downloads import Progress
from stylemask_core.errors import StyleMaskError

EXIT_DONE, EXIT_FAILED = 0, 1
SPELT = "stylemask-spelt"  # name of the error handler below
ASCII = {"×": "x", "…": "...", "→": "->", "−": "-", "ψ": "psi", "°": " degrees"}


class ReaderGoneError(StyleMaskError):
    """Whoever read the output has closed it, as `head` does: nothing more is wanted."""


def _spelt(error: UnicodeError) -> tuple[bytes, int]:
    """Write what an encoding lacks in ASCII; bytes of file names as they are."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    spelt = b""
    for character in error.object[error.start : error.end]:
        if 0xDC80 <= ord(character) <= 0xDCFF:  # how Python holds a byte that is no text
            spelt += bytes([ord(character) - 0xDC00])
        else:
            spelt += ASCII.get(character, character).encode("ascii", "backslashreplace")
    return spelt, error.end


codecs.register_error(SPELT, _spelt)


def prepare() -> None:
    """Make standard output and error take any text, and be there."""
    if sys.stderr is None:  # closed by whoever started the process
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=SPELT)


def tell(message: object) -> None:
    """Write one line to standard error, above a progress bar if there is one."""
    try:
        tqdm.write(f"stylemask: {' '.join(str(message).split())}", file=sys.stderr)
    except OSError:  # nobody reads it; the work goes on, and the exit code tells how it ended
        _discard(sys.stderr)


def tell_error(error: Exception, verbose: bool, where: str = "") -> None:
    """Write an error to standard error as one line, below its traceback if that is asked for.

    `where` goes before an error that does not say itself what it is about.
    """
    if verbose:
        with suppress(OSError):
            traceback.print_exception(error)
    if isinstance(error, StyleMaskError):
        tell(f"error: {error}")
    else:
        hint = "run it with --verbose and report the traceback"
        tell(f"error: {where}unexpected {type(error).__name__}: {error}; {hint}")


def say(content: str | bytes) -> None:
    """Write text or a file's bytes to standard output, above a progress bar if there is one.

    Raises:
        ReaderGoneError: it is a pipe that was closed at its other end.
        StyleMaskError: it cannot be written.
    """
    try:
        if sys.stdout is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        with tqdm.external_write_mode(file=sys.stdout):
            if isinstance(content, bytes):
                sys.stdout.buffer.write(content)
            else:
                sys.stdout.write(content)
            sys.stdout.flush()
    except OSError as error:
        _discard(sys.stdout)
        if isinstance(error, BrokenPipeError):
            raise ReaderGoneError("the output was closed") from error
        raise StyleMaskError(f"cannot write to standard output ({error.strerror})") from error


@contextmanager
def console_progress() -> Iterator[Progress]:
    """Draw one bar a file on stderr, where that is a terminal."""
    bars: dict[str, tqdm] = {}

    def report(what: str, done: int, total: int) -> None:
        if what not in bars:
            # disable=None: drawn on a terminal only
            bars[what] = tqdm(desc=what, unit="B", unit_scale=True, file=sys.stderr, disable=None)
        bars[what].total = total or None
        bars[what].n = done
        bars[what].update(0)

    try:
        yield report
    finally:
        for bar in bars.values():
            bar.close()


def _discard(stream: TextIO | None) -> None:
    """Let a stream that fails lead nowhere: Python would write what it still holds at its end."""
    with suppress(OSError):  # it is no file of the system's
        if stream is not None:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)
