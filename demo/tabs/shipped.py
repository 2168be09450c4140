"""What a visitor sees before the model has done anything: pictures that come with the page.

`python examples/first_result.py` and `python examples/moving_example.py` make them anew when the
embedded model changes.
"""

from typing import NamedTuple

import gradio as gr

from demo.server.models import Described
from demo.server.storage import file_of
from demo.texts import ASSETS, text
from stylemask_core.models.model_folder import EMBEDDED

FIRST_PAIR = (25, 21)  # seeds shown first: heads of clearly different pose and expression
MOVING, STILL = ASSETS / "example.webp", ASSETS / "example_still.webp"
SIZE = (528, 176)  # [px] three pictures side by side


class FirstResult(NamedTuple):
    """Files of source, target and result for `FIRST_PAIR`; None where there are none."""

    source: str | None = None
    target: str | None = None
    result: str | None = None


def first_result(model: Described) -> FirstResult:
    """The shipped pictures of a model: the embedded one has some."""
    files = [ASSETS / f"first_{part}.webp" for part in FirstResult._fields]
    if model.name != EMBEDDED or not all(file.is_file() for file in files):
        return FirstResult()
    return FirstResult(*map(str, files))


def moving_example() -> None:
    """Place the moving picture, with a still for whoever wants nothing to move."""
    moving, still = (file_of(path.read_bytes(), path.name) for path in (MOVING, STILL))
    # addresses without a leading slash: the page may lie below the root of a host
    picture = (
        f'<picture><source media="(prefers-reduced-motion: reduce)" '
        f'srcset="gradio_api/file={still}">'
        f'<img src="gradio_api/file={moving}" width="{SIZE[0]}" height="{SIZE[1]}" '
        f'alt="{text("page.example_alt")}"></picture>'
    )
    with gr.Column(elem_id="example", scale=2, min_width=300):
        shown = gr.HTML(picture, padding=False)
        shown.keep_in_cache.update((moving, still))
        gr.HTML(text("page.example_says"), elem_classes="caption", padding=False)
