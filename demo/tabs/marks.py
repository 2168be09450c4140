"""Marks on a photo: which face is taken, and where its eyes and mouth corners are.

The marks are drawn and moved in the browser (marks.js); the server hears of a choice when it is
complete. Their value is a JSON object: the found faces, the choice, and points set by hand.
"""

from typing import Any

import gradio as gr

from demo.photos import FaceChoice, Upload, described
from demo.server.arguments import face_of, landmarks_of
from demo.texts import asset, in_all_languages
from stylemask_core import InvalidInputError, StyleMaskPipeline
from stylemask_core.pictures.framing import FaceSearch

SCRIPT = asset("marks.js")
POINTS, SQUARE, WHOLE = "points", "square", "whole"  # choices beside the numbers of faces
ALL_POINTS = 4


def marks(name: str) -> gr.HTML:
    """The marks of the photo that stands above them."""
    return gr.HTML(
        html_template="",
        js_on_load=SCRIPT,
        texts=in_all_languages("marks"),
        apply_default_css=False,
        padding=False,
        elem_id=name,
        elem_classes="marks",
    )


def key_of(upload: Upload, pipeline: StyleMaskPipeline) -> str:
    """Names a picture and the way its faces are sought."""
    return f"{pipeline.config.alignment} {upload.path}"


def first_marks(key: str, model: str, search: FaceSearch) -> dict[str, Any]:
    """The marks of a picture whose faces have just been sought for the model of that label."""
    choice: int | str = SQUARE if search.square_will_do else POINTS
    return {
        "key": key,
        "model": model,
        "width": search.size[0],
        "height": search.size[1],
        "faces": [described(face) for face in search.faces],
        "square": search.square_will_do and not search.faces,
        "choice": 0 if search.faces else choice,
        "points": [],
    }


def choice_of(value: Any, key: str, role: str, truncation: float) -> FaceChoice | None:
    """What marks ask for, as the browser sent them; None while points are still missing.

    Marks of another picture than the key's count as missing.
    """
    try:
        if value is None or value["key"] != key:
            return None
        choice, points = value["choice"], value["points"]
        if choice == POINTS:
            if len(points) < ALL_POINTS:
                return None
            return FaceChoice(landmarks=landmarks_of(points, role), truncation=truncation)
        if choice in (WHOLE, SQUARE):
            return FaceChoice(aligned=choice == WHOLE, truncation=truncation)
        return FaceChoice(face_of(choice + 1, role) - 1, truncation=truncation)
    except (TypeError, LookupError) as error:
        raise InvalidInputError(f"the marks on the {role} picture cannot be used") from error
