"""Reenact tab: two pictures, what inversion keeps of them, and the result."""

from pathlib import Path
from typing import Any

import gradio as gr

from demo.files import figure_file
from demo.handlers import Handlers
from demo.parts import LIVE_EVENT, layer_choice, picture_input, strength_slider, tile
from stylemask_core.images import centre_square, read_picture, side_by_side

EXAMPLES = Path(__file__).parents[1] / "examples" / "heads"
PAIRS = (  # source, target, label
    ("head_40.png", "head_21.png", "Look up and shout"),
    ("head_9.png", "head_18.png", "Turn and laugh"),
    ("head_36.png", "head_32.png", "Lift the chin"),
    ("head_13.png", "head_38.png", "Look away"),
    ("head_23.png", "head_20.png", "Be surprised"),
    ("head_38.png", "head_25.png", "Face the front"),
    ("head_21.png", "head_29.png", "Close the mouth"),
    ("head_18.png", "head_40.png", "Turn serious"),
)
THUMBNAIL = 192  # [px] side of one picture of an example


def example_pairs() -> list[tuple[Path, Path, str]]:
    """The pairs of PAIRS whose files are there."""
    pairs = [(EXAMPLES / source, EXAMPLES / target, label) for source, target, label in PAIRS]
    return [pair for pair in pairs if pair[0].is_file() and pair[1].is_file()]


def reenact_tab(tab: gr.Tab, handlers: Handlers) -> None:
    """Fill the tab."""
    with gr.Row(elem_classes="controls"):
        source = picture_input("Source picture: who it is", "reenact-source")
        target = picture_input("Target picture: head pose and expression", "reenact-target")
    gr.HTML(
        "The centred square of each picture is used, so put the face in the middle.",
        elem_classes="hint",
        padding=False,
    )
    pairs = example_pairs()
    if pairs:
        gr.HTML("<b>Examples</b> click a pair", elem_classes="caption", padding=False)
    thumbnails = [
        (side_by_side([centre_square(read_picture(path), THUMBNAIL) for path in pair[:2]]), pair[2])
        for pair in pairs
    ]
    examples = gr.Gallery(
        thumbnails,
        format="png",
        label="Example pairs",
        show_label=False,
        columns=4,
        rows=1,
        height="auto",
        object_fit="cover",
        allow_preview=False,
        interactive=False,
        visible=bool(pairs),
        buttons=[],
        elem_id="reenact-examples",
        elem_classes="examples",
    )
    with gr.Row(elem_classes="reenactment"):
        with gr.Column(elem_classes="inversions", min_width=240):
            with gr.Row():
                source_crop = tile("Source", "as cropped", "reenact-source-crop")
                source_inverted = tile("Source", "as inverted", "reenact-source-inverted")
            with gr.Row():
                target_crop = tile("Target", "as cropped", "reenact-target-crop")
                target_inverted = tile("Target", "as inverted", "reenact-target-inverted")
        result = tile("Result", "the source, posed as the target", "reenact-result", "result")
    gr.HTML(
        "The model can only move what inversion kept: a face that changes from “cropped” to "
        "“inverted” was lost there, and not in the mask.",
        elem_classes="hint",
        padding=False,
    )
    strength = strength_slider()
    layers = layer_choice(handlers.pipeline)

    def live(source: Any, target: Any, strength: Any, layers: Any) -> Any:
        if source is None or target is None:
            inverted = handlers.inversion(source, "source"), handlers.inversion(target, "target")
            return (*inverted[0], *inverted[1], None)
        return handlers.reenact(source, target, strength, layers)

    def pair_files(index: int) -> tuple[str, ...]:
        return tuple(figure_file(read_picture(path), path.stem) for path in pairs[index][:2])

    def load_pair(pair: gr.SelectData) -> tuple[str, ...]:
        return pair_files(pair.index)

    def first_pair(source: Any, target: Any) -> Any:
        if source is not None or target is not None or not pairs:
            return gr.skip()
        return pair_files(0)

    inputs = [source, target]
    controls = [*inputs, strength, layers]
    tiles = [source_crop, source_inverted, target_crop, target_inverted, result]
    # .change, not .upload: it also tells of examples, the webcam and removal
    gr.on([control.change for control in controls], live, controls, tiles, **LIVE_EVENT)
    examples.select(load_pair, None, inputs, queue=False, api_visibility="private")
    tab.select(first_pair, inputs, inputs, preprocess=False, queue=False, api_visibility="private")
