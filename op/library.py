"""One library of compiled operators, from its sources to a handle in this process."""

import ctypes
import hashlib
import itertools
import logging
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from op import compile_once

MODE_VARIABLE = "STYLEMASK_OPS"
MODES = ("auto", "native", "reference")
LIMIT_VARIABLE = "STYLEMASK_BUILD_TIMEOUT"
DEFAULT_LIMIT = 180.0  # [s] for a compiler
GRACE = 10.0  # [s] after which a building process that keeps no limit is given up
KEY_DIGITS = 20  # of the hash in a file name

log = logging.getLogger(__name__)
_opened = itertools.count()  # libraries, by this process

State = Literal["native", "reference", "not built yet", "building", "failed"]


class BuildError(RuntimeError):
    """Compiled operators were demanded and cannot be had, or a setting makes no sense."""


@dataclass(frozen=True)
class Recipe:
    """What it takes to make a library and to use it.

    Args:
        sources: files to compile, with names that differ.
        headers: files that these include by name alone.
        command: compiler and flags, without files; raises BuildError where there is no compiler.
        unneeded: why this machine has no use for the library, "" if it has.
        prepare: told of a freshly loaded library: declares its functions, tries them out, raises
            what it likes where they do not work.
    """

    sources: Sequence[Path]
    headers: Sequence[Path]
    command: Callable[[], list[str]]
    unneeded: Callable[[], str] = lambda: ""
    prepare: Callable[[ctypes.CDLL], None] = lambda library: None


def mode() -> str:
    """The value of STYLEMASK_OPS.

    Raises:
        BuildError: it is none of MODES.
    """
    value = os.environ.get(MODE_VARIABLE) or MODES[0]
    if value not in MODES:
        raise BuildError(f"{MODE_VARIABLE}={value!r} is not known: choose {', '.join(MODES)}")
    return value


def time_limit() -> float:
    """How long a compiler may take [s], from STYLEMASK_BUILD_TIMEOUT.

    Raises:
        BuildError: it is no positive number.
    """
    text = os.environ.get(LIMIT_VARIABLE) or str(DEFAULT_LIMIT)
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise BuildError(f"{LIMIT_VARIABLE}={text!r} is no positive number of seconds")
    return value


def check_settings() -> None:
    """Read all settings.

    Raises:
        BuildError: one of them makes no sense.
    """
    mode()
    time_limit()


def cache_folder() -> Path:
    """Where compiled libraries are kept: `operators` in this project's cache folder."""
    if home := os.environ.get("STYLEMASK_HOME"):
        return Path(home).expanduser() / "operators"
    caches = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return caches / "stylemask" / "operators"


