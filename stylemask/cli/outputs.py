"""Where results go: checked before any work is done, written whole or not at all."""

import itertools
import os
import secrets
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, features

from stylemask.cli.console import say
from stylemask.provenance import stamps
from stylemask.provenance.stamps import Stamp
from stylemask_core.errors import StyleMaskError, UsageError
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
    """Where one picture goes.

    Args:
        path: the file; None for standard output, as a PNG.
        named: whether a person gave this very name: a file of that name is then replaced, and
            otherwise kept, and the picture's name gets a number.
    """

    path: Path | None
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
def results_folder(text: str | None, name: str) -> Iterator[Path]:
    """The folder that results go to; it goes again with the block if nothing was put there.

    Args:
        text: what -o says, None if it was not given.
        name: of the folder that is made where it was not given, with a number if it is there.

    Raises:
        UsageError: it cannot be written, or is the name of something else.
    """
    folder = folder_name(text, name)
    with writable(folder):
        yield folder


@contextmanager
def writable(folder: Path) -> Iterator[None]:
    """Make a folder and try it out; it goes again with the block if nothing was put there.

    Raises:
        UsageError: it cannot be written.
    """
    probe = folder / _draft_name()
    missing: list[Path] = []
    try:
        try:
            missing = [place for place in (folder, *folder.parents) if not place.exists()]
            folder.mkdir(parents=True, exist_ok=True)
            probe.touch(exist_ok=False)
            probe.unlink()
        except OSError as error:
            raise UsageError(_reason(folder, error)) from error
        yield
    finally:
        for place in missing:
            with suppress(OSError):  # something is in it
                place.rmdir()


def check_distinct(files: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Make sure no output would replace an input or another output.

    Raises:
        UsageError: naming the file.
    """
    sources = {path.resolve() for path in inputs}
    seen: set[Path] = set()
    for path in files:
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
    suffix = ".png" if output.path is None else output.path.suffix.lower()
    format_, settings = WRITERS[suffix]
    content = stamps.encode(image, stamp, format_, **settings)
    if output.path is None:
        say(content)
        return "a PNG to standard output"
    opaque = image.mode == "RGBA" and format_ in stamps.OPAQUE_FORMATS
    loss = f", on white: {format_} keeps no transparency, .png and .webp do" if opaque else ""
    if not output.named:
        path = _write_new(output.path, content)
        beside = "" if path == output.path else f", as {output.path} was there"
        return f"{path}{beside}{loss}"
    replaced = output.path.exists()
    write(output.path, content)
    return f"{output.path}{' over an older file' if replaced else ''}{loss}"


def size_note(pipeline: StyleMaskPipeline, size: int | None = None) -> str:
    """What to tell of the size of what was written: `size` is --size [px], None if not given."""
    resolution = pipeline.config.resolution
    if size is None and resolution < images.OUTPUT_SIZE:
        return f" ({resolution} px enlarged to {images.OUTPUT_SIZE} px)"
    if size is not None and size < images.OUTPUT_SIZE:
        return f" (below {images.OUTPUT_SIZE} px the watermark may be lost: only the XMP is sure)"
    return ""
