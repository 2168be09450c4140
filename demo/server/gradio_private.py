"""All of Gradio's that is not meant for others, in one place: as it is in the pinned version.

`missing` tells which names went when another version is tried.
"""

import asyncio
import math
from collections import deque
from copy import copy
from typing import Any

import gradio as gr
import gradio.mcp
from gradio import networking
from gradio.context import LocalContext
from gradio.mcp import GradioMCPServer
from gradio.queueing import Event, EventQueue
from gradio.route_utils import get_fn
from gradio.server_messages import ProcessCompletedMessage, UnexpectedErrorMessage
from gradio.state_holder import SessionState, StateHolder
from gradio.utils import abspath, error_payload, get_upload_folder

__all__ = [
    "GradioMCPServer", "PageQueue", "abspath", "calling_session", "get_upload_folder", "missing",
    "networking", "session_is_lost", "use_mcp_server",
]  # fmt: skip

Admitted = tuple[bool, Any, str]  # as Queue.push answers: whether, event id or words, kind


def missing(page: gr.Blocks) -> list[str]:
    """Which of the names used here, or overridden elsewhere, this Gradio does not have."""
    queue = getattr(page, "_queue", None)
    used = (
        ("Blocks", page, "_queue fns blocks default_config preprocess_data process_api unload"),
        (
            "Queue", queue,
            "push send_message get_active_worker_count pending_message_lock "
            "pending_messages_per_session pending_event_ids_session event_ids_to_events "
            "event_queue_per_concurrency_id ANALYTICS_MAX_EVENTS",
        ),
        ("EventQueue", EventQueue("any", 1), "start_times_per_fn"),
        ("Event", Event("any", next(iter(page.fns.values())), None, None), "session_hash _id data"),
        ("StateHolder", StateHolder(), "session_data time_last_used lock delete_state"),
        (
            "SessionState", SessionState(page),
            "blocks_config config_values state_data _state_ttl is_closed _update_config "
            "_update_value_in_config",
        ),
        (
            "GradioMCPServer", GradioMCPServer,
            "create_mcp_server get_base64_data get_tool_to_endpoint "
            "_execute_tool_without_progress StreamableHTTPSessionManager",
        ),
        ("LocalContext", LocalContext, "request event_id"),
        ("networking", networking, "setup_tunnel"),
    )  # fmt: skip
    return [
        f"{owner}.{name}"
        for owner, thing, names in used
        for name in names.split()
        if not hasattr(thing, name)
    ]


def use_mcp_server(kind: type[GradioMCPServer]) -> None:
    """Have every page that is launched from now on make its MCP server of this class."""
    gradio.mcp.GradioMCPServer = kind


def calling_session() -> str | None:
    """The visitor whose event is running; "" outside of events, None for who does not come back.

    A call over plain HTTP is a session of its own, named like its event; MCP clients share one.
    """
    request = LocalContext.request.get(None)
    if request is None:
        return ""
    session: str | None = request.session_hash
    alone = session == LocalContext.event_id.get(None)
    return None if alone or request.headers.get("x-gradio-user") == "mcp" else session


def session_is_lost() -> str:
    """What tells a page in its stream of answers that the server does not know its session."""
    lost = UnexpectedErrorMessage(message="The session is gone.", session_not_found=True)
    return f"data: {lost.model_dump_json()}\n\n"


class OneCall(SessionState):  # type: ignore[misc]
    """The session of a call over plain HTTP, which lasts for that call.

    Gradio gives it all that a page's session has: a copy of the page's configuration, which takes
    20 ms and half a megabyte, of which a call reads nothing.
    """

    def __init__(self, page: gr.Blocks) -> None:
        self.blocks_config = copy(page.default_config)
        self.config_values: dict[int, Any] = {}
        self.state_data: dict[int, Any] = {}
        self._state_ttl: dict[int, Any] = {}
        self.is_closed = False

    def _update_config(self, key: int) -> None:
        """Keep nothing."""

    def _update_value_in_config(self, key: int, value: Any) -> None:
        """Keep nothing."""


class PageQueue:
    """The queue of a page, with somebody before it who decides what gets in."""

    def __init__(self, page: gr.Blocks, push: Any) -> None:
        self._page, self._queue, self._admit = page, page._queue, page._queue.push
        self._queue.push = push
        self._queue.ANALYTICS_MAX_EVENTS = 0  # no statistics on visitors
        self._calls: deque[str] = deque()  # events of plain HTTP calls, each a session of its own

    def __len__(self) -> int:
        """How many wait."""
        return len(self._queue)

    @property
    def busy(self) -> bool:
        """Whether anybody waits or is served."""
        return len(self._queue) > 0 or self._queue.get_active_worker_count() > 0

    async def admit(self, body: Any, request: Any, username: str | None) -> Admitted:
        """Let an event wait; who calls over plain HTTP leaves nothing behind."""
        while self._calls and self._calls[0] not in self._queue.event_ids_to_events:
            self._forget(self._calls.popleft())
        alone = body.session_hash is None
        admitted: Admitted = await self._admit(body, request, username)
        if admitted[0] and alone:
            self._calls.append(admitted[1])
            self._page.app.state_holder.session_data[admitted[1]] = OneCall(self._page)
        return admitted

    def forget_closed(self, age: float) -> None:
        """Drop the sessions of pages that were closed that long ago [s]; Gradio keeps hundreds."""
        states = self._page.app.state_holder
        for session, state in list(states.session_data.items()):
            used = states.time_last_used.get(session)
            if state.is_closed and (used is None or _age(used) >= age):
                states.delete_state(session)
                self._forget(session)

    def _forget(self, session: str) -> None:
        states = self._page.app.state_holder
        with states.lock:
            states.session_data.pop(session, None)
            states.time_last_used.pop(session, None)

    async def refuse(self, body: Any, request: Any, username: str | None, words: str) -> Admitted:
        """Answer an event at once, as if it had waited and failed."""
        event = Event(body.session_hash, get_fn(self._page, None, body), request, username)
        session, queue = event.session_hash, self._queue
        async with queue.pending_message_lock:
            if session not in queue.pending_messages_per_session:
                queue.pending_messages_per_session[session] = asyncio.Queue()
            queue.pending_event_ids_session.setdefault(session, set()).add(event._id)
        self._answer(event, words)
        return True, str(event._id), "success"

    def refuse_all(self, words: str) -> None:
        """Answer all who wait or are served."""
        for event in list(self._queue.event_ids_to_events.values()):
            self._answer(event, words)

    def _answer(self, event: Event, words: str) -> None:
        error = error_payload(gr.Error(words, print_exception=False), True)
        self._queue.send_message(event, ProcessCompletedMessage(output=error, success=False))

    def awaits(self, event_id: str) -> bool:
        """Whether an event is still to be answered, or its answer to be read."""
        return any(event_id in ids for ids in self._queue.pending_event_ids_session.values())

    def is_open(self, session: str) -> bool:
        """Whether anything was asked for in a session that its stream can tell of."""
        return session in self._queue.pending_messages_per_session

    def values(self) -> list[Any]:
        """The arguments of all who wait or are served."""
        return [e.data.data for e in list(self._queue.event_ids_to_events.values()) if e.data]

    def running_since(self) -> float:
        """When the first of the calls that run now began [s since 1970]; infinite if none does."""
        starts = [
            start
            for queue in list(self._queue.event_queue_per_concurrency_id.values())
            for starts in list(queue.start_times_per_fn.values())
            for start in list(starts)
        ]
        return min(starts, default=math.inf)


def _age(moment: Any) -> float:
    return float((type(moment).now() - moment).total_seconds())
