"""What stands before a page's queue: wrong calls do not get in, who is too many is told in words,
and it ends well.

Gradio answers a full queue with a status of HTTP that its clients render as "busy"; here whoever is
refused gets an answer like every other error.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import gradio as gr

from demo.server.gradio_private import Admitted, PageQueue
from demo.server.sentences import one_line
from demo.server.uploads import files_in
from stylemask_core import StyleMaskError

CLOSING = "The server is about to stop: try again in a minute."
POLL = 0.05  # [s] between two looks at what is still running
DELIVERY = 1.0  # [s] in which finished results can still be fetched


class WaitingLine:
    """The line of a page whose queue has been set up.

    Args:
        page: that page.
        size: events that may wait at once.
        check: raises StyleMaskError of an event whose values cannot be used.
    """

    def __init__(self, page: gr.Blocks, size: int, check: Callable[[Any, list[Any]], None]) -> None:
        self._page, self._size, self._check = page, size, check
        self.queue = PageQueue(page, self._push)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing = False

    async def _push(self, body: Any, request: Any, username: str | None) -> Admitted:
        """Take an event, or answer it at once with the reason why not."""
        self._loop, waiting = asyncio.get_running_loop(), len(self.queue)
        if body.fn_index is None or body.fn_index not in self._page.fns:
            return False, "There is no such event: reload the page.", "error"
        if body.session_hash == "":  # Gradio would look for its answers elsewhere
            return False, "session_hash must not be empty: leave it out", "validator_error"
        try:
            self._check(self._page.fns[body.fn_index], body.data)
        except StyleMaskError as error:
            words = one_line(error)
            if body.simple_format:  # plain HTTP, which has a status for it
                return False, words, "validator_error"
        else:
            if self._closing:
                words = CLOSING
            elif waiting >= self._size:
                words = (
                    f"The server is busy: {waiting} others are waiting, and you would be number "
                    f"{waiting + 1}. Try again in a minute."
                )
            else:
                return await self.queue.admit(body, request, username)
        return await self.queue.refuse(body, request, username, words)

    def files(self) -> set[str]:
        """Uploads that calls name which wait or run."""
        return set().union(*map(files_in, self.queue.values()))

    def drain(self, limit: float) -> bool:
        """Admit nobody any more and wait until all who were admitted have their results.

        After so long [s], who waits is told that the server stops; returns whether all were served.
        """
        self._closing = True
        end = time.monotonic() + limit
        while self.queue.busy and time.monotonic() < end:
            time.sleep(POLL)
        served = not self.queue.busy
        if self._loop is not None:  # somebody was here
            if not served:
                self._loop.call_soon_threadsafe(self.queue.refuse_all, CLOSING)
            time.sleep(DELIVERY)
        return served
