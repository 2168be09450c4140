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

EXIT_INTERRUPTED, EXIT_TERMINATED = 130, 143


@contextmanager
def _on_signal(number: int, handler: Callable[..., Any]) -> Iterator[None]:
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
    """Run the command line.

    Args:
        argv: the arguments; None for the process's own, which has nothing else to do then.

    Returns:
        Exit code, see the module's first lines.
    """
    try:
        # Imports take seconds, and an interrupt within one may surface as any error: leave at once.
        with _on_signal(signal.SIGINT, lambda *_: os._exit(EXIT_INTERRUPTED)):
            from stylemask.cli.commands import run
        with (
            # lets SIGTERM unwind what is being done, so that nothing half-written is left behind
            _on_signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_TERMINATED)),
            warnings.catch_warnings(),
        ):
            # Pillow warns of large pictures and odd metadata: the one is checked, the other
            # harmless.
            warnings.filterwarnings("ignore", module="PIL")
            return run(sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    finally:
        if argv is None:  # what is left is the interpreter's end
            signal.signal(signal.SIGINT, signal.SIG_IGN)
