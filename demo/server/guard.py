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

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demo.server import tools
from demo.server.calls import MAX_BODY, Calls
from demo.server.room import Room
from stylemask_core import InvalidInputError

WRONG_PASSWORD_DELAY = 1.0  # [s] before the answer
CDN = "https://gradio.s3-us-west-2.amazonaws.com"  # where a shared page's scripts come from
HUGGING_FACE = "https://huggingface.co https://*.hf.space"  # may frame a Space

FOREIGN = re.compile(r"/file=https?:", re.IGNORECASE)

logger = logging.getLogger(__name__)


def security_headers(in_space: bool = False, shared: bool = False) -> dict[str, str]:
    """Headers of every answer.

    Args:
        in_space: the page is a Hugging Face Space, shown within a frame of huggingface.co.
        shared: the page is also reached by a public link of Gradio's.
    """
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

    Args:
        app: what answers.
        headers: added to every answer that does not set them itself.
        max_body: of a request [bytes].
    """

    def __init__(self, app: ASGIApp, headers: Mapping[str, str], max_body: int = MAX_BODY) -> None:
        self._app, self._headers, self._max_body = app, headers, max_body

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
            if received > self._max_body:
                raise HTTPException(413, self._too_large)
            return message

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        length = Headers(scope=scope).get("content-length", "")
        if FOREIGN.search(scope["path"]):
            refusal = JSONResponse({"detail": "Only files of this server are served."}, 403)
            await refusal(scope, receive, guarded)
            return
        if length.isascii() and length.isdigit() and int(length) > self._max_body:
            refusal = JSONResponse({"detail": self._too_large}, 413)
            await refusal(scope, receive, guarded)
            return
        await self._app(scope, counted, guarded)

    @property
    def _too_large(self) -> str:
        return f"The request is too large: send at most {self._max_body // 1_000_000} MB."


class Password:
    """The one account of a page.

    Args:
        user: name of the account.
        secret: its password.
    """

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
    """Read the account that `--auth` names.

    Args:
        account: USER:FILE; the first line of the file is the password. It is never given on the
            command line itself, where every user of the machine could read it.

    Raises:
        InvalidInputError: one part is missing, or the file cannot be read or is empty.
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
    """Keyword arguments for `launch()` that guard the page.

    Args:
        in_space: as for `security_headers`.
        shared: likewise.
        password: the account; None lets everybody in.
    """
    from huggingface_hub import constants

    tools.install()
    guards = [
        Middleware(Guard, headers=security_headers(in_space, shared)),
        Middleware(Calls),
        Middleware(Room, max_body=MAX_BODY),
    ]
    return {
        "app_kwargs": {"middleware": guards},
        "auth": password.check if password else None,
        # tools would be open to everybody: Gradio asks for no password there
        "mcp_server": password is None,
        "allowed_paths": [],  # the folders of uploads and results are served, and nothing else
        "blocked_paths": [constants.HF_TOKEN_PATH, constants.HF_STORED_TOKENS_PATH],
    }
