"""A real demo on loopback for tests."""

import json
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr
import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from demo.page import build_demo, launch_options
from demo.server.guard import Password, launch_security
from demo.server.models import Models
from demo.server.tools import install_tools
from tests.support.helpers import LOOPBACK, PATIENCE, answered, free_port


@contextmanager
def running(*models: str | Path, password: Password | None = None) -> Iterator[gr.Blocks]:
    """Serve models in a thread until the block ends; the demo's address is in `local_url`.

    Its files lie in a folder of its own, unless GRADIO_TEMP_DIR is set.
    """
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", os.environ.get("GRADIO_TEMP_DIR") or folder)
        demo = build_demo(Models([str(model) for model in models], device="cpu"))
        install_tools()
        demo.launch(
            server_name="127.0.0.1",
            server_port=free_port(),
            prevent_thread_lock=True,
            quiet=True,
            **launch_options(),
            **launch_security(password=password),
        )
        try:
            yield demo
        finally:
            demo.close(verbose=False)


def client_of(url: str, **options: Any) -> Client:
    """A client that waits for a busy machine."""
    return Client(url, verbose=False, httpx_kwargs={"timeout": PATIENCE}, **options)


def with_tools(url: str, ask: Callable[[ClientSession], Awaitable[Any]]) -> Any:
    """What somebody learns who talks to a server's MCP tools."""

    async def talk() -> Any:
        address = f"{url.rstrip('/')}/gradio_api/mcp/"
        async with (
            streamable_http_client(address) as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            return await ask(session)

    return answered(talk())


def tool(url: str, name: str, **arguments: Any) -> Any:
    """What a tool answers."""
    return with_tools(url, lambda session: session.call_tool(name, arguments))


def file_data(path: str) -> dict[str, Any]:
    """A file of a server's, as a picture argument."""
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def uploaded(url: str, content: bytes) -> dict[str, Any]:
    """Upload a picture; returns it as an argument."""
    files = {"files": ("me.png", content)}
    answer = httpx.post(f"{url.rstrip('/')}/gradio_api/upload", files=files, **LOOPBACK)
    return file_data(answer.json()[0])


def photo_model(tiny_folder: Path, parent: Path) -> Path:
    """A copy of the tiny model, under the name "photos", that needs a face in its pictures."""
    folder = copytree(tiny_folder, parent / "photos")
    config = json.loads((folder / "config.json").read_text())
    config |= {"alignment": "ffhq", "domain": "noise", "default_truncation": 0.5}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def refusal(client: Client, **arguments: Any) -> str:
    """The one line that an endpoint answers with; the server must answer the next call."""
    with pytest.raises(AppError) as caught:
        client.predict(**arguments)
    line = str(caught.value)
    assert "\n" not in line and "Traceback" not in line and 5 < len(line) <= 300
    assert "verbose error" not in line, "Gradio's stand-in for an error that nobody foresaw"
    assert len(client.predict(1, 2, api_name="/mix")) == 3
    return line
