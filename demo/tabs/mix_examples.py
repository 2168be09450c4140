"""Pairs of random heads under names, for a first look around."""

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from demo.handlers import STRENGTH, Handlers
from demo.tabs.model_choice import ModelChoice
from demo.texts import text
from stylemask_core.style_space import ALL_LAYERS

PAIRS = (  # source seed, target seed, what the two are called
    (40, 2, "Robin → Kim"),
    (40, 8, "Robin → Noa"),
    (9, 21, "Mika → Toni"),
    (36, 15, "Luca → Jona"),
    (13, 4, "Sascha → Charlie"),
    (23, 36, "Eike → Luca"),
)
CACHE_VARIABLE = "GRADIO_EXAMPLES_CACHE"


def pairs_to_start_from(
    handlers: Handlers, choice: ModelChoice, controls: Sequence[Any], pictures: Sequence[Any]
) -> None:
    """Declare the examples; the pictures of each are made once, for whoever presses it first.

    Args:
        handlers: who makes them.
        choice: the examples are shown with the first model alone: another one would need others.
        controls: source seed, target seed, truncation, strength, layers.
        pictures: source, target, result.
    """
    psi = choice.first.config.default_truncation
    rows = [[source, target, psi, STRENGTH, [ALL_LAYERS]] for source, target, _ in PAIRS]
    with _cache_of_this_process(), gr.Row(elem_classes="named-pairs") as row:
        gr.Examples(
            rows,
            list(controls),
            list(pictures),
            handlers.mix,
            cache_examples=True,
            cache_mode="lazy",
            example_labels=[label for _, _, label in PAIRS],
            label=text("mix.examples"),
            elem_id="mix-examples",
            preload=False,
            preprocess=False,
            api_visibility="private",
        )
    first = choice.models.labels[0]
    choice.follow(row, lambda model: gr.Row(visible=model.name == first))


@contextmanager
def _cache_of_this_process() -> Iterator[None]:
    """Let Gradio keep the pictures beside the others, unless told where, and not talk of it.

    They go when the server ends: another time the same seeds may be other faces.
    """
    told = os.environ.get(CACHE_VARIABLE)
    os.environ[CACHE_VARIABLE] = told or str(Path(get_upload_folder()) / "examples")
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        if told is None:
            del os.environ[CACHE_VARIABLE]
