#!/usr/bin/env bash
# gradio 6.31.0 with mcp 1.30.0 (fastapi 0.165.0, starlette 1.10.0)
#
# Expected: an app launched with mcp_server=True and max_file_size="50mb" takes a picture of 3.6 MB
# as a tool's argument in base64, which Gradio's guide to MCP names as a form it converts. The same
# app takes the same picture by upload and in a REST call.
# Seen: mcp refuses every request over 4 MiB with status 413 before Gradio reads it, and base64
# makes 4.8 MB of this picture. Gradio builds mcp's session manager without a limit, and launch()
# has no argument for one, so max_file_size does not reach it. mcp's own client raises a group of
# exceptions and its session is over, instead of answering with a failed tool call.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q "gradio[mcp]==6.31.0" mcp==1.30.0 fastapi==0.165.0 starlette==1.10.0
export GRADIO_ANALYTICS_ENABLED=False GRADIO_TEMP_DIR="$work/files"

cat >"$work/probe.py" <<'PYTHON'
import asyncio
import base64
import inspect
import io
import os
import sys

import gradio as gr
import httpx
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from PIL import Image


def size(image: str) -> str:
    """Size of a picture."""
    with Image.open(image) as picture:
        return f"{picture.width} x {picture.height}"


def noise(side: int) -> bytes:
    """A PNG that does not compress."""
    png = io.BytesIO()
    Image.frombytes("RGB", (side, side), os.urandom(3 * side * side)).save(png, "PNG")
    return png.getvalue()


async def call_tool(url: str, image: str) -> str:
    """The tool's answer over MCP, or the status of HTTP that the client raised."""
    try:
        async with (
            streamable_http_client(url + "gradio_api/mcp/") as (read, write, *_),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            answer = await asyncio.wait_for(session.call_tool("size", {"image": image}), 60)
            return answer.content[0].text
    except BaseExceptionGroup as group:
        refusal = group.split(httpx.HTTPStatusError)[0]
        if refusal is None:
            raise
        while isinstance(refusal, BaseExceptionGroup):
            refusal = refusal.exceptions[0]
        return f"{type(group).__name__} with status {refusal.response.status_code}"


demo = gr.Interface(size, gr.Image(type="filepath"), gr.Textbox(), api_name="size")
_, url, _ = demo.launch(
    mcp_server=True, max_file_size="50mb", prevent_thread_lock=True, quiet=True
)
answers = {}
for side in (900, 1100):
    png = noise(side)
    image = "data:image/png;base64," + base64.b64encode(png).decode()
    upload = httpx.post(url + "gradio_api/upload", files={"files": ("a.png", png)}, timeout=60)
    call = httpx.post(
        url + "gradio_api/call/v2/size", json={"image": {"url": image}}, timeout=60
    ).json()
    result = httpx.get(url + "gradio_api/call/size/" + call["event_id"], timeout=60)
    rest = f"{side} x {side}" in result.text
    answers[side] = (upload.status_code, rest, asyncio.run(call_tool(url, image)))
    print(f"PNG of {len(png)} bytes, {len(image)} in base64:")
    print("  upload: {}, right by REST: {}, MCP: {}".format(*answers[side]))
names = [name for name in inspect.signature(demo.launch).parameters if "mcp" in name]
print("arguments of launch() about MCP:", names)
demo.close()
same = answers == {
    900: (200, True, "900 x 900"),
    1100: (200, True, "ExceptionGroup with status 413"),
} and names == ["mcp_server"]
sys.exit(None if same else "The behaviour is no longer as stated.")
PYTHON
"$work/venv/bin/python" "$work/probe.py"
