"""The moving picture beside the introduction; `python examples/moving_example.py` draws it."""

import gradio as gr

from demo.server.files import file_of
from demo.tabs.first_result import ASSETS
from demo.texts import text

MOVING, STILL = ASSETS / "example.webp", ASSETS / "example_still.webp"
SIZE = (528, 176)  # [px] three pictures side by side


def moving_example() -> None:
    """Place it, with a still for whoever wants nothing to move."""
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
