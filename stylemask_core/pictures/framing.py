"""Which square of a picture a model reads: a face found, one marked by hand, or all of it."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from PIL import Image

from stylemask_core.checks import ByValue, is_whole
from stylemask_core.downloads import Progress
from stylemask_core.errors import DetectorError, InvalidInputError, NoFaceError
from stylemask_core.faces import landmarks
from stylemask_core.faces.landmarks import Face
from stylemask_core.pictures import alignment, images

Align = Literal["auto", "none"]


@dataclass(frozen=True)
class Profile:
    """How pictures of one of `config.ALIGNMENTS` are framed."""

    detector: str | None  # kind of the face detector, None for the default one
    searched_side: int  # long side of the copy in which faces are sought [px]
    # a square picture whose face's quad is this close to the whole of it, in sides, counts as
    # aligned already and is not resampled again
    tolerance: float
    # whether a picture without a face is refused; else its centred square is taken
    needs_face: bool


# Measured: docs/alignment.md.
PROFILES = {
    "ffhq": Profile(None, landmarks.MAX_SIDE, 0.05, needs_face=True),
    "heads": Profile(landmarks.HAAR, 320, 0.25, needs_face=False),
}


@dataclass(frozen=True, eq=False)
class FaceSearch(ByValue):
    """The faces of a picture."""

    faces: list[Face]  # largest first, in px of the upright picture
    size: tuple[int, int]  # of the picture [px]
    note: str = ""  # "", or one sentence on why they are less exact than they could be, or none
    # whether the model takes the centred square where there is no face
    square_will_do: bool = False
    failed: bool = False  # whether no detector could be used


@dataclass(frozen=True, eq=False)
class Framing(ByValue):
    """A square of a picture."""

    # [4, 2] px in the upright picture: top left, bottom left, bottom right, top right
    quad: np.ndarray
    faces: list[Face]  # the faces of the picture, largest first
    note: str = ""  # "", or one sentence on what had to stand in for something better

    def cut(self, picture: Image.Image, size: int) -> Image.Image:
        """The square of the picture, resampled to a side [px]."""
        if np.array_equal(self.quad, alignment.centred_quad(picture.size)):
            return images.centre_square(picture, size)
        return alignment.crop(picture, self.quad, size)


def find_faces(
    picture: Image.Image, profile: Profile, progress: Progress | None = None
) -> FaceSearch:
    """Find the faces of an upright RGB picture."""
    try:
        detector = landmarks.default_detector(profile.detector, progress)
    except DetectorError as error:
        note = f"faces cannot be sought: {error}"
        return FaceSearch([], picture.size, note, not profile.needs_face, failed=True)
    small, scale = images.shrunk(picture, profile.searched_side)
    faces = [face.scaled(scale) for face in detector.detect(small)]
    return FaceSearch(faces, picture.size, detector.note, not profile.needs_face)


def check_one_way(numbered: bool, marked: bool, aligned: bool) -> None:
    """Check that a face is chosen in one way at most, or raise InvalidInputError."""
    if numbered + marked + aligned > 1:
        raise InvalidInputError(
            "choose one: a face by number, its landmarks, or that the picture is aligned already"
        )


def frame(
    picture: Image.Image,
    profile: Profile,
    align: Align = "auto",
    face: int = 0,
    marked: Any = None,
    search: FaceSearch | None = None,
    progress: Progress | None = None,
) -> Framing:
    """Choose the square of an upright RGB picture that a model is to read.

    The arguments are those of `StyleMaskPipeline.frame`; `marked` are the landmarks.
    """
    if align not in ("auto", "none"):
        raise InvalidInputError(f"align {align!r} is unknown: choose 'auto' or 'none'")
    if not is_whole(face) or face < 0:
        raise InvalidInputError(f"face {face!r} is not usable: give 0 for the largest, 1, 2, …")
    check_one_way(face > 0, marked is not None, align == "none")
    whole, is_square = alignment.centred_quad(picture.size), picture.width == picture.height
    if marked is not None:
        points = alignment.check_landmarks(marked, picture.size)
        return Framing(alignment.ffhq_quad(points), [])
    if align == "none":
        if not is_square:
            raise InvalidInputError(
                f"an aligned picture is square, this is {picture.width}×{picture.height}"
            )
        return Framing(whole, [])
    search = search or find_faces(picture, profile, progress)
    faces, note = search.faces, search.note
    if search.failed and profile.needs_face:
        raise DetectorError(f"{note}; eyes and mouth corners can be marked instead")
    if face >= max(1, len(faces)):
        raise InvalidInputError(
            f"face number {face + 1} was asked for, largest first, but {len(faces)} found"
        )
    if not faces:
        if profile.needs_face:
            raise NoFaceError(
                "no face was found: give a photo with an upright, frontal face that fills much of "
                "it, mark eyes and mouth corners, or say that the picture is aligned already"
            )
        square = f"the {'whole picture' if is_square else 'centred square'} is taken"
        reason = note if search.failed else f"{note}; no face was found".removeprefix("; ")
        hint = f"{square}, and drawn as a head; a small face may be missed"
        return Framing(whole, [], f"{reason}: {hint}")
    quad = faces[int(face)].quad
    if is_square and alignment.deviation(quad, whole) <= profile.tolerance:
        quad = whole
    return Framing(quad, faces, note)
