"""Pictures that visitors send: their faces and inversions, what is remembered and told of them."""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image, ImageDraw, ImageFont

from demo.events import say, say_bytes
from demo.server.arguments import Points
from demo.server.memory import SessionMemory
from demo.server.storage import file_of, storage
from demo.server.uploads import uploaded_file
from stylemask.refinement import Refinement, Similarity, refine_inversion
from stylemask_core import InvalidInputError, Inversion, StyleMaskPipeline
from stylemask_core.errors import DetectorError
from stylemask_core.faces.landmarks import Face
from stylemask_core.pictures.framing import FaceSearch
from stylemask_core.pictures.images import Photo, read_photo
from stylemask_core.results import FramedPicture

INVERSIONS = 16  # that are remembered, of all visitors together; 6 MB each at 1024 px
SEARCHES = 64  # for faces
EXAMPLES = 32  # pictures of examples, whose inversions all visitors share

INK, HALO = "#0e7490", "white"  # of what is drawn on a photo
LINE = 0.004  # [long sides of the photo] width of a line

Cancelled = Callable[[], bool]
logger = logging.getLogger(__name__)


class Upload:
    """An uploaded picture: its file, and what is in it as soon as anybody needs that."""

    def __init__(self, path: str, role: str) -> None:
        self.path, self.role = path, role

    @cached_property
    def photo(self) -> Photo:
        """The picture, decoded."""
        try:
            return read_photo(self.path)
        except InvalidInputError as error:
            # the path is the server's; people know the file by its role
            words = str(error).replace(self.path, f"the {self.role} file")
            raise InvalidInputError(words) from error


class FaceChoice(NamedTuple):
    """Which face of a picture is inverted, and how."""

    face: int = 0  # the largest first
    landmarks: Points | None = None  # px of the upright photo, in place of a search
    aligned: bool = False  # the whole picture is the crop
    truncation: float = 1.0  # psi of the inverted code
    refine_seconds: float = 0.0


class Inverted(NamedTuple):
    """An inversion, the picture the model makes of it, and how it was refined."""

    inversion: Inversion
    picture: Image.Image
    refinement: Refinement | None = None
    cancelled: bool = False  # the visitor ended the refinement before its time


class Photos:
    """What is known of visitors' pictures.

    It is kept for sliders, for the visitor who sent the picture alone and until he leaves, and
    holds no more of the picture than its crop. Gradio keeps uploads in folders named by their
    content: a path stands for one picture. What is known of the examples is shared by all.
    """

    def __init__(self) -> None:
        self._searches, self._inversions = SessionMemory(SEARCHES), SessionMemory(INVERSIONS)
        self._of_examples = SessionMemory(2 * EXAMPLES, shared=True)
        self._examples: set[str] = set()

    def __len__(self) -> int:
        """How many searches and inversions of visitors' pictures are remembered."""
        return len(self._searches) + len(self._inversions)

    def forget(self, age: float) -> None:
        """Drop what visitors' pictures gave and was not used for that long [s]."""
        self._searches.forget(age)
        self._inversions.forget(age)

    def leave(self, session: str | None) -> None:
        """Drop what the pictures of a visitor gave who has left."""
        self._searches.leave(session)
        self._inversions.leave(session)

    def example(self, path: Path) -> str:
        """Take a picture that comes with this project as an example; returns its file."""
        file = uploaded_file(file_of(path.read_bytes(), path.name))
        self._examples.add(file)
        storage().own.add(file)
        return file

    def is_example(self, path: str) -> bool:
        """Whether a picture is one of the examples."""
        return path in self._examples

    def search(self, pipeline: StyleMaskPipeline, upload: Upload) -> FaceSearch:
        """Find the faces of a picture, as a model needs them."""
        memory = self._of_examples if self.is_example(upload.path) else self._searches
        key = upload.path, pipeline.config.alignment
        search: FaceSearch | None = memory.get(key)
        if search is None:
            photo = upload.photo
            say(f"finding the face in the {upload.role} picture")
            search = pipeline.detect_faces(photo, _say_weights)
            if search.failed:  # the eyes and the mouth can still be marked
                logger.warning("%s", search.note)
            memory.set(key, search)
        return search

    def inverted(
        self,
        pipeline: StyleMaskPipeline,
        uploads: Mapping[str, Upload],
        choices: Mapping[str, FaceChoice],
        cancelled: Cancelled = lambda: False,
        cancelled_will_do: bool = False,
    ) -> dict[str, Inverted]:
        """Invert the chosen faces of pictures; those that are not known yet as one batch.

        Args:
            pipeline: the model.
            uploads: the pictures, by role.
            choices: which face, and how, by role; pictures without a choice are left alone.
            cancelled: tells whether the visitor wants refinements to end with what is there.
            cancelled_will_do: whether what an earlier cancelled refinement left is taken as it is.
        """
        inverted: dict[str, Inverted] = {}
        squares: dict[str, FramedPicture] = {}
        keys = {role: (uploads[role].path, x, pipeline.name) for role, x in choices.items()}
        memories = {role: self._memory(uploads[role], x) for role, x in choices.items()}
        for role, choice in choices.items():
            known = memories[role].get(keys[role])
            if known and (cancelled_will_do or not known.cancelled):
                inverted[role] = known
            else:
                squares[role] = self._framed(pipeline, uploads[role], choice)
        if squares:
            say(f"inverting the {' and the '.join(squares)}", 0.3)
        for psi in {choices[role].truncation for role in squares}:  # one, but for odd callers
            batch = [role for role in squares if choices[role].truncation == psi]
            inversions = pipeline.invert_framed([squares[role] for role in batch], psi)
            for role, inversion in zip(batch, inversions, strict=True):
                refinement, ended = None, False
                if seconds := choices[role].refine_seconds:
                    refinement = refine_inversion(
                        pipeline, inversion, seconds, _say_refinement(role, seconds), cancelled
                    )
                    inversion, ended = refinement.inversion, cancelled()
                picture = pipeline.synthesize(inversion).image
                inverted[role] = Inverted(inversion, picture, refinement, ended)
                memories[role].set(keys[role], inverted[role])
        return {role: inverted[role] for role in choices}

    def _memory(self, upload: Upload, choice: FaceChoice) -> SessionMemory:
        """Where an inversion is kept."""
        shared = self.is_example(upload.path) and not choice.refine_seconds
        return self._of_examples if shared else self._inversions

    def _framed(
        self, pipeline: StyleMaskPipeline, upload: Upload, choice: FaceChoice
    ) -> FramedPicture:
        sought = choice.landmarks is None and not choice.aligned
        search = self.search(pipeline, upload) if sought else None
        try:
            return pipeline.frame(
                upload.photo,
                align="none" if choice.aligned else "auto",
                face=choice.face,
                landmarks=choice.landmarks,
                search=search,
            )
        except (InvalidInputError, DetectorError) as error:
            raise type(error)(f"{upload.role} picture: {error}") from error


