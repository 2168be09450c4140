"""Faces by OpenCV's Haar cascades: the eyes are found, the mouth is estimated. Needs no download.

The cascades know upright frontal faces, so a picture is searched turned by several angles. Every
face box is enlarged and eyes are looked for in it; of all eye pairs that mean one face, those with
the strongest support decide.

Source: Viola and Jones 2001; the cascades come with OpenCV.
"""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from stylemask_core.errors import DetectorError
from stylemask_core.faces import landmarks
from stylemask_core.faces.landmarks import Face, largest_first

FACES = "haarcascade_frontalface_alt2.xml"
EYES = ("haarcascade_eye.xml", "haarcascade_eye_tree_eyeglasses.xml")
ANGLES = (0.0, -15.0, 15.0, -30.0, 30.0)  # [deg] tried for every picture
LAST_ANGLES = (180.0, 90.0, -90.0)  # [deg] tried one by one where those find nothing
SCANNED = 512  # [px] long side of the copy that face boxes are sought in
MIN_BOX = 24  # [px] of that copy: smaller faces are not sought
PATCH = 240  # [px] side that every face box is brought to before eyes are sought in it
EYE_SIZES = (36, 90)  # [px] in the patch
EYE_ROWS = 0.62  # share of the patch, from its top, where eyes can lie

# A pair of eyes in a face box, in sides of the box.
EYE_DISTANCE = (0.3, 0.62)
EYE_SLOPE = 0.3  # rise over run at most
OFF_CENTRE = 0.17  # of the pair's middle, at most

MIN_SUPPORT = 4.0  # of a face: sum of the weights that the eye cascades give, over all angles
SAME_FACE = 0.6  # [eye distances] between the middles of eye pairs that mean one face
GOOD_SHARE = 0.6  # of the best pair's support: pairs above it are averaged

# What the boxes of the eye cascade are off by, and where the mouth lies, in eye distances along
# and across the line of the eyes; see docs/alignment.md for how they were measured.
EYES_TOO_WIDE = 0.025  # each
MOUTH_BELOW, MOUTH_HALF_WIDTH = 1.0, 0.4


@dataclass(frozen=True)
class _EyePair:
    """Two eyes, [2, 2] px, left first, and how sure the cascade is."""

    eyes: np.ndarray
    support: float

    @property
    def distance(self) -> float:
        return float(np.hypot(*(self.eyes[1] - self.eyes[0])))

    def means_same_face(self, other: "_EyePair") -> bool:
        apart = float(np.hypot(*(self.eyes.mean(0) - other.eyes.mean(0))))
        return apart < SAME_FACE * max(self.distance, other.distance)


