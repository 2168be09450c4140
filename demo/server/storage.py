"""A server's files, uploads and results: the room they may take, and when they are deleted."""

import hashlib
import io
import logging
import math
import os
import shutil
import stat
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from weakref import WeakSet

import gradio as gr
from PIL import Image

from demo.server.gradio_private import get_upload_folder
from stylemask.provenance import stamps
from stylemask.provenance.stamps import Stamp
from stylemask_core import StyleMaskError
from stylemask_core.files import write_whole
from stylemask_core.pictures.images import enlarged

LIMIT = 2_000_000_000  # [bytes] of all files of visitors together
SPARE = 16_000_000  # [bytes] that are left free on the disk
FRESH = 60.0  # [s] in which a new file is not deleted for want of room: it is being fetched
LONGEST_PAUSE = 600.0  # [s] between two sweeps
SWEEPS = 6  # in the time that a file is kept
COMPRESSION = 1  # of PNG: a third of the time of the usual 6 for a quarter more bytes

logger = logging.getLogger(__name__)


class ServerFullError(StyleMaskError):
    """There is no room for what was sent or made, and none can be made now."""

    def __init__(self) -> None:
        super().__init__("the server is full: try again later")


class _File(NamedTuple):
    """A file that may be deleted: when it was last made or touched, and its size [bytes]."""

    time: float
    size: int
    path: Path


class Storage:
    """The files in one upload folder, where Gradio keeps uploads and this program its results.

    What pages show from the start is never deleted, and neither is what a call that waits or runs
    names or has made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.limit = LIMIT
        self.own: set[str] = set()  # files that pages show from the start
        self._pages: WeakSet[gr.Blocks] = WeakSet()
        self._lock = threading.RLock()
        self._made: dict[str, float] = {}  # when this program wrote or touched a file last
        self._used = math.inf  # [bytes] at the last count and written since
        self._held = 0  # [bytes] of what is being written

    def serve(self, page: gr.Blocks) -> None:
        """Spare the files of a page and of its calls from now on."""
        self._pages.add(page)

    @contextmanager
    def room(self, size: int) -> Iterator[None]:
        """Write a file within the block; the oldest are deleted for it if need be."""
        self.hold(size)
        try:
            yield
        except OSError as error:
            self.clear(size, error)
            raise ServerFullError from error
        finally:
            self.release(size)

    def hold(self, size: int) -> None:
        """Keep room for a file that is about to be written, until `release`."""
        with self._lock:
            if not self._fits(size):
                self._delete_oldest(size)
            if not self._fits(size):
                logger.error("no room in %s for another %d bytes", self.folder, size)
                raise ServerFullError
            self._held += size

    def release(self, size: int) -> None:
        """Count a file as written."""
        with self._lock:
            self._held -= size
            self._used += size

    def clear(self, size: int, error: OSError) -> None:
        """Free what may be freed after a write failed, so that the next one succeeds."""
        logger.error("cannot write in %s: %s", self.folder, error.strerror or error)
        with self._lock:
            self._delete_oldest(size, at_least=size + SPARE)

    def write(self, path: Path, data: bytes) -> None:
        """Write a whole file or none."""
        with self.room(len(data)):
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._lock:  # what a running call has made is not deleted, see _needed
                self._made[str(path)] = time.time()
            write_whole(path, data)

    def touch(self, path: Path) -> bool:
        """Make a file young again, if it is there."""
        with self._lock:  # it is not deleted in between
            try:
                os.utime(path)
            except OSError:
                return False
            self._made[str(path)] = time.time()
            return True

    def delete_old(self, age: float) -> None:
        """Delete what was made or touched longer ago [s], and folders that were empty so long."""
        with self._lock:
            end, needed = time.time() - age, self._needed()
            for file in self._files():
                if file.time < end and str(file.path) not in needed:
                    self._delete(file.path)
            for folder in sorted(self.folder.rglob("*"), reverse=True):  # the inner ones first
                with suppress(OSError):  # it is a file, or not empty
                    if _last_used(folder.lstat()) < end:
                        folder.rmdir()

    def sweep(self, age: float, forget: Callable[[float], None]) -> None:
        """Delete by age [s] from now on, in a thread that does not outlive the server.

        What is remembered is forgotten at that age, too.
        """

        def run() -> None:
            while True:
                time.sleep(min(LONGEST_PAUSE, age / SWEEPS))
                try:
                    forget(age)
                    self.delete_old(age)
                except Exception:  # the next sweep is to come whatever happened in this one
                    logger.exception("a sweep failed")

        threading.Thread(target=run, name="sweep", daemon=True).start()

    def _fits(self, size: int) -> bool:
        """Whether a file can be written now."""
        if self._used + self._held + size > self.limit:
            return False
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self.folder).free
        except OSError:
            return False
        return free >= size + SPARE and os.access(self.folder, os.W_OK)

    def _delete_oldest(self, size: int, at_least: int = 0) -> None:
        """Count the files, and delete the oldest until another one of that size fits.

        So many bytes at least are deleted, whether it fits or not.
        """
        files, needed, end = sorted(self._files()), self._needed(), time.time() - FRESH
        self._used, freed = sum(file.size for file in files), 0
        for file in files:
            if file.time >= end or (freed >= at_least and self._fits(size)):
                break
            if str(file.path) not in needed and self._delete(file.path):
                self._used -= file.size
                freed += file.size

    def _files(self) -> list[_File]:
        """All files of visitors."""
        own = set(self.own)
        for page in list(self._pages):
            for block in list(page.blocks.values()):
                own |= {str(Path(path).resolve()) for path in getattr(block, "keep_in_cache", ())}
        files = []
        for path in self.folder.rglob("*"):
            with suppress(OSError):  # it is gone
                status = path.lstat()
                if not stat.S_ISDIR(status.st_mode) and str(path) not in own:
                    files.append(_File(_last_used(status), status.st_size, path))
        return files

    def _needed(self) -> set[str]:
        """Files that calls name which wait or run, and what those that run have made so far."""
        pages = list(self._pages)
        since = min((page.line.queue.running_since() for page in pages), default=math.inf)
        made = {path for path, moment in self._made.items() if moment >= since}
        return made.union(*(page.line.files() for page in pages))

    def _delete(self, path: Path) -> bool:
        try:
            path.unlink()
        except OSError:  # it is gone, or open on Windows
            return False
        self._made.pop(str(path), None)
        return True


def storage() -> Storage:
    """The storage of this process's upload folder."""
    return _storage_of(get_upload_folder())


