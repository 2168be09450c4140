"""What makes files on a server that has no room for them is answered with a status of HTTP."""

import re

from anyio.to_thread import run_sync
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demo.server.request_checks import one_line
from demo.server.storage import ServerFullError, storage

WRITES = re.compile(r"/gradio_api/(upload$|mcp\b|call/)")  # addresses to which pictures are sent


class Room:
    """ASGI middleware: holds room for what is sent, or answers 507.

    Args:
        app: what answers.
        max_body: of a request that does not tell its length [bytes].
    """

    def __init__(self, app: ASGIApp, max_body: int) -> None:
        self._app, self._max_body = app, max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if not _writes(scope):
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "")
        size = int(length) if length.isascii() and length.isdigit() else self._max_body
        answered = False

        async def noted(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        store = storage()
        try:
            await run_sync(store.hold, size)
            try:
                await self._app(scope, receive, noted)
            except OSError as error:
                if answered:
                    raise
                await run_sync(store.clear, size, error)
                raise ServerFullError from error
            finally:
                store.release(size)
        except ServerFullError as error:
            await JSONResponse({"detail": one_line(error)}, 507)(scope, receive, send)


def _writes(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] != "POST":
        return False
    return WRITES.search(scope["path"]) is not None
