"""Pairs of pictures to try; what the model makes of each is kept for all visitors."""

from pathlib import Path
from typing import Any

import gradio as gr

from demo.photos import Photos
from demo.server.models import Described
from demo.server.storage import plain_file
from demo.tabs.model_choice import ModelChoice
from demo.texts import text
from stylemask_core.pictures.images import centre_square, read_picture, side_by_side

EXAMPLES = Path(__file__).parents[1] / "heads"
PAIRS = (  # source, target, key of the label
    ("head_40.png", "head_21.png", "up"),
    ("head_9.png", "head_18.png", "laugh"),
    ("head_36.png", "head_32.png", "chin"),
    ("head_13.png", "head_38.png", "away"),
    ("head_23.png", "head_20.png", "surprised"),
    ("head_38.png", "head_25.png", "front"),
    ("head_21.png", "head_29.png", "mouth"),
    ("head_18.png", "head_40.png", "serious"),
)
THUMBNAIL = 160  # [px] side of one picture of an example


def example_pairs() -> list[tuple[Path, Path, str]]:
    """The pairs of PAIRS whose files are there."""
    pairs = [(EXAMPLES / source, EXAMPLES / target, label) for source, target, label in PAIRS]
    return [pair for pair in pairs if pair[0].is_file() and pair[1].is_file()]


def knows_heads_only(model: Described) -> bool:
    """Whether a model draws synthetic heads, as those of the examples are."""
    return model.config.alignment == "heads"


class ReenactExamples:
    """Buttons with both pictures of a pair and its name; gr.Examples shows either of the two.

    They are shown with models that draw such heads.
    """

    def __init__(self, photos: Photos, choice: ModelChoice) -> None:
        self._pairs = example_pairs()
        self._photos = photos
        with gr.Column(visible=self.suit(choice.first)) as part:
            gr.HTML(text("reenact.examples"), elem_classes="caption", padding=False)
            with gr.Row(elem_id="reenact-examples", elem_classes="examples"):
                self._buttons = [self._button(*pair) for pair in self._pairs]
        choice.follow(part, lambda model: gr.Column(visible=self.suit(model)))

    def suit(self, model: Described) -> bool:
        """Whether the examples are there, and are of the kind that a model draws."""
        return bool(self._pairs) and knows_heads_only(model)

    def files(self, index: int) -> tuple[str, ...]:
        """Source and target of a pair."""
        return tuple(self._photos.example(path) for path in self._pairs[index][:2])

    def connect(self, pictures: list[Any]) -> None:
        """Let each button put its pair into the places for source and target."""
        for index, button in enumerate(self._buttons):
            button.click(
                lambda index=index: self.files(index), None, pictures,
                queue=False, show_progress="hidden", api_visibility="private",
            )  # fmt: skip

    @staticmethod
    def _button(source: Path, target: Path, label: str) -> gr.Button:
        both = [centre_square(read_picture(path), THUMBNAIL) for path in (source, target)]
        thumbnail = plain_file(side_by_side(both), f"{source.stem}_{target.stem}")
        button = gr.Button(
            text(f"reenact.{label}"), icon=thumbnail, min_width=120, elem_classes="example"
        )
        button.keep_in_cache.add(thumbnail)
        return button
