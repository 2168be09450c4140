"""What is remembered of visitors' pictures, and for how long."""

import time
from typing import Any
from weakref import WeakSet

import gradio as gr
from gradio.context import LocalContext


class _Kept:
    """Data that can be taken back from a cache that still refers to them."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data: dict[str, Any] | None = data
        self.used = time.monotonic()


class SessionMemory:
    """Data by key, of each visitor for him alone; used like a `gr.Cache`.

    They are gone when their visitor leaves the page, when the memory is full and they were not
    used the longest, and when `forget` is told so. Programs that call without a session of their
    own leave nothing here.

    Args:
        size: entries of all visitors together.
    """

    def __init__(self, size: int) -> None:
        self._cache = gr.Cache(max_size=size, per_session=True)
        self._kept: WeakSet[_Kept] = WeakSet()

    def get(self, key: Any) -> dict[str, Any] | None:
        """What this visitor's key stands for, or None."""
        found = self._cache.get(key)
        if found is None:
            return None
        kept: _Kept = found["kept"]
        kept.used = time.monotonic()
        return kept.data

    def set(self, key: Any, **data: Any) -> None:
        """Remember data for this visitor."""
        if _comes_back():
            kept = _Kept(data)
            self._kept.add(kept)
            self._cache.set(key, kept=kept)

    def forget(self, age: float) -> None:
        """Drop what was not used for that long [s]."""
        for kept in list(self._kept):
            if time.monotonic() - kept.used > age:
                kept.data = None

    def __len__(self) -> int:
        return sum(kept.data is not None for kept in list(self._kept))


def _comes_back() -> bool:
    """Whether the caller's next call will be known as his.

    A call over plain HTTP is a session of its own, named like its event; MCP clients share one.
    """
    request = LocalContext.request.get(None)
    if request is None:
        return True
    if request.headers.get("x-gradio-user") == "mcp":
        return False
    return bool(request.session_hash != LocalContext.event_id.get(None))
