#!/usr/bin/env bash
# gradio 6.31.0, gradio_client 2.7.2, mcp 1.30.0 (fastapi 0.165.0, starlette 1.10.0)
#
# Expected: gr.Error is documented as the message for the user wherever it is raised, so raised in
# an event's validator= it reaches a caller as it does from the event's function or as a failed
# gr.validate() does.
# Seen: the queue answers 400, its detail is the message inside a second pair of quotes, and both
# gradio_client and an MCP tool report only "400 Bad Request": the message is lost. From the
# function, and from gr.validate(), both callers get it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q "gradio[mcp]==6.31.0" gradio_client==2.7.2 mcp==1.30.0 \
  fastapi==0.165.0 starlette==1.10.0
export GRADIO_ANALYTICS_ENABLED=False GRADIO_TEMP_DIR="$work/files"

cat >"$work/probe.py" <<'PYTHON'
import asyncio
import sys

import gradio as gr
import httpx
from gradio_client import Client
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

MESSAGE = "Two faces are too many."


def refuse(faces: float):
    """Raise the error."""
    raise gr.Error(MESSAGE, print_exception=False)


def raised_in_function(faces: float) -> str:
    """Raise in the function."""
    refuse(faces)


def validated(faces: float) -> str:
    """Refused by gr.validate()."""
    return str(faces)


def raised_in_validator(faces: float) -> str:
    """Raise in the validator."""
    return str(faces)


async def call_tool(url: str, name: str) -> str:
    """The text of the tool's answer."""
    async with (
        streamable_http_client(url + "gradio_api/mcp/") as (read, write, *_),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        return (await session.call_tool(name, {"faces": 2})).content[0].text


with gr.Blocks() as demo:
    faces = gr.Number()
    text = gr.Textbox()
    for fn, validator in (
        (raised_in_function, None),
        (validated, lambda faces: gr.validate(faces < 2, MESSAGE)),
        (raised_in_validator, refuse),
    ):
        gr.Button().click(fn, faces, text, api_name=fn.__name__, validator=validator)
_, url, _ = demo.launch(mcp_server=True, prevent_thread_lock=True, quiet=True)
client = Client(url, verbose=False)
told = {}
for name in ("raised_in_function", "validated", "raised_in_validator"):
    try:
        client.predict(2, api_name="/" + name)
    except Exception as error:
        by_client = f"{type(error).__name__}: {error}"
    by_mcp = asyncio.run(call_tool(url, name))
    told[name] = (MESSAGE in by_client, MESSAGE in by_mcp)
    print(f"{name}\n  client: {by_client!r}\n  MCP: {by_mcp!r}")
answer = httpx.post(url + "gradio_api/call/raised_in_validator", json={"data": [2]})
print("REST:", answer.status_code, answer.text)
demo.close()
same = told == {
    "raised_in_function": (True, True),
    "validated": (True, True),
    "raised_in_validator": (False, False),
} and (answer.status_code, answer.json()["detail"]) == (400, repr(MESSAGE))
sys.exit(None if same else "The behaviour is no longer as stated.")
PYTHON
"$work/venv/bin/python" "$work/probe.py"
