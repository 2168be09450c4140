"""The named endpoints: their names, arguments and defaults are a contract.

Endpoints take their arguments from components, so these live in a part of the page that is
never shown; the tabs stay free to change.
"""

from collections.abc import Callable
from typing import Any

import gradio as gr

from demo.handlers import STRENGTH, TRUNCATION, Handlers
from demo.parts import MODEL_EVENT
from stylemask_core.style_space import ALL_LAYERS


def endpoints(handlers: Handlers) -> None:
    """Declare /mix, /reenact, /inspect and /model_info."""
    space = handlers.pipeline.space
    names = [ALL_LAYERS, *space.groups(), *(layer.name for layer in space.masked_layers)]
    with gr.Column(visible=False):
        trigger = gr.Button()

        def declare(
            name: str, call: Callable[..., Any], inputs: list[Any], outputs: list[Any]
        ) -> None:
            trigger.click(call, inputs, outputs, api_name=name, **MODEL_EVENT)

        def number(label: str, value: float | None = None) -> gr.Number:
            return gr.Number(value, label=label)

        def picture(label: str) -> gr.Image:
            return gr.Image(format="png", label=label)

        truncation, strength = number("truncation", TRUNCATION), number("strength", STRENGTH)
        layers = gr.CheckboxGroup(names, value=[ALL_LAYERS], label="layers")
        seeds = [number("source_seed"), number("target_seed")]
        pictures = [picture("source"), picture("target")]
        result = picture("result")
        declare(
            "mix",
            handlers.mix,
            [*seeds, truncation, strength, layers],
            [picture("source"), picture("target"), result],
        )
        crops = ("source crop", "source inversion", "target crop", "target inversion")
        declare(
            "reenact",
            handlers.reenact,
            [*pictures, strength, layers],
            [*map(picture, crops), result],
        )
        declare(
            "inspect",
            handlers.inspect,
            [*seeds, truncation, strength, *pictures],
            [
                gr.JSON(label="summary"),
                *map(picture, ("layer bars", "mask heatmap", "effect maps")),
                gr.File(label="masks and styles (.npz)"),
                gr.File(label="channels (.csv)"),
            ],
        )
        declare("model_info", handlers.model_info, [], [gr.JSON(label="model")])
