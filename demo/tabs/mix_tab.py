"""Mix tab: two random faces, and one source after many targets."""

from typing import Any, NamedTuple

import gradio as gr

from demo.events import LIVE_EVENT, PAGE_EVENT, SMALL_EVENT
from demo.handlers import TARGETS, Handlers
from demo.tabs.first_result import FIRST_PAIR, first_result
from demo.tabs.mix_examples import pairs_to_start_from
from demo.tabs.model_choice import ModelChoice, Step
from demo.tabs.parts import layer_choice, seed_field, strength_slider, tile, truncation_slider
from demo.texts import text


class MixControls(NamedTuple):
    """The components of the tab that others restore or read.

    Args:
        seeds: source, target.
        truncation: psi of both.
        strength: of the masks.
        layers: that take part.
        pictures: source, target, result.
        actions: a row under the result.
    """

    seeds: tuple[gr.Number, gr.Number]
    truncation: gr.Slider
    strength: gr.Slider
    layers: gr.CheckboxGroup
    pictures: tuple[gr.Image, gr.Image, gr.Image]
    actions: gr.Row


def mix_tab(tab: gr.Tab, handlers: Handlers, choice: ModelChoice) -> MixControls:
    """Fill the tab; returns its controls."""
    shipped = first_result(choice.first)
    with gr.Row(elem_classes="trio"):
        with gr.Column(elem_classes="captioned", min_width=150):
            source = tile(text("page.source_is"), "", "mix-source", value=shipped.source)
            source_seed = seed_field(text("page.source_seed"), FIRST_PAIR[0])
        with gr.Column(elem_classes="captioned", min_width=150):
            target = tile(text("page.target_is"), "", "mix-target", value=shipped.target)
            target_seed = seed_field(text("page.target_seed"), FIRST_PAIR[1])
        with gr.Column(elem_classes=["captioned", "widest"], min_width=150):
            result = tile(text("page.result_is"), "", "mix-result", "result", value=shipped.result)
            actions = gr.Row(elem_classes="actions")
    with gr.Row(elem_classes="controls"):
        strength = strength_slider()
        truncation = truncation_slider(choice)
    layers = layer_choice(choice)
    pictures = (source, target, result)
    controls = [source_seed, target_seed, truncation, strength, layers, choice.label]
    pairs_to_start_from(handlers, choice, controls[:-1], pictures)
    more = gr.Button(text("mix.more"), elem_id="mix-more")
    caption = gr.HTML(
        text("mix.gallery_says"), elem_classes="caption", visible=False, padding=False
    )
    gallery = gr.Gallery(
        format="png",
        label=text("mix.gallery"),
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
        return gr.HTML(visible=True), gr.Gallery(sheets, visible=True)

    def take_target(picked: gr.SelectData) -> int:
        return int(picked.value["caption"])

    changes = [source_seed.change, target_seed.change, layers.change]
    changes += [truncation.input, strength.input]  # not .change: a choice of model sets them too
    gr.on(changes, live, controls, pictures, show_progress_on=result, **LIVE_EVENT)
    more.click(against_targets, controls, [caption, gallery], show_progress_on=more, **PAGE_EVENT)
    gallery.select(take_target, None, target_seed, **SMALL_EVENT)
    choice.clear(*pictures)
    choice.follow(caption, lambda _: gr.HTML(visible=False))
    choice.follow(gallery, lambda _: gr.Gallery(visible=False))
    choice.refresh(tab, Step(fill, [result, *controls], pictures, result))
    return MixControls((source_seed, target_seed), truncation, strength, layers, pictures, actions)
