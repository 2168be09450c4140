"""The endpoints as MCP tools: what Gradio makes of them, with its results mended."""

import base64
from pathlib import Path
from typing import Any

import gradio.mcp
from anyio.to_thread import run_sync
from PIL.ImageFile import ImageFile


class Tools(gradio.mcp.GradioMCPServer):  # type: ignore[misc]
    """Gradio's MCP server, with two faults taken out."""

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


def install() -> None:
    """Have Gradio use these for every page launched from now on."""
    gradio.mcp.GradioMCPServer = Tools
