"""Compiled operators: made when first asked for, kept for the next start, never waited for.

`load` hands a library out once it is there; until then PyTorch does the work (docs/operators.md).
"""

import contextlib
import ctypes
import hashlib
import itertools
import json
import logging
import os
import platform
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch

from op import compile_once, cuda_library, styled_conv

MODE_VARIABLE = "STYLEMASK_OPS"
MODES = ("auto", "native", "reference")
LIMIT_VARIABLE = "STYLEMASK_BUILD_TIMEOUT"

CSRC = Path(__file__).parent / "csrc"

log = logging.getLogger(__name__)
_opened = itertools.count(1)  # libraries, by this process

State = Literal["native", "reference", "not built yet", "building", "failed"]


class BuildError(RuntimeError):
    """Compiled operators were demanded and cannot be had, or a setting makes no sense."""


class Settings(NamedTuple):
    """What the environment says of operators."""

    mode: str  # one of MODES
    limit: float  # longest time for a compiler [s]


def settings() -> Settings:
    """Read STYLEMASK_OPS and STYLEMASK_BUILD_TIMEOUT; BuildError if one makes no sense."""
    mode = os.environ.get(MODE_VARIABLE) or MODES[0]
    if mode not in MODES:
        raise BuildError(f"{MODE_VARIABLE}={mode!r} is not known: choose {', '.join(MODES)}")
    text = os.environ.get(LIMIT_VARIABLE) or "180"
    try:
        limit = float(text)
    except ValueError:
        limit = 0.0
    if not 0 < limit < float("inf"):
        raise BuildError(f"{LIMIT_VARIABLE}={text!r} is no positive number of seconds")
    return Settings(mode, limit)


def cache_folder() -> Path:
    """Where compiled libraries are kept: `operators` in this project's cache folder."""
    if home := os.environ.get("STYLEMASK_HOME"):
        return Path(home).expanduser() / "operators"
    caches = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return caches / "stylemask" / "operators"


def find_compiler(variable: str, *names: str) -> str:
    """Path of the first compiler there is, BuildError if none; the environment's comes first."""
    for name in filter(None, (os.environ.get(variable), *names)):
        if path := shutil.which(name):
            return path
    raise BuildError(f"there is no {names[0]}: install it, or name it in {variable}")


def cuda_command(architectures: list[str]) -> list[str]:
    """The command line that compiles for GPU architectures such as "90"."""
    homes = [os.environ.get("CUDA_HOME"), os.environ.get("CUDA_PATH"), "/usr/local/cuda"]
    nvcc = find_compiler("CUDACXX", "nvcc", *(f"{home}/bin/nvcc" for home in homes if home))
    targets = [f"-gencode=arch=compute_{name},code=sm_{name}" for name in architectures]
    return [nvcc, "-O2", "-shared", "-Xcompiler", "-fPIC", *targets]


def cpu_command() -> list[str]:
    """The command line that compiles for this machine's CPU."""
    compiler = find_compiler("CXX", "g++", "c++", "clang++")
    flags = ["-std=gnu++17", "-O3", "-march=native", "-ffp-contract=fast", "-fopenmp"]
    return [compiler, *flags, "-shared", "-fPIC"]


class _Build(NamedTuple):
    process: subprocess.Popen[str]
    target: Path
    began: float  # [s], as time.time()


