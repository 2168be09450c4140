"""Links on the page: a button that copies one, and what happens when the page is opened by one."""

import json
from collections.abc import Callable
from typing import Any

import gradio as gr

from demo.events import LOAD_EVENT, PAGE_EVENT, SMALL_EVENT
from demo.handlers import ROLES, Handlers
from demo.server.models import Models
from demo.server.request_checks import guarded, layers_of, number, seed_of
from demo.tabs.first_result import FIRST_PAIR
from demo.tabs.inspect_events import PICTURES, SEEDS, factors_of
from demo.tabs.inspect_tab import InspectControls
from demo.tabs.links import INSPECT, MIX, Restored, decode, encode
from demo.tabs.mask_chart import empty_chart, picked
from demo.tabs.mix_tab import MixControls
from demo.tabs.model_choice import ModelChoice
from demo.texts import in_all_languages, text
from stylemask_core import InvalidInputError
from stylemask_core.checks import check_strength
from stylemask_core.style_space import ALL_LAYERS, GROUP_RESOLUTIONS

IGNORED = "Of the link these could not be used and are at their defaults: {}."

# Copies the address with this query, and shows it where the browser does not let a page copy.
COPY = """(query) => {
  const texts = TEXTS, words = texts[document.documentElement.lang.slice(0, 2)] ?? texts.en;
  const link = `${location.origin}${location.pathname}?${query}`;
  history.replaceState(null, "", link);
  const said = () => document.querySelectorAll(".copy-link").forEach((button) => {
    button.dataset.said = words.copied;
    setTimeout(() => { delete button.dataset.said; }, 4000);
  });
  navigator.clipboard.writeText(link).then(said, () => window.prompt(words.show, link));
}""".replace("TEXTS", json.dumps(in_all_languages("links")))
READ = "() => location.search"
OPEN = "(tab) => { document.querySelector(`button[data-tab-id=${tab}]`)?.click(); }"


def connect_links(
    demo: gr.Blocks,
    handlers: Handlers,
    choice: ModelChoice,
    mix: MixControls,
    inspect: InspectControls,
) -> None:
    """Put the buttons in place and declare what happens; to be called when all is there."""
    mixing = [*mix.seeds, mix.truncation, mix.strength, mix.layers, choice.label]
    edits = [inspect.on, *inspect.factors, inspect.threshold, inspect.compare]
    inspecting = [
        inspect.kind, *inspect.seeds, inspect.truncation, inspect.strength, *edits,
        *inspect.other_seeds, inspect.chart, choice.label,
    ]  # fmt: skip
    _copy_button(mix.actions, mix_state, mixing)
    _copy_button(inspect.actions, inspect_state(handlers.models), inspecting)

    def asked(query: Any) -> Restored | None:
        models = handlers.models
        described = {models.labels[0]: models.first}
        return decode(
            str(query or ""), models.labels, lambda x: described.get(x) or models.get(x), FIRST_PAIR
        )

    def choose_model(query: Any, current: str) -> Any:
        link = asked(query)
        if link is None or link.model == current:
            return gr.skip()
        return link.model, *choice.step.call(link.model, current)

    def set_controls(query: Any) -> Any:
        link = asked(query)
        if link is None:
            return gr.skip()
        if link.ignored:
            gr.Warning(IGNORED.format(", ".join(link.ignored)))
        nothing = gr.skip()
        mixed, inspected = [nothing] * len(mixing[:-1]), [nothing] * len(inspecting[:-1])
        numbers = [*link.seeds, link.truncation, link.strength]
        if link.tab == MIX:
            mixed = [*numbers, link.layers]
        else:
            on = [group for group, factor in link.factors.items() if factor]
            factors = [link.factors.get(group) or 1.0 for group in GROUP_RESOLUTIONS]
            other = list(link.other) if link.other else [nothing] * 2
            inspected = [
                SEEDS, *numbers, on, *factors, link.threshold, link.other is not None, *other,
                empty_chart(link.part),
            ]  # fmt: skip
        return link.tab, *mixed, *inspected

    def show_mix(tab: Any, *values: Any) -> Any:
        return handlers.mix(*values) if tab == MIX else gr.skip()

    query = gr.Textbox(visible="hidden", elem_id="link-query")
    tab = gr.Textbox(visible="hidden")
    demo.load(None, None, query, js=READ, api_visibility="private")
    begun = query.change(
        choose_model, [query, choice.label], [choice.selector, *choice.step.outputs], **LOAD_EVENT
    )
    outputs = [tab, *mixing[:-1], *inspecting[:-1]]
    # queued, unlike other small events: only a queued one can show its warning on the page
    queued = {**LOAD_EVENT, "show_progress": "hidden"}
    controls = begun.then(set_controls, query, outputs, **queued)
    opened = controls.success(None, tab, None, js=OPEN, api_visibility="private")
    opened.then(
        show_mix, [tab, *mixing], list(mix.pictures), show_progress_on=mix.pictures[-1],
        **PAGE_EVENT,
    )  # fmt: skip


def _copy_button(place: gr.Row, state: Callable[..., Restored], inputs: list[Any]) -> None:
    @guarded
    def link(*values: Any) -> str:
        return encode(state(*values))

    with place:
        button = gr.Button(text("links.copy"), size="sm", elem_classes="copy-link")
        query = gr.Textbox(visible="hidden")
    clicked = button.click(link, inputs, query, **SMALL_EVENT)
    clicked.success(None, query, None, js=COPY, api_visibility="private")


def mix_state(*values: Any) -> Restored:
    """The Mix tab's state from its controls' values.

    Raises:
        InvalidInputError: a seed is missing, or something cannot be used.
    """
    *seeds, psi, strength, layers, model = values
    chosen = layers_of(layers)
    return Restored(
        MIX, model, _pair(seeds), number(psi, "truncation"), check_strength(strength),
        [ALL_LAYERS] if chosen is None else chosen,
    )  # fmt: skip


def inspect_state(models: Models) -> Callable[..., Restored]:
    """A function that gives the Inspect tab's state from its controls' values.

    It raises InvalidInputError where a seed is missing, something cannot be used, or the pair
    comes from pictures.
    """

    def state(*values: Any) -> Restored:
        kind, *seeds, psi, strength = values[:5]
        on, *factors, threshold, compare = values[5:11]
        *other, chart, model = values[11:]
        if kind == PICTURES:
            raise InvalidInputError("a link holds seeds and never a photo: choose random faces")
        space = models.get(model).space
        part = picked(chart, space)
        scale = {
            group: x for group, x in factors_of(on, factors).items() if group in space.groups()
        }
        return Restored(
            INSPECT, model, _pair(seeds), number(psi, "truncation"),
            check_strength(strength), factors=scale, threshold=number(threshold, "threshold"),
            other=_pair(other, " B") if compare else None,  # hidden otherwise, perhaps empty
            part=None if part is None else str(part),
        )  # fmt: skip

    return state


def _pair(seeds: list[Any], suffix: str = "") -> tuple[int, int]:
    source, target = (seed_of(seed, role + suffix) for seed, role in zip(seeds, ROLES, strict=True))
    return source, target
