"""The endpoints as MCP tools: what Gradio makes of them, with its answers mended.

Calls that cannot be carried out are refused here, in one sentence each.
"""

import base64
import binascii
import logging
import re
from functools import partial
from pathlib import Path
from typing import Any

from anyio.to_thread import run_sync
from mcp import types
from mcp.server import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from PIL.ImageFile import ImageFile

from demo.server.arguments import PICTURES, check_names
from demo.server.calls import MAX_BODY
from demo.server.gradio_private import GradioMCPServer, use_mcp_server
from demo.server.sentences import nearest, one_line
from demo.server.uploads import LARGEST
from stylemask_core import InvalidInputError

DATA = re.compile(r"data:image/[\w.+-]+;base64,", re.ASCII)
LINK = re.compile(r"https?://[^\s/]", re.ASCII)
WAYS = "send an https:// link or data:image/png;base64,…"

logger = logging.getLogger(__name__)


class Tools(GradioMCPServer):  # type: ignore[misc]
    """Gradio's MCP server, with faults taken out."""

    # its own limit, 4 MB, would end the session of who sends a larger picture
    StreamableHTTPSessionManager = staticmethod(
        partial(StreamableHTTPSessionManager, max_request_body_size=MAX_BODY)
    )

    def create_mcp_server(self) -> "Server[Any, Any]":
        """Gradio's server, with calls checked before it sees them."""
        server: Server[Any, Any] = super().create_mcp_server()
        call = server.request_handlers[types.CallToolRequest]

        async def checked(request: types.CallToolRequest) -> types.ServerResult:
            try:
                request.params.arguments = self._checked(request.params)
            except InvalidInputError as error:
                words = types.TextContent(type="text", text=one_line(error))
                return types.ServerResult(types.CallToolResult(content=[words], isError=True))
            return await call(request)

        server.request_handlers[types.CallToolRequest] = checked
        return server

    def _checked(self, params: types.CallToolRequestParams) -> dict[str, Any]:
        """The arguments of a call that can be carried out; a null counts as left out."""
        tool = params.name
        arguments = {name: x for name, x in (params.arguments or {}).items() if x is not None}
        if tool not in self.tool_to_endpoint:
            known = nearest(tool, self.tool_to_endpoint, "There are")
            raise InvalidInputError(f"there is no tool {known}")
        name = self.tool_to_endpoint[tool].removeprefix("/")
        handler = self.blocks.endpoints[name]
        check_names(name, handler, arguments)
        for picture in PICTURES & arguments.keys():
            check_picture(arguments[picture], picture)
        values = {key: value for key, value in arguments.items() if key not in PICTURES}
        self.blocks.handlers.arguments.usable(handler, values, links=True)
        return arguments

    async def _execute_tool_without_progress(self, job: Any) -> list[Any]:
        """Wait for a call; returns its results one by one.

        Gradio wraps several results in one, and a client gets them as the text of a Python list.
        """
        result = await run_sync(job.result)
        return list(result) if isinstance(result, list | tuple) else [result]

    @staticmethod
    def get_base64_data(image: ImageFile, format: str) -> str:
        """A picture's file as it is: Gradio writes it anew and loses its marks on the way."""
        return base64.b64encode(Path(str(image.filename)).read_bytes()).decode()


def check_picture(value: Any, name: str) -> None:
    """Check a picture as a tool takes it, a link or base64; what was sent is not repeated."""
    if not isinstance(value, str):
        raise InvalidInputError(f"{name} must be text: {WAYS}")
    if LINK.match(value):
        return
    if not (data := DATA.match(value)):
        raise InvalidInputError(f"{name} is neither a link nor a picture in base64: {WAYS}")
    try:
        size = len(base64.b64decode(value[data.end() :], validate=True))
    except (binascii.Error, ValueError) as error:
        raise InvalidInputError(
            f"the base64 of {name} is damaged or cut: send all of it"
        ) from error
    if not size:
        raise InvalidInputError(f"the base64 of {name} is empty: {WAYS}")
    if size > LARGEST:
        raise InvalidInputError(
            f"{name} has {size / 1e6:.0f} MB: a picture may have {LARGEST // 1_000_000} MB"
        )


def _no_requests_in_the_log(record: logging.LogRecord) -> bool:
    """Keep out what MCP's library says of malformed requests: pages of text, and what was sent."""
    if not str(record.msg).startswith("Failed to validate request"):
        return True
    logger.info("refused: what was sent to the tools is no request of MCP's")
    return False


def install_tools() -> None:
    """Have Gradio use these for every page launched from now on."""
    logging.getLogger().addFilter(_no_requests_in_the_log)
    use_mcp_server(Tools)
