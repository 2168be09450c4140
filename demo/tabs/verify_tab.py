"""Verify tab: whether a picture is marked as made by StyleMask."""

from typing import Any

import gradio as gr

from demo.events import PAGE_VERIFY_EVENT
from demo.handlers import Handlers
from demo.tabs.model_choice import ModelChoice
from demo.tabs.parts import picture_input
from demo.texts import text

FIELDS = ("source_type", "software", "model", "score", "chance")


def verify_tab(tab: gr.Tab, handlers: Handlers, choice: ModelChoice) -> None:
    """Fill the tab; it is the same for every model."""
    gr.HTML(text("verify.intro"), elem_classes="hint", padding=False)
    with gr.Row():
        with gr.Column(min_width=280):
            # events read the file as it was uploaded: converted, it would lose its metadata
            picture = picture_input(
                text("verify.picture"), "verify-picture", camera=False, show_label=True
            )
        with gr.Column(min_width=280):
            verdict = gr.HTML(text("verify.waiting"), elem_id="verify-verdict", padding=False)
            fields = [
                gr.Textbox(
                    label=text(f"verify.{name}"), interactive=False, elem_id=f"verify-{name}"
                )
                for name in FIELDS
            ]

    def look(picture: Any) -> tuple[str, ...]:
        if not picture:
            return text("verify.waiting"), *[""] * len(FIELDS)
        provenance = handlers.verify(picture)
        xmp, mark = provenance["xmp"] or {}, provenance["watermark"]
        values = (
            xmp.get("digital_source_type", "").rpartition("/")[2],
            xmp.get("software", ""),
            " ".join(xmp[name] for name in ("model", "revision") if name in xmp),
            f"{mark['score']:.1f}",
            f"{mark['chance']:.1g}",
        )
        key = provenance["verdict"].lower().replace(" ", "_")
        return text(f"verify.{key}"), *values

    picture.change(look, picture, [verdict, *fields], show_progress_on=verdict, **PAGE_VERIFY_EVENT)
