"""How downloads tell what they have done so far."""

from collections.abc import Callable
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
