"""How events on the page and the endpoints are declared."""

from typing import Any

# One event at a time on the model; values reach the handlers unchecked (see checks.py).
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
