"""Faces in photos: what a detector finds, and which detector is used.

Two detectors stand behind one interface: `face-alignment` (68 landmarks by a network whose weights
are downloaded at first use) and OpenCV's Haar cascades (eyes found, mouth estimated, no download).
"""

import logging
import os
import threading
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image

from stylemask_core.checks import ByValue
from stylemask_core.downloads import Progress
from stylemask_core.errors import DetectorError, StyleMaskError
from stylemask_core.pictures import alignment

DETECTOR_VARIABLE = "STYLEMASK_DETECTOR"
AUTO, FACE_ALIGNMENT, HAAR = "auto", "face-alignment", "haar"
KINDS = (AUTO, FACE_ALIGNMENT, HAAR)
MAX_SIDE = 1024  # [px] long side of the pictures detectors read: time and memory grow with it
INSTALL_HINT = (
    "pip install face-alignment 'opencv-python<5', and libgl1 and libglib2.0-0 where the system "
    "lacks them"
)
BOX_SHARE = 0.6  # side of the box drawn around a face, in sides of its quad

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Face(ByValue):
    """A face in a photo.

    Coordinates are continuous, in pixels of the upright photo: 0, 0 is its top left corner.
    """

    # [4, 2] float64, x and y: the eye on the picture's left, the eye on its right, the left and the
    # right mouth corner; an eye is the centre of its contour
    points: np.ndarray
    landmarks: np.ndarray | None  # [68, 2] in iBUG's order where the detector gives them
    score: float  # the detector's own measure, comparable only within one detector

    def scaled(self, factor: float) -> "Face":
        """The same face in a picture that is so many times as large."""
        marks = None if self.landmarks is None else self.landmarks * factor
        return Face(self.points * factor, marks, self.score)

    @property
    def quad(self) -> np.ndarray:
        """Corners [4, 2] of the FFHQ crop, see `alignment.ffhq_quad`."""
        return alignment.ffhq_quad(self.points)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the box to draw around the face [px]."""
        x, y = self.points.mean(0)
        half = BOX_SHARE / 2 * alignment.side(self.quad)
        return float(x - half), float(y - half), float(x + half), float(y + half)


class FaceDetector(Protocol):
    """Finds faces."""

    name: str  # one of KINDS
    note: str  # "", or one sentence that says why this detector stands in for a better one

    def detect(self, image: Image.Image) -> list[Face]:
        """Find the faces of an upright RGB picture of at most MAX_SIDE px, the largest first."""
        ...


DETECTORS: dict[str, FaceDetector] = {}
# A lock each: who needs the Haar cascades does not wait for a download.
_locks = {kind: threading.Lock() for kind in KINDS}


def default_detector(kind: str | None = None, progress: Progress | None = None) -> FaceDetector:
    """Return a detector; each is made once a process.

    Args:
        kind: one of KINDS; None for what STYLEMASK_DETECTOR says, "auto" if it says nothing.
            "auto" is `face-alignment` where it can be had, else the Haar cascades.
        progress: called while landmark weights are downloaded.

    Raises:
        StyleMaskError: there is no such kind.
        DetectorError: the detector cannot be used on this machine.
    """
    kind = kind or os.environ.get(DETECTOR_VARIABLE) or AUTO
    if kind not in KINDS:
        raise StyleMaskError(
            f"face detector {kind!r} is unknown: set {DETECTOR_VARIABLE} to {', '.join(KINDS)}"
        )
    with _locks[kind]:  # also keeps threads from downloading the same weights at once
        if kind not in DETECTORS:
            DETECTORS[kind] = _make(kind, progress)
        return DETECTORS[kind]


def _make(kind: str, progress: Progress | None) -> FaceDetector:
    # imported here: the core itself needs neither OpenCV nor face-alignment
    from stylemask_core.faces.fan import FaceAlignmentDetector
    from stylemask_core.faces.haar import HaarDetector

    if kind == HAAR:
        return HaarDetector()
    try:
        return FaceAlignmentDetector(progress)
    except DetectorError as error:
        if kind == FACE_ALIGNMENT:
            raise
        note = f"Haar cascades find the faces, less exactly than face-alignment: {error}"
        logger.warning("%s", note)
        return HaarDetector(note)


def largest_first(faces: list[Face]) -> list[Face]:
    """Sort faces by the size of their crop."""
    return sorted(faces, key=lambda face: alignment.side(face.quad), reverse=True)