def _say_weights(_: str, done: int, total: int) -> None:
    say_bytes("the landmark weights, once", done, total)


def _say_refinement(role: str, seconds: float) -> Callable[[float], None]:
    def progress(share: float) -> None:
        words = f"{share * seconds:.0f} of {seconds:.0f} s"
        say(f"keeping more of the {role}: {words}", share)

    return progress


def described(face: Face) -> dict[str, Any]:
    """A face as plain JSON, in px of the upright photo."""
    return {
        "box": [round(value, 1) for value in face.box],
        "points": face.points.round(1).tolist(),
        "score": float(face.score),
    }


def details_of(inverted: Inverted, choice: FaceChoice) -> dict[str, Any]:
    """What became of a picture, as plain JSON."""
    inversion, refinement = inverted.inversion, inverted.refinement
    by_number = inversion.faces and choice.landmarks is None
    return {
        "faces": [described(face) for face in inversion.faces],
        "face": choice.face + 1 if by_number else None,
        "quad": inversion.quad.round(1).tolist(),
        "note": inversion.note,
        **({"refinement": gained(refinement)} if refinement else {}),
    }


def gained(refinement: Refinement) -> dict[str, Any]:
    """What a refinement came to, as plain JSON."""

    def figures(similarity: Similarity) -> dict[str, float]:
        structure, psnr = round(similarity.structure, 4), round(similarity.psnr, 2)
        return {"structure": structure, "psnr_db": psnr}

    return {
        "before": figures(refinement.before),
        "after": figures(refinement.after),
        "steps": refinement.steps,
        "seconds": round(refinement.seconds, 2),
    }


def drawn(photo: Image.Image, faces: Sequence[Face]) -> Image.Image:
    """A copy of a photo with boxes, numbers and points on its faces."""
    photo = photo.copy()
    draw = ImageDraw.Draw(photo)
    width = max(1, round(LINE * max(photo.size)))
    font = ImageFont.load_default(8 * width)
    for number, face in enumerate(faces, 1):
        left, top, right, bottom = face.box
        draw.rectangle((left, top, right, bottom), outline=HALO, width=2 * width)
        draw.rectangle((left, top, right, bottom), outline=INK, width=width)
        for x, y in face.points:
            draw.circle((x, y), 2 * width, fill=INK, outline=HALO, width=max(1, width // 2))
        corner = max(left, 6 * width), max(top, 6 * width)
        draw.circle(corner, 6 * width, fill=INK, outline=HALO, width=width)
        draw.text(corner, str(number), HALO, font, anchor="mm")
    return photo
