"""`stylemask verify`: which files are marked as made by this program."""

import argparse
import glob
import json
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from stylemask.cli.console import EXIT_DONE, EXIT_FAILED, say, tell_error
from stylemask.cli.folders import may_be_picture
from stylemask.cli.inputs import exists, is_pattern
from stylemask.provenance import stamps
from stylemask_core.errors import InvalidInputError


def verify(args: argparse.Namespace) -> int:
    """Look for provenance metadata and the invisible watermark in pictures."""
    reports: list[dict[str, Any]] = []
    failed = False
    files = [path for text in args.files for path in _files(text)]
    for path in tqdm(files, unit="file", file=sys.stderr, disable=None):
        try:
            provenance_ = stamps.read(path)
        except InvalidInputError as error:
            failed = True
            tell_error(error, args.verbose)
            reports.append({"file": str(path), "readable": False, "error": str(error)})
            continue
        if not args.json:
            say(f"{path}: {provenance_.sentence()}\n")
        reports.append({"file": str(path), "readable": True, **provenance_.to_dict()})
    if args.json:
        say(json.dumps(reports, indent=2) + "\n")
    return EXIT_FAILED if failed else EXIT_DONE


def _files(text: str) -> list[Path]:
    """The files that one argument names: itself, a folder's pictures, or what a pattern fits."""
    path = Path(text)
    if not exists(path) and is_pattern(text):
        return [Path(name) for name in sorted(glob.glob(text))] or [path]  # noqa: PTH207
    if not exists(path) or not path.is_dir():
        return [path]
    return sorted(x for x in path.iterdir() if x.is_file() and may_be_picture(x)) or [path]
