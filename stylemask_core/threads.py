"""How many threads PyTorch, and the operators compiled here, compute on: one policy for all.

- No more than this process may have CPUs, be it by its affinity or by a container's quota.
- One where a network is small: its steps are shorter than waking a thread beside others takes.
- Threads that wait for each other sleep, which `__init__.py` asks for. By default they spin for
  some ms; that uses up a quota, and beside other programs it holds the CPU that the thread they
  wait for would need. Where torch was imported before this package it is too late for that; then
  no more threads are used than other processes leave CPUs.

Whoever sets OMP_NUM_THREADS, or calls `torch.set_num_threads` after the import, has decided, and
nothing is changed. docs/performance.md has the measurements.
"""

import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar, cast

import torch

from stylemask_core import TORCH_CAME_FIRST
from stylemask_core.config import ModelConfig

VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")  # with which people decide themselves
INTERVAL = 0.2  # [s] at least, over which the use of the CPUs is taken
SPINNING = TORCH_CAME_FIRST  # then threads that wait for each other do not sleep
SMALL = 8e9  # multiply-accumulates of a synthesis; the embedded model has 0.5e9, FFHQ-1024 74e9


def cpu_limit(root: Path = Path("/")) -> int:
    """CPUs that this process may use at a time, a quota rounded up; below `root` is proc."""
    affinity = getattr(os, "sched_getaffinity", None)  # not everywhere
    cpus = len(affinity(0)) if affinity else os.cpu_count() or 1
    quota = cpu_quota(root)
    return cpus if quota is None else max(1, min(cpus, math.ceil(quota)))


def cpu_quota(root: Path = Path("/")) -> float | None:
    """The least CPU quota of the control groups this process is in [CPUs], None without one."""
    quotas: list[float] = []
    with suppress(OSError):  # no Linux
        groups = (root / "proc/self/cgroup").read_text().splitlines()
        mounts = (root / "proc/self/mountinfo").read_text().splitlines()
        # "0::/group" is of version 2, "4:cpu,cpuacct:/group" of version 1
        for names, group in (line.split(":", 2)[1:] for line in groups):
            kind = "cgroup" if names else "cgroup2"
            for *fields, mounted, _, options in map(str.split, mounts):
                common = {*names.split(",")} & {*options.split(",")}
                if mounted == kind and (not names or "cpu" in common):
                    top, point = fields[3:5]
                    quotas += _quotas(root / point.lstrip("/"), PurePosixPath(group), top)
    return min(quotas, default=None)


def _quotas(point: Path, group: PurePosixPath, top: str) -> Iterator[float]:
    """Quotas [CPUs] of a control group and of those around it; their root is mounted at a point.

    `top` is the group that is mounted there, which in a container may be its own.
    """
    inside = group.relative_to(top) if group.is_relative_to(top) else PurePosixPath()
    for folder in (point / inside, *(point / parent for parent in inside.parents)):
        with suppress(OSError, ValueError):  # no such file, or "max"
            if (both := folder / "cpu.max").exists():
                quota, period = map(int, both.read_text().split())
            else:
                quota = int((folder / "cpu.cfs_quota_us").read_text())
                period = int((folder / "cpu.cfs_period_us").read_text())
            if quota > 0:
                yield quota / period


def _chosen_by_variable() -> bool:
    return any(os.environ.get(name) for name in VARIABLES)


def _settle() -> int:  # hold PyTorch to the CPUs there are
    threads = torch.get_num_threads()
    if not _chosen_by_variable() and threads > (limit := cpu_limit()):
        torch.set_num_threads(threads := limit)
    return threads


DEFAULT = _settle()
_lowered = threading.Event()  # in any thread, at least once
_known = threading.local()
_known.own = True  # the thread that imports this has its number from nobody else


class Others:
    """CPUs that other processes use, as long as the system tells."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._stat = root / "proc/stat"
        self._last, self._cpus = self._read(), 0.0

    def _read(self) -> tuple[float, float]:
        """Wall time and the CPU time of all other processes, since any moment [s]."""
        busy = 0.0
        with suppress(OSError, ValueError):
            ticks = [int(text) for text in self._stat.read_text().split("\n", 1)[0].split()[1:]]
            idle = sum(ticks[3:5])  # waiting for disks is idle, too; guests' time is in users'
            busy = (sum(ticks[:8]) - idle) / os.sysconf("SC_CLK_TCK") - time.process_time()
        return time.monotonic(), busy

    def cpus(self) -> float:
        """The mean since the last time that was asked, INTERVAL ago at least."""
        now, busy = self._read()
        before, used = self._last
        if now - before >= INTERVAL:
            self._last, self._cpus = (now, busy), max(0.0, (busy - used) / (now - before))
        return self._cpus


OTHERS = Others()


def left(threads: int) -> int:
    """Threads that spin and yet hinder nobody: as many of them as there are CPUs left for."""
    free = (os.cpu_count() or 1) - OTHERS.cpus()
    return max(1, min(threads, round(free)))


def needed(config: ModelConfig) -> int:
    """Threads a model is to be run on."""
    macs, before = 0, 0
    for resolution, width in sorted(config.channels.items()):
        up = before * width * (resolution // 2) ** 2
        macs, before = macs + 9 * (up + width * width * resolution**2), width
    return 1 if macs < SMALL else DEFAULT


@contextmanager
def limited(threads: int) -> Iterator[None]:
    """Compute on so many threads within the block, unless somebody decided otherwise."""
    now = torch.get_num_threads()
    if now == 1 and _lowered.is_set() and not hasattr(_known, "own"):
        # a new thread starts with the number that any other set last, be it for a moment
        torch.set_num_threads(now := DEFAULT)
    _known.own = True
    if SPINNING and threads > 1:
        threads = left(threads)
    if now != DEFAULT or now == threads or _chosen_by_variable():
        yield
        return
    torch.set_num_threads(threads)
    _lowered.set()
    try:
        yield
    finally:
        torch.set_num_threads(DEFAULT)


Method = TypeVar("Method", bound=Callable[..., Any])


def on_needed_threads(method: Method) -> Method:
    """Run a method on the number of threads that its object names as `threads`."""

    @wraps(method)
    def wrapper(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        with limited(self.threads):
            return method(self, *args, **kwargs)

    return cast(Method, wrapper)
