"""How downloads and uploads tell what they have done so far."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Progress = Callable[[str, int, int], None]  # what, bytes done, bytes in all (0 where unknown)


def bar_class(what: str, progress: Progress | None) -> type:
    """A stand-in for a tqdm class that huggingface_hub feeds; it draws nothing itself.

    Args:
        what: first argument of each call to `progress`.
        progress: called with every step; None for silence.
    """

    class Bar:
        def __init__(self, total: int | None = None, initial: int = 0, **_: Any) -> None:
            self.total, self.n = total, initial

        def update(self, step: int = 1) -> None:
            self.n += step
            if progress is not None:
                progress(what, self.n, self.total or 0)

        def ignore(self, *_: Any, **__: Any) -> None:
            pass

        # what Xet reports beside the bytes written
        update_transfer = set_postfix_str = set_transfer_postfix_str = refresh = close = ignore

        def __enter__(self) -> "Bar":
            return self

        __exit__ = ignore

    return Bar


@contextmanager
def bars_on_a_terminal_only() -> Iterator[None]:
    """Keep the bars huggingface_hub draws within the block out of files and pipes."""
    from huggingface_hub.utils import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    silenced = not sys.stderr.isatty() and not are_progress_bars_disabled()
    if silenced:
        disable_progress_bars()
    try:
        yield
    finally:
        if silenced:
            enable_progress_bars()


@contextmanager
def console_progress() -> Iterator[Progress]:
    """Draw one bar a file on stderr, where that is a terminal."""
    from tqdm import tqdm

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
