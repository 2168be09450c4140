"""What a run was made with, written beside its result."""

import argparse
import contextlib
import json
import math
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stylemask_core import __version__
from training.checkpoint import one_line_errors, write_whole

RECORD_FILE = "run.json"


def write_record(
    args: argparse.Namespace, configuration: Mapping[str, Any], processes: int, step: int
) -> None:
    """Write run.json into the run folder: arguments, configuration, versions, commit.

    Args:
        args: parsed options of the entry.
        configuration: what must stay the same for the run to go on.
        processes: how many train together.
        step: where this start began: 0, or where it went on.

    Raises:
        SystemExit: it cannot be written.
    """
    record = {
        "command": sys.argv,
        "arguments": {name: x for name, x in vars(args).items() if x != math.inf},
        "configuration": configuration,
        "processes": processes,
        "first_step": step,
        "versions": {
            "stylemask": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
        "commit": current_commit(),
    }
    path = args.output / RECORD_FILE
    with one_line_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, (json.dumps(record, indent=2, default=str) + "\n").encode())


def current_commit() -> str:
    """This checkout's commit, with "-dirty" where files differ from it; "" outside of git."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        folder = Path(__file__).parent
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=20)
        return done.stdout.strip()
    return ""
