"""Which files a picture argument may stand for: decided here, for the page and every program."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from demo.server.gradio_private import abspath, get_upload_folder
from stylemask_core import InvalidInputError

LARGEST = 40_000_000  # [bytes] of a picture, however it is sent
LINK = ("http://", "https://")
NOT_FETCHED = (
    "no picture could be fetched from the link: only public addresses are followed; or upload it"
)
NOT_UPLOADED = (
    "this is no picture that was uploaded to this server, or it is no longer kept: upload it; "
    "in Python, wrap its path in handle_file()"
)


def uploaded_file(path: Any) -> str:
    """Return the resolved path of a file that was uploaded to this server, or made by it."""
    file = _inside(path)
    with suppress(OSError):  # a name that no disk takes
        if file.is_file():
            return str(file)
    raise InvalidInputError(NOT_UPLOADED)


def check_files(value: Any) -> None:
    """Refuse an argument that names a file outside of the upload folder, however deep within.

    Links are left to Gradio, which fetches public ones into the upload folder.
    """
    for path in _paths(value):
        if not (isinstance(path, str) and path.startswith(LINK)):
            _inside(path)


def is_link(value: Any) -> bool:
    """Whether a picture is sent as a link, which Gradio follows."""
    path = value.get("path") if isinstance(value, dict) else None
    return isinstance(path, str) and path.startswith(LINK)


def files_in(value: Any) -> set[str]:
    """The resolved paths of the upload folder that an argument names; others are passed over."""
    files = set()
    for path in _paths(value):
        with suppress(InvalidInputError):
            files.add(str(_inside(path)))
    return files


def _paths(value: Any) -> Iterator[Any]:
    parts = [value]
    while parts:  # no recursion: strangers choose the depth
        part = parts.pop()
        if isinstance(part, dict):
            parts += part.values()
            if part.get("path") is not None:
                yield part["path"]
        elif isinstance(part, list | tuple):
            parts += part


def _inside(path: Any) -> Path:
    """Resolve a path of the upload folder, where examples of the page are copied too.

    What leads out of it by its spelling is refused without a look at the disk: neither the words
    nor the time of the refusal tell whether there is such a file.
    """
    folder = abspath(get_upload_folder())
    resolved: Path = folder.resolve()
    try:
        if isinstance(path, str) and any(
            abspath(path).is_relative_to(root) for root in (folder, resolved)
        ):
            file: Path = abspath(path).resolve()  # where a symbolic link leads
            if file.is_relative_to(resolved):
                with suppress(FileNotFoundError):
                    file.lstat()  # raises for a name that no disk takes
                return file
    except (OSError, RuntimeError, ValueError):  # links in a circle, a NUL, a name too long
        pass
    raise InvalidInputError(NOT_UPLOADED)
