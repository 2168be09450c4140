"""A control group with a CPU quota, as a container has it; needs Linux and the superuser."""

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.process import BenchmarkError

PERIOD = 100_000  # [µs] that a quota is given for; what containers have
ROOT = Path("/sys/fs/cgroup")


@contextmanager
def control_group(cpus: float) -> Iterator[Path]:
    """Make a group that may use so many CPUs; it is gone afterwards.

    Yields:
        The group's folder: a process whose number is written to `cgroup.procs` in it has joined.

    Raises:
        BenchmarkError: no group can be made here.
    """
    unified = (ROOT / "cgroup.controllers").exists()  # version 2
    folder = (ROOT if unified else _own_group()) / f"stylemask-{os.getpid()}"
    quota = f"{cpus * PERIOD:.0f}"
    try:
        folder.mkdir()
    except OSError as error:
        raise BenchmarkError(f"no control group can be made here ({error.strerror})") from error
    try:
        if unified:
            with contextlib.suppress(OSError):  # it is on already, or the quota below says no
                (ROOT / "cgroup.subtree_control").write_text("+cpu")
            (folder / "cpu.max").write_text(f"{quota} {PERIOD}")
        else:
            (folder / "cpu.cfs_quota_us").write_text(quota)
        yield folder
    except OSError as error:
        raise BenchmarkError(f"{folder} takes no quota ({error.strerror})") from error
    finally:
        with contextlib.suppress(OSError):  # somebody is still in it
            folder.rmdir()


def _own_group() -> Path:
    """The group of this process, of version 1: what it is given is shared with those below."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, names, group = line.split(":", 2)
        if "cpu" in names.split(",") and (folder := ROOT / "cpu" / group.lstrip("/")).is_dir():
            return folder
    return ROOT / "cpu"
