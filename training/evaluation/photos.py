"""Photos of a folder, framed as a model wants them; what cannot be used is named and left out."""

import sys
from pathlib import Path

from stylemask_core import StyleMaskPipeline
from stylemask_core.errors import InvalidInputError
from stylemask_core.pictures.images import read_picture
from stylemask_core.results import FramedPicture


def read_photos(pipeline: StyleMaskPipeline, folder: Path) -> tuple[list[FramedPicture], int]:
    """Frame the photos of a folder, by name; one line on stderr for each that cannot be used.

    Returns:
        The photos, and how many files were left out.

    Raises:
        InvalidInputError: there is no such folder, or fewer than two photos can be used.
        DetectorError: no face detector can be used on this machine.
    """
    if not folder.is_dir():
        raise InvalidInputError(f"no such folder: {folder}")
    framed, skipped = [], 0
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not path.is_file():
            continue
        try:
            framed.append(pipeline.frame(read_picture(path)))
        except InvalidInputError as error:
            skipped += 1
            print(f"skipped {path.name}: {error}", file=sys.stderr)
    if len(framed) < 2:
        raise InvalidInputError(
            f"{folder} has {len(framed)} usable photos ({skipped} files skipped): "
            "pairs need at least two"
        )
    return framed, skipped
