"""Inspect tab: which channels carried the pose, what each part of them does, and other masks."""

from typing import Any

import gradio as gr

from demo.events import LIVE_EVENT, PAGE_EVENT, SMALL_EVENT
from demo.handlers import Handlers
from demo.server.arguments import ROLES
from demo.server.models import Described
from demo.tabs.inspect_events import PICTURES, SEEDS, Inspected, Inspector
from demo.tabs.mask_chart import mask_chart
from demo.tabs.model_choice import Linked, ModelChoice, Step
from demo.tabs.parts import figure, seed_field, slider_of, strength_slider, tile, truncation_slider
from demo.tabs.photo_pair import PhotoPair
from demo.tabs.shipped import FIRST_PAIR
from demo.texts import text
from stylemask.inspect.mask_edit import SCALE_RANGE, THRESHOLD_RANGE
from stylemask_core.style_space import GROUP_RESOLUTIONS

QUICK = 256  # [px] models up to this resolution are inspected on a CPU without being asked to
SECOND_PAIR = (1, 2)  # seeds of pair B at first
HEADERS = ["Layer", "Channel", "Mask", "Source style", "Target style", "Shift"]
STEP = 0.05  # of the sliders


def inspect_tab(tab: gr.Tab, handlers: Handlers, choice: ModelChoice) -> Linked:
    """Fill the tab."""
    gr.HTML(text("inspect.intro"), elem_classes="hint", padding=False)
    kind = gr.Radio(
        [(text("inspect.kind_seeds"), SEEDS), (text("inspect.kind_pictures"), PICTURES)],
        value=SEEDS,
        label=text("inspect.kind"),
        elem_id="inspect-kind",
    )
    with gr.Row(elem_classes="controls") as seeds_row:
        seeds = {
            f"{role}_seed": seed_field(text(f"page.{role}_seed"), seed)
            for role, seed in zip(ROLES, FIRST_PAIR, strict=True)
        }
    with gr.Column(visible=False) as pictures_part:
        photos = PhotoPair("inspect", handlers, choice)
    with gr.Row(elem_classes="controls"):
        truncation = truncation_slider(choice)
        strength = strength_slider()
    go = gr.Button(text("inspect.go"), variant="primary", elem_id="inspect-go")
    advice = gr.HTML(
        text("inspect.slow"),
        visible=_slow(choice.first),
        elem_id="inspect-advice",
        elem_classes="hint",
        padding=False,
    )
    with gr.Row(elem_classes="trio"):
        source = tile(text("page.source_is"), "inspect-source")
        target = tile(text("page.target_is"), "inspect-target")
        with gr.Column(elem_classes=["captioned", "widest"], min_width=150):
            result = tile(text("inspect.result_is"), "inspect-result", "result")
            actions = gr.Row(elem_classes="actions")
    gr.HTML(text("inspect.masks_title"), padding=False)
    gr.HTML(text("inspect.pick"), elem_classes="hint", padding=False)
    chart = mask_chart("inspect-chart")
    with gr.Row(elem_classes="trio", visible=False) as part_row:
        part = [
            tile(text("inspect.alone"), "inspect-alone"),
            tile(text("inspect.rest"), "inspect-rest"),
            tile(text("inspect.where"), "inspect-where", "result"),
        ]
    gr.HTML(text("inspect.edit_title"), padding=False)
    on, factors, threshold, reset = _edit_controls(choice)
    compare = gr.Checkbox(label=text("inspect.compare"), elem_id="inspect-compare")
    with gr.Column(visible=False) as other_part:
        with gr.Row(elem_classes="controls"):
            other_seeds = {
                f"other_{role}": seed_field(text(f"inspect.other_{role}"), seed)
                for role, seed in zip(ROLES, SECOND_PAIR, strict=True)
            }
        with gr.Row(elem_classes="trio"):
            other = [
                tile(text("inspect.other_source_is"), "inspect-other-source"),
                tile(text("inspect.other_target_is"), "inspect-other-target"),
                tile(text("inspect.other_result_is"), "inspect-other-result", "result"),
            ]
    gr.HTML(text("inspect.effects_title"), padding=False)
    effects = figure(text("inspect.effects"), "inspect-effects", "wide")
    gr.HTML(text("inspect.numbers"), padding=False)
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
        npz = gr.DownloadButton(text("inspect.npz"), elem_id="inspect-npz")
        csv = gr.DownloadButton(text("inspect.csv"), elem_id="inspect-csv")

    inspector = Inspector(handlers, photos)
    controls = {
        "kind": kind,
        **photos.controls,
        **seeds,
        "truncation": truncation,
        "strength": strength,
        "on": on,
        **factors,
        "threshold": threshold,
        "compare": compare,
        **other_seeds,
        "chart": chart,
        "model": choice.label,
    }
    shown = {"there": result, **controls}
    seen = [result, chart, *part, *other, part_row, other_part]
    everything = [source, target, *seen]
    numbers = [effects, table, npz, csv]

    def look(inspected: Inspected) -> tuple[Any, ...]:
        part, other = inspected.part is not None, inspected.other is not None
        return *inspector.look(inspected), gr.Row(visible=part), gr.Column(visible=other)

    def run(**values: Any) -> Any:
        inspected = inspector.check(values)
        return *inspector.pair_pictures(inspected), *look(inspected)

    def live(there: Any, **values: Any) -> Any:
        other = values["other_source"], values["other_target"]
        if there is None or (values["compare"] and None in other):  # a seed is being typed
            return gr.skip()
        return look(inspector.check(values))

    def details(there: Any, **values: Any) -> Any:
        return gr.skip() if there is None else inspector.details(inspector.check(values))

    def fill(there: Any, **values: Any) -> Any:
        skipped = there or _slow(handlers.models.get(values["model"]))
        return gr.skip() if skipped else run(**values)

    def fill_details(drawn: Any, there: Any, **values: Any) -> Any:
        return gr.skip() if drawn else details(there, **values)

    kind.change(
        lambda kind: (
            gr.Row(visible=kind == SEEDS),
            gr.Slider(visible=kind == SEEDS),
            gr.Row(visible=kind == PICTURES),
        ),
        kind,
        [seeds_row, truncation, pictures_part],
        **SMALL_EVENT,
    )
    reset.click(
        lambda model: (list(handlers.models.get(model).space.groups()), 1.0, 1.0, 1.0, 0.0),
        choice.label,
        [on, *factors.values(), threshold],
        **SMALL_EVENT,
    )
    changes = [chart.input, compare.input, *(x.change for x in other_seeds.values())]
    edits = [on.change, threshold.change, strength.input, *(x.change for x in factors.values())]
    look_again = Step(live, shown, seen, result)
    in_numbers = Step(details, shown, numbers, effects)
    went = Step(run, controls, everything, result).on(go.click, PAGE_EVENT)
    in_numbers.on(went.success, PAGE_EVENT)
    look_again.on(changes, LIVE_EVENT)
    in_numbers.on(look_again.on(edits, LIVE_EVENT).success, LIVE_EVENT)
    choice.clear(*everything[:-2], *numbers)
    choice.follow(advice, lambda model: gr.HTML(visible=_slow(model)))
    choice.refresh(
        tab,
        photos.find,
        Step(fill, shown, everything, result),
        Step(fill_details, {"drawn": effects, **shown}, numbers, effects),
    )
    return Linked(controls, [source, target, result], actions)


