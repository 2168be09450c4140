"""Visitors' files and what is remembered of them are deleted by age."""

import logging
import threading
import time
from collections.abc import Collection
from pathlib import Path

import gradio as gr

from demo.photos import Photos

LONGEST_PAUSE = 600.0  # [s] between two sweeps
SWEEPS = 6  # in the time that a file is kept

logger = logging.getLogger(__name__)


class Retention:
    """Sweeps the folder of uploads and results while the page is served.

    Gradio's own `delete_cache` knows the files that its components were given. Broken uploads,
    pictures sent inside a call and the like are in the same folder, and only this finds them.

    Args:
        demo: the page; files that its components show from the start stay.
        photos: what is remembered of photos is dropped by age too; its examples stay.
        age: of what is deleted [s].
    """

    def __init__(self, demo: gr.Blocks, photos: Photos, age: float) -> None:
        self._demo, self._photos, self._age = demo, photos, age

    def start(self, folder: Path) -> None:
        """Sweep a folder from now on, in a thread that does not outlive the server."""
        threading.Thread(target=self._run, args=(folder,), name="retention", daemon=True).start()

    def _run(self, folder: Path) -> None:
        while True:
            time.sleep(min(LONGEST_PAUSE, self._age / SWEEPS))
            try:
                self._photos.forget(self._age)
                own = set(self._photos.examples)
                for block in list(self._demo.blocks.values()):
                    own |= getattr(block, "keep_in_cache", set())
                delete_old(folder, self._age, own)
            except Exception:  # the next sweep is to come whatever happened in this one
                logger.exception("a sweep of %s failed", folder)


def delete_old(folder: Path, age: float, keep: Collection[str] = ()) -> None:
    """Delete the files of a folder, and the folders in it that are empty, by age.

    Args:
        folder: is itself left.
        age: since a file was made or touched [s].
        keep: paths of files that stay.
    """
    end = time.time() - age
    for path in sorted(folder.rglob("*"), reverse=True):  # a folder after its files
        try:
            if path.lstat().st_ctime > end or str(path) in keep:
                continue
            if path.is_dir() and not path.is_symlink():
                if not any(path.iterdir()):
                    path.rmdir()
            else:
                path.unlink()
        except OSError:  # another sweep was faster, or it is in use again
            continue
