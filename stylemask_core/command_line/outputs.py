"""Files the command line writes: checked before any work is done, written whole or not at all."""

import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from PIL import Image

from stylemask_core import provenance
from stylemask_core.errors import StyleMaskError, UsageError

# Pillow's format and settings for each suffix a picture may be written with.
WRITERS: dict[str, tuple[str, dict[str, int]]] = {
    ".png": ("PNG", {}),
    ".jpg": ("JPEG", {"quality": 95}),
    ".jpeg": ("JPEG", {"quality": 95}),
    ".webp": ("WEBP", {"quality": 95}),
}


def check_picture_path(path: Path) -> None:
    """Make sure a picture can be written there.

    Raises:
        UsageError: unknown suffix, a folder, or a place that cannot be written.
    """
    if path.suffix.lower() not in WRITERS:
        raise UsageError(
            f"{path} has no picture suffix: give an output that ends in {', '.join(WRITERS)}"
        )
    if _is_dir(path):
        raise UsageError(f"{path} is a folder: give the name of a file in it")
    _check_folder(path.parent)


def check_folder_path(path: Path) -> None:
    """Make sure a folder is there or can be made, and files can be written into it.

    Raises:
        UsageError: it looks like a picture's name, is a file, or cannot be written.
    """
    if path.suffix.lower() in WRITERS and not _is_dir(path):
        raise UsageError(f"{path} must be a folder here: give a name without {path.suffix}")
    _check_folder(path)


def check_distinct(outputs: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Make sure no output would replace an input or another output.

    Raises:
        UsageError: naming the file.
    """
    kept = {path.resolve() for path in inputs}
    seen: set[Path] = set()
    for path in outputs:
        if path.resolve() in kept:
            raise UsageError(f"{path} is also an input: choose another output")
        if path in seen:
            raise UsageError(f"two pairs would both be written to {path}: rename an input")
        seen.add(path)


def _is_dir(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError as error:  # a name too long, a parent that may not be entered
        raise UsageError(_reason(path, error)) from error


def _check_folder(folder: Path) -> None:
    """Create the folder and a file in it: what only trying tells, before hours of work."""
    probe = folder / _draft_name()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        raise UsageError(_reason(folder, error)) from error


def _reason(path: Path, error: OSError) -> str:
    return f"cannot write to {path} ({error.strerror}): choose another output"


def _draft_name() -> str:
    return f".stylemask-{secrets.token_hex(8)}"  # short: the final name may be as long as allowed


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        StyleMaskError: it cannot be written.
    """
    draft = path.with_name(_draft_name())
    try:
        draft.write_bytes(content)
        draft.replace(path)
    except OSError as error:
        raise StyleMaskError(_reason(path, error)) from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def keeps(path: Path, image: Image.Image) -> bool:
    """Whether a file of this name keeps a picture's transparency, if it has any."""
    format_, _ = WRITERS.get(path.suffix.lower(), ("", {}))  # a folder's name has no suffix
    return image.mode != "RGBA" or format_ not in provenance.OPAQUE_FORMATS


def write_picture(path: Path, image: Image.Image, stamp: provenance.Stamp) -> None:
    """Write a marked picture in the format its suffix names, whole or not at all.

    Raises:
        StyleMaskError: it cannot be written.
    """
    format_, settings = WRITERS[path.suffix.lower()]
    write(path, provenance.encode(image, stamp, format_, **settings))
