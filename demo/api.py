"""The named endpoints: their names, arguments and defaults are a contract.

Endpoints take their arguments from components, so these live in a part of the page that is
never shown; the tabs stay free to change. What a program is told of an argument, and what an MCP
tool's schema says, is its type here and its line in the handler's docstring.
"""

from collections.abc import Callable
from typing import Any

import gradio as gr

from demo.events import FACES_EVENT, INFO_EVENT, MODEL_EVENT, VERIFY_EVENT
from demo.handlers import STRENGTH, TRUNCATION, Handlers
from demo.tabs.keep_more import LONGEST
from stylemask_core.config import MAX_SEED, STRENGTH_RANGE, TRUNCATION_RANGE
from stylemask_core.style_space import ALL_LAYERS


def endpoints(handlers: Handlers) -> None:
    """Declare /mix, /reenact, /faces, /inspect, /verify and /model_info."""
    space = handlers.models.first.space
    names = [ALL_LAYERS, *space.groups(), *(layer.name for layer in space.masked_layers)]
    with gr.Column(visible=False):
        trigger = gr.Button()

        def declare(
            name: str,
            call: Callable[..., Any],
            inputs: list[Any],
            outputs: list[Any],
            *added: Any,
            event: dict[str, Any] = MODEL_EVENT,
        ) -> None:
            """Added arguments follow the model, so that the places of the others stay."""
            trigger.click(call, [*inputs, model, *added], outputs, api_name=name, **event)

        def typed(component: Any, kind: str, **limits: Any) -> Any:
            """Say of a component what JSON it takes; Gradio itself would say less."""
            schema = {"type": kind, **limits}
            component.api_info = lambda: schema
            return component

        def number(label: str, value: float, limits: tuple[float, float]) -> gr.Number:
            low, high = limits
            return typed(gr.Number(value, label=label), "number", minimum=low, maximum=high)

        def seed(label: str) -> gr.Number:
            return typed(gr.Number(label=label), "integer", minimum=0, maximum=MAX_SEED)

        def face(label: str) -> gr.Number:
            return typed(gr.Number(1, label=label), "integer", minimum=1)

        def picture(label: str) -> gr.Image:
            return gr.Image(format="png", label=label)

        def landmarks(label: str) -> gr.JSON:
            return typed(gr.JSON(label=label), "array", items={"type": "number"})

        def details(label: str) -> gr.JSON:
            return typed(gr.JSON(label=label), "object")

        model = typed(gr.Textbox(None, label="model"), "string", enum=handlers.models.labels)
        truncation = number("truncation", TRUNCATION, TRUNCATION_RANGE)
        strength = number("strength", STRENGTH, STRENGTH_RANGE)
        layers = gr.CheckboxGroup(names, value=[ALL_LAYERS], label="layers")
        if len(handlers.models.labels) > 1:  # each has its own, and /model_info tells them
            typed(layers, "array", items={"type": "string"})
        seeds = [seed("source_seed"), seed("target_seed")]
        pictures = [picture("source"), picture("target")]
        face_choice = [
            face("source_face"),
            face("target_face"),
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
                number("inversion_truncation", 1.0, TRUNCATION_RANGE),
            ],
            [
                *map(picture, crops),
                result,
                picture("source picture with the result in it"),
                details("faces"),
            ],
            number("refine_seconds", 0.0, (0.0, LONGEST)),
        )
        declare(
            "faces",
            handlers.faces,
            [picture("picture")],
            [details("faces and note"), picture("faces, drawn and numbered")],
            event=FACES_EVENT,
        )
        declare(
            "inspect",
            handlers.inspect,
            [*seeds, truncation, strength, *pictures, *face_choice],
            [
                details("summary"),
                *map(picture, ("layer bars", "mask heatmap", "effect maps")),
                gr.File(label="masks and styles (.npz)"),
                gr.File(label="channels (.csv)"),
            ],
        )
        trigger.click(
            handlers.verify,
            [picture("picture")],
            [details("provenance")],
            api_name="verify",
            **VERIFY_EVENT,
        )
        declare("model_info", handlers.model_info, [], [details("model")], event=INFO_EVENT)