def _edit_controls(
    choice: ModelChoice,
) -> tuple[gr.CheckboxGroup, dict[str, gr.Slider], gr.Slider, gr.Button]:
    """Switches and factors of the layer groups, the threshold, and a way back."""

    def names(model: Described) -> list[tuple[str, str]]:
        return [(text(f"inspect.layers_{group}"), group) for group in model.space.groups()]

    def switches(model: Described) -> dict[str, Any]:
        return {"choices": names(model), "value": list(model.space.groups())}

    with gr.Row(elem_classes="controls"):
        on = gr.CheckboxGroup(
            **switches(choice.first), label=text("inspect.groups"), elem_id="inspect-on"
        )
        threshold = slider_of(
            "inspect.threshold", THRESHOLD_RANGE, 0.0, elem_id="inspect-threshold"
        )
    choice.follow(on, lambda model: gr.CheckboxGroup(**switches(model)))
    factors = {}
    with gr.Row(elem_classes="controls"):
        for group in GROUP_RESOLUTIONS:
            factor = gr.Slider(
                *SCALE_RANGE,
                value=1.0,
                step=STEP,
                label=text(f"inspect.scale_{group}"),
                visible=group in choice.first.space.groups(),
                elem_id=f"inspect-scale-{group}",
                min_width=200,
            )
            factors[group] = factor

            def visible(model: Described, group: str = group) -> gr.Slider:
                return gr.Slider(visible=group in model.space.groups())

            choice.follow(factor, visible)
    reset = gr.Button(text("inspect.reset"), size="sm", elem_id="inspect-reset")
    return on, factors, threshold, reset


def _slow(model: Described) -> bool:
    """Whether an inspection is not begun unasked."""
    return model.device.type == "cpu" and model.config.resolution > QUICK
