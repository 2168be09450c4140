"""The folder of one server's files, which no other server touches while that one runs."""

import errno
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock

OF_GRADIO = "GRADIO_TEMP_DIR"  # variables that name the folder in which others are made
OF_PYTHON = ("TMPDIR", "TEMP", "TMP")
PREFIX = "stylemask-server-"
LOCK = ".lock"  # ends the name of the file beside a folder that its server holds locked


class ScratchError(Exception):
    """There is no folder for temporary files."""


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder of this process's own, deleted in the end: Gradio's usual one is everybody's.

    What servers left beside it that were killed is deleted first. A lock tells them from those
    that run: unlike a process id it is held on every side of a container's wall, and ends with
    its holder.
    """
    parent, variable = _parent()
    folder = parent / f"{PREFIX}{secrets.token_hex(8)}"
    lock = _lock(folder)
    try:
        parent.mkdir(parents=True, exist_ok=True)
        _delete_abandoned(parent)
        try:
            lock.acquire()  # before the folder is there: without it, it is anybody's to delete
        except OSError as error:
            # on a disk without locks nobody else gets one either, so nobody deletes anything
            if error.errno not in (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK):
                raise
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise ScratchError(
            f"no files can be kept in {parent}: {error.strerror or error}; name another folder "
            f"in {variable}"
        ) from error
    try:
        yield folder
    finally:
        delete(folder)
        lock.release()


def delete(folder: Path) -> None:
    """Delete a folder and then its lock; should that fail, the next server tries again."""
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():
        with suppress(OSError):
            _lock_file(folder).unlink(missing_ok=True)


def _parent() -> tuple[Path, str]:
    """Where to make folders, and the variable that says so.

    Python itself passes over a folder that cannot be used, and takes another one in silence.
    """
    if named := os.environ.get(OF_GRADIO):
        return Path(named).resolve(), OF_GRADIO
    variable = next((name for name in OF_PYTHON if os.environ.get(name)), OF_PYTHON[0])
    try:
        usable = Path(tempfile.gettempdir()).resolve()
    except OSError as error:
        raise ScratchError(
            f"there is no folder for temporary files: name one in {variable}"
        ) from error
    named = os.environ.get(variable)
    if named and Path(named).resolve() != usable:
        raise ScratchError(
            f"the folder for temporary files that {variable} names, {named}, is not there or "
            "cannot be written: name another or unset it"
        )
    return usable, variable


def _delete_abandoned(parent: Path) -> None:
    """Delete the folders whose locks nobody holds; without a lock file none is touched."""
    for folder in parent.glob(f"{PREFIX}*"):
        if folder.is_dir() and _lock_file(folder).is_file():
            # in use, another user's, or on a disk without locks
            with suppress(OSError), _lock(folder):
                delete(folder)


def _lock(folder: Path) -> FileLock:
    # a soft lock would be told by process ids again
    return FileLock(_lock_file(folder), timeout=0, fallback_to_soft=False)


def _lock_file(folder: Path) -> Path:
    return folder.with_name(folder.name + LOCK)