class HaarDetector:
    """Finds frontal faces, turned by up to about 40° or by quarter turns."""

    name = landmarks.HAAR

    def __init__(self, note: str = "") -> None:
        self.note = note
        try:
            import cv2
        except ImportError as error:  # also where libGL or glib of the system are missing
            raise DetectorError(
                f"OpenCV cannot be loaded ({error}): {landmarks.INSTALL_HINT}"
            ) from error
        if not hasattr(cv2, "CascadeClassifier"):
            raise DetectorError(
                f"OpenCV {cv2.__version__} has no cascades: {landmarks.INSTALL_HINT}"
            )
        self._cv2: Any = cv2
        folder = Path(self._cv2.data.haarcascades)
        self._faces, *self._eyes = (
            self._cv2.CascadeClassifier(str(folder / name)) for name in (FACES, *EYES)
        )
        if any(cascade.empty() for cascade in (self._faces, *self._eyes)):
            raise DetectorError(f"OpenCV has no cascades in {folder}: {landmarks.INSTALL_HINT}")
        self._lock = threading.Lock()  # a cascade keeps state while it works

    def detect(self, image: Image.Image) -> list[Face]:
        """Find the faces of an upright RGB picture, the largest first."""
        grey = np.asarray(image.convert("L"))
        with self._lock:
            pairs = [pair for angle in ANGLES for pair in self._search(grey, angle)]
            faces = _faces(pairs, image.size)
            for angle in LAST_ANGLES:
                if not faces:
                    faces = _faces(self._search(grey, angle), image.size)
        return largest_first(faces)

    def _search(self, grey: np.ndarray, angle: float) -> list[_EyePair]:
        turned, back = self._turned(grey, angle)
        scale = max(1.0, max(grey.shape) / SCANNED)
        size = [max(1, round(length / scale)) for length in turned.shape[::-1]]
        coarse = self._cv2.resize(turned, size, interpolation=self._cv2.INTER_AREA)
        pairs = []
        for box in self._faces.detectMultiScale(coarse, 1.1, 3, minSize=(MIN_BOX, MIN_BOX)):
            left, top, width, height = (box * scale).round().astype(int)
            for pair in self._eye_pairs(turned[top : top + height, left : left + width]):
                eyes = pair.eyes * width / PATCH + (left, top)
                pairs.append(_EyePair(eyes @ back[:, :2].T + back[:, 2], pair.support))
        return pairs

    def _turned(self, grey: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
        """A picture turned about its centre, nothing cut off, and the affine map [2, 3] back."""
        if angle == 0:
            return grey, np.eye(2, 3)
        height, width = grey.shape
        turn = self._cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
        cosine, sine = abs(turn[0, 0]), abs(turn[0, 1])
        size = round(width * cosine + height * sine), round(width * sine + height * cosine)
        turn[:, 2] += (np.array(size) - (width, height)) / 2
        border = self._cv2.BORDER_REPLICATE
        return (
            self._cv2.warpAffine(grey, turn, size, borderMode=border),
            self._cv2.invertAffineTransform(turn),
        )

    def _eye_pairs(self, patch: np.ndarray) -> list[_EyePair]:
        """Each eye cascade's best supported pair in a face box, in px of the enlarged patch."""
        shrinks = patch.shape[0] > PATCH
        how = self._cv2.INTER_AREA if shrinks else self._cv2.INTER_CUBIC
        patch = self._cv2.resize(patch, (PATCH, PATCH), interpolation=how)
        pairs = [self._eye_pair(patch[: round(EYE_ROWS * PATCH)], eyes) for eyes in self._eyes]
        return [pair for pair in pairs if pair is not None]

    def _eye_pair(self, patch: np.ndarray, cascade: Any) -> _EyePair | None:
        boxes, _, weights = cascade.detectMultiScale3(
            patch,
            1.05,
            3,
            minSize=(EYE_SIZES[0],) * 2,
            maxSize=(EYE_SIZES[1],) * 2,
            outputRejectLevels=True,
        )
        eyes = [
            (np.array([left + width / 2, top + height / 2]), float(weight))
            for (left, top, width, height), weight in zip(boxes, weights, strict=True)
        ]
        pairs = [
            _EyePair(np.stack([left, right]), left_weight + right_weight)
            for left, left_weight in eyes
            for right, right_weight in eyes
            if _plausible(left, right)
        ]
        return max(pairs, key=lambda pair: pair.support, default=None)


def _plausible(left: np.ndarray, right: np.ndarray) -> bool:
    """Whether two points of a patch can be the eyes of its face."""
    (run, rise), middle = (right - left) / PATCH, (left[0] + right[0]) / 2 / PATCH
    near, far = EYE_DISTANCE
    centred = abs(middle - 0.5) < OFF_CENTRE
    return bool(near < run < far and abs(rise) < EYE_SLOPE * run and centred)


def _faces(pairs: list[_EyePair], size: tuple[int, int]) -> list[Face]:
    """One face for all pairs that mean the same one; half faces at the border are left out."""
    faces = []
    left = sorted(pairs, key=lambda pair: pair.support, reverse=True)
    while left:
        best = left[0]
        same = [pair for pair in left if pair.means_same_face(best)]
        left = [pair for pair in left if not pair.means_same_face(best)]
        good = [pair for pair in same if pair.support >= GOOD_SHARE * best.support]
        weights = [pair.support for pair in good]
        points = _points(np.average([pair.eyes for pair in good], axis=0, weights=weights))
        support = sum(pair.support for pair in same)
        inside = (points >= 0).all() and (points <= size).all()
        if support >= MIN_SUPPORT and inside:
            faces.append(Face(points, None, support))
    return faces


def _points(eyes: np.ndarray) -> np.ndarray:
    """Eyes and estimated mouth corners [4, 2], from the middles of the eye boxes [2, 2]."""
    inward = EYES_TOO_WIDE * (eyes[1] - eyes[0])
    eyes = eyes + np.stack([inward, -inward])
    along = eyes[1] - eyes[0]
    down = np.array([-along[1], along[0]])
    mouth = eyes.mean(0) + MOUTH_BELOW * down
    return np.stack(
        [*eyes, mouth - MOUTH_HALF_WIDTH * along, mouth + MOUTH_HALF_WIDTH * along]
    ).astype(np.float64)
