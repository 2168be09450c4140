"""Which square of a picture a model reads: a face found, one marked by hand, or all of it."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from PIL import Image

from stylemask_core.by_value import ByValue
from stylemask_core.checks import is_whole
from stylemask_core.errors import DetectorError, InvalidInputError, NoFaceError
from stylemask_core.faces import landmarks
from stylemask_core.faces.landmarks import Face
from stylemask_core.pictures import alignment, images
from stylemask_core.progress import Progress

Align = Literal["auto", "none"]


@dataclass(frozen=True)
class Profile:
    """How pictures of one of `config.ALIGNMENTS` are framed.

    Args:
        detector: kind of the face detector, None for the default one.
        searched_side: long side of the copy in which faces are sought [px].
        tolerance: a square picture whose face's quad is this close to the whole of it, in sides,
            counts as aligned already and is not resampled again.
        needs_face: whether a picture without a face is refused; else its centred square is taken.
    """

    detector: str | None
    searched_side: int
    tolerance: float
    needs_face: bool


DOUBT = 0.4  # [sides] a face's quad this far from an aligned picture's whole is doubted
DOUBT_SIDE = 320  # [px] long side of the copy searched for it
# Measured: docs/alignment.md.
PROFILES = {
    "ffhq": Profile(None, landmarks.MAX_SIDE, 0.05, needs_face=True),
    "heads": Profile(landmarks.HAAR, 320, 0.25, needs_face=False),
}


@dataclass(frozen=True, eq=False)
class Framing(ByValue):
    """A square of a picture.

    Args:
        quad: [4, 2] px in the upright picture: top left, bottom left, bottom right, top right.
        faces: the faces that were found, largest first.
        note: "", or one sentence on what had to stand in for something better.
    """

    quad: np.ndarray
    faces: list[Face]
    note: str = ""

    def cut(self, picture: Image.Image, size: int) -> Image.Image:
        """The square of the picture, resampled to a side [px]."""
        if np.array_equal(self.quad, alignment.centred_quad(picture.size)):
            return images.centre_square(picture, size)
        return alignment.crop(picture, self.quad, size)


def find_faces(
    picture: Image.Image, profile: Profile, progress: Progress | None = None
) -> tuple[list[Face], str]:
    """Find the faces of an upright RGB picture.

    Returns:
        The faces, largest first, and the note of the detector.

    Raises:
        DetectorError: no detector can be used on this machine.
    """
    detector = landmarks.default_detector(profile.detector, progress)
    small, scale = images.shrunk(picture, profile.searched_side)
    return [face.scaled(scale) for face in detector.detect(small)], detector.note


def check_one_way(numbered: bool, marked: bool, aligned: bool) -> None:
    """Check that a face is chosen in one way at most.

    Raises:
        InvalidInputError: it is chosen in several.
    """
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
    progress: Progress | None = None,
    found: list[Face] | None = None,
) -> Framing:
    """Choose the square of a picture that a model is to read.

    Args:
        picture: RGB, upright.
        profile: one of PROFILES.
        align: "auto" looks for faces; "none" takes a square picture as it is.
        face: index among the faces found, 0 for the largest.
        marked: landmarks [4, 2] or [68, 2] that stand in for a search, or None.
        progress: called while a detector's weights are downloaded.
        found: what an earlier search gave, in place of a new one.

    Raises:
        InvalidInputError: arguments that contradict each other or the picture.
        NoFaceError: no face in a picture that needs one.
        DetectorError: no detector can be used on this machine, and a face is needed.
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
    taken = f"the {'whole picture' if is_square else 'centred square'} is taken"
    missing = f"no face was found: {taken}, and drawn as a head; a small face may be missed"
    try:
        faces, note = (found, "") if found is not None else find_faces(picture, profile, progress)
    except DetectorError as error:
        if profile.needs_face:
            raise
        faces, note, missing = [], "", f"faces cannot be sought, so {taken}: {error}"
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
        return Framing(whole, [], f"{note}; {missing}" if note else missing)
    quad = faces[int(face)].quad
    if is_square and alignment.deviation(quad, whole) <= profile.tolerance:
        quad = whole
    return Framing(quad, faces, note)


def doubt(picture: Image.Image, profile: Profile) -> str:
    """Why a picture that is said to be aligned may be framed otherwise, "" if nothing tells so.

    Args:
        picture: RGB, upright, square.
        profile: one of PROFILES.
    """
    try:
        # not the default detector: no weights are to be downloaded for a doubt
        haar = replace(profile, detector=landmarks.HAAR, searched_side=DOUBT_SIDE)
        faces, _ = find_faces(picture, haar)
    except DetectorError:
        return ""
    whole = alignment.centred_quad(picture.size)
    if not faces or min(alignment.deviation(face.quad, whole) for face in faces) <= DOUBT:
        return ""
    x, y = faces[0].points.mean(0)
    return f"its face is not where an aligned picture has it, but at {x:.0f},{y:.0f}"
