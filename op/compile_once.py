"""Compiles one library, once for all processes of a machine.

A script, not an import: `op.build` starts it as a process of its own, so that nobody has to wait
for a compiler and a program that ends does not undo the work. It needs the standard library alone.
The job is its argument, as JSON; what went wrong is the last line on standard error.
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
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

LIBRARY = "library.so"  # what the compiler is told to write, in a folder of its own
FAILURE_SUFFIX, LOCK_SUFFIX = ".failed", ".lock"
REMEMBERED = 24 * 3600  # [s] that a failure keeps the same compilation from being tried again
NICENESS = 10  # requests come first
POLL = 0.1  # [s] between two looks at the lock
MAX_REASON = 300  # characters of the compiler's complaint that are passed on


class CompileError(Exception):
    """There is no library, and why."""


@dataclass(frozen=True)
class Job:
    """One compilation.

    Args:
        command: compiler and flags; what to compile and to write is added.
        sources: files to compile; as the headers, they are copied to a folder of the compiler's.
        headers: files that they include.
        target: where the library is put.
        limit: longest time to wait for another process, and again for the compiler [s].
        retry: compile even if there is a library or a remembered failure.
    """

    command: list[str]
    sources: list[str]
    headers: list[str]
    target: str
    limit: float
    retry: bool = False

    def to_json(self) -> str:
        """What the script reads."""
        return json.dumps(asdict(self))


def run(job: Job) -> None:
    """Make the library, or find that another process has made it.

    Raises:
        CompileError: no library, for a reason that lies in the compiler or the sources.
        OSError: the folder of the target cannot be written.
    """
    target = Path(job.target)
    target.parent.mkdir(0o700, parents=True, exist_ok=True)  # what lies there is run
    asked = time.time()
    with _locked(target.with_suffix(LOCK_SUFFIX), job.limit):
        # with retry, only what was there before is distrusted, not what another process made
        # while this one waited for the lock
        if target.exists() and (not job.retry or target.stat().st_mtime > asked):
            return
        if not job.retry and (failure := remembered_failure(target)):
            raise CompileError(failure)
        for leftover in target.parent.glob(f"{target.stem}.*.tmp"):  # of a killed process
            shutil.rmtree(leftover, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(".tmp", f"{target.stem}.", target.parent))
        try:
            for path in (*job.sources, *job.headers):
                shutil.copy(path, folder)
            _compile(job, folder)
            _write_out(folder / LIBRARY)
            (folder / LIBRARY).replace(target)
            target.with_suffix(FAILURE_SUFFIX).unlink(missing_ok=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _write_out(path: Path) -> None:
    """Have a file on the disk: a half-written library would kill whoever loads it."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def remembered_failure(target: Path) -> str:
    """Why the same compilation failed a short while ago; "" if it did not."""
    failure = target.with_suffix(FAILURE_SUFFIX)
    try:
        if time.time() - failure.stat().st_mtime > REMEMBERED:
            return ""
        return failure.read_text(encoding="utf-8", errors="replace").splitlines()[0]
    except (OSError, IndexError):
        return ""


@contextlib.contextmanager
def _locked(path: Path, limit: float) -> Iterator[None]:
    """Hold a lock that the kernel itself takes back when its holder dies: it cannot go stale."""
    import fcntl  # not there on Windows, where this module may be imported all the same

    end = time.monotonic() + limit
    with path.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    line = f"another process has been at it for more than {limit:g} s ({path})"
                    raise CompileError(line) from None
                time.sleep(POLL)
        yield


def _compile(job: Job, folder: Path) -> None:
    """Run the compiler; what it said of a failure is kept beside the target."""
    log = folder / "log"
    sources = [Path(path).name for path in job.sources]  # no path, so no space in it either
    with log.open("wb") as output:
        # a request to leave waits until it is known which process has to go first; the compiler
        # inherits the mask, and is stopped by SIGKILL alone
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        try:
            process = subprocess.Popen(
                [*job.command, "-o", LIBRARY, *sources],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # a compiler is several processes: they are killed as one
            )
        except OSError as error:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
            raise CompileError(f"{job.command[0]} cannot be run: {error.strerror}") from error
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
            code: int | None = process.wait(job.limit)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            if process.returncode is None:  # too slow, or this process is told to leave
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    said = log.read_text(encoding="utf-8", errors="replace")
    if code == 0 and (folder / LIBRARY).is_file():
        return
    reason = _reason(job, code, said)
    failure = Path(job.target).with_suffix(FAILURE_SUFFIX)
    failure.write_text(f"{reason}\n\n{said}", encoding="utf-8")
    raise CompileError(reason)


def _reason(job: Job, code: int | None, said: str) -> str:
    """One line on a failed compiler: its exit code (None: too slow) and what it printed."""
    if code is None:
        return f"the compiler was stopped after {job.limit:g} s"
    if code < 0:
        return f"the compiler was killed by {signal.Signals(-code).name}"
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    complaint = (errors or lines[-1:] or [f"no library, exit code {code}"])[0]
    return f"{Path(job.command[0]).name}: {complaint[:MAX_REASON]}"


def main() -> int:
    """Do the job that the argument describes; returns the exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # unwinds: the compiler is killed too
    os.nice(NICENESS)
    job = Job(**json.loads(sys.argv[1]))
    try:
        run(job)
    except CompileError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except OSError as error:
        why = f"cannot write to {Path(job.target).parent} ({error.strerror or error})"
        sys.stderr.write(f"{why}: name another cache folder in STYLEMASK_HOME\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
