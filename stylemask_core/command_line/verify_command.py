"""`stylemask verify`: which files are marked as made by this program."""

import argparse
import json
import sys

from tqdm import tqdm

from stylemask_core import provenance
from stylemask_core.command_line.commands import EXIT_DONE, EXIT_FAILED, tell_error
from stylemask_core.errors import InvalidInputError


def verify(args: argparse.Namespace) -> int:
    """Look for provenance metadata and the invisible watermark in pictures."""
    reports, failed = [], False
    for path in tqdm(args.files, unit="file", file=sys.stderr, disable=None):
        try:
            found = provenance.read(path)
        except InvalidInputError as error:
            failed = True
            tell_error(error, args.verbose)
            reports.append({"file": str(path), "readable": False, "error": str(error)})
            continue
        if not args.json:
            tqdm.write(f"{path}: {found.sentence()}", file=sys.stdout)
        reports.append({"file": str(path), "readable": True, **found.to_dict()})
    if args.json:
        sys.stdout.write(json.dumps(reports, indent=2) + "\n")
    return EXIT_FAILED if failed else EXIT_DONE
