"""Keep more of the person: the refinement of inversions, for a time that visitors choose."""

import math
from collections.abc import Mapping
from typing import Any

import gradio as gr

from demo.events import SMALL_EVENT
from demo.photos import Cancelled
from demo.server.arguments import ROLES, seconds_of
from demo.server.memory import SessionMemory
from demo.tabs.parts import slider_of
from demo.texts import text
from stylemask.refinement import Refinement
from stylemask_core.checks import number_in

PAGE_SECONDS = (2.0, 30.0)  # [s] of the slider, for both pictures together
FIRST_SECONDS = 8.0
VISITORS = 256  # whose last press of the button is remembered
PRESSED = "(count) => count + 1"


class Cancels:
    """Which jobs their visitors cancelled.

    The page counts how often its button was pressed, and a job begins with that count: a job is
    cancelled by any press after its event left the page, however long it waited for its turn.
    """

    def __init__(self) -> None:
        self._presses = SessionMemory(VISITORS)

    def press(self, count: Any) -> float:
        """Cancel what the visitor began before this press; returns its count."""
        presses = _count(count)
        self._presses.set("last", presses)
        return presses

    def since(self, count: Any) -> Cancelled:
        """A function that tells whether the visitor pressed the button again after that count."""
        before = _count(count)
        return lambda: (self._presses.get("last") or 0.0) > before


def _count(value: Any) -> float:
    return number_in(value, "the count of presses", (0.0, math.inf))


class RefinementControls:
    """The switch on the page, the time, what came of it, and a button to cancel."""

    def __init__(self) -> None:
        self.cancels = Cancels()
        with gr.Row(elem_classes="controls"):
            switch = gr.Checkbox(
                label=text("refinement.switch"),
                info=text("refinement.switch_info"),
                elem_id="reenact-refine",
            )
            seconds = slider_of(
                "refinement.seconds", PAGE_SECONDS, FIRST_SECONDS, step=1, min_width=220,
                visible=False, elem_id="reenact-seconds",
            )  # fmt: skip
            cancel = gr.Button(
                text("refinement.cancel"),
                visible=False,
                size="sm",
                scale=0,
                min_width=220,
                elem_id="reenact-cancel",
            )
        self.gains = [
            gr.HTML(
                visible=False,
                elem_id=f"reenact-{role}-similarity",
                elem_classes="hint",
                padding=False,
            )
            for role in ROLES
        ]
        self.controls = {"refined": switch, "refine_seconds": seconds}
        self.changes = [switch.input, seconds.release]
        switch.input(
            lambda on: (gr.Slider(visible=on is True), gr.Button(visible=on is True)),
            switch,
            [seconds, cancel],
            **SMALL_EVENT,
        )
        self.presses = gr.Number(0, visible="hidden")
        cancel.click(self.cancels.press, self.presses, self.presses, js=PRESSED, **SMALL_EVENT)


def seconds_of_each(switch: Any, seconds: Any) -> float:
    """Seconds for one picture of the pair; 0 while the switch is off."""
    return seconds_of(seconds) / len(ROLES) if switch is True else 0.0


def gains(refinements: Mapping[str, Refinement | None]) -> list[gr.HTML]:
    """What refinements gained, a line a role; none where nothing was refined."""
    return [_gain(role, refinements.get(role)) for role in ROLES]


def _gain(role: str, refinement: Refinement | None) -> gr.HTML:
    if refinement is None:
        return gr.HTML("", visible=False)
    before, after = refinement.before, refinement.after
    if after == before:
        return gr.HTML(text(f"refinement.nothing_{role}"), visible=True)
    words = (
        f"{text(f'refinement.similarity_{role}')} {before.structure:.3f} → "
        f"<b>{after.structure:.3f}</b> (SSIM), {before.psnr:.1f} → "
        f"<b>{after.psnr:.1f} dB</b> (PSNR), {refinement.seconds:.0f} s"
    )
    return gr.HTML(words, visible=True)
