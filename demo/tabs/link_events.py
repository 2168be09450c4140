"""Links on the page: a button that copies one, and what happens when the page is opened by one."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from demo.events import LOAD_EVENT, PAGE_EVENT, SMALL_EVENT
from demo.handlers import Handlers
from demo.server.arguments import ROLES, layers_of, seed_of
from demo.tabs.inspect_events import PICTURES, SEEDS, factors_of
from demo.tabs.links import INSPECT, MIX, Restored, decode, encode
from demo.tabs.mask_chart import empty_chart, picked
from demo.tabs.model_choice import Linked, ModelChoice, Step
from demo.tabs.shipped import FIRST_PAIR
from demo.texts import in_all_languages, text
from stylemask.inspect.mask_edit import THRESHOLD_RANGE
from stylemask_core import InvalidInputError
from stylemask_core.checks import check_strength, check_truncation, number_in
from stylemask_core.style_space import ALL_LAYERS, GROUP_RESOLUTIONS, StyleSpace

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
# Controls that a link sets; the model's follow by a choice, and photos are in no link.
RESTORED = frozenset(
    {"source_seed", "target_seed", "truncation", "strength", "layers", "kind", "on", "threshold",
     "compare", "other_source", "other_target", "chart", *GROUP_RESOLUTIONS}
)  # fmt: skip
OPEN = "(tab) => { document.querySelector(`button[data-tab-id=${tab}]`)?.click(); }"


def connect_links(
    demo: gr.Blocks,
    handlers: Handlers,
    choice: ModelChoice,
    choose: Step,
    mix: Linked,
    inspect: Linked,
) -> None:
    """Put the buttons in place and declare what happens, when all of the page is there.

    `choose` is what a choice of another model does.
    """
    models = handlers.models
    _copy_button(mix, mix_state)
    _copy_button(inspect, lambda **values: inspect_state(models.get(values["model"]).space, values))

    def read(query: Any) -> Restored | None:
        known = {models.labels[0]: models.first}
        return decode(
            str(query or ""), models.labels, lambda x: known.get(x) or models.get(x), FIRST_PAIR
        )

    def choose_model(query: Any, current: str) -> Any:
        link = read(query)
        if link is None or link.model == current:
            return gr.skip()
        return link.model, *choose.call(link.model, current)

    def set_controls(query: Any) -> Any:
        link = read(query)
        if link is None:
            return gr.skip()
        if link.ignored:
            gr.Warning(IGNORED.format(", ".join(link.ignored)))
        values: dict[str, Any] = {
            "source_seed": link.seeds[0],
            "target_seed": link.seeds[1],
            "truncation": link.truncation,
            "strength": link.strength,
        }
        if link.tab == MIX:
            values["layers"] = link.layers
        else:
            values |= {group: link.factors.get(group) or 1.0 for group in GROUP_RESOLUTIONS}
            values |= {
                "kind": SEEDS,
                "on": [group for group, factor in link.factors.items() if factor],
                "threshold": link.threshold,
                "compare": link.other is not None,
                "chart": empty_chart(link.part),
            }
            if link.other is not None:
                values["other_source"], values["other_target"] = link.other
        components = (mix if link.tab == MIX else inspect).controls
        return {tab: link.tab, **{components[name]: value for name, value in values.items()}}

    def show_mix(tab: Any, **values: Any) -> Any:
        return handlers.mix(**values) if tab == MIX else gr.skip()

    query = gr.Textbox(visible="hidden", elem_id="link-query")
    tab = gr.Textbox(visible="hidden")
    demo.load(None, None, query, js=READ, api_visibility="private")
    begun = query.change(
        choose_model, [query, choice.label], [choice.selector, *choose.outputs], **LOAD_EVENT
    )
    outputs = [
        component
        for controls in (mix.controls, inspect.controls)
        for name, component in controls.items()
        if name in RESTORED
    ]
    # queued, unlike other small events: only a queued one can show its warning on the page
    queued = {**LOAD_EVENT, "show_progress": "hidden"}
    controls = begun.then(set_controls, query, [tab, *outputs], **queued)
    opened = controls.success(None, tab, None, js=OPEN, api_visibility="private")
    mixing = {"tab": tab, **mix.controls}
    Step(show_mix, mixing, mix.pictures, mix.pictures[-1]).on(opened.then, PAGE_EVENT)


def _copy_button(tab: Linked, state: Callable[..., Restored]) -> None:
    def link(**values: Any) -> str:
        return encode(state(**values))

    with tab.actions:
        button = gr.Button(text("links.copy"), size="sm", elem_classes="copy-link")
        query = gr.Textbox(visible="hidden")
    clicked = button.click(link, None, query, inputs_kwargs=tab.controls, **SMALL_EVENT)
    clicked.success(None, query, None, js=COPY, api_visibility="private")


def mix_state(**values: Any) -> Restored:
    """The Mix tab's state from its controls' values."""
    layers = layers_of(values["layers"])
    return Restored(MIX, **_shared(values), layers=[ALL_LAYERS] if layers is None else layers)


def inspect_state(space: StyleSpace, values: Mapping[str, Any]) -> Restored:
    """The Inspect tab's state from its controls' values."""
    if values["kind"] == PICTURES:
        raise InvalidInputError("a link holds seeds and never a photo: choose random faces")
    part = picked(values["chart"], space)
    other = [values["other_source"], values["other_target"]]
    return Restored(
        INSPECT,
        **_shared(values),
        factors={group: x for group, x in factors_of(values).items() if group in space.groups()},
        threshold=number_in(values["threshold"], "threshold", THRESHOLD_RANGE),
        other=_pair(other, " B") if values["compare"] else None,  # hidden otherwise, perhaps empty
        part=None if part is None else str(part),
    )


def _shared(values: Mapping[str, Any]) -> dict[str, Any]:
    """What both tabs have."""
    return {
        "model": values["model"],
        "seeds": _pair([values["source_seed"], values["target_seed"]]),
        "truncation": check_truncation(values["truncation"]),
        "strength": check_strength(values["strength"]),
    }


def _pair(seeds: list[Any], suffix: str = "") -> tuple[int, int]:
    source, target = (seed_of(seed, role + suffix) for seed, role in zip(seeds, ROLES, strict=True))
    return source, target
