"""A real demo on loopback for tests."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gradio as gr

from demo import build_demo, launch_options
from demo.models import Models


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running(*models: str | Path) -> Iterator[gr.Blocks]:
    """Serve models in a thread until the block ends; the demo's address is in `local_url`."""
    demo = build_demo(Models([str(model) for model in models], device="cpu"))
    demo.launch(
        server_name="127.0.0.1",
        server_port=free_port(),
        prevent_thread_lock=True,
        quiet=True,
        **launch_options(),
    )
    try:
        yield demo
    finally:
        demo.close(verbose=False)
