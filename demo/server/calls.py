"""Calls over plain HTTP that cannot be carried out are refused here, in one sentence each.

Gradio would answer some of them with an internal error and others with the words of its parsers.
"""

import json
import logging
import re
from collections.abc import Callable
from inspect import signature
from typing import Any

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demo.server.arguments import check_names
from demo.server.gradio_private import session_is_lost
from demo.server.sentences import WENT_WRONG, nearest, one_line
from stylemask_core import InvalidInputError

MAX_BODY = 64_000_000  # [bytes] of one request; a picture inside a JSON call is a third longer
ROOT = "/gradio_api"
CALL = re.compile(rf"{ROOT}/call/(v2/)?([^/]+)/?$")
DIRECT = re.compile(rf"{ROOT}/(?:run|api)/([^/]+)/?$")
ANSWER = re.compile(rf"{ROOT}/call/(?:v2/)?([^/]+)/([^/]+)$")
STREAM = re.compile(rf"{ROOT}/queue/data$")
UPLOAD = re.compile(rf"{ROOT}/upload/?$")
NO_FILE = 'nothing was uploaded: send files in the field "files", as curl -F files=@photo.png does'
UNKNOWN, UNREADABLE, NO_JSON, UNUSABLE = 404, 400, 415, 422

logger = logging.getLogger(__name__)


class Calls:
    """ASGI middleware before Gradio's routes: knows the page's endpoints and their arguments."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        page, path, method = scope["app"].get_blocks(), scope["path"], scope["method"]
        try:
            if method == "POST" and (call := CALL.search(path)):
                by_name, name = bool(call[1]), call[2]
                endpoint = _endpoint(page, name)
                body, receive = await _body(scope, receive)
                if by_name:
                    check_names(name, endpoint, _named(name, body))
                else:
                    _check_list(name, endpoint, body)
            elif method == "POST" and DIRECT.search(path):
                body, receive = await _body(scope, receive)
                if not isinstance(body, dict) or not _runs_at_once(page, body.get("fn_index")):
                    raise HTTPException(UNKNOWN, f"endpoints are called at {ROOT}/call/NAME")
                await self._run(scope, receive, send)
                return
            elif method == "POST" and UPLOAD.search(path):
                await self._upload(scope, receive, send)
                return
            elif method == "GET" and (answer := ANSWER.search(path)):
                if not page.line.queue.awaits(answer[2]):
                    words = "there is no such event, or its answer has been read already"
                    raise HTTPException(UNKNOWN, words)
            elif method == "GET" and STREAM.search(path):
                session = QueryParams(scope["query_string"]).get("session_hash")
                if session is not None and not page.line.queue.is_open(session):
                    await _lost(scope, receive, send)
                    return
        except InvalidInputError as error:
            await self._refuse(UNUSABLE, error, scope, send)
        except HTTPException as error:
            await self._refuse(error.status_code, Exception(error.detail), scope, send)
        except ClientDisconnect:
            pass
        else:
            await self._app(scope, receive, send)

    async def _refuse(self, status: int, error: Exception, scope: Scope, send: Send) -> None:
        """Say what is wrong; who has not logged in is told to, and nothing else."""
        place = scope["path"].partition(ROOT)[0] + f"{ROOT}/login_check"
        login = {"method": "GET", "path": place, "raw_path": place.encode(), "query_string": b""}
        answer, _ = await self._collected({**scope, **login}, _nothing)
        if answer and answer[0]["status"] >= 400:
            for message in answer:
                await send(message)
            return
        logger.info("refused: %s", one_line(error))
        await JSONResponse({"detail": one_line(error)}, status)(scope, _nothing, send)

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on an event that does not wait; that its values are wrong is no fault of ours."""
        answer, body = await self._collected(scope, receive)
        if answer[0]["status"] == 500 and WENT_WRONG.encode() not in body:
            answer[0]["status"] = UNUSABLE
        for message in answer:
            await send(message)

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass an upload on; Gradio answers one without a file with an internal error or []."""
        try:
            answer, body = await self._collected(scope, receive)
        except TypeError as error:  # text where a file is expected
            raise InvalidInputError(NO_FILE) from error
        if body == b"[]":
            raise InvalidInputError(NO_FILE)
        for message in answer:
            await send(message)

    async def _collected(self, scope: Scope, receive: Receive) -> tuple[list[Message], bytes]:
        """An answer and its body, of which nothing has been sent yet."""
        answer: list[Message] = []

        async def collect(message: Message) -> None:
            answer.append(message)

        await self._app(scope, receive, collect)
        return answer, b"".join(message.get("body", b"") for message in answer)


async def _nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _lost(scope: Scope, receive: Receive, send: Send) -> None:
    """Tell a page that its session is gone, as Gradio does, without an exception in its log."""
    stream = PlainTextResponse(session_is_lost(), media_type="text/event-stream")
    await stream(scope, receive, send)


def _runs_at_once(page: Any, event: Any) -> bool:
    """Whether it is the number of an event that the page runs on the server and without waiting."""
    known = isinstance(event, int) and event in page.fns
    return known and page.fns[event].fn is not None and not page.fns[event].queue


def _endpoint(page: Any, name: str) -> Callable[..., Any]:
    endpoints: dict[str, Callable[..., Any]] = page.endpoints
    if name not in endpoints:
        raise HTTPException(
            UNKNOWN, f"there is no endpoint {nearest(name, endpoints, 'There are')}"
        )
    return endpoints[name]


async def _body(scope: Scope, receive: Receive) -> tuple[Any, Receive]:
    """What was sent as JSON, and a way for others to receive it once more."""
    request = Request(scope, receive)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not re.fullmatch(r"application/([\w.-]+\+)?json", kind):
        raise HTTPException(
            NO_JSON, "the arguments must be sent as JSON, with Content-Type: application/json"
        )
    content = await request.body()
    try:
        body = json.loads(content)
    except RecursionError as error:
        raise HTTPException(UNREADABLE, "the JSON is nested too deeply") from error
    except ValueError as error:  # of encodings and of numbers too
        where = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise HTTPException(UNREADABLE, f"what was sent is no JSON{where}") from error
    passed_on = False

    async def again() -> Message:
        nonlocal passed_on
        if passed_on:
            return await receive()
        passed_on = True
        return {"type": "http.request", "body": content, "more_body": False}

    return body, again


def _named(name: str, body: Any) -> dict[str, Any]:
    if not isinstance(body, dict) or "data" in body:
        raise InvalidInputError(
            f"/{name} takes its arguments by name here, in a JSON object: to give them in order, "
            f'POST {{"data": […]}} to {ROOT}/call/{name}'
        )
    return body


def _check_list(name: str, endpoint: Callable[..., Any], body: Any) -> None:
    """Check the form of a call with its arguments in order; the queue checks the values."""
    known = {"data": list, "session_hash": str | None}
    if not isinstance(body, dict) or "data" not in body:
        raise InvalidInputError(
            f'/{name} takes its arguments in order here, {{"data": […]}}, and by name at {ROOT}'
            f"/call/v2/{name}: {', '.join(signature(endpoint).parameters)}"
        )
    for key, value in body.items():
        if key not in known:
            raise InvalidInputError(f"a call has no {nearest(key, known, 'There are')}")
        if not isinstance(value, known[key]):
            kind = "a list" if key == "data" else "text"
            raise InvalidInputError(f"{key} must be {kind}")
