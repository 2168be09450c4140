"""The `stylemask` command line: mix, reenact, inspect, verify, info, doctor, convert, push, fetch.

Exit codes: 0 done; 1 an input or the model cannot be used (of many inputs: some failed); 2 the
command line asks for something that cannot be done, and nothing was started; 130 interrupted;
141 whoever read the output closed it; 143 terminated.
"""

import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

EXIT_USAGE, EXIT_INTERRUPTED, EXIT_READER_GONE, EXIT_TERMINATED = 2, 130, 141, 143


@contextmanager
def on_signal(number: int, handler: Callable[..., Any]) -> Iterator[None]:
    """Handle a signal, unless the process was started to ignore it."""
    if (
        threading.current_thread() is not threading.main_thread()  # only there it may be set
        or signal.getsignal(number) == signal.SIG_IGN
    ):
        yield
        return
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before or signal.SIG_DFL)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code. None stands for the process's own arguments."""
    try:
        # Imports take seconds, and an interrupt within one may surface as any error: leave at once.
        with on_signal(signal.SIGINT, lambda *_: os._exit(EXIT_INTERRUPTED)):
            from stylemask.cli import commands, console, parser
        with (
            # lets SIGTERM unwind what is being done, so that nothing half-written is left behind
            on_signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_TERMINATED)),
            warnings.catch_warnings(),
        ):
            # Pillow warns of large pictures and odd metadata: the one is checked, the other
            # harmless.
            warnings.filterwarnings("ignore", module="PIL")
            arguments = sys.argv[1:] if argv is None else argv
            console.prepare()
            try:
                if arguments[:1] == [parser.DEMO]:
                    return commands.open_page(arguments[1:])
                return parser.read(arguments, commands.COMMANDS).run()
            except console.ReaderGoneError:
                return EXIT_READER_GONE
            except Exception as error:  # a user is never shown a traceback unasked
                console.tell_error(error, "--verbose" in arguments)
                return EXIT_USAGE if isinstance(error, parser.UsageError) else console.EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    finally:
        if argv is None:  # what is left is the interpreter's end
            signal.signal(signal.SIGINT, signal.SIG_IGN)
