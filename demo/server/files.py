"""Pictures and downloads as files in the upload folder, from which the oldest are deleted."""

import hashlib
import io
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from PIL import Image

from demo.server.storage import storage
from stylemask.provenance import stamps
from stylemask.provenance.stamps import Stamp
from stylemask_core.pictures.images import enlarged

COMPRESSION = 1  # of PNG: a third of the time of the usual 6 for a quarter more bytes


def file_of(data: bytes, name: str) -> str:
    """Write a download; returns its path.

    The folder is named by the content, as Gradio does it, but an existing file is left in place:
    Gradio's own writer would empty it first, under the eyes of a browser that is loading it.

    Raises:
        ServerFullError: there is no room for it.
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


def figure_file(figure: Image.Image, name: str, stamp: Stamp) -> str:
    """Write a picture at its size, marked; returns its path."""
    data = stamps.encode(figure, stamp, "PNG", compress_level=COMPRESSION)
    return file_of(data, f"{name}.png")


def picture_file(picture: Image.Image, name: str, stamp: Stamp) -> str:
    """Write a square picture, enlarged where it is small, marked; returns its path."""
    return figure_file(enlarged(picture), name, stamp)


def picture_files(pictures: dict[str, Image.Image], stamp: Stamp) -> tuple[str, ...]:
    """Write pictures by name, at once: compressing one takes as long as making it."""
    with ThreadPoolExecutor() as pool:
        return tuple(pool.map(partial(picture_file, stamp=stamp), pictures.values(), pictures))
