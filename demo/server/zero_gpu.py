"""ZeroGPU Spaces lend a GPU for the time of an event; anywhere else nothing of this applies."""

import math
import os
from collections.abc import Callable
from inspect import signature
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import gradio as gr

SECONDS = 60  # an event may have the GPU, beside what a program asks for to refine its pictures
PICTURES = 2  # refined one after the other
ON_ZERO_GPU = "SPACES_ZERO_GPU"  # set there


def is_zero_gpu() -> bool:
    """Whether this is a ZeroGPU Space."""
    return os.environ.get(ON_ZERO_GPU, "").lower() in ("1", "t", "true")


def borrow_gpu(demo: "gr.Blocks", concurrency_id: str) -> None:
    """Let the events of one queue have the GPU, each for as long as it runs; before the launch."""
    if not is_zero_gpu():
        return
    import spaces  # there and only there

    for event in demo.fns.values():
        if event.concurrency_id == concurrency_id and event.fn is not None:
            event.fn = spaces.GPU(event.fn, duration=_duration(event.fn))


def _duration(call: Callable[..., Any]) -> int | Callable[..., int]:
    """How long a call may have the GPU [s]: a number, or a function of its arguments."""
    arguments = signature(call)
    if "refine_seconds" not in arguments.parameters:
        return SECONDS

    def duration(*values: Any) -> int:
        bound = arguments.bind(*values)
        bound.apply_defaults()
        refinement: float = bound.arguments["refine_seconds"]
        return SECONDS + math.ceil(PICTURES * refinement)

    return duration