@dataclass(eq=False)
class Library:
    """What this process knows of one library, and what it takes to make it.

    A build is a process of its own (`op.compile_once`): whoever asks looks whether it has ended.
    """

    name: str  # shown to people, and the first part of file names
    sources: Sequence[Path]  # files to compile, with names that differ
    headers: Sequence[Path]  # files that these include by name alone
    command: Callable[[], list[str]]  # compiler and flags; BuildError where there is no compiler
    unneeded: Callable[[], str] = lambda: ""  # why this machine has no use for it, "" if it has
    # told of a freshly loaded library: declares its functions, raises where they do not work
    prepare: Callable[[ctypes.CDLL], None] = lambda library: None

    state: State = field(default="not built yet", init=False)
    reason: str = field(default="", init=False)
    seconds: float = field(default=0.0, init=False)  # of the build, if this process began it
    handle: ctypes.CDLL | None = field(default=None, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _build: _Build | None = field(default=None, init=False)
    _told: bool = field(default=False, init=False)  # of a failure

    def load(self) -> ctypes.CDLL | None:
        """See the function `load`."""
        if self.handle is not None:
            return self.handle
        if _capturing():
            return None
        demanded = settings().mode == "native"
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

    def build(self, retry: bool = False) -> None:
        """Make sure that the library is compiled, and wait for it; BuildError says why not.

        Args:
            retry: try again what failed before, and compile anew what does not work.
        """
        settings()
        with self._lock:
            if retry and self.state == "failed":
                self.state = "not built yet"
            self._advance(wait=True, retry=retry)
            if self.state == "failed":
                raise BuildError(self._complaint())

    def status(self) -> dict[str, Any]:
        """See the function `status`."""
        if self._lock.acquire(blocking=False):
            try:
                self._advance(begin=False)
            finally:
                self._lock.release()
        return {"state": self.state, "reason": self.reason, "seconds": round(self.seconds, 1)}

    def _advance(self, begin: bool = True, wait: bool = False, retry: bool = False) -> None:
        """Open the library; begin a build if there is none and no reason not to, see it end."""
        try:
            if self.state == "not built yet":
                self._open_or_begin(begin, retry)
            if self.state == "building":
                self._end(wait)
        except (RuntimeError, OSError) as error:  # BuildError, or CUDA's and pathlib's own
            self.state, self.reason = "failed", str(error)

    def _open_or_begin(self, begin: bool, retry: bool) -> None:
        if why := self._unused():
            self.state, self.reason = "reference", why
            return
        target = self.target()
        useless = [target] if target.exists() else []
        try:
            if self._open(target):
                return
        except BuildError:
            if not retry:
                raise
        if not retry and (failure := compile_once.remembered_failure(target)):
            raise BuildError(f"{failure} (remembered; try again: stylemask doctor --build)")
        if not begin:
            self.reason = "what was compiled earlier is damaged" if useless else ""
            return
        for path in (*useless, target.with_suffix(compile_once.FAILURE_SUFFIX)):
            with contextlib.suppress(OSError):  # where nothing can be written, the builder says so
                path.unlink()
        sources, headers = ([*map(str, paths)] for paths in (self.sources, self.headers))
        job = compile_once.Job(self.command(), sources, headers, str(target), settings().limit)
        process = subprocess.Popen(
            # -P: the script's folder is no place to import modules from
            [sys.executable, "-P", compile_once.__file__, json.dumps(asdict(job))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl+C here does not stop it
        )
        self._build = _Build(process, target, time.time())
        self.state, self.reason = "building", ""

    def _end(self, wait: bool) -> None:
        assert self._build is not None  # that is what the state says
        process, target = self._build.process, self._build.target
        if not wait and process.poll() is None:
            return
        _, said = process.communicate()
        if (code := process.returncode) < 0:
            raise BuildError(f"the building process was killed by {signal.Signals(-code).name}")
        if code:
            raise BuildError((said.strip() or f"exit code {code}").splitlines()[-1])
        if not self._open(target):
            raise BuildError(f"{target} was compiled but cannot be loaded")
        self.seconds = max(target.stat().st_mtime - self._build.began, 0.0)

    def _open(self, target: Path) -> bool:
        """Load a compiled library; False if there is none or it is broken."""
        if not target.exists():
            return False
        try:
            # The loader knows what it has loaded by the path's spelling, and only then by the
            # file: a new spelling makes it look at the file, which may have been replaced.
            handle = ctypes.CDLL(f"{target.parent}/{'./' * next(_opened)}{target.name}")
        except OSError:  # it is broken
            return False
        try:
            self.prepare(handle)
        except Exception as error:  # whatever a driver, a compiler or a GPU got wrong
            raise BuildError(f"they were compiled but do not work here: {error}") from error
        self.handle, self.state, self.reason = handle, "native", ""
        return True

    def _unused(self) -> str:
        if settings().mode == "reference":
            return f"{MODE_VARIABLE}=reference"
        return self.unneeded() if os.name == "posix" else "not made for this operating system"

    def target(self) -> Path:
        """The file of this library, named after all that its content depends on."""
        command = self.command()
        compiler = Path(command[0])
        key = hashlib.sha256()
        for path in (*self.sources, *self.headers):
            key.update(path.name.encode() + b"\0" + path.read_bytes())
        facts = [compiler.resolve(), compiler.stat().st_size, compiler.stat().st_mtime_ns]
        facts += [*command[1:], torch.__version__, torch.version.cuda, platform.machine()]
        if "-march=native" in command:
            facts.append(_cpu_features())
        key.update(repr([str(fact) for fact in facts]).encode())
        return cache_folder() / f"{self.name}-{key.hexdigest()[:20]}.so"

    def _complaint(self) -> str:
        return f"compiled operators ({self.name}) cannot be used: {self.reason}"


def _capturing() -> bool:
    """Whether a CUDA graph is being recorded: no time for trial runs, nor to change the path."""
    begun = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return begun and torch.cuda.is_current_stream_capturing()


def _cpu_features() -> str:
    with contextlib.suppress(OSError), Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
        return next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return platform.processor()


def _command_for_these_gpus() -> list[str]:
    devices = range(torch.cuda.device_count())
    capabilities = {torch.cuda.get_device_capability(device) for device in devices}
    return cuda_command([f"{major}{minor}" for major, minor in sorted(capabilities)])


def _no_gpu() -> str:
    return "" if torch.version.cuda and torch.cuda.is_available() else "there is no CUDA GPU"


LIBRARIES = {
    library.name: library
    for library in (
        Library(
            "cuda",
            [CSRC / "fused_bias_act.cu", CSRC / "upfirdn2d.cu"],
            [CSRC / "operators.h", CSRC / "for_each.h"],
            _command_for_these_gpus,
            _no_gpu,
            cuda_library.prepare,
        ),
        Library("cpu", [CSRC / "styled_conv.cpp"], [], cpu_command, prepare=styled_conv.prepare),
    )
}


def load(name: str) -> ctypes.CDLL | None:
    """Return a library of LIBRARIES if it can be used now; None: take the PyTorch path.

    The first call starts a compiler if need be and does not wait for it; a later call finds the
    result. What goes wrong is logged as one warning that names the cause.

    Raises:
        BuildError: with STYLEMASK_OPS=native, which waits for the compiler, if there is no library
            and the machine has a use for it; and for a setting that makes no sense.
    """
    return LIBRARIES[name].load()


def status() -> dict[str, dict[str, Any]]:
    """What became of every library, as plain JSON; loads what was compiled, compiles nothing.

    Returns:
        Per name: `state`, "reference" being PyTorch's path, by choice or because the machine has no
        use for the library; `reason`: one line or ""; `seconds` that a build of this process took.
    """
    return {name: library.status() for name, library in LIBRARIES.items()}
