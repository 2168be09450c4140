"""What guards a served page: headers for browsers, a limit on what is sent, a password."""

import asyncio
import hmac
import logging
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anyio.to_thread import run_sync
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demo.server.calls import MAX_BODY, Calls
from demo.server.sentences import one_line
from demo.server.storage import ServerFullError, storage
from stylemask_core import InvalidInputError

WRONG_PASSWORD_DELAY = 1.0  # [s] before the answer
CDN = "https://gradio.s3-us-west-2.amazonaws.com"  # where a shared page's scripts come from
HUGGING_FACE = "https://huggingface.co https://*.hf.space"  # may frame a Space
WRITES = re.compile(r"/gradio_api/(upload$|mcp\b|call/)")  # addresses to which pictures are sent
FOREIGN = re.compile(r"/file=https?:", re.IGNORECASE)
TOO_LARGE = f"The request is too large: send at most {MAX_BODY // 1_000_000} MB."

logger = logging.getLogger(__name__)


def security_headers(in_space: bool = False, shared: bool = False) -> dict[str, str]:
    """Headers of every answer, also of a Space, which huggingface.co frames, or a shared page."""
    own = f"'self' {CDN}" if shared else "'self'"
    policy = {
        "default-src": own,
        # Gradio's page has scripts and styles in it, and compiles the `js=` of events
        "script-src": f"{own} 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src": f"{own} 'unsafe-inline'",
        "img-src": f"{own} data: blob:",
        "media-src": f"{own} data: blob:",
        "font-src": f"{own} data:",
        "connect-src": f"{own} data: blob:",
        "worker-src": f"{own} blob:",
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
        "frame-ancestors": f"'self' {HUGGING_FACE}" if in_space else "'self'",
    }
    headers = {
        "Content-Security-Policy": "; ".join(f"{key} {value}" for key, value in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
    }
    return headers if in_space else {**headers, "X-Frame-Options": "SAMEORIGIN"}


class Guard:
    """ASGI middleware: adds headers, refuses bodies that are too large before they are kept, and
    fetches nothing for others: Gradio would serve any public address as if it were a file.
    """

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        self._app, self._headers = app, headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > MAX_BODY:
                raise HTTPException(413, TOO_LARGE)
            return message

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = None
        if FOREIGN.search(scope["path"]):
            refusal = JSONResponse({"detail": "Only files of this server are served."}, 403)
        elif _length(scope) > MAX_BODY:
            refusal = JSONResponse({"detail": TOO_LARGE}, 413)
        await (refusal or self._app)(scope, counted, with_headers)


class Room:
    """ASGI middleware: holds room for the pictures that are sent, or answers 507."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        posted = scope["type"] == "http" and scope["method"] == "POST"
        if not posted or not WRITES.search(scope["path"]):
            await self._app(scope, receive, send)
            return
        store, size, answered = storage(), _length(scope, MAX_BODY), False

        async def noted(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

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


def _length(scope: Scope, unknown: int = 0) -> int:
    """Bytes that a request says it has."""
    length = Headers(scope=scope).get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else unknown


class Password:
    """The one account of a page."""

    def __init__(self, user: str, secret: str) -> None:
        self._user, self._secret = user.encode(), secret.encode()

    async def check(self, user: str, password: str) -> bool:
        """Whether both are right; takes equally long whatever is wrong.

        To be given to Gradio as it is: of an object that can be called Gradio would not see that
        the call has to be awaited, and would let everybody in.
        """
        right = hmac.compare_digest(user.encode(), self._user)
        right &= hmac.compare_digest(password.encode(), self._secret)
        if not right:
            await asyncio.sleep(WRONG_PASSWORD_DELAY)
        return right


def read_password(account: str) -> Password:
    """Read the account that `--auth` names: USER:FILE, with the password in its first line.

    It is never given on the command line itself, where every user of the machine could read it.
    """
    user, _, name = account.partition(":")
    if not user.strip() or not name:
        raise InvalidInputError(f"--auth {account!r} is not usable: give USER:PASSWORD-FILE")
    try:
        with Path(name).open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            secret = file.readline().rstrip("\r\n")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise InvalidInputError(f"the password file {name} cannot be read: {reason}") from error
    if not secret:
        raise InvalidInputError(f"the password file {name} has no password in its first line")
    if mode & stat.S_IROTH:
        logger.warning(
            "every user of this machine can read the password file %s: chmod 600 %s", name, name
        )
    return Password(user.strip(), secret)


def launch_security(
    in_space: bool = False, shared: bool = False, password: Password | None = None
) -> dict[str, Any]:
    """Keyword arguments for `launch()` that guard the page; without a password all are let in."""
    from huggingface_hub import constants

    headers = security_headers(in_space, shared)
    return {
        "app_kwargs": {
            "middleware": [Middleware(Guard, headers=headers), Middleware(Calls), Middleware(Room)]
        },
        "auth": password.check if password else None,
        # tools would be open to everybody: Gradio asks for no password there
        "mcp_server": password is None,
        "allowed_paths": [],  # the folders of uploads and results are served, and nothing else
        "blocked_paths": [constants.HF_TOKEN_PATH, constants.HF_STORED_TOKENS_PATH],
    }
