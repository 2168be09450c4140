"""The names of Gradio's own that this program leans on, and the version they belong to."""

import tomllib

import gradio as gr

from demo.server.gradio_private import missing
from tests.support.helpers import ROOT


def test_every_private_name_is_there_and_one_that_went_is_named(monkeypatch):
    with gr.Blocks() as page:
        gr.Button().click(print)
    page.queue()
    assert missing(page) == []
    monkeypatch.delattr(gr.queueing.Queue, "send_message")
    monkeypatch.delattr(page._queue, "pending_message_lock")
    assert missing(page) == ["Queue.send_message", "Queue.pending_message_lock"]


def test_they_are_used_in_one_file_alone():
    """Modules of Gradio's beside what `import gradio` offers, its queue and its MCP server."""
    private = ("from gradio.", "import gradio.", "from gradio import", "._queue", "state_holder")
    users = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "demo").rglob("*.py")
        if any(words in path.read_text() for words in private)
    }
    assert users == {"demo/server/gradio_private.py"}


def test_the_version_they_belong_to_is_pinned_exactly_wherever_it_is_named():
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pin = f"gradio[mcp]=={gr.__version__}"
    assert pin in extra["optional-dependencies"]["demo"]
    assert f"{pin}\n" in (ROOT / "requirements.txt").read_text()
