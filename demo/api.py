"""The named endpoints: their names, arguments and defaults are a contract.

Endpoints take their arguments from components, so these live in a part of the page that is
never shown; the tabs stay free to change.
"""

from collections.abc import Callable
from typing import Any

import gradio as gr

from demo.events import MODEL_EVENT
from demo.handlers import STRENGTH, TRUNCATION, Handlers
from stylemask_core.style_space import ALL_LAYERS


def endpoints(handlers: Handlers) -> None:
    """Declare /mix, /reenact, /faces, /inspect and /model_info."""
    space = handlers.models.get().space
    names = [ALL_LAYERS, *space.groups(), *(layer.name for layer in space.masked_layers)]
    with gr.Column(visible=False):
        trigger = gr.Button()

        def declare(
            name: str, call: Callable[..., Any], inputs: list[Any], outputs: list[Any]
        ) -> None:
            trigger.click(call, [*inputs, model], outputs, api_name=name, **MODEL_EVENT)

        def number(label: str, value: float | None = None) -> gr.Number:
            return gr.Number(value, label=label)

        def picture(label: str) -> gr.Image:
            return gr.Image(format="png", label=label)

        def landmarks(label: str) -> gr.JSON:
            return gr.JSON(label=label)

        model = gr.Textbox(None, label="model")
        truncation, strength = number("truncation", TRUNCATION), number("strength", STRENGTH)
        layers = gr.CheckboxGroup(names, value=[ALL_LAYERS], label="layers")
        seeds = [number("source_seed"), number("target_seed")]
        pictures = [picture("source"), picture("target")]
        face_choice = [
            number("source_face", 1),
            number("target_face", 1),
            landmarks("source_landmarks"),
            landmarks("target_landmarks"),
            gr.Checkbox(label="aligned"),
        ]
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
            [
                *pictures,
                strength,
                layers,
                *face_choice,
                gr.Checkbox(label="paste_back"),
                number("inversion_truncation", 1.0),
            ],
            [
                *map(picture, crops),
                result,
                picture("source picture with the result in it"),
                gr.JSON(label="faces"),
            ],
        )
        declare(
            "faces",
            handlers.faces,
            [picture("picture")],
            [gr.JSON(label="faces and note"), picture("faces, drawn and numbered")],
        )
        declare(
            "inspect",
            handlers.inspect,
            [*seeds, truncation, strength, *pictures, *face_choice],
            [
                gr.JSON(label="summary"),
                *map(picture, ("layer bars", "mask heatmap", "effect maps")),
                gr.File(label="masks and styles (.npz)"),
                gr.File(label="channels (.csv)"),
            ],
        )
        declare("model_info", handlers.model_info, [], [gr.JSON(label="model")])
