"""Faces by the `face-alignment` package: 68 landmarks each, by networks.

The library loads whatever lies in its folder, and downloads it unchecked. So its files are brought
there first and held against the SHA-256 prefix in their names; only then the library is called.

Source: Bulat and Tzimiropoulos 2017 (2DFAN-4); Zhang et al. 2017 (S3FD) for the boxes.
"""

import http.client
import logging
import os
import shutil
import threading
import urllib.request
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from stylemask_core import downloads
from stylemask_core.downloads import Progress
from stylemask_core.errors import DetectorError
from stylemask_core.faces import landmarks
from stylemask_core.faces.landmarks import Face, largest_first
from stylemask_core.files import sha256, whole
from stylemask_core.pictures import alignment, file_kinds

# a folder that has the files, instead of their site
WEIGHTS_VARIABLE = "STYLEMASK_LANDMARK_WEIGHTS"
SITE = "https://www.adrianbulat.com/downloads/python-fan/"
LANDMARK_WEIGHTS = "2DFAN4-11f355bf06.pth.tar"
BOX_WEIGHTS = "s3fd-619a316812.pth"
WHAT = "face landmark weights"  # what progress is told of
ABOUT = f"{WHAT} (190 MB, once)"
MAX_BYTES = 256 * 2**20  # of one file: more is not what was asked for
TIMEOUT = 10.0  # [s] without an answer: an offline machine is not to be waited for
CHUNK = 2**20  # [bytes]

logger = logging.getLogger(__name__)


class FaceAlignmentDetector:
    """Finds faces at any angle the networks know, in seconds on a CPU."""

    name = landmarks.FACE_ALIGNMENT
    note = ""

    def __init__(self, progress: Progress | None = None) -> None:
        try:
            import face_alignment
        except ImportError as error:  # also where libGL or glib of the system are missing
            raise DetectorError(
                f"face-alignment cannot be loaded ({error}): {landmarks.INSTALL_HINT}"
            ) from error
        weights = prepare(progress)
        try:
            self.networks = face_alignment.FaceAlignment(
                face_alignment.LandmarksType.TWO_D,
                device="cpu",
                compile=False,
                face_detector="sfd",
                # named, so that the library loads it as weights only
                face_detector_kwargs={"path_to_detector": str(weights / BOX_WEIGHTS)},
            )
        except Exception as error:  # the files are whole: what fails now is the library's own
            reason = str(error).partition("\n")[0]
            raise DetectorError(f"face-alignment cannot be started: {reason}") from error
        self._lock = threading.Lock()  # one picture at a time: the networks fill all cores

    def detect(self, image: Image.Image) -> list[Face]:
        """Find the faces of an upright RGB picture of at most MAX_SIDE px, the largest first."""
        pixels = np.asarray(image.convert("RGB"))
        with self._lock:
            boxes = self.networks.face_detector.detect_from_image(pixels)
            if len(boxes) == 0:
                return []
            marks = self.networks.get_landmarks_from_image(pixels, detected_faces=boxes)
        faces = []
        for box, points in zip(boxes, marks, strict=True):
            # half a pixel: FFHQ's recipe takes such landmarks for centres of pixels
            points = points.astype(np.float64) + 0.5
            if np.isfinite(points).all():
                faces.append(Face(alignment.eyes_and_mouth(points), points, float(box[4])))
        return largest_first(faces)


def prepare(progress: Progress | None = None) -> Path:
    """Make sure that the library finds both files, whole; returns their folder."""
    folder = _folders()[0]
    for name in (LANDMARK_WEIGHTS, BOX_WEIGHTS):
        try:
            if not ((folder / name).is_file() and _is_sound(folder / name, name)):
                folder.mkdir(parents=True, exist_ok=True)
                _bring(name, folder, progress)
        except (OSError, ValueError, http.client.HTTPException) as error:
            cause = getattr(error, "reason", error)  # of an URLError, the error of the socket
            certificate = downloads.certificate_trouble(error)
            reason = certificate or getattr(cause, "strerror", None) or cause
            raise DetectorError(
                f"{name} cannot be had from {_origin()} ({reason}); {WEIGHTS_VARIABLE} can name a "
                "folder that has it"
            ) from error
    return folder


def folder_if_there() -> Path | None:
    """The folder that has both files, by name alone; None if they have yet to be brought."""
    for folder in _folders():
        if all((folder / name).is_file() for name in (LANDMARK_WEIGHTS, BOX_WEIGHTS)):
            return folder
    return None


def _folders() -> list[Path]:
    """Where the library looks for them, and the folder that people name."""
    named = os.environ.get(WEIGHTS_VARIABLE)
    own = Path(torch.hub.get_dir()) / "checkpoints"
    return [own, Path(named).expanduser()] if named else [own]


def _origin() -> str:
    return os.environ.get(WEIGHTS_VARIABLE) or SITE


def _is_sound(path: Path, name: str) -> bool:
    return sha256(path).startswith(name.split(".")[0].rpartition("-")[2])


def _bring(name: str, folder: Path, progress: Progress | None) -> None:
    """Put a file into the folder, whole or not at all; other processes may do the same."""
    logger.info("%s: %s from %s", ABOUT, name, _origin())
    with whole(folder / name) as draft:
        if named := _folders()[1:]:
            path = named[0] / name
            if file_kinds.is_lfs_pointer(path):
                raise DetectorError(f"{path} {file_kinds.LFS_POINTER}")
            shutil.copyfile(path, draft)
        else:
            _download(name, draft, progress)
        if not _is_sound(draft, name):
            raise DetectorError(
                f"{name} from {_origin()} was damaged or changed on its way (its SHA-256 does not "
                "fit) and was deleted"
            )


def _download(name: str, draft: Path, progress: Progress | None) -> None:
    # not torch.hub.download_url_to_file: it has no timeout, no limit and tells nobody how far it is
    arrived = 0
    with urllib.request.urlopen(SITE + name, timeout=TIMEOUT) as source, draft.open("xb") as file:
        total = int(source.headers.get("Content-Length") or 0)
        while chunk := source.read(CHUNK):
            arrived += len(chunk)
            if arrived > MAX_BYTES:
                raise DetectorError(f"{name} from {SITE} is larger than it can be")
            file.write(chunk)
            if progress is not None:
                progress(WHAT, arrived, total)
    if arrived < total:
        raise DetectorError(f"the download of {name} broke off: try again later")
