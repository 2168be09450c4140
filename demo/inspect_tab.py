"""Inspect tab: which channels carried the pose, and where they act."""

from typing import Any

import gradio as gr

from demo.checks import guarded
from demo.events import PAGE_EVENT, SMALL_EVENT
from demo.handlers import Handlers
from demo.model_choice import ModelChoice, Step
from demo.parts import (
    FIRST_PAIR,
    figure,
    seed_field,
    strength_slider,
    tile,
    truncation_slider,
)
from demo.photo_pair import PhotoPair
from demo.photos import FaceChoice
from stylemask_core import StyleMaskPipeline

SEEDS, PICTURES = "Random faces", "Pictures"
QUICK = 256  # [px] models up to this resolution are inspected on a CPU without being asked to
HEADERS = ["Layer", "Channel", "Mask", "Source style", "Target style", "Shift"]


def inspect_tab(tab: gr.Tab, handlers: Handlers, choice: ModelChoice) -> None:
    """Fill the tab."""
    kind = gr.Radio([SEEDS, PICTURES], value=SEEDS, label="What to inspect", elem_id="inspect-kind")
    with gr.Row(elem_classes="controls") as seeds:
        source_seed = seed_field("Source seed", FIRST_PAIR[0])
        target_seed = seed_field("Target seed", FIRST_PAIR[1])
    with gr.Column(visible=False) as pictures:
        photos = PhotoPair("inspect", handlers, choice)
    with gr.Row(elem_classes="controls"):
        truncation = truncation_slider(choice)
        strength = strength_slider()
    go = gr.Button("Inspect", variant="primary", elem_id="inspect-go")
    advice = gr.HTML(
        "Press Inspect: this model takes some seconds on a CPU.",
        visible=_slow(choice.first),
        elem_id="inspect-advice",
        elem_classes="hint",
        padding=False,
    )
    with gr.Row(elem_classes="trio"):
        pair = [
            tile("Source", "as the model makes it", "inspect-source"),
            tile("Target", "as the model makes it", "inspect-target"),
            tile("Result", "taken apart below", "inspect-result", "result"),
        ]
    gr.Markdown("### Where each layer group acts")
    effects = figure("Maps of where each layer group changes the result", "inspect-effects", "wide")
    gr.Markdown("### What the masks take from the target")
    with gr.Row(elem_classes="plots"):
        bars = figure("Mean mask of each layer", "inspect-bars")
        heatmap = figure("Mask of every channel", "inspect-heatmap")
    gr.Markdown("### The channels that moved most")
    table = gr.Dataframe(
        headers=HEADERS,
        datatype="str",  # numbers would lose their trailing zeros
        interactive=False,
        show_label=False,
        max_height=360,
        buttons=["copy"],
        elem_id="inspect-table",
    )
    with gr.Row():
        npz = gr.DownloadButton("Masks and styles (.npz)", elem_id="inspect-npz")
        csv = gr.DownloadButton("All channels (.csv)", elem_id="inspect-csv")

    @guarded
    def run(kind: str, *values: Any) -> Any:
        *sent, source_seed, target_seed, psi, strength, model = values
        seeds = {"source": source_seed, "target": target_seed}
        pictures: dict[str, Any] = dict.fromkeys(seeds)
        choices: dict[str, FaceChoice] = {}
        if kind == PICTURES:
            given, choices = photos.choices(handlers.models.get(model), sent)
            # an empty dict stands for a missing picture: None would mean "use the seed"
            pictures = {role: picture or {} for role, picture in given.items()}
        *shown, bars, heatmap, effects, table, npz, csv = handlers.inspect_page(
            model, seeds, psi, strength, pictures, choices
        )
        return *shown, effects, bars, heatmap, table, npz, csv

    def fill(there: Any, *values: Any) -> Any:
        skipped = there or _slow(handlers.models.get(values[-1]))
        return gr.skip() if skipped else run(*values)

    numbers = [source_seed, target_seed, truncation, strength]
    inputs = [kind, *photos.inputs, *numbers, choice.label]
    outputs = [*pair, effects, bars, heatmap, table, npz, csv]
    kind.change(
        lambda kind: (
            gr.Row(visible=kind == SEEDS),
            gr.Slider(visible=kind == SEEDS),
            gr.Row(visible=kind == PICTURES),
        ),
        kind,
        [seeds, truncation, pictures],
        **SMALL_EVENT,
    )
    result = pair[-1]
    go.click(run, inputs, outputs, show_progress_on=result, **PAGE_EVENT)
    choice.clear(*outputs)
    choice.follow(advice, lambda pipeline: gr.HTML(visible=_slow(pipeline)))
    choice.refresh(tab, photos.find, Step(fill, [effects, *inputs], outputs, result))


def _slow(pipeline: StyleMaskPipeline) -> bool:
    """Whether an inspection is not begun unasked."""
    return pipeline.device.type == "cpu" and pipeline.config.resolution > QUICK
