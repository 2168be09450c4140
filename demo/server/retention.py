"""Visitors' files and what is remembered of them are deleted by age."""

import logging
import threading
import time

import gradio as gr

from demo.photos import Photos
from demo.server.storage import storage

LONGEST_PAUSE = 600.0  # [s] between two sweeps
SWEEPS = 6  # in the time that a file is kept

logger = logging.getLogger(__name__)


class Retention:
    """Sweeps the folder of uploads and results while the page is served.

    Args:
        demo: the page; files that its components show from the start stay.
        photos: what is remembered of photos is dropped by age too.
        age: of what is deleted [s].
    """

    def __init__(self, demo: gr.Blocks, photos: Photos, age: float) -> None:
        self._photos, self._age, self._storage = photos, age, storage()
        self._storage.serve(demo)

    def start(self) -> None:
        """Sweep from now on, in a thread that does not outlive the server."""
        threading.Thread(target=self._run, name="retention", daemon=True).start()

    def _run(self) -> None:
        while True:
            time.sleep(min(LONGEST_PAUSE, self._age / SWEEPS))
            try:
                self._photos.forget(self._age)
                self._storage.delete_old(self._age)
            except Exception:  # the next sweep is to come whatever happened in this one
                logger.exception("a sweep failed")
