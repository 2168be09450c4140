"""The queue of a page: wrong calls do not get in, who waits is told where, nothing is kept of who
has left, and it ends well.

Gradio answers a full queue with a status of HTTP that its clients render as "busy"; here whoever is
refused gets an answer in words, like every other error.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from copy import copy
from typing import Any

import gradio as gr
from gradio.queueing import Event
from gradio.route_utils import get_fn
from gradio.server_messages import ProcessCompletedMessage
from gradio.state_holder import SessionState
from gradio.utils import error_payload

from demo.server.request_checks import one_line
from demo.server.uploads import files_in
from stylemask_core import StyleMaskError

CLOSING = "The server is about to stop: try again in a minute."
POLL = 0.05  # [s] between two looks at what is still running
DELIVERY = 1.0  # [s] in which finished results can still be fetched
TIDY_EVERY = 60.0  # [s] between two looks at what visitors who left have left behind
FORGET_AFTER = 600.0  # [s] a closed page may come back within, with its state

Check = Callable[[Any, list[Any]], None]


class OneCall(SessionState):  # type: ignore[misc]
    """The session of a call over plain HTTP, which lasts for that call.

    Gradio gives it all that a page's session has: a copy of the page's configuration, which takes
    20 ms and a third of a megabyte, of which a call reads nothing.
    """

    def __init__(self, demo: gr.Blocks) -> None:
        self.blocks_config = copy(demo.default_config)
        self.config_values: dict[int, Any] = {}
        self.state_data: dict[int, Any] = {}
        self._state_ttl: dict[int, Any] = {}
        self.is_closed = False

    def _update_config(self, key: int) -> None:
        """Keep nothing."""

    def _update_value_in_config(self, key: int, value: Any) -> None:
        """Keep nothing."""


class WaitingLine:
    """What stands before a page's queue.

    Args:
        demo: the page; its queue has been set up.
        size: events that may wait at once.
        check: told of each call of an endpoint before it waits: the event and its values; raises
            StyleMaskError if it cannot be carried out.
    """

    def __init__(self, demo: gr.Blocks, size: int, check: Check) -> None:
        self._demo, self._queue, self._size, self._check = demo, demo._queue, size, check
        self._admit = self._queue.push
        self._queue.push = self._push
        self._queue.ANALYTICS_MAX_EVENTS = 0  # no statistics on visitors
        self._loop: asyncio.AbstractEventLoop | None = None
        self._calls: deque[str] = deque()  # events of plain HTTP calls, each a session of its own
        self._tidied = time.monotonic()
        self._closing = False

    async def _push(self, body: Any, request: Any, username: str | None) -> tuple[bool, Any, str]:
        """Take an event, or answer it at once with the reason why not."""
        self._loop = asyncio.get_running_loop()
        self._tidy()
        alone = body.session_hash is None
        waiting = len(self._queue)
        if body.fn_index is None or body.fn_index not in self._demo.fns:
            return False, "There is no such event: reload the page.", "error"
        if body.session_hash == "":  # Gradio would look for its answers elsewhere
            return False, "session_hash must not be empty: leave it out", "validator_error"
        try:
            self._check(self._demo.fns[body.fn_index], body.data)
        except StyleMaskError as error:
            words = one_line(error)
            if body.simple_format:  # plain HTTP, which has a status for it
                return False, words, "validator_error"
            return True, await self._refuse(body, request, username, words), "success"
        if self._closing:
            event_id = await self._refuse(body, request, username, CLOSING)
        elif waiting >= self._size:
            words = (
                f"The server is busy: {waiting} others are waiting, and you would be number "
                f"{waiting + 1}. Try again in a minute."
            )
            event_id = await self._refuse(body, request, username, words)
        else:
            admitted: tuple[bool, Any, str] = await self._admit(body, request, username)
            if admitted[0] and alone:
                self._calls.append(admitted[1])
                self._demo.app.state_holder.session_data[admitted[1]] = OneCall(self._demo)
            return admitted
        return True, event_id, "success"

    async def _refuse(self, body: Any, request: Any, username: str | None, words: str) -> str:
        event = Event(body.session_hash, get_fn(self._demo, None, body), request, username)
        session, queue = event.session_hash, self._queue
        async with queue.pending_message_lock:
            if session not in queue.pending_messages_per_session:
                queue.pending_messages_per_session[session] = asyncio.Queue()
            queue.pending_event_ids_session.setdefault(session, set()).add(event._id)
        self._answer(event, words)
        return str(event._id)

    def awaited(self, event_id: str) -> bool:
        """Whether an event is still to be answered, or its answer to be read."""
        events = self._queue.pending_event_ids_session.values()
        return any(event_id in ids for ids in events)

    def is_open(self, session: str) -> bool:
        """Whether anything was asked for in a session that its stream can tell of."""
        return session in self._queue.pending_messages_per_session

    def _answer(self, event: Event, words: str) -> None:
        error = error_payload(gr.Error(words, print_exception=False), True)
        self._queue.send_message(event, ProcessCompletedMessage(output=error, success=False))

    def _tidy(self) -> None:
        """Forget sessions that nobody can return to; Gradio keeps thousands of them."""
        queue, states = self._queue, self._demo.app.state_holder
        while self._calls and self._calls[0] not in queue.event_ids_to_events:
            _forget(states, self._calls.popleft())
        if time.monotonic() - self._tidied < TIDY_EVERY:
            return
        self._tidied = time.monotonic()
        for session, state in list(states.session_data.items()):
            used = states.time_last_used.get(session)
            if state.is_closed and (used is None or _age(used) > FORGET_AFTER):
                states.delete_state(session)
                _forget(states, session)
        pending = queue.pending_event_ids_session
        for session in [name for name, events in pending.items() if not events]:
            del pending[session]

    def files(self) -> set[str]:
        """Uploads that calls name which wait or run."""
        events = list(self._queue.event_ids_to_events.values())
        return set().union(*(files_in(event.data.data) for event in events if event.data))

    def running_since(self) -> float:
        """When the first of the calls that run now began [s since 1970]; infinite if none does."""
        starts = [
            start
            for queue in list(self._queue.event_queue_per_concurrency_id.values())
            for starts in list(queue.start_times_per_fn.values())
            for start in list(starts)
        ]
        return min(starts, default=math.inf)

    @property
    def _busy(self) -> bool:
        return len(self._queue) > 0 or self._queue.get_active_worker_count() > 0

    def drain(self, limit: float) -> bool:
        """Admit nobody any more and wait until all who were admitted have their results.

        Args:
            limit: how long [s]; who waits then is told that the server stops.

        Returns:
            Whether all were served.
        """
        self._closing = True
        end = time.monotonic() + limit
        while self._busy and time.monotonic() < end:
            time.sleep(POLL)
        served = not self._busy
        if not served and self._loop is not None:
            self._loop.call_soon_threadsafe(self._turn_away)
        if self._loop is not None:  # somebody was here
            time.sleep(DELIVERY)
        return served

    def _turn_away(self) -> None:
        for event in list(self._queue.event_ids_to_events.values()):
            self._answer(event, CLOSING)


def _forget(states: Any, session: str) -> None:
    with states.lock:
        states.session_data.pop(session, None)
        states.time_last_used.pop(session, None)


def _age(moment: Any) -> float:
    return float((type(moment).now() - moment).total_seconds())
