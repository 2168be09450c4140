"""What the tabs share: seed fields, sliders, tiles."""

from typing import Any

import gradio as gr

from demo.server.models import Described
from demo.tabs.model_choice import ModelChoice
from demo.texts import text
from stylemask_core.config import MAX_SEED, STRENGTH_RANGE, TRUNCATION_RANGE
from stylemask_core.style_space import ALL_LAYERS

ROLL = f"() => Math.floor(Math.random() * {MAX_SEED + 1})"
# "all" and single groups exclude each other: the last click wins. The outer list holds the outputs.
SETTLE = f"""(chosen) => [chosen[chosen.length - 1] === '{ALL_LAYERS}'
    ? ['{ALL_LAYERS}'] : chosen.filter((name) => name !== '{ALL_LAYERS}')]"""


def seed_field(label: str, seed: int) -> gr.Number:
    """A seed with a button that draws a random one."""
    with gr.Row(elem_classes="seed", equal_height=True):
        number = gr.Number(seed, label=label, scale=4, min_width=120)
        dice = gr.Button(text("page.roll"), size="sm", scale=0, min_width=80, elem_classes="dice")
    # in the browser: the new seed then triggers the field's own change
    dice.click(None, None, number, js=ROLL, api_visibility="private")
    return number


def truncation_slider(choice: ModelChoice) -> gr.Slider:
    """Truncation psi of random faces."""
    value = choice.first.config.default_truncation
    slider = slider_of("page.truncation", TRUNCATION_RANGE, value)
    choice.follow(slider, lambda pipeline: pipeline.config.default_truncation)
    return slider


def strength_slider() -> gr.Slider:
    """Multiplier of the mask."""
    return slider_of("page.strength", STRENGTH_RANGE, 1.0)


def slider_of(key: str, limits: tuple[float, float], value: float, **options: Any) -> gr.Slider:
    """A slider with the text of that key, and the one that explains it."""
    options = {"step": 0.05, "min_width": 240, **options}
    return gr.Slider(*limits, value=value, label=text(key), info=text(f"{key}_info"), **options)


def layer_names(model: Described) -> list[tuple[str, str]]:
    """What a model's layer groups are called on the page, and their names."""
    resolutions = {layer.name: layer.resolution for layer in model.space.masked_layers}
    choices = [(text("page.layers_all"), ALL_LAYERS)]
    for group, names in model.space.groups().items():
        sizes = sorted({resolutions[name] for name in names})
        span = f"{sizes[0]}–{sizes[-1]} px" if len(sizes) > 1 else f"{sizes[0]} px"
        choices.append((f"{text(f'page.layers_{group}')}, {span}", group))
    return choices


def layer_choice(choice: ModelChoice) -> gr.CheckboxGroup:
    """Which layer groups take part."""
    group = gr.CheckboxGroup(
        layer_names(choice.first),
        value=[ALL_LAYERS],
        label=text("page.layers"),
        elem_classes="layers",
    )
    group.input(None, group, group, js=SETTLE, api_visibility="private")
    choice.follow(
        group, lambda pipeline: gr.CheckboxGroup(layer_names(pipeline), value=[ALL_LAYERS])
    )
    return group


def tile(caption: str, name: str, *classes: str, value: str | None = None) -> gr.Image:
    """A picture of the model under a caption; the value is a file that is there from the start."""
    with gr.Column(elem_classes=["tile", *classes], min_width=120):
        gr.HTML(caption, elem_classes="caption", padding=False)
        return gr.Image(
            value,
            format="png",
            label=name,
            show_label=False,
            container=False,
            interactive=False,
            buttons=["download", "fullscreen"],
            elem_id=name,  # page.js makes the caption the picture's alternative text
        )


def picture_input(label: str, name: str, camera: bool = True, show_label: bool = False) -> gr.Image:
    """A place for a picture (file, clipboard or camera) and a line for what does not work."""
    picture = gr.Image(
        format="png",
        label=label,
        show_label=show_label,
        sources=["upload", "clipboard", *(["webcam"] if camera else [])],
        buttons=["fullscreen"],
        elem_id=name,
        elem_classes="picture-input",
    )
    gr.HTML(
        '<span role="status"></span>',  # devices.js writes into it
        elem_id=f"{name}-device",
        elem_classes=["hint", "device"],
        padding=False,
    )
    return picture


def figure(label: str, name: str, *classes: str) -> gr.Image:
    """A drawn figure, on its own white sheet."""
    return gr.Image(
        format="png",
        label=label,
        show_label=False,
        container=False,
        interactive=False,
        buttons=["download", "fullscreen"],
        elem_id=name,
        elem_classes=["figure", *classes],
        alt_text=label,
    )
