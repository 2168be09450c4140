"""What all events of the page share: how they are declared, and what they show meanwhile."""

from typing import Any

import gradio as gr

from demo.server.sentences import one_line
from stylemask_core import StyleMaskError

# One event at a time on the model; values reach the handlers unchecked (see server/arguments.py).
MODEL_EVENT: dict[str, Any] = {
    "preprocess": False,
    "concurrency_limit": 1,
    "concurrency_id": "model",
}
PAGE_EVENT: dict[str, Any] = {
    **MODEL_EVENT,
    "api_visibility": "private",
    "show_progress": "full",  # the style sheet lets it appear after half a second
}
LIVE_EVENT: dict[str, Any] = {
    **PAGE_EVENT,
    "trigger_mode": "always_last",
}
# Faces are sought beside the model, so that a photo is marked while another is being inverted.
FIND_EVENT: dict[str, Any] = {**LIVE_EVENT, "concurrency_id": "faces"}
FACES_EVENT: dict[str, Any] = {**MODEL_EVENT, "concurrency_id": "faces"}
# Describing a model, and reading a picture's marks, need none of its networks.
INFO_EVENT: dict[str, Any] = {**MODEL_EVENT, "concurrency_id": "info"}
VERIFY_EVENT: dict[str, Any] = {**MODEL_EVENT, "concurrency_id": "verify"}
PAGE_VERIFY_EVENT: dict[str, Any] = {**LIVE_EVENT, "concurrency_id": "verify"}
# Choices that only rearrange the page.
SMALL_EVENT: dict[str, Any] = {
    "preprocess": False,
    "queue": False,
    "show_progress": "hidden",
    "api_visibility": "private",
}
# Loading a model waits for the network, so it keeps nobody from the model in use.
LOAD_EVENT: dict[str, Any] = {
    **PAGE_EVENT,
    "concurrency_limit": 8,
    "concurrency_id": "load",
}


def say(words: str, done: float = 0.0) -> None:
    """Show what is being done where the running event has its outputs.

    Args:
        words: a few, such as "finding the face".
        done: share of the work that lies behind, 0…1.
    """
    gr.Progress()(done, desc=words)


def say_bytes(what: str, done: int, total: int) -> None:
    """Show how far a download is."""
    if 0 < done < total:
        say(f"downloading {what}: {done / 1e6:.0f} of {total / 1e6:.0f} MB", done / total)
    else:
        say(f"loading {what}")


def warn(error: StyleMaskError) -> None:
    """Show an error of an event that goes on, to clear what the error leaves without meaning."""
    gr.Warning(one_line(error))
