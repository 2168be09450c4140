"""Compiles one library, once for all processes of a machine.

A script, not an import: `op.build` starts it as a process of its own, so that nobody has to wait
for a compiler and a program that ends does not undo the work. The job is its argument, as JSON;
what went wrong is the last line on standard error.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

LIBRARY = "library.so"  # what the compiler is told to write, in a folder of its own
FAILURE_SUFFIX = ".failed"
REMEMBERED = 24 * 3600  # [s] that a failure keeps the same compilation from being tried again


@dataclass(frozen=True)
class Job:
    """One compilation."""

    command: list[str]  # compiler and flags; what to compile and to write is added
    sources: list[str]  # files to compile
    headers: list[str]  # files that these include by name alone
    target: str  # where the library is put
    limit: float  # longest time to wait for another process, and again for the compiler [s]


def run(job: Job) -> None:
    """Make the library, or find that another process has made it; SystemExit says why not."""
    from filelock import FileLock, Timeout  # only the process that compiles needs it

    target = Path(job.target)
    target.parent.mkdir(0o700, parents=True, exist_ok=True)  # what lies there is run
    lock = target.with_suffix(".lock")
    try:
        with FileLock(lock, timeout=job.limit):
            if target.exists():
                return
            if failure := remembered_failure(target):
                raise SystemExit(failure)
            for leftover in target.parent.glob(f"{target.stem}.*.tmp"):  # of a killed process
                shutil.rmtree(leftover, ignore_errors=True)
            with tempfile.TemporaryDirectory(".tmp", f"{target.stem}.", target.parent) as folder:
                _compile(job, Path(folder)).replace(target)
    except Timeout:
        line = f"another process has been at it for more than {job.limit:g} s ({lock})"
        raise SystemExit(line) from None


def remembered_failure(target: Path) -> str:
    """Why the same compilation failed a short while ago; "" if it did not."""
    failure = target.with_suffix(FAILURE_SUFFIX)
    with contextlib.suppress(OSError, IndexError):
        if time.time() - failure.stat().st_mtime < REMEMBERED:
            return failure.read_text(encoding="utf-8", errors="replace").splitlines()[0]
    return ""


def _compile(job: Job, folder: Path) -> Path:
    """Run the compiler in a folder; what it said of a failure is kept beside the target."""
    for path in (*job.sources, *job.headers):
        shutil.copy(path, folder)
    names = [Path(path).name for path in job.sources]  # no path, so no space in it either
    library, log = folder / LIBRARY, folder / "log"
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(
                [*job.command, "-o", LIBRARY, *names],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # a compiler is several processes: they are killed as one
            )
        except OSError as error:
            raise SystemExit(f"{job.command[0]} cannot be run: {error.strerror}") from error
        try:
            code: int | None = process.wait(job.limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            code = process.wait() and None
    if code == 0 and library.is_file():
        with library.open("rb") as file:
            os.fsync(file.fileno())  # a half-written library would kill whoever loads it
        return library
    said = log.read_text(encoding="utf-8", errors="replace")
    reason = _reason(job, code, said)
    Path(job.target).with_suffix(FAILURE_SUFFIX).write_text(f"{reason}\n\n{said}", "utf-8")
    raise SystemExit(reason)


def _reason(job: Job, code: int | None, said: str) -> str:
    """One line on a failed compiler: its exit code (None: too slow) and what it printed."""
    if code is None:
        return f"the compiler was stopped after {job.limit:g} s"
    if code < 0:
        return f"the compiler was killed by {signal.Signals(-code).name}"
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    complaint = (errors or lines[-1:] or [f"no library, exit code {code}"])[0]
    return f"{Path(job.command[0]).name}: {complaint[:300]}"


def main() -> None:
    """Do the job that the argument describes."""
    os.nice(10)  # requests come first
    job = Job(**json.loads(sys.argv[1]))
    try:
        run(job)
    except OSError as error:
        why = f"cannot write to {Path(job.target).parent} ({error.strerror or error})"
        raise SystemExit(f"{why}: name another cache folder in STYLEMASK_HOME") from error


if __name__ == "__main__":
    main()
