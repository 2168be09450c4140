"""Faces by the `face-alignment` package: 68 landmarks each, by networks.

Source: Bulat and Tzimiropoulos 2017 (2DFAN-4); Zhang et al. 2017 (S3FD) for the boxes.
"""

import threading

import numpy as np
from PIL import Image

from stylemask_core.downloads import Progress
from stylemask_core.errors import DetectorError
from stylemask_core.faces import fan_weights as landmark_weights
from stylemask_core.faces import landmarks
from stylemask_core.faces.landmarks import Face, largest_first
from stylemask_core.pictures import alignment


class FaceAlignmentDetector:
    """Finds faces at any angle the networks know, in seconds on a CPU.

    Args:
        progress: called while weights are downloaded.

    Raises:
        DetectorError: the package is missing, or its weights cannot be had.
    """

    name = landmarks.FACE_ALIGNMENT
    note = ""

    def __init__(self, progress: Progress | None = None) -> None:
        try:
            import face_alignment
        except ImportError as error:  # also where libGL or glib of the system are missing
            raise DetectorError(
                f"face-alignment cannot be loaded ({error}): {landmarks.INSTALL_HINT}"
            ) from error
        weights = landmark_weights.prepare(progress)
        try:
            self._networks = face_alignment.FaceAlignment(
                face_alignment.LandmarksType.TWO_D,
                device="cpu",
                compile=False,
                face_detector="sfd",
                # named, so that the library loads it as weights only
                face_detector_kwargs={
                    "path_to_detector": str(weights / landmark_weights.BOX_WEIGHTS)
                },
            )
        except Exception as error:  # the files are whole: what fails now is the library's own
            reason = str(error).partition("\n")[0]
            raise DetectorError(f"face-alignment cannot be started: {reason}") from error
        self._lock = threading.Lock()  # one picture at a time: the networks fill all cores

    def detect(self, image: Image.Image) -> list[Face]:
        """Find the faces of an upright RGB picture of at most MAX_SIDE px, the largest first."""
        pixels = np.asarray(image.convert("RGB"))
        with self._lock:
            boxes = self._networks.face_detector.detect_from_image(pixels)
            if len(boxes) == 0:
                return []
            found = self._networks.get_landmarks_from_image(pixels, detected_faces=boxes)
        faces = []
        for box, points in zip(boxes, found, strict=True):
            # half a pixel: FFHQ's recipe takes such landmarks for centres of pixels
            marks = points.astype(np.float64) + 0.5
            if np.isfinite(marks).all():
                faces.append(Face(alignment.eyes_and_mouth(marks), marks, float(box[4])))
        return largest_first(faces)
