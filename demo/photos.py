"""Pictures that visitors send: their faces, their inversions, and what is kept of them."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
from PIL import Image

from demo.progress import say, say_bytes
from demo.server.files import file_of
from demo.server.memory import SessionMemory
from demo.server.request_checks import Points, path_of
from demo.server.storage import storage
from demo.server.uploads import uploaded_file
from demo.tabs.keep_more import Cancelled, refine
from stylemask_core import InvalidInputError, Inversion, StyleMaskPipeline
from stylemask_core.errors import DetectorError
from stylemask_core.inversion import Refinement
from stylemask_core.pictures.framing import FaceSearch
from stylemask_core.pictures.images import Photo, read_photo
from stylemask_core.results import FramedPicture

KEPT = 16  # inversions that are remembered, of all visitors together; 6 MB each at 1024 px
SEARCHES = 64  # searches for faces
EXAMPLES = 32  # pictures of examples, whose inversions all visitors share

logger = logging.getLogger(__name__)


class FaceChoice(NamedTuple):
    """Which face of a picture is inverted, and how.

    Args:
        face: index among the found faces, the largest first.
        landmarks: eyes and mouth corners in px of the upright photo, in place of a search.
        aligned: the whole picture is the crop.
        truncation: psi of the inverted code, 0…1.
        refined: seconds of refinement, 0 for none.
    """

    face: int = 0
    landmarks: Points | None = None
    aligned: bool = False
    truncation: float = 1.0
    refined: float = 0.0


class Inverted(NamedTuple):
    """An inversion and the picture the model makes of it.

    Args:
        inversion: of the chosen face.
        picture: what the model makes of it.
        refinement: how it was refined, None where it was not.
        cancelled: whether the visitor ended the refinement before its time.
    """

    inversion: Inversion
    picture: Image.Image
    refinement: Refinement | None = None
    cancelled: bool = False


class Photos:
    """What is known of visitors' pictures.

    It is kept for sliders, for the visitor who sent the picture alone and until he leaves, and
    holds no more of the picture than its crop. Gradio keeps uploads in folders named by their
    content: a path stands for one picture. What is known of the examples is shared by all.
    """

    def __init__(self) -> None:
        self._searches = SessionMemory(SEARCHES)
        self._inversions = SessionMemory(KEPT)
        self._example_searches = gr.Cache(max_size=EXAMPLES)
        self._example_inversions = gr.Cache(max_size=EXAMPLES)
        self._examples: set[str] = set()

    def forget(self, age: float) -> None:
        """Drop what visitors' pictures gave and was not used for that long [s]."""
        self._searches.forget(age)
        self._inversions.forget(age)

    def example(self, path: Path) -> str:
        """Take a picture that comes with this project as an example; returns its file."""
        file = uploaded_file(file_of(path.read_bytes(), path.name))
        self._examples.add(file)
        storage().own.add(file)
        return file

    def is_example(self, picture: Any) -> bool:
        """Whether a picture, as sent, is one of the examples.

        Raises:
            InvalidInputError: there is none, or it was not uploaded.
        """
        return path_of(picture, "sent") in self._examples

    def read(self, picture: Any, role: str) -> Photo:
        """Read a picture as it was sent.

        Raises:
            InvalidInputError: there is none, or it cannot be used.
        """
        path = path_of(picture, role)
        try:
            return read_photo(path)
        except InvalidInputError as error:
            # the path is the server's; people know the file by its role
            raise InvalidInputError(str(error).replace(path, f"the {role} file")) from error

    def search(
        self, pipeline: StyleMaskPipeline, picture: Any, role: str, photo: Photo | None = None
    ) -> FaceSearch:
        """Find the faces of a picture, as a model needs them.

        Args:
            pipeline: the model.
            picture: as sent.
            role: how errors call it.
            photo: what `read` gave for it, if it was read already.

        Raises:
            InvalidInputError: the picture cannot be used.
        """
        key = path_of(picture, role), pipeline.config.alignment
        searches = self._example_searches if self.is_example(picture) else self._searches
        if (kept := searches.get(key)) is None:
            photo = photo or self.read(picture, role)
            say(f"finding the face in the {role} picture")
            kept = {"search": pipeline.detect_faces(photo, _say_weights)}
            if kept["search"].failed:  # the eyes and the mouth can still be marked
                logger.warning("%s", kept["search"].note)
            searches.set(key, **kept)
        search: FaceSearch = kept["search"]
        return search

    def inverted(
        self,
        pipeline: StyleMaskPipeline,
        pictures: Mapping[str, Any],
        choices: Mapping[str, FaceChoice],
        cancelled: Cancelled = lambda: False,
        cancelled_will_do: bool = False,
    ) -> dict[str, Inverted]:
        """Invert the chosen faces of pictures; those that are not known yet as one batch.

        Args:
            pipeline: the model.
            pictures: as sent, by role: "source" or "target".
            choices: which face, and how, by role; pictures without a choice are left alone.
            cancelled: tells whether the visitor wants refinements to end with what is there.
            cancelled_will_do: whether what an earlier cancelled refinement left is taken as it is.

        Raises:
            NoFaceError: there is no face, and the model needs one.
            InvalidInputError: a picture or a choice cannot be used.
        """
        keys = {
            role: (path_of(pictures[role], role), choice, pipeline.name)
            for role, choice in choices.items()
        }
        caches = {
            role: self._example_inversions
            if self.is_example(pictures[role]) and not choice.refined
            else self._inversions
            for role, choice in choices.items()
        }
        kept = {role: caches[role].get(key) for role, key in keys.items()}
        known: dict[str, Inverted] = {
            role: x["inverted"]
            for role, x in kept.items()
            if x and (cancelled_will_do or not x["inverted"].cancelled)
        }
        missing = [role for role in keys if role not in known]
        squares = {
            role: self._framed(pipeline, pictures[role], role, choices[role]) for role in missing
        }
        if squares:
            say(f"inverting the {' and the '.join(squares)}", 0.3)
        for psi in {choices[role].truncation for role in squares}:  # one, but for odd callers
            batch = {role: x for role, x in squares.items() if choices[role].truncation == psi}
            inversions = pipeline.invert_framed(list(batch.values()), psi)
            for role, inversion in zip(batch, inversions, strict=True):
                seconds = choices[role].refined
                known[role] = _refined(pipeline, inversion, role, seconds, cancelled)
                caches[role].set(keys[role], inverted=known[role])
        return {role: known[role] for role in keys}

    def _framed(
        self, pipeline: StyleMaskPipeline, picture: Any, role: str, choice: FaceChoice
    ) -> FramedPicture:
        photo, search = self.read(picture, role), None
        if choice.landmarks is None and not choice.aligned:
            search = self.search(pipeline, picture, role, photo)
        try:
            return pipeline.frame(
                photo,
                align="none" if choice.aligned else "auto",
                face=choice.face,
                landmarks=choice.landmarks,
                search=search,
            )
        except (InvalidInputError, DetectorError) as error:
            raise type(error)(f"{role} picture: {error}") from error


def _refined(
    pipeline: StyleMaskPipeline,
    inversion: Inversion,
    role: str,
    seconds: float,
    cancelled: Cancelled,
) -> Inverted:
    done, ended = None, False
    if seconds:
        done = refine(pipeline, inversion, role, seconds, cancelled)
        inversion, ended = done.inversion, cancelled()
    return Inverted(inversion, pipeline.synthesize(inversion).image, done, ended)


def _say_weights(_: str, done: int, total: int) -> None:
    say_bytes("the landmark weights, once", done, total)
