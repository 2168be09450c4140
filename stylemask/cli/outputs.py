"""Where results go: checked before any work is done, written whole or not at all."""

import itertools
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, features

from stylemask.cli.console import say
from stylemask.cli.parser import UsageError
from stylemask.provenance import stamps
from stylemask.provenance.stamps import Stamp
from stylemask_core import files
from stylemask_core.errors import StyleMaskError
from stylemask_core.pictures import images
from stylemask_core.pipeline import StyleMaskPipeline

STANDARD_OUTPUT = "-"
# Pillow's format and settings for each suffix a picture may be written with.
WRITERS: dict[str, tuple[str, dict[str, int | str]]] = {
    ".png": ("PNG", {}),
    ".jpg": ("JPEG", {"quality": 95}),
    ".jpeg": ("JPEG", {"quality": 95}),
    ".webp": ("WEBP", {"quality": 95}),
    ".avif": ("AVIF", {"quality": 90}),
    ".tif": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ".tiff": ("TIFF", {"compression": "tiff_adobe_deflate"}),
}


@dataclass(frozen=True)
class Output:
    """Where one picture goes."""

    path: Path | None  # None for standard output, as a PNG
    # Whether a person gave this very name: a file of that name is then replaced, and otherwise
    # kept, and the picture's name gets a number.
    named: bool = True


@contextmanager
def picture_output(text: str | None, name: str) -> Iterator[Output]:
    """Where a picture goes by what -o says, which can be written within the block.

    Args:
        text: a file, a folder, "-", or None if -o was not given.
        name: of the file where it was not given, or names a folder.

    Raises:
        UsageError: no picture can be written there.
    """
    output = _picture_output(text, name)
    with nullcontext() if output.path is None else writable(output.path.parent):
        yield output


def _picture_output(text: str | None, name: str) -> Output:
    if text is None:
        return Output(Path(name), named=False)
    if text == STANDARD_OUTPUT:
        if sys.stdout is not None and sys.stdout.isatty():
            raise UsageError("standard output is a terminal: redirect it, or give -o a file")
        return Output(None)
    path = Path(text)
    if text.endswith(("/", os.sep)) or _is_dir(path):
        return Output(path / name, named=False)
    suffix = path.suffix.lower()
    if suffix not in WRITERS:
        raise UsageError(
            f"{path} has no picture suffix: give an output that ends in {', '.join(WRITERS)}, or "
            "a folder that ends in /"
        )
    if suffix == ".avif" and not features.check("avif"):
        raise UsageError("this Pillow writes no AVIF: pip install -U pillow, or another suffix")
    return Output(path)


def folder_name(text: str | None, name: str = "") -> Path:
    """The folder that -o names, or the first of a name and its numbered ones that is not there.

    Raises:
        UsageError: it is the name of something else.
    """
    if text is None:
        return next(folder for folder in _numbered(Path(name)) if not folder.exists())
    folder = Path(text)
    if text == STANDARD_OUTPUT:
        raise UsageError("standard output takes one picture: give -o a folder here")
    if folder.suffix.lower() in WRITERS and not _is_dir(folder):
        raise UsageError(f"{folder} must be a folder here: give a name without {folder.suffix}")
    return folder


@contextmanager
def writable(folder: Path) -> Iterator[Path]:
    """Make a folder and try it out; it goes again with the block if nothing was put there.

    Raises:
        UsageError: it cannot be written.
    """
    missing: list[Path] = []
    try:
        try:
            missing = [place for place in (folder, *folder.parents) if not place.exists()]
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError as error:
            raise UsageError(_reason(folder, error)) from error
        yield folder
    finally:
        for place in missing:
            with suppress(OSError):  # something is in it
                place.rmdir()


def check_distinct(outputs: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Make sure no output would replace an input or another output.

    Raises:
        UsageError: naming the file.
    """
    sources = {path.resolve() for path in inputs}
    seen: set[Path] = set()
    for path in outputs:
        if path.resolve() in sources:
            raise UsageError(f"{path} is also an input: choose another output")
        if path in seen:
            raise UsageError(f"two pairs would both be written to {path}: rename an input")
        seen.add(path)


def _numbered(first: Path) -> Iterator[Path]:
    """A name, and others with a number where that one is taken."""
    yield first
    for number in itertools.count(2):
        yield first.with_name(f"{first.stem}-{number}{first.suffix}")


def _is_dir(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError as error:  # a name too long, a parent that may not be entered
        raise UsageError(_reason(path, error)) from error


def _reason(path: Path, error: OSError) -> str:
    return f"cannot write to {path} ({error.strerror}): choose another output"


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        StyleMaskError: it cannot be written.
    """
    try:
        files.write_whole(path, content)
    except OSError as error:
        raise StyleMaskError(_reason(path, error)) from error


def _write_new(first: Path, content: bytes) -> Path:
    """Write a file beside those that are there, and return its name."""
    for path in _numbered(first):
        try:
            path.touch(exist_ok=False)  # the name is taken now, whoever else looks for one
        except FileExistsError:
            continue
        except OSError as error:
            raise StyleMaskError(_reason(path, error)) from error
        try:
            write(path, content)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path
    raise AssertionError("there are names without end")


def write_picture(output: Output, image: Image.Image, stamp: Stamp) -> str:
    """Write a marked picture in the format its suffix names, whole or not at all.

    Returns:
        Where it is, in words: "mix-2.png, as mix.png was there".

    Raises:
        StyleMaskError: it cannot be written.
    """
    path = output.path
    kind, settings = WRITERS[".png" if path is None else path.suffix.lower()]
    content = stamps.encode(image, stamp, kind, **settings)
    if path is None:
        say(content)
        return "a PNG to standard output"
    opaque = image.mode == "RGBA" and kind in stamps.OPAQUE_FORMATS
    loss = f", on white: {kind} keeps no transparency, .png and .webp do" if opaque else ""
    if not output.named:
        new = _write_new(path, content)
        return f"{new}{'' if new == path else f', as {path} was there'}{loss}"
    over = " over an older file" if path.exists() else ""
    write(path, content)
    return f"{path}{over}{loss}"


def size_note(pipeline: StyleMaskPipeline, size: int | None = None) -> str:
    """What to tell of the size of what was written: `size` is --size [px], None if not given."""
    resolution = pipeline.config.resolution
    if size is None and resolution < images.OUTPUT_SIZE:
        return f" ({resolution} px enlarged to {images.OUTPUT_SIZE} px)"
    if size is not None and size < images.OUTPUT_SIZE:
        return f" (below {images.OUTPUT_SIZE} px the watermark may be lost: only the XMP is sure)"
    return ""
