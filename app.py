"""Start the demo: `python app.py`, on a machine of one's own or as a Hugging Face Space."""

import os
import sys

INTERRUPTED = 130  # exit code of a program that Ctrl+C ended


def main(argv: list[str] | None = None) -> int:
    """Start the page and serve until interrupted; returns the exit code."""
    import signal  # here, so that there is hardly a moment in which Ctrl+C prints a traceback

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    # no exception: it would come up, and be printed, in the middle of whatever is being imported
    signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    try:
        from demo.server.start import run

        return run(argv)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        os._exit(INTERRUPTED)
