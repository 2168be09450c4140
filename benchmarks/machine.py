"""The machine figures were measured on."""

import os
import platform
from pathlib import Path
from typing import Any

import torch

from benchmarks.measure import note
from op import build


def cores() -> int:
    """Number of CPU cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_model() -> str:
    """What the CPU calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def describe(device: str, threads: int) -> dict[str, Any]:
    """Describe the machine and the settings that decide about speed.

    Args:
        device: "cpu" or "cuda".
        threads: a worker may use.
    """
    described: dict[str, Any] = {
        "cpu": cpu_model(),
        "cores": cores(),
        "threads": threads,
        "vector_instructions": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": platform.system(),
        "device": device,
        "operators": {name: status["state"] for name, status in build.status().items()},
    }
    if device == "cuda":
        described |= {"gpu": torch.cuda.get_device_name(), "cuda": torch.version.cuda}
    return described


def build_operators() -> None:
    """Have the compiled operators ready, as `stylemask doctor --build` does; say what failed."""
    for name, library in build.LIBRARIES.items():
        try:
            library.build()
        except build.BuildError as error:
            note(f"operators {name}: {error}")
