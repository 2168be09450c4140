"""The weights `face-alignment` needs, brought to where it looks for them and checked.

The library loads whatever lies in its folder, and downloads it unchecked. So its files are brought
there first and held against the SHA-256 prefix in their names; only then the library is called.
"""

import hashlib
import http.client
import logging
import os
import secrets
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import IO

import torch

from stylemask_core import downloads
from stylemask_core.downloads import Progress
from stylemask_core.errors import DetectorError
from stylemask_core.pictures import file_kinds

WEIGHTS_VARIABLE = (
    "STYLEMASK_LANDMARK_WEIGHTS"  # a folder that has the files, instead of their site
)
SITE = "https://www.adrianbulat.com/downloads/python-fan/"
LANDMARK_WEIGHTS = "2DFAN4-11f355bf06.pth.tar"
BOX_WEIGHTS = "s3fd-619a316812.pth"
WHAT = "face landmark weights"  # what progress is told of
ABOUT = f"{WHAT} (190 MB, once)"
MAX_BYTES = 256 * 2**20  # of one file: more is not what was asked for
TIMEOUT = 10.0  # [s] without an answer: an offline machine is not to be waited for
CHUNK = 2**20  # [bytes]

logger = logging.getLogger(__name__)


def prepare(progress: Progress | None = None) -> Path:
    """Make sure that the library finds both files, whole.

    Args:
        progress: called while they are downloaded; copies are quick.

    Returns:
        The folder of both.

    Raises:
        DetectorError: they cannot be had, or are not what they should be.
    """
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    if os.environ.get(WEIGHTS_VARIABLE):
        progress = None
    for name in (LANDMARK_WEIGHTS, BOX_WEIGHTS):
        try:
            if not _is_whole(folder / name):
                folder.mkdir(parents=True, exist_ok=True)
                _bring(name, folder, progress)
        except (OSError, ValueError, http.client.HTTPException) as error:
            cause = getattr(error, "reason", error)  # of an URLError, the error of the socket
            reason = (
                downloads.certificate_trouble(error) or getattr(cause, "strerror", None) or cause
            )
            raise DetectorError(
                f"{name} cannot be had from {_origin()} ({reason}); {WEIGHTS_VARIABLE} can name a "
                "folder that has it"
            ) from error
    return folder


def folder_if_there() -> Path | None:
    """The folder that has both files, by name alone; None if they have yet to be brought."""
    named = os.environ.get(WEIGHTS_VARIABLE)
    for folder in (Path(torch.hub.get_dir()) / "checkpoints", *([Path(named)] if named else [])):
        if all((folder / name).is_file() for name in (LANDMARK_WEIGHTS, BOX_WEIGHTS)):
            return folder
    return None


def _origin() -> str:
    return os.environ.get(WEIGHTS_VARIABLE) or SITE


def _expected(name: str) -> str:
    """The first digits of the file's SHA-256, from its name."""
    return name.split(".")[0].rpartition("-")[2]


def _is_whole(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest().startswith(_expected(path.name))


def _open(name: str) -> tuple[IO[bytes], int]:
    """The file at its origin, and its size in bytes, 0 where that is unknown."""
    if given := os.environ.get(WEIGHTS_VARIABLE):
        path = Path(given).expanduser() / name
        if file_kinds.is_lfs_pointer(path):
            raise DetectorError(f"{path} {file_kinds.LFS_POINTER}")
        return path.open("rb"), path.stat().st_size
    answer = urllib.request.urlopen(SITE + name, timeout=TIMEOUT)
    return answer, int(answer.headers.get("Content-Length") or 0)


def _bring(name: str, folder: Path, progress: Progress | None) -> None:
    """Put a file into the folder, whole or not at all; other processes may do the same."""
    logger.info("%s: %s from %s", ABOUT, name, _origin())
    draft = folder / f".{name}-{secrets.token_hex(8)}"
    digest, done = hashlib.sha256(), 0
    source, total = _open(name)
    try:
        with source, draft.open("xb") as file:
            while chunk := source.read(CHUNK):
                done += len(chunk)
                if done > MAX_BYTES:
                    raise DetectorError(f"{name} from {_origin()} is larger than it can be")
                file.write(chunk)
                digest.update(chunk)
                if progress is not None:
                    progress(WHAT, done, total)
        if done < total:
            raise DetectorError(f"the download of {name} broke off: try again later")
        if not digest.hexdigest().startswith(_expected(name)):
            raise DetectorError(
                f"{name} from {_origin()} was damaged or changed on its way (its SHA-256 does not "
                "fit) and was deleted"
            )
        draft.replace(folder / name)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
