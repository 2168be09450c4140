"""The calls in docs/api.md, run as they stand, and the pixels that come back by every way."""

import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.support.demo_server import running
from tests.support.helpers import LOOPBACK, PATIENCE, ROOT, pixels

DOCS = (ROOT / "docs" / "api.md").read_text()
ADDRESS = "http://127.0.0.1:7860"
BLOCKS = [
    (title, language, code)
    for title, section in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", DOCS, re.M | re.S)
    for language, code in re.findall(r"^```(\w+)\n(.*?)^```", section, re.M | re.S)
]
RESULTS: dict[str, list[np.ndarray]] = {"result.png": [], "reenacted.png": []}


@pytest.fixture(scope="module")
def demo():
    with running("embedded") as demo:
        yield demo


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Where a reader of the page stands: a folder with the examples and the command at hand."""
    (tmp_path / "demo").symlink_to(ROOT / "demo")
    scripts = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{scripts}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(language, code):
    if language == "python":
        with ThreadPoolExecutor(1) as thread:  # this one may run a browser's event loop
            program = compile(code, "docs/api.md", "exec")
            thread.submit(exec, program, {"__name__": "docs"}).result()
    elif language == "bash":
        subprocess.run(["bash", "-euo", "pipefail", "-c", code], check=True, timeout=PATIENCE)
    else:
        json.loads(code)


def test_the_refusal_that_the_page_shows_is_what_a_server_answers(demo):
    sent = json.loads(re.search(r"`POST (/call/v2/mix)` with `(.*?)`", DOCS)[2])
    url = f"{demo.local_url}gradio_api/call/v2/mix"
    answer = httpx.post(url, json=sent, **LOOPBACK)
    assert answer.status_code == 422
    assert json.dumps(answer.json()) in " ".join(DOCS.split())


def test_the_page_shows_every_way_to_call():
    ways = [title for title, language, _ in BLOCKS if language != "json"]
    assert ways.count("Python: gradio_client") == 2
    assert ways.count("Plain HTTP: curl") == 3
    assert ways.count("MCP") == ways.count("Command line") == 1


@pytest.mark.parametrize(
    ("title", "language", "code"), BLOCKS, ids=[f"{t}-{k}" for k, (t, _, _) in enumerate(BLOCKS)]
)
def test_a_call_of_the_page_works_as_written(title, language, code, demo, place):
    if "curl " in code and not shutil.which("curl"):
        pytest.skip("there is no curl")
    url = demo.local_url.rstrip("/")
    assert url != ADDRESS and (ADDRESS in code or title == "Command line")
    run(language, code.replace(ADDRESS, url))
    made = [name for name in RESULTS if (place / name).exists()]
    assert len(made) == (language != "json")
    for name in made:
        RESULTS[name].append(pixels(place / name))


@pytest.mark.parametrize(("name", "ways"), [("result.png", 5), ("reenacted.png", 2)])
def test_every_way_gives_the_same_pixels(name, ways):
    """After the calls: gradio_client, curl (by order and by name), MCP and the command line."""
    if len(RESULTS[name]) != ways:
        pytest.skip("not all of the calls were made")
    first, *others = RESULTS[name]
    assert first.shape == (512, 512, 3)
    assert all(np.array_equal(first, other) for other in others)
