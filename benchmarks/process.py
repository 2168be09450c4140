"""The parent's end of a worker: start it, ask it, end it."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 900  # [s] no command takes longer; a worker that does is ended
ERROR_LINES = 5


class BenchmarkError(Exception):
    """Something cannot be measured; the message is one line for people."""


@dataclass(frozen=True)
class Side:
    """What a worker holds: "ours" or "reference", and its environment."""

    kind: str
    environment: Mapping[str, str] = field(default_factory=dict)


OURS, REFERENCE = Side("ours"), Side("reference")


THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
OURS_ALONE = ("THP_MEM_ALLOC_ENABLE", "OMP_WAIT_POLICY")  # the product sets them for itself


def clean_environment(threads: int | None) -> dict[str, str]:
    """This process's environment with a number of threads, and without what the product sets.

    Args:
        threads: for all libraries; None leaves the number to them.
    """
    environment = {k: v for k, v in os.environ.items() if k not in (*THREADS, *OURS_ALONE)}
    if threads is not None:
        environment |= dict.fromkeys(THREADS, str(threads))
    environment["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])
    )
    return environment


def joined(group: Path) -> list[str]:
    """The beginning of a command line that is to run in a control group."""
    return ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(group / "cgroup.procs")]


class Worker:
    """A worker process; use it in a with statement.

    Args:
        side: what it holds.
        model: model folder.
        device: "cpu" or "cuda".
        threads: it may use; None leaves the number to the side.
        group: folder of the control group it shall be in, see `control_group`; None for ours.
    """

    def __init__(
        self,
        side: Side,
        model: Path,
        device: str,
        threads: int | None,
        group: Path | None = None,
    ) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - __exit__ closes it
        command = [sys.executable, "-m", "benchmarks.worker", side.kind, str(model.resolve())]
        self._process = subprocess.Popen(
            [*(joined(group) if group else ()), *command, device],
            env={**clean_environment(threads), **side.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self.name = side.kind
        try:
            self.start = self._answer()["cpu"]  # [s] CPU time until it was ready for commands
        except BaseException:
            self.__exit__()
            raise

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Have a command done; returns its answer.

        Raises:
            BenchmarkError: the worker failed.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it ended; _answer says why
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        limit = threading.Timer(PATIENCE, self._process.kill)
        limit.start()
        try:
            line = self._process.stdout.readline()
        finally:
            limit.cancel()
        if line:
            return json.loads(line)
        self._process.wait()
        self._errors.seek(0)
        reason = " | ".join(self._errors.read().splitlines()[-ERROR_LINES:])
        raise BenchmarkError(f"the {self.name} worker ended: {reason or self._process.returncode}")

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()