@lru_cache
def _storage_of(folder: str) -> Storage:
    return Storage(Path(folder))


def _last_used(status: os.stat_result) -> float:
    return max(status.st_mtime, status.st_ctime)


def file_of(data: bytes, name: str) -> str:
    """Write a download; returns its path.

    The folder is named by the content, as Gradio does it, but an existing file is left in place:
    Gradio's own writer would empty it first, under the eyes of a browser that is loading it.
    """
    store = storage()
    path = store.folder / hashlib.sha256(data).hexdigest() / name
    if not store.touch(path):
        store.write(path, data)
    return str(path)


def plain_file(picture: Image.Image, name: str) -> str:
    """Write a picture that no model made, unmarked; returns its path."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=COMPRESSION)
    return file_of(buffer.getvalue(), f"{name}.png")


def picture_file(picture: Image.Image, name: str, stamp: Stamp, enlarge: bool = True) -> str:
    """Write a picture, marked, and if wanted a small square one enlarged; returns its path."""
    whole = enlarged(picture) if enlarge else picture
    return file_of(stamps.encode(whole, stamp, "PNG", compress_level=COMPRESSION), f"{name}.png")


def picture_files(pictures: dict[str, Image.Image], stamp: Stamp) -> tuple[str, ...]:
    """Write square pictures by name, at once: compressing one takes as long as making it."""
    with ThreadPoolExecutor() as pool:
        jobs = [pool.submit(picture_file, x, name, stamp) for name, x in pictures.items()]
        return tuple(job.result() for job in jobs)
