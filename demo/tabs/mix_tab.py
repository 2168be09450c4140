"""Mix tab: two random faces, and one source after many targets."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import gradio as gr

from demo.events import LIVE_EVENT, PAGE_EVENT, SMALL_EVENT
from demo.handlers import STRENGTH, TARGETS, Handlers
from demo.server.gradio_private import get_upload_folder
from demo.tabs.model_choice import Controls, Linked, ModelChoice, Step
from demo.tabs.parts import layer_choice, seed_field, strength_slider, tile, truncation_slider
from demo.tabs.shipped import FIRST_PAIR, first_result
from demo.texts import text
from stylemask_core.style_space import ALL_LAYERS

NAMED_PAIRS = (  # source seed, target seed, what the two are called
    (40, 2, "Robin → Kim"),
    (40, 8, "Robin → Noa"),
    (9, 21, "Mika → Toni"),
    (36, 15, "Luca → Jona"),
    (13, 4, "Sascha → Charlie"),
    (23, 36, "Eike → Luca"),
)
CACHE_VARIABLE = "GRADIO_EXAMPLES_CACHE"


def mix_tab(tab: gr.Tab, handlers: Handlers, choice: ModelChoice) -> Linked:
    """Fill the tab."""
    shipped = first_result(choice.first)
    with gr.Row(elem_classes="trio"):
        with gr.Column(elem_classes="captioned", min_width=150):
            source = tile(text("page.source_is"), "mix-source", value=shipped.source)
            source_seed = seed_field(text("page.source_seed"), FIRST_PAIR[0])
        with gr.Column(elem_classes="captioned", min_width=150):
            target = tile(text("page.target_is"), "mix-target", value=shipped.target)
            target_seed = seed_field(text("page.target_seed"), FIRST_PAIR[1])
        with gr.Column(elem_classes=["captioned", "widest"], min_width=150):
            result = tile(text("page.result_is"), "mix-result", "result", value=shipped.result)
            actions = gr.Row(elem_classes="actions")
    with gr.Row(elem_classes="controls"):
        strength = strength_slider()
        truncation = truncation_slider(choice)
    layers = layer_choice(choice)
    pictures = [source, target, result]
    controls = {
        "source_seed": source_seed,
        "target_seed": target_seed,
        "truncation": truncation,
        "strength": strength,
        "layers": layers,
        "model": choice.label,
    }
    _named_pairs(handlers, choice, controls, pictures)
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

    def live(**values: Any) -> Any:
        if None in (values["source_seed"], values["target_seed"]):
            return gr.skip()  # a seed is being typed
        return handlers.mix(**values)

    def fill(result: Any, **values: Any) -> Any:
        return gr.skip() if result else live(**values)

    def against_targets(**values: Any) -> Any:
        sheets = handlers.after_targets(**values)
        return gr.HTML(visible=True), gr.Gallery(sheets, visible=True)

    def take_target(picked: gr.SelectData) -> int:
        return int(picked.value["caption"])

    changes = [source_seed.change, target_seed.change, layers.change]
    changes += [truncation.input, strength.input]  # not .change: a choice of model sets them too
    Step(live, controls, pictures, result).on(changes, LIVE_EVENT)
    Step(against_targets, controls, [caption, gallery], more).on(more.click, PAGE_EVENT)
    gallery.select(take_target, None, target_seed, **SMALL_EVENT)
    choice.clear(*pictures)
    choice.follow(caption, lambda _: gr.HTML(visible=False))
    choice.follow(gallery, lambda _: gr.Gallery(visible=False))
    choice.refresh(tab, Step(fill, {"result": result, **controls}, pictures, result))
    return Linked(controls, pictures, actions)


def _named_pairs(
    handlers: Handlers, choice: ModelChoice, controls: Controls, pictures: list[gr.Image]
) -> None:
    """Examples for the first model alone; the pictures of each are made once, when pressed."""
    psi = choice.first.config.default_truncation
    rows = [[source, target, psi, STRENGTH, [ALL_LAYERS]] for source, target, _ in NAMED_PAIRS]
    with _cache_of_this_process(), gr.Row(elem_classes="named-pairs") as row:
        gr.Examples(
            rows,
            [component for name, component in controls.items() if name != "model"],
            pictures,
            handlers.mix,
            cache_examples=True,
            cache_mode="lazy",
            example_labels=[label for _, _, label in NAMED_PAIRS],
            label=text("mix.examples"),
            elem_id="mix-examples",
            preload=False,
            preprocess=False,
            api_visibility="private",
        )
    first = choice.models.labels[0]
    choice.follow(row, lambda model: gr.Row(visible=model.name == first))


@contextmanager
def _cache_of_this_process() -> Iterator[None]:
    """Let Gradio keep the pictures beside the others, unless told where, and not talk of it.

    They go when the server ends: another time the same seeds may be other faces.
    """
    configured = os.environ.get(CACHE_VARIABLE)
    os.environ[CACHE_VARIABLE] = configured or str(Path(get_upload_folder()) / "examples")
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        if configured is None:
            del os.environ[CACHE_VARIABLE]
