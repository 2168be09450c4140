#!/usr/bin/env bash
# gradio 6.31.0 (fastapi 0.165.0, starlette 1.10.0)
#
# Expected: a body that the app's own OpenAPI description of /call/v2/NAME allows is taken, or at
# least answered with a status of the 400s that says what is missing.
# Seen: the description has no list of required properties, though /gradio_api/info knows them, so
# a body without one is valid; the server answers it with a bare 500 and "Internal Server Error".
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q gradio==6.31.0 fastapi==0.165.0 starlette==1.10.0 jsonschema==4.26.0
export GRADIO_ANALYTICS_ENABLED=False GRADIO_TEMP_DIR="$work/files"

cat >"$work/probe.py" <<'PYTHON'
import logging
import sys

import gradio as gr
import httpx
import jsonschema


def blend(source: str, target: str, strength: float) -> str:
    """Blend two names."""
    return f"{source} {target} {strength}"


inputs = [gr.Textbox(), gr.Textbox(), gr.Slider(0, 1, value=0.5)]
demo = gr.Interface(blend, inputs, gr.Textbox(), api_name="blend")
_, url, _ = demo.launch(prevent_thread_lock=True, quiet=True)
logging.disable(logging.CRITICAL)  # the server logs the exception, which is no part of the answer
paths = httpx.get(url + "gradio_api/openapi.json").json()["paths"]
post = paths["/gradio_api/call/v2/blend"]["post"]
schema = post["requestBody"]["content"]["application/json"]["schema"]
info = httpx.get(url + "gradio_api/info").json()["named_endpoints"]["/blend"]["parameters"]
needed = [p["parameter_name"] for p in info if not p["parameter_has_default"]]
print("required by /info:", needed, "by OpenAPI:", schema.get("required"))
print("statuses that OpenAPI names:", list(post["responses"]))
statuses = []
for body in ({"source": "a", "target": "b"}, {"source": "a"}):
    jsonschema.validate(body, schema)
    answer = httpx.post(url + "gradio_api/call/v2/blend", json=body)
    statuses.append(answer.status_code)
    print(f"{body} is valid: {answer.status_code} {answer.text}")
demo.close()
same = (needed, schema.get("required"), statuses) == (["source", "target"], None, [200, 500])
sys.exit(None if same else "The behaviour is no longer as stated.")
PYTHON
"$work/venv/bin/python" "$work/probe.py"
