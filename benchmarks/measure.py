"""Interleaved comparison of two sides, each in a process of its own."""

import contextlib
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.process import OURS, REFERENCE, BenchmarkError, Side, Worker
from benchmarks.report import Figure

Figures = dict[str, Figure]

WARM_UPS = {"cpu": 1, "cuda": 5}
REPEATS = {"cpu": 1, "cuda": 20}  # calls in one timed run: a GPU's are short
# Largest deviation of a result, as a share of the reference's range; float16 on the GPU.
TOLERANCE = {"cpu": 1e-3, "cuda": 5e-2}


@dataclass(frozen=True)
class Settings:
    """What was asked for on the command line.

    Args:
        model: model folder.
        device: "cpu" or "cuda".
        threads: a worker may use.
        runs: timed runs of each side; medians are reported.
        quick: leave the sweeps out.
        pictures: of `watermark`, unmarked.
        clients: of `serve`, at once.
        requests: of `serve`, of all clients together.
    """

    model: Path
    device: str = "cpu"
    threads: int = 1
    runs: int = 3
    quick: bool = False
    pictures: int = 30_000
    clients: int = 4
    requests: int = 16

    def worker(self, side: Side, model: Path | None = None) -> Worker:
        """Start a worker with these settings."""
        return Worker(side, model or self.model, self.device, self.threads)


@dataclass(frozen=True)
class Task:
    """Something a worker can run, and the name of the figure that becomes of it."""

    figure: str
    task: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Times:
    """Seconds of one run, on both clocks."""

    cpu: float
    wall: float


@dataclass(frozen=True)
class Comparison:
    """Medians of a task on both sides, and how far the results lie apart."""

    ours: Times
    reference: Times
    deviation: float

    def figures(self, name: str, device: str) -> Figures:
        """The figures of a task; CPU seconds on the CPU, milliseconds on a GPU."""
        ours, reference = (seconds(times, device) for times in (self.ours, self.reference))
        found = {
            name: duration(ours, device, reference),
            f"{name}.reference": duration(reference, device, reference),
        }
        if device == "cpu":
            walls = self.ours.wall, self.reference.wall
            found[f"{name}.wall"] = Figure(walls[0], "s", walls[1] / walls[0])
        return found | {f"{name}.deviation": Figure(self.deviation, "of range")}


def seconds(times: Times, device: str) -> float:
    """The clock that counts: CPU time, which does not see other programs, or a GPU's time."""
    return times.cpu if device == "cpu" else times.wall


def duration(value: float, device: str, reference: float | None = None) -> Figure:
    """A figure from seconds."""
    ratio = reference / value if reference and value else None
    return Figure(value, "CPU s", ratio) if device == "cpu" else Figure(value * 1e3, "ms", ratio)


def note(text: str) -> None:
    """Tell a person who waits what is going on; stdout is for the figures."""
    print(text, file=sys.stderr, flush=True)


def median_times(runs: Sequence[dict[str, float]]) -> Times:
    """Median of each clock over runs."""
    return Times(*(statistics.median(run[clock] for run in runs) for clock in ("cpu", "wall")))


def compare(
    settings: Settings,
    tasks: Sequence[Task],
    *,
    encoder: bool = False,
    runs: int | None = None,
    model: Path | None = None,
    sides: tuple[Side, Side] = (OURS, REFERENCE),
) -> dict[str, Comparison]:
    """Run tasks on both sides in turn.

    Args:
        settings: of the benchmark.
        tasks: what to run.
        encoder: whether they need it.
        runs: timed runs instead of the settings'.
        model: model folder instead of the settings'.
        sides: ours, and what it is compared with.

    Returns:
        By the tasks' figures.

    Raises:
        BenchmarkError: a worker failed, or the sides' results differ.
    """
    found = {}
    runs = settings.runs if runs is None else runs
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(settings.worker(side, model)) for side in sides]
        for worker in workers:
            worker.ask("load", encoder=encoder)
        for task in tasks:
            note(f"{task.figure}: {runs} runs of each side")
            deviation = _deviation(settings, workers, task)
            times: tuple[list, list] = ([], [])
            for run in range(runs):
                for index in (0, 1) if run % 2 else (1, 0):
                    repeat = REPEATS[settings.device]
                    command = {"task": task.task, "repeat": repeat, **task.arguments}
                    times[index].append(workers[index].ask("run", **command))
            ours, reference = map(median_times, times)
            found[task.figure] = Comparison(ours, reference, deviation)
    return found


def _deviation(settings: Settings, workers: Sequence[Worker], task: Task) -> float:
    """Warm both sides up; returns how far their results lie apart, as a share of the range."""
    with tempfile.TemporaryDirectory(prefix="stylemask-benchmark-") as scratch:
        results = []
        for index, worker in enumerate(workers):
            path = str(Path(scratch) / f"{index}.npy")
            repeat = WARM_UPS[settings.device]
            worker.ask("run", task=task.task, repeat=repeat, save=path, **task.arguments)
            results.append(np.load(path))
    ours, reference = results
    deviation = float(np.abs(ours - reference).max() / np.ptp(reference))
    if not deviation <= TOLERANCE[settings.device]:
        raise BenchmarkError(
            f"{task.figure}: the results differ by {deviation:.2g} of their range, so their costs "
            "cannot be compared"
        )
    return deviation


def peak_memory(settings: Settings, name: str, task: str, encoder: bool = False) -> Figures:
    """Peak memory of a fresh process that loads a model and does a task once [GB]."""
    note(f"{name}: a fresh process of each side")
    peaks = []
    for side in (OURS, REFERENCE):
        with settings.worker(side) as worker:
            worker.ask("load", encoder=encoder)
            worker.ask("run", task=task)
            peaks.append(worker.ask("peak")["bytes"] / 1e9)
    ours, reference = peaks
    return {
        name: Figure(ours, "GB", reference / ours),
        f"{name}.reference": Figure(reference, "GB", 1.0),
    }


def arithmetic_speed(settings: Settings) -> float:
    """Fastest arithmetic of the device [FLOP a second, or a CPU second]: the bounds rest on it."""
    with settings.worker(REFERENCE) as worker:
        return float(worker.ask("speed")["flops"])


def bounds(name: str, macs: dict[str, float], speed: float, found: Figures, device: str) -> Figures:
    """What a figure's arithmetic alone would take.

    Args:
        name: of the figure.
        macs: multiply-accumulates by kind of bound: "bound", "winograd".
        speed: as `arithmetic_speed` gives it.
        found: holds the reference of the figure.
        device: "cpu" or "cuda".
    """
    scale = 1.0 if device == "cpu" else 1e-3
    reference = found[f"{name}.reference"].value * scale
    return {
        f"{name}.{kind}": duration(2 * count / speed, device, reference)
        for kind, count in macs.items()
    }
