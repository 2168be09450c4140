"""Reenact tab: two pictures, what inversion keeps of them, and the result."""

from pathlib import Path
from typing import Any

import gradio as gr

from demo.checks import guarded, number, warn
from demo.events import LIVE_EVENT
from demo.files import figure_file
from demo.handlers import ROLES, Handlers, crops_and_inversions
from demo.model_choice import ModelChoice, Step
from demo.parts import layer_choice, strength_slider, tile
from demo.photo_pair import PhotoPair
from stylemask_core import StyleMaskError, StyleMaskPipeline
from stylemask_core.config import TRUNCATION_RANGE
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


def knows_heads_only(pipeline: StyleMaskPipeline) -> bool:
    """Whether a model draws synthetic heads, as those of the examples are."""
    return pipeline.config.alignment == "heads"


def reenact_tab(tab: gr.Tab, handlers: Handlers, choice: ModelChoice) -> None:
    """Fill the tab."""
    photos = PhotoPair("reenact", handlers, choice)
    limits = gr.HTML(_limits(choice.first), elem_classes="hint", padding=False)
    pairs = example_pairs()
    with gr.Column(visible=_has_examples(choice.first, pairs)) as examples_part:
        gr.HTML("<b>Examples</b> click a pair", elem_classes="caption", padding=False)
        examples = _examples(pairs)
    with gr.Row(elem_classes="reenactment"):
        with gr.Column(elem_classes="inversions", min_width=240):
            with gr.Row():
                source_crop = tile("Source", "as cropped", "reenact-source-crop")
                source_inverted = tile("Source", "as inverted", "reenact-source-inverted")
            with gr.Row():
                target_crop = tile("Target", "as cropped", "reenact-target-crop")
                target_inverted = tile("Target", "as inverted", "reenact-target-inverted")
        result = tile("Result", "the source, posed as the target", "reenact-result", "result")
    pasted = gr.Image(
        format="png",
        label="The source picture with the result in it",
        interactive=False,
        visible=False,
        buttons=["download", "fullscreen"],
        elem_id="reenact-pasted",
        elem_classes="pasted",
    )
    gr.HTML(
        "The model can only move what inversion kept: a face that changes from “cropped” to "
        "“inverted” was lost there, and not in the mask.",
        elem_classes="hint",
        padding=False,
    )
    strength = strength_slider()
    layers = layer_choice(choice)
    paste_back = gr.Checkbox(
        label="Paste the result back into the source picture", elem_id="reenact-paste-back"
    )
    with gr.Accordion("Options", open=False):
        truncation = gr.Slider(
            *TRUNCATION_RANGE,
            value=1.0,
            step=0.05,
            label="Truncation of the inversions",
            info="1 keeps them as found; lower is nearer to the average face. "
            "0.7 is what the paper's authors use",
        )

    @guarded
    def live(last: Any, *values: Any) -> Any:
        if list(values) == last:
            return gr.skip()  # both pictures of a pair tell of their change
        *sent, strength, layers, pasting, psi, model = values
        pipeline = handlers.models.get(model)
        pictures, choices = photos.choices(pipeline, sent, number(psi, "truncation"))
        try:
            pair = handlers.photos.inverted(pipeline, pictures, choices)
        except StyleMaskError as error:  # what the tiles show is of another choice of face
            warn(error)
            pair = {}
        result = pasted = None
        if len(pair) == len(ROLES):
            result, pasted = handlers.result(
                pipeline, pictures["source"], pair, strength, layers, pasting
            )
        shown = gr.Image(pasted, visible=pasted is not None)
        return *crops_and_inversions(pair), result, shown, list(values)

    def pair_files(index: int) -> tuple[str, ...]:
        return tuple(figure_file(read_picture(path), path.stem) for path in pairs[index][:2])

    def load_pair(pair: gr.SelectData) -> tuple[str, ...]:
        return pair_files(pair.index)

    def first_pair(source: Any, target: Any, model: str) -> Any:
        wanted = _has_examples(handlers.models.get(model), pairs)
        return pair_files(0) if wanted and source is None and target is None else gr.skip()

    last = gr.State()
    controls = [last, *photos.inputs, strength, layers, paste_back, truncation, choice.label]
    tiles = [source_crop, source_inverted, target_crop, target_inverted, result]
    outputs = [*tiles, pasted, last]
    changes = [photos.source_marks.input, photos.target_marks.input]
    changes += [strength.input, truncation.input, layers.change, paste_back.input]
    gr.on(changes, live, controls, outputs, show_progress_on=result, **LIVE_EVENT)
    examples.select(load_pair, None, photos.pictures, queue=False, api_visibility="private")
    choice.clear(*tiles, last)
    choice.follow(pasted, lambda _: gr.Image(None, visible=False))
    choice.follow(limits, _limits)
    choice.follow(examples_part, lambda model: gr.Column(visible=_has_examples(model, pairs)))
    first = Step(first_pair, [*photos.pictures, choice.label], photos.pictures, result)
    choice.refresh(tab, first, photos.find)


def _examples(pairs: list[tuple[Path, Path, str]]) -> gr.Gallery:
    thumbnails = [
        (side_by_side([centre_square(read_picture(path), THUMBNAIL) for path in pair[:2]]), pair[2])
        for pair in pairs
    ]
    return gr.Gallery(
        thumbnails,
        format="png",
        label="Example pairs",
        show_label=False,
        columns=8,
        rows=1,
        height="auto",
        object_fit="cover",
        allow_preview=False,
        interactive=False,
        buttons=[],
        elem_id="reenact-examples",
        elem_classes="examples",
    )


def _has_examples(pipeline: StyleMaskPipeline, pairs: list[Any]) -> bool:
    """Whether the examples are there, and are of the kind that the model draws."""
    return bool(pairs) and knows_heads_only(pipeline)


def _limits(pipeline: StyleMaskPipeline) -> str:
    """What becomes of photos, for the line under them."""
    if knows_heads_only(pipeline):
        return (
            "Any picture will do, but this model knows synthetic heads and nothing else: a photo "
            "of a person comes back as the nearest synthetic head."
        )
    return "Any photo with a face will do; where the face is not found, you can mark it."
