#!/usr/bin/env bash
# gradio_client 2.7.2, gradio 6.31.0 mounted in FastAPI (fastapi 0.165.0, starlette 1.10.0)
#
# Expected: when a middleware refuses a call with status 422 and {"detail": "a sentence"}, the form
# of FastAPI's HTTPException, whoever called predict() learns the status or reads the sentence. The
# same with FastAPI's own list of validation errors as the detail.
# Seen: every 422 is taken for an answer of Gradio's validators. The sentence becomes an
# AttributeError about a missing method of str; FastAPI's list becomes a ValidationError that
# counts 0 failed parameters. Neither holds the status or a word of the detail. The same refusals
# with status 400 raise an HTTPStatusError that names the status.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q gradio==6.31.0 gradio_client==2.7.2 fastapi==0.165.0 \
  starlette==1.10.0
export GRADIO_ANALYTICS_ENABLED=False GRADIO_TEMP_DIR="$work/files"

cat >"$work/probe.py" <<'PYTHON'
import sys
import threading
import time

import fastapi
import gradio as gr
import uvicorn
from fastapi.responses import JSONResponse
from gradio_client import Client

SENTENCE = "No more than ten portraits an hour, please."
ERRORS = [{"type": "missing", "loc": ["header", "x-consent"], "msg": "Field required"}]
refusal = {"status": 422, "detail": SENTENCE}
app = fastapi.FastAPI()


@app.middleware("http")
async def refuse(request, call_next):
    """Answer every call of the app with the current refusal."""
    if request.url.path.endswith("/queue/join"):
        return JSONResponse({"detail": refusal["detail"]}, refusal["status"])
    return await call_next(request)


demo = gr.Interface(lambda text: text, "text", "text", api_name="echo")
app = gr.mount_gradio_app(app, demo, path="/")
server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
thread = threading.Thread(target=server.run)
thread.start()
while not server.started:
    time.sleep(0.1)
port = server.servers[0].sockets[0].getsockname()[1]
client = Client(f"http://127.0.0.1:{port}", verbose=False)
raised = []
for status in (422, 400):
    for detail in (SENTENCE, ERRORS):
        refusal.update(status=status, detail=detail)
        try:
            client.predict("hello", api_name="/echo")
        except Exception as error:
            raised.append((status, type(error).__name__, str(error).splitlines()[0]))
            print(f"{status} with {detail!r}\n  {raised[-1][1]}: {raised[-1][2]}")
server.should_exit = True
thread.join()
same = [name for _, name, _ in raised] == [
    "AttributeError",
    "ValidationError",
    "HTTPStatusError",
    "HTTPStatusError",
]
same = same and not any("422" in text for status, _, text in raised if status == 422)
same = same and all("400" in text for status, _, text in raised if status == 400)
same = same and raised[1][2].startswith("0 parameter")
sys.exit(None if same else "The behaviour is no longer as stated.")
PYTHON
"$work/venv/bin/python" "$work/probe.py"
