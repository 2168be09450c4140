"""How far a long job is: a bar on a terminal, a line a minute elsewhere."""

import contextlib
import sys
import time
from types import TracebackType
from typing import Any, Protocol, Self

LINE_INTERVAL = 60.0  # [s] between lines where there is no terminal


class ProgressBar(Protocol):
    """The part of tqdm's interface the entries use."""

    def update(self, n: float = 1) -> Any:
        """Count n more units as done."""

    def set_postfix_str(self, s: str = "", refresh: bool = True) -> None:
        """Show a short text behind the count."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> Any: ...


class _LogLines(contextlib.AbstractContextManager["_LogLines"]):
    """Stands in for the bar where there is no terminal or no tqdm."""

    def __init__(self, total: int | None, done: int, unit: str, quiet: bool) -> None:
        self.total, self.done, self.unit, self.quiet = total, done, unit, quiet
        self.last, self.postfix = time.monotonic(), ""

    def update(self, n: float = 1) -> None:
        """Count n more units as done."""
        self.done += int(n)
        complete = self.total is not None and self.done >= self.total
        if time.monotonic() - self.last > LINE_INTERVAL or complete:
            self.last = time.monotonic()
            count = self.done if self.total is None else f"{self.done}/{self.total}"
            text = f"{count} {self.unit} {self.postfix}".rstrip()
            if not self.quiet:
                print(text, file=sys.stderr, flush=True)

    def set_postfix_str(self, s: str = "", refresh: bool = True) -> None:
        """Show a short text behind the count."""
        self.postfix = s

    def __exit__(self, *_: object) -> None:
        return None


def progress_bar(total: int | None, done: int, unit: str, quiet: bool = False) -> ProgressBar:
    """A tqdm bar on a terminal, one line a minute elsewhere (and where tqdm is missing).

    Args:
        total: units in all; None where nobody knows.
        done: units done before.
        unit: their name.
        quiet: show nothing.
    """
    if sys.stderr.isatty() and not quiet:
        with contextlib.suppress(ImportError):
            from tqdm import tqdm

            return tqdm(total=total, initial=done, unit=unit)
    return _LogLines(total, done, unit, quiet)
