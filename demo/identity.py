"""Keep more of the person: inversions refined within a time that visitors choose."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr
from gradio.context import LocalContext

from demo.checks import number
from demo.events import SMALL_EVENT
from demo.progress import say
from demo.texts import text
from stylemask_core import InvalidInputError, Inversion, StyleMaskPipeline
from stylemask_core.refinement import Refinement
from stylemask_core.similarity import Similarity

LONGEST = 60.0  # [s] for one picture
PAGE_SECONDS = (2.0, 30.0)  # [s] of the slider, for both pictures together
FIRST_SECONDS = 8.0
ROLES = ("source", "target")
Cancelled = Callable[[], bool]


def seconds_of(value: Any) -> float:
    """A usable time for the refinement of a picture, 0 for none.

    Raises:
        InvalidInputError: it is no number in 0…60.
    """
    seconds = number(value, "refine_seconds")
    if not 0 <= seconds <= LONGEST:
        raise InvalidInputError(f"refine_seconds {value} is out of range: give 0…{LONGEST:g}")
    return seconds


def described(refinement: Refinement) -> dict[str, Any]:
    """A refinement as plain JSON."""

    def figures(similarity: Similarity) -> dict[str, float]:
        structure, psnr = round(similarity.structure, 4), round(similarity.psnr, 2)
        return {"structure": structure, "psnr_db": psnr}

    return {
        "before": figures(refinement.before),
        "after": figures(refinement.after),
        "steps": refinement.steps,
        "seconds": round(refinement.seconds, 2),
    }


class Refiner:
    """Refines inversions; a visitor can cancel his own."""

    def __init__(self) -> None:
        self._running: dict[str, threading.Event] = {}

    @contextmanager
    def job(self) -> Iterator[Cancelled]:
        """Work that the visitor can cancel as a whole; tells whether he did."""
        visitor, cancelled = _visitor(), threading.Event()
        self._running[visitor] = cancelled
        try:
            yield cancelled.is_set
        finally:
            if self._running.get(visitor) is cancelled:
                del self._running[visitor]

    def cancel(self) -> None:
        """End what runs for the visitor who asks; its best so far is taken."""
        if running := self._running.get(_visitor()):
            running.set()

    @staticmethod
    def refine(
        pipeline: StyleMaskPipeline,
        inversion: Inversion,
        role: str,
        seconds: float,
        cancelled: Cancelled,
    ) -> Refinement:
        """Refine an inversion until the time is over or its visitor cancels.

        Args:
            pipeline: the model.
            inversion: to start from.
            role: "source" or "target", for the words shown meanwhile.
            seconds: wall-clock time.
            cancelled: of the job that this belongs to.
        """

        def progress(share: float) -> None:
            done = f"{share * seconds:.0f} of {seconds:.0f} s"
            say(f"keeping more of the {role}: {done}", share)

        return pipeline.refine_inversion(inversion, seconds, progress, cancelled)


def _visitor() -> str:
    request = LocalContext.request.get(None)
    return str(request.session_hash) if request is not None else ""


class KeepMore:
    """The switch on the page, the time, what came of it, and a button to cancel.

    Args:
        refiner: whose work is cancelled.
    """

    def __init__(self, refiner: Refiner) -> None:
        with gr.Row(elem_classes="controls"):
            self.switch = gr.Checkbox(
                label=text("identity.switch"),
                info=text("identity.switch_info"),
                elem_id="reenact-keep-more",
            )
            self.seconds = gr.Slider(
                *PAGE_SECONDS,
                value=FIRST_SECONDS,
                step=1,
                label=text("identity.seconds"),
                info=text("identity.seconds_info"),
                visible=False,
                elem_id="reenact-seconds",
                min_width=220,
            )
            cancel = gr.Button(
                text("identity.cancel"),
                visible=False,
                size="sm",
                scale=0,
                min_width=220,
                elem_id="reenact-cancel",
            )
        self.told = [
            gr.HTML(
                visible=False,
                elem_id=f"reenact-{role}-similarity",
                elem_classes="hint",
                padding=False,
            )
            for role in ROLES
        ]
        self.inputs = [self.switch, self.seconds]
        self.changes = [self.switch.input, self.seconds.release]
        self.switch.input(
            lambda on: (gr.Slider(visible=on), gr.Button(visible=on)),
            self.switch,
            [self.seconds, cancel],
            **SMALL_EVENT,
        )
        cancel.click(refiner.cancel, None, None, **SMALL_EVENT)

    @staticmethod
    def each(switch: Any, seconds: Any) -> float:
        """Seconds for one picture of the pair; 0 while the switch is off.

        Raises:
            InvalidInputError: the time cannot be used.
        """
        return seconds_of(seconds) / len(ROLES) if switch is True else 0.0

    @staticmethod
    def lines(refinements: dict[str, Refinement | None]) -> list[gr.HTML]:
        """Updates of `told`.

        Args:
            refinements: by role; None or missing where nothing was refined.
        """
        updates = []
        for role in ROLES:
            done = refinements.get(role)
            if done is None:
                updates.append(gr.HTML("", visible=False))
                continue
            before, after = done.before, done.after
            if after == before:
                updates.append(gr.HTML(text(f"identity.nothing_{role}"), visible=True))
                continue
            words = (
                f"{text(f'identity.similarity_{role}')} {before.structure:.3f} → "
                f"<b>{after.structure:.3f}</b> (SSIM), {before.psnr:.1f} → "
                f"<b>{after.psnr:.1f} dB</b> (PSNR), {done.seconds:.0f} s"
            )
            updates.append(gr.HTML(words, visible=True))
        return updates