class Library:
    """What this process knows of one library.

    A build is a process of its own, see `op.compile_once`. Whoever asks for the library looks
    whether that process has ended; no thread waits for it.

    Args:
        name: shown to people, and the first part of file names.
        recipe: how it is made.
    """

    def __init__(self, name: str, recipe: Recipe) -> None:
        self.name, self.recipe = name, recipe
        self.state: State = "not built yet"
        self.reason = ""
        self.seconds = 0.0  # that the build took, if this process began it
        self.handle: ctypes.CDLL | None = None
        self._lock = threading.Lock()
        self._build: _Build | None = None
        self._told = False  # of a failure

    def load(self) -> ctypes.CDLL | None:
        """See `op.build.load`."""
        if self.handle is not None:
            return self.handle
        if _capturing():
            return None
        check_settings()
        demanded = mode() == "native"
        # whoever does not demand the library does not wait for a thread that does, either
        if self._lock.acquire(blocking=demanded):
            try:
                self._advance(wait=demanded)
                if self.state == "failed" and not demanded and not self._told:
                    self._told = True
                    log.warning("%s; PyTorch does their work, more slowly", self._complaint())
            finally:
                self._lock.release()
        if self.state == "failed" and demanded:
            raise BuildError(f"{MODE_VARIABLE}=native, but {self._complaint()}")
        return self.handle

    def build(self, retry: bool) -> None:
        """See `op.build.build`."""
        check_settings()
        with self._lock:
            if retry and self.state == "failed":
                self.state = "not built yet"
            self._advance(wait=True, retry=retry)
            if self.state == "failed":
                raise BuildError(self._complaint())

    def status(self, try_out: bool = False) -> dict[str, Any]:
        """See `op.build.status`."""
        state, reason = self.state, self.reason
        if self._lock.acquire(blocking=False):
            try:
                if self.state == "building":
                    self._advance()
                state, reason = self.state, self.reason
                if state == "not built yet":
                    state, reason = self._foresee(try_out)
            finally:
                self._lock.release()
        return {"state": state, "reason": reason, "seconds": round(self.seconds, 1)}

    def _advance(self, wait: bool = False, retry: bool = False) -> None:
        """Begin a build if there is neither a library nor a reason not to; look for its end."""
        try:
            if self.state == "not built yet":
                self._begin(retry)
            if self.state == "building":
                self._end(wait)
        except (RuntimeError, OSError) as error:  # BuildError, or CUDA's and pathlib's own
            self.state, self.reason = "failed", str(error)

    def _begin(self, retry: bool) -> None:
        if why := self._unused():
            self.state, self.reason = "reference", why
            return
        command = self.recipe.command()
        target = self._target(command)
        try:
            if self._open(target):
                return
        except BuildError:
            if not retry:
                raise
        if not retry and (failure := compile_once.remembered_failure(target)):
            raise BuildError(f"{failure} (remembered; try again: stylemask doctor --build)")
        sources, headers = map(str, self.recipe.sources), map(str, self.recipe.headers)
        retry = retry or target.exists()  # which was found not to work
        job = compile_once.Job(command, [*sources], [*headers], str(target), time_limit(), retry)
        self._build = _Build(job, target)
        self.state = "building"

    def _end(self, wait: bool) -> None:
        assert self._build is not None  # that is what the state says
        if not self._build.ended(wait):
            return
        if problem := self._build.problem():
            raise BuildError(problem)
        self.seconds = self._build.seconds()
        if not self._open(self._build.target):
            raise BuildError(f"{self._build.target} was compiled but cannot be loaded")

    def _open(self, target: Path) -> bool:
        """Load a compiled library; False if there is none or it is broken."""
        if not target.exists():
            return False
        # The loader knows what it has loaded by the path's spelling, and only then by the file:
        # a new spelling makes it look at the file, which may have been replaced.
        path = "/".join((str(target.parent), *"." * next(_opened), target.name))
        try:
            handle = ctypes.CDLL(path)
        except OSError as error:
            log.info("%s is broken: %s", target, error)
            return False
        try:
            self.recipe.prepare(handle)
        except Exception as error:  # whatever a driver, a compiler or a GPU got wrong
            raise BuildError(f"they were compiled but do not work here: {error}") from error
        self.handle, self.state, self.reason = handle, "native", ""
        return True

    def _unused(self) -> str:
        if mode() == "reference":
            return f"{MODE_VARIABLE}=reference"
        if os.name != "posix":
            return "compiled operators are not made for this operating system"
        return self.recipe.unneeded()

    def _foresee(self, try_out: bool) -> tuple[State, str]:
        """What would come of a first `load`."""
        if why := self._unused():
            return "reference", why
        try:
            target = self._target(self.recipe.command())
            if try_out and self._open(target):
                return self.state, self.reason
            exists = target.exists()
        except (RuntimeError, OSError) as error:
            return "failed", str(error)
        if exists and not try_out:
            return "native", "compiled earlier"
        if failure := compile_once.remembered_failure(target):
            return "failed", failure
        return "not built yet", "what was compiled earlier is damaged" if exists else ""

    def _target(self, command: list[str]) -> Path:
        """The file of this library, named after all that its content depends on."""
        compiler = Path(command[0])
        key = hashlib.sha256()
        for path in (*self.recipe.sources, *self.recipe.headers):
            key.update(path.name.encode() + b"\0" + path.read_bytes())
        facts = [compiler.resolve(), compiler.stat().st_size, compiler.stat().st_mtime_ns]
        facts += [*command[1:], torch.__version__, torch.version.cuda, platform.machine()]
        if "-march=native" in command:
            facts.append(_cpu_features())
        key.update(repr([str(fact) for fact in facts]).encode())
        return cache_folder() / f"{self.name}-{key.hexdigest()[:KEY_DIGITS]}.so"

    def _complaint(self) -> str:
        return f"compiled operators ({self.name}) cannot be used: {self.reason}"


class _Build:
    """A process that compiles."""

    def __init__(self, job: compile_once.Job, target: Path) -> None:
        self.target = target
        self._began = time.time()
        # in turn for the lock, for the compiler, and for files
        self._deadline = time.monotonic() + 2 * job.limit + GRACE
        self._process = subprocess.Popen(
            # -P: the script's folder is no place to import modules from
            [sys.executable, "-P", compile_once.__file__, job.to_json()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl+C here does not stop it
        )

    def ended(self, wait: bool) -> bool:
        """Whether the process has ended by itself; ends it when it has had far too long."""
        left = self._deadline - time.monotonic()
        if not wait and left > 0:
            return self._process.poll() is not None
        try:
            self._process.wait(max(left, 0))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        return True

    def problem(self) -> str:
        """Why an ended process made no library; "" if it made one."""
        code, (_, said) = self._process.returncode, self._process.communicate()
        if code < 0:
            return f"the building process was killed by {signal.Signals(-code).name}"
        return (said.strip() or f"exit code {code}").splitlines()[-1] if code else ""

    def seconds(self) -> float:
        """From its begin to the library."""
        return max(self.target.stat().st_mtime - self._began, 0.0)


def _capturing() -> bool:
    """Whether a CUDA graph is being recorded: no time for trial runs, nor to change the path."""
    begun = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return begun and torch.cuda.is_current_stream_capturing()


def _cpu_features() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")
