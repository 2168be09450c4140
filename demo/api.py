"""The named endpoints: their names, arguments and defaults are a contract.

Endpoints take their arguments from components, so these live in a part of the page that is
never shown; the tabs stay free to change. An argument has one component wherever it occurs, found
by its name in the handler's signature. What a program is told of an argument, and what an MCP
tool's schema says, is its type here and its line in the handler's docstring.
"""

from collections.abc import Callable
from inspect import signature
from typing import Any

import gradio as gr

from demo.events import FACES_EVENT, INFO_EVENT, MODEL_EVENT, VERIFY_EVENT
from demo.handlers import STRENGTH, TRUNCATION, Handlers
from demo.server.arguments import REFINE_SECONDS, ROLES
from stylemask_core.config import MAX_SEED, STRENGTH_RANGE, TRUNCATION_RANGE
from stylemask_core.style_space import ALL_LAYERS


def endpoints(handlers: Handlers) -> None:
    """Declare /mix, /reenact, /faces, /inspect, /verify and /model_info."""
    crops = ("source crop", "source inversion", "target crop", "target inversion")
    figures = ("layer bars", "mask heatmap", "effect maps")
    with gr.Column(visible=False):
        trigger, arguments = gr.Button(), _arguments(handlers)

        def declare(
            call: Callable[..., Any], outputs: list[Any], event: dict[str, Any] = MODEL_EVENT
        ) -> None:
            inputs = [arguments[name] for name in signature(call).parameters]
            trigger.click(call, inputs, outputs, api_name=call.__name__, **event)

        declare(handlers.mix, list(map(_picture, (*ROLES, "result"))))
        pasted = "source picture with the result in it"
        declare(
            handlers.reenact,
            [*map(_picture, (*crops, "result", pasted)), _details("faces")],
        )
        declare(
            handlers.faces,
            [_details("faces and note"), _picture("faces, drawn and numbered")],
            FACES_EVENT,
        )
        declare(
            handlers.inspect,
            [
                _details("summary"),
                *map(_picture, figures),
                gr.File(label="masks and styles (.npz)"),
                gr.File(label="channels (.csv)"),
            ],
        )
        declare(handlers.verify, [_details("provenance")], VERIFY_EVENT)
        declare(handlers.model_info, [_details("model")], INFO_EVENT)


def _arguments(handlers: Handlers) -> dict[str, Any]:
    """The components of all arguments, by name."""
    labels = handlers.models.labels
    space = handlers.models.first.space
    names = [ALL_LAYERS, *space.groups(), *(layer.name for layer in space.masked_layers)]
    layers = gr.CheckboxGroup(names, value=[ALL_LAYERS], label="layers")
    if len(labels) > 1:  # each has its own, and /model_info tells them
        _typed(layers, "array", items={"type": "string"})
    arguments = {
        "truncation": _number("truncation", TRUNCATION, TRUNCATION_RANGE),
        "strength": _number("strength", STRENGTH, STRENGTH_RANGE),
        "layers": layers,
        "aligned": gr.Checkbox(label="aligned"),
        "paste_back": gr.Checkbox(label="paste_back"),
        "inversion_truncation": _number("inversion_truncation", 1.0, TRUNCATION_RANGE),
        "refine_seconds": _number("refine_seconds", 0.0, REFINE_SECONDS),
        "model": _typed(gr.Textbox(None, label="model"), "string", enum=labels),
        "picture": _picture("picture"),
    }
    for role in ROLES:
        seed, face = f"{role}_seed", f"{role}_face"
        points = gr.JSON(label=f"{role}_landmarks")
        arguments |= {
            role: _picture(role),
            seed: _typed(gr.Number(label=seed), "integer", minimum=0, maximum=MAX_SEED),
            face: _typed(gr.Number(1, label=face), "integer", minimum=1),
            f"{role}_landmarks": _typed(points, "array", items={"type": "number"}),
        }
    return arguments


def _typed(component: Any, kind: str, **limits: Any) -> Any:
    """Say of a component what JSON it takes; Gradio itself would say less."""
    schema = {"type": kind, **limits}
    component.api_info = lambda: schema
    return component


def _number(label: str, value: float, limits: tuple[float, float]) -> gr.Number:
    low, high = limits
    return _typed(gr.Number(value, label=label), "number", minimum=low, maximum=high)


def _picture(label: str) -> gr.Image:
    return gr.Image(format="png", label=label)


def _details(label: str) -> gr.JSON:
    return _typed(gr.JSON(label=label), "object")
