"""A source and a target photo, with the faces found in them and the marks on them."""

from collections.abc import Mapping
from typing import Any

import gradio as gr

from demo.events import FIND_EVENT, warn
from demo.handlers import Handlers
from demo.photos import FaceChoice, Upload
from demo.server.arguments import ROLES, path_of
from demo.tabs.marks import choice_of, first_marks, key_of, marks
from demo.tabs.model_choice import ModelChoice, Step
from demo.tabs.parts import picture_input
from demo.texts import text
from stylemask_core import InvalidInputError, StyleMaskPipeline

LESS_EXACT = text("page.less_exact")
CONSENT_FIRST = text("page.consent_first")


class PhotoPair:
    """Places for two photos; their faces are sought as soon as they are there."""

    def __init__(self, name: str, handlers: Handlers, choice: ModelChoice) -> None:
        self._handlers = handlers
        consent = choice.consent(f"{name}-consent")
        with gr.Row(elem_classes="controls photos"):
            self.source, self.source_marks = _photo("source", f"{name}-source")
            self.target, self.target_marks = _photo("target", f"{name}-target")
        note = gr.HTML(elem_classes="hint search-note", padding=False, elem_id=f"{name}-note")
        self.controls = {
            "source": self.source,
            "source_marks": self.source_marks,
            "target": self.target,
            "target_marks": self.target_marks,
        }
        sought = {"consent": consent, **self.controls, "model": choice.label}
        self.find = Step(self._find, sought, [*self.controls.values(), note], note)
        # .change, not .upload: it also tells of examples, the webcam and removal
        self.find.on([consent.change, self.source.change, self.target.change], FIND_EVENT)

    def choices(
        self,
        pipeline: StyleMaskPipeline,
        values: Mapping[str, Any],
        truncation: float = 1.0,
        refine_seconds: float = 0.0,
    ) -> tuple[dict[str, Upload], dict[str, FaceChoice]]:
        """Read the values of `controls`.

        Returns:
            The photos that are there, by role; what the marks on them ask for, by role, where
            that is complete.
        """
        pictures = {role: values[role] for role in ROLES if values[role] is not None}
        uploads = {role: Upload(path_of(picture, role), role) for role, picture in pictures.items()}
        choices = {}
        for role, upload in uploads.items():
            marked = values[f"{role}_marks"]
            choice = choice_of(marked, key_of(upload, pipeline), role, truncation)
            if choice is not None:
                choices[role] = choice._replace(refine_seconds=refine_seconds)
        return uploads, choices

    def _find(self, consent: Any, model: str, **values: Any) -> Any:
        pipeline = self._handlers.models.get(model)
        less_exact = waiting = False

        def sought(picture: Any, marked: Any, role: str) -> tuple[Any, Any]:
            nonlocal less_exact, waiting
            if picture is None:
                return gr.skip(), None
            try:
                upload = Upload(path_of(picture, role), role)
                if consent is not True and not self._handlers.photos.is_example(upload.path):
                    waiting = True
                    return gr.skip(), None  # without marks nothing is inverted
                search = self._handlers.photos.search(pipeline, upload)
            except InvalidInputError as error:
                warn(error)
                return None, None
            less_exact |= bool(search.note and search.faces)
            key = key_of(upload, pipeline)
            if isinstance(marked, dict) and marked.get("key") == key:
                same = marked.get("model") == model
                return gr.skip(), gr.skip() if same else {**marked, "model": model}
            return gr.skip(), first_marks(key, model, search)

        pair = [sought(values[role], values[f"{role}_marks"], role) for role in ROLES]
        note = CONSENT_FIRST if waiting else LESS_EXACT if less_exact else ""
        return *pair[0], *pair[1], note


def _photo(role: str, name: str) -> tuple[gr.Image, gr.HTML]:
    """A place for a photo under a caption, and the marks on it."""
    with gr.Column(elem_classes="captioned", min_width=280):
        gr.HTML(text(f"page.{role}_is"), elem_classes="caption", padding=False)
        with gr.Column(elem_classes="photo"):
            picture = picture_input(text(f"reenact.{role}_picture"), name)
            return picture, marks(f"{name}-marks")
