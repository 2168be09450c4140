"""Mix tab: two random faces, and one source after many targets."""

from typing import Any

import gradio as gr

from demo.events import LIVE_EVENT, PAGE_EVENT, SMALL_EVENT
from demo.handlers import TARGETS, Handlers
from demo.model_choice import ModelChoice, Step
from demo.parts import (
    FIRST_PAIR,
    layer_choice,
    seed_field,
    strength_slider,
    tile,
    truncation_slider,
)


def mix_tab(tab: gr.Tab, handlers: Handlers, choice: ModelChoice) -> None:
    """Fill the tab."""
    with gr.Row(elem_classes="controls"):
        source_seed = seed_field("Source seed", FIRST_PAIR[0])
        target_seed = seed_field("Target seed", FIRST_PAIR[1])
    with gr.Row(elem_classes="trio"):
        pictures = [
            tile("Source", "who it is", "mix-source"),
            tile("Target", "head pose and expression", "mix-target"),
            tile("Result", "the source, posed as the target", "mix-result", "result"),
        ]
    with gr.Row(elem_classes="controls"):
        truncation = truncation_slider(choice)
        strength = strength_slider()
    layers = layer_choice(choice)
    more = gr.Button(f"Show against {TARGETS} targets", elem_id="mix-more")
    caption = gr.HTML(elem_classes="caption", visible=False, padding=False)
    gallery = gr.Gallery(
        format="png",
        label="Targets and results",
        show_label=False,
        columns=TARGETS,
        rows=1,
        height="auto",
        object_fit="cover",
        allow_preview=False,
        visible=False,
        buttons=["fullscreen"],
        elem_id="mix-gallery",
        elem_classes="sheets",
    )

    def live(*values: Any) -> Any:
        if None in values[:2]:
            return gr.skip()  # a seed is being typed
        return handlers.mix(*values)

    def fill(result: Any, *values: Any) -> Any:
        return gr.skip() if result else live(*values)

    def against_targets(*values: Any) -> Any:
        sheets = handlers.after_targets(*values)
        text = (
            f"<b>Source {values[0]}</b> after targets {sheets[0][1]} to {sheets[-1][1]}: "
            "the target above, the result below. Click one to make it the target."
        )
        return gr.HTML(text, visible=True), gr.Gallery(sheets, visible=True)

    def take_target(picked: gr.SelectData) -> int:
        return int(picked.value["caption"])

    result = pictures[-1]
    controls = [source_seed, target_seed, truncation, strength, layers, choice.label]
    changes = [source_seed.change, target_seed.change, layers.change]
    changes += [truncation.input, strength.input]  # not .change: a choice of model sets them too
    gr.on(changes, live, controls, pictures, show_progress_on=result, **LIVE_EVENT)
    more.click(against_targets, controls, [caption, gallery], show_progress_on=more, **PAGE_EVENT)
    gallery.select(take_target, None, target_seed, **SMALL_EVENT)
    choice.clear(*pictures)
    choice.follow(caption, lambda _: gr.HTML(visible=False))
    choice.follow(gallery, lambda _: gr.Gallery(visible=False))
    choice.refresh(tab, Step(fill, [result, *controls], pictures, result))
