"""What a visitor has chosen for all tabs: the model, what follows it, and consent to photos."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import gradio as gr

from demo.events import LOAD_EVENT, PAGE_EVENT, SMALL_EVENT, say, say_bytes
from demo.server.models import Described, Models
from demo.texts import text

Controls = dict[str, Any]  # components by the name under which an event's function gets their value


class Step(NamedTuple):
    """An event's function, its components, and where its progress is shown."""

    call: Callable[..., Any]
    controls: Mapping[str, Any]
    outputs: Sequence[Any]
    progress_on: Any

    def on(self, trigger: Any, kind: Mapping[str, Any]) -> Any:
        """Declare it: a component's trigger, or a list of them, and one of the kinds of events."""
        begin = partial(gr.on, trigger) if isinstance(trigger, list) else trigger
        return begin(
            self.call, None, self.outputs, inputs_kwargs=self.controls,
            show_progress_on=self.progress_on, **kind,
        )  # fmt: skip


class Linked(NamedTuple):
    """What of a tab is restored by links: its controls by name, pictures, a row for the button."""

    controls: Controls
    pictures: list[gr.Image]
    actions: gr.Row


class ModelChoice:
    """The selector, shown where there is something to select."""

    def __init__(self, models: Models) -> None:
        self.models = models
        self.first = models.first
        self.label = gr.State(models.labels[0])
        self.selector = gr.Dropdown(
            models.labels,
            value=models.labels[0],
            label=text("page.model"),
            visible=len(models.labels) > 1,
            filterable=False,
            elem_id="model",
            min_width=220,
        )
        self._open_tab = gr.State()
        self._following: list[tuple[Any, Callable[[Described], Any]]] = []
        self._refreshing: list[tuple[str, tuple[Step, ...]]] = []
        self._consents: list[gr.Checkbox] = []

    def follow(self, component: Any, update: Callable[[Described], Any]) -> None:
        """Update a component from the model whenever another one is selected."""
        self._following.append((component, update))

    def clear(self, *components: Any) -> None:
        """Empty components when another model is chosen: what they show was made by the last."""
        for component in components:
            self.follow(component, lambda _: None)

    def refresh(self, tab: gr.Tab, *steps: Step) -> None:
        """Take steps when a tab is opened, and when it is open and another model is selected.

        The steps skip what is already there.
        """
        tab.select(lambda: tab.id, None, self._open_tab, **SMALL_EVENT)
        self._chain(tab.select, steps)
        self._refreshing.append((tab.id, steps))

    def consent(self, name: str) -> gr.Checkbox:
        """A box, wherever photos are taken, for the consent that is asked once a visit."""
        box = gr.Checkbox(
            label=text("page.consent"),
            info=text("page.consent_info"),
            elem_id=name,
            elem_classes="consent",
        )
        self._consents.append(box)
        return box

    def connect(self) -> Step:
        """Declare what happens at a choice, when all of the page is there; returns the choice."""
        for box in self._consents:  # an answer given at one place counts at all of them
            others = [other for other in self._consents if other is not box]
            if others:
                copies = f"(answer) => Array({len(others)}).fill(answer)"
                box.input(None, box, others, js=copies, api_visibility="private")
        components, updates = zip(*self._following, strict=True)

        def choose(label: Any, current: str) -> tuple[Any, ...]:
            say(f"loading {label}")
            pipeline = self.models.get(label, lambda _, *size: say_bytes(label, *size))
            return label, *(update(pipeline) for update in updates)

        step = Step(
            choose,
            {"label": self.selector, "current": self.label},
            [self.label, *components],
            self.selector,
        )
        selected = step.on(self.selector.select, LOAD_EVENT)  # .input comes twice
        selected.failure(lambda label: label, self.label, self.selector, **SMALL_EVENT)
        for tab_id, steps in self._refreshing:
            self._chain(selected.success, steps, tab_id)
        return step

    def _chain(self, begin: Any, steps: Sequence[Step], tab_id: str | None = None) -> None:
        """Declare steps, one after the other's success; only for an open tab if one is named."""
        for step in steps:

            def call(open_tab: Any, _call: Any = step.call, **values: Any) -> Any:
                return _call(**values) if tab_id in (None, open_tab) else gr.skip()

            controls = {"open_tab": self._open_tab, **step.controls}
            begin = step._replace(call=call, controls=controls).on(begin, PAGE_EVENT).success
