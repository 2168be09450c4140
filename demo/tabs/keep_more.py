"""Keep more of the person: inversions refined within a time that visitors choose."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from demo.events import SMALL_EVENT
from demo.progress import say
from demo.server.memory import SessionMemory
from demo.server.request_checks import guarded, number
from demo.texts import text
from stylemask_core import InvalidInputError, Inversion, StyleMaskPipeline
from stylemask_core.inversion import Refinement, Similarity

LONGEST = 60.0  # [s] for one picture
PAGE_SECONDS = (2.0, 30.0)  # [s] of the slider, for both pictures together
FIRST_SECONDS = 8.0
VISITORS = 256  # whose last press of the button is remembered
PRESSED = "(count) => count + 1"
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


class Cancels:
    """Which jobs their visitors cancelled.

    The page counts how often its button was pressed, and a job begins with that count: a job is
    cancelled by any press after its event left the page, however long it waited for its turn.
    """

    def __init__(self) -> None:
        self._presses = SessionMemory(VISITORS)

    def press(self, count: Any) -> float:
        """Cancel what the visitor began before this press; returns its count.

        Raises:
            InvalidInputError: it is no number.
        """
        self._presses.set("last", count=number(count, "the count of presses"))
        return float(count)

    def since(self, count: Any) -> Cancelled:
        """A function that tells whether the visitor pressed the button again after that count.

        Raises:
            InvalidInputError: it is no number.
        """
        before = number(count, "the count of presses")

        def cancelled() -> bool:
            last = self._presses.get("last")
            return last is not None and last["count"] > before

        return cancelled


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
        cancelled: tells whether to end with the best so far.
    """

    def progress(share: float) -> None:
        done = f"{share * seconds:.0f} of {seconds:.0f} s"
        say(f"keeping more of the {role}: {done}", share)

    return pipeline.refine_inversion(inversion, seconds, progress, cancelled)


class KeepMore:
    """The switch on the page, the time, what came of it, and a button to cancel."""

    def __init__(self) -> None:
        self.cancels = Cancels()
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
        self.controls = {"keeping": self.switch, "seconds": self.seconds}
        self.changes = [self.switch.input, self.seconds.release]
        self.switch.input(
            lambda on: (gr.Slider(visible=on), gr.Button(visible=on)),
            self.switch,
            [self.seconds, cancel],
            **SMALL_EVENT,
        )
        self.presses = gr.Number(0, visible="hidden")
        cancel.click(
            guarded(self.cancels.press), self.presses, self.presses, js=PRESSED, **SMALL_EVENT
        )

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
