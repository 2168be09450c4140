"""What is remembered of visitors' pictures, and for how long."""

import threading
import time
from collections import OrderedDict
from typing import Any, NamedTuple

from demo.server.gradio_private import calling_session


class _Entry(NamedTuple):
    data: Any
    used: float


class SessionMemory:
    """Data by key, of each visitor for him alone.

    They are gone when their visitor leaves the page, when the memory is full and they were not
    used the longest, and when `forget` is told so. Programs that call without a session of their
    own leave nothing here. Where it is shared, what one visitor leaves is there for all.
    """

    def __init__(self, size: int, shared: bool = False) -> None:
        self._size, self._shared = size, shared
        self._entries: OrderedDict[tuple[str, Any], _Entry] = (
            OrderedDict()
        )  # the longest unused first
        self._lock = threading.Lock()

    def get(self, key: Any) -> Any:
        """What this visitor's key stands for, or None."""
        session = self._session()
        with self._lock:
            entry = None if session is None else self._entries.get((session, key))
            return None if entry is None else self._keep(key, entry.data)

    def set(self, key: Any, data: Any) -> None:
        """Remember data for this visitor."""
        with self._lock:
            self._keep(key, data)
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)

    def forget(self, age: float) -> None:
        """Drop what was not used for that long [s]."""
        end = time.monotonic() - age
        with self._lock:
            for place in [place for place, entry in self._entries.items() if entry.used < end]:
                del self._entries[place]

    def leave(self, session: str | None) -> None:
        """Drop what is kept for a visitor who has left the page."""
        with self._lock:
            for place in [place for place in self._entries if place[0] == session]:
                del self._entries[place]

    def __len__(self) -> int:
        return len(self._entries)

    def _session(self) -> str | None:
        return "" if self._shared else calling_session()

    def _keep(self, key: Any, data: Any) -> Any:
        if (session := self._session()) is not None:
            self._entries[session, key] = _Entry(data, time.monotonic())
            self._entries.move_to_end((session, key))
        return data
