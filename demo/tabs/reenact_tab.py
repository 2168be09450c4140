"""Reenact tab: two pictures, what inversion keeps of them, and the result."""

from typing import Any

import gradio as gr

from demo.events import LIVE_EVENT, warn
from demo.handlers import Handlers, crops_and_inversions, reenacted
from demo.server.arguments import ROLES, flag_of, layers_of
from demo.server.models import Described
from demo.tabs.model_choice import ModelChoice, Step
from demo.tabs.parts import layer_choice, slider_of, strength_slider, tile
from demo.tabs.photo_pair import PhotoPair
from demo.tabs.reenact_examples import ReenactExamples, knows_heads_only
from demo.tabs.refinement_controls import RefinementControls, gains, seconds_of_each
from demo.texts import text
from stylemask_core import StyleMaskError
from stylemask_core.checks import check_strength, check_truncation
from stylemask_core.config import TRUNCATION_RANGE


def reenact_tab(tab: gr.Tab, handlers: Handlers, choice: ModelChoice) -> None:
    """Fill the tab."""
    photos = PhotoPair("reenact", handlers, choice)
    limits = gr.HTML(_limits(choice.first), elem_classes="hint", padding=False)
    examples = ReenactExamples(handlers.photos, choice)
    with gr.Row(elem_classes="reenactment"):
        with gr.Column(elem_classes="inversions", min_width=240):
            tiles = {}
            for role in ROLES:
                with gr.Row():
                    for kind, name in (("crop", "crop"), ("inversion", "inverted")):
                        caption = text(f"reenact.{role}_{kind}")
                        tiles[f"{role}_{kind}"] = tile(caption, f"reenact-{role}-{name}")
        with gr.Column(elem_classes=["tile", "compare"], min_width=240):
            gr.HTML(text("reenact.compare"), elem_classes="caption", padding=False)
            compare = gr.ImageSlider(
                format="png",
                label=text("reenact.compare_label"),
                show_label=False,
                container=False,
                interactive=False,
                buttons=[],
                elem_id="reenact-compare",
            )
        result = tile(text("page.result_is"), "reenact-result", "result")
    pasted = gr.Image(
        format="png",
        label=text("reenact.pasted"),
        interactive=False,
        visible=False,
        buttons=["download", "fullscreen"],
        elem_id="reenact-pasted",
        elem_classes="pasted",
    )
    gr.HTML(text("reenact.lost"), elem_classes="hint", padding=False)
    with gr.Row(elem_classes="controls"):
        strength = strength_slider()
        layers = layer_choice(choice)
    refining = RefinementControls()
    paste_back = gr.Checkbox(label=text("reenact.paste_back"), elem_id="reenact-paste-back")
    with gr.Accordion(text("reenact.options"), open=False):
        truncation = slider_of("reenact.truncation", TRUNCATION_RANGE, 1.0)

    def live(last: Any, presses: Any, **values: Any) -> Any:
        if values == last:
            return gr.skip()  # both pictures of a pair tell of their change
        seconds = seconds_of_each(values["refined"], values["refine_seconds"])
        cancelled = refining.cancels.since(presses)
        psi, strength = check_truncation(values["truncation"]), check_strength(values["strength"])
        layers, pasting = layers_of(values["layers"]), flag_of(values["paste_back"], "paste_back")
        pipeline = handlers.models.get(values["model"])
        pipeline.space.select(layers)
        uploads, choices = photos.choices(pipeline, values, psi, seconds)
        only_mixed_anew = isinstance(last, dict) and all(
            values[name] == last.get(name) for name in inverting
        )
        try:
            pair = handlers.photos.inverted(
                pipeline, uploads, choices, cancelled, cancelled_will_do=only_mixed_anew
            )
        except StyleMaskError as error:  # what the tiles show is of another choice of face
            warn(error)
            pair = {}
        shown: dict[Any, Any] = dict.fromkeys([compare, result])
        whole = None
        files = crops_and_inversions(pipeline, pair)
        if len(pair) == len(ROLES):
            upload = uploads["source"] if pasting else None
            shown[result], whole, loss = reenacted(pipeline, pair, strength, layers, upload)
            shown[compare] = files["source_inversion"], shown[result]
            if loss:
                gr.Info(f"Source picture: {loss}")
        shown |= {tile: files.get(name) for name, tile in tiles.items()}
        lines = gains({role: inverted.refinement for role, inverted in pair.items()})
        shown |= dict(zip(refining.gains, lines, strict=True))
        return {**shown, pasted: gr.Image(whole, visible=whole is not None), last_values: values}

    def first_pair(source: Any, target: Any, model: str) -> Any:
        suits = examples.suit(handlers.models.get(model)) and source is None and target is None
        return examples.files(0) if suits else gr.skip()

    last_values = gr.State()
    mixing = {"strength": strength, "layers": layers, "paste_back": paste_back}
    inverting = {
        **photos.controls,
        **refining.controls,
        "truncation": truncation,
        "model": choice.label,
    }
    controls = {"last": last_values, "presses": refining.presses, **mixing, **inverting}
    outputs = [*tiles.values(), compare, result, pasted, *refining.gains, last_values]
    changes = [photos.source_marks.input, photos.target_marks.input]
    changes += [strength.input, truncation.input, layers.change, paste_back.input]
    Step(live, controls, outputs, result).on([*changes, *refining.changes], LIVE_EVENT)
    pictures = [photos.source, photos.target]
    examples.connect(pictures)
    choice.clear(*tiles.values(), compare, result, last_values)
    choice.follow(pasted, lambda _: gr.Image(None, visible=False))
    choice.follow(limits, _limits)
    empty = {"source": photos.source, "target": photos.target, "model": choice.label}
    choice.refresh(tab, Step(first_pair, empty, pictures, result), photos.find)


def _limits(model: Described) -> str:
    """What becomes of photos, for the line under them."""
    return text(f"reenact.limits_{'heads' if knows_heads_only(model) else 'photos'}")
