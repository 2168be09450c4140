"""`threads`: the product's choice of threads against every fixed number of them, in wall time.

Each is measured on the machine as it is (`free`), under a quota of one CPU (`quota`, where a
control group can be made), beside one busy process (`busy`) and beside one for every core
(`crowded`). The reference is the best fixed number, known afterwards, of threads that sleep or spin
while they wait; `default` is PyTorch's: one a core, spinning; `late` is ours in a program that
imports torch first.
"""

import contextlib
import math
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks import machine
from benchmarks.control_group import control_group
from benchmarks.measure import Figures, Settings, note
from benchmarks.models import random_model
from benchmarks.process import OURS, BenchmarkError, Side, Worker
from benchmarks.report import Figure
from stylemask_core.models.model_folder import EMBEDDED_FOLDER

TASKS = {"embedded": ("photo_pair", "random_pair"), "ffhq": ("encode", "synthesis")}
QUICK = ("random_pair",)
SLEEPING = Side(OURS.kind, {"OMP_WAIT_POLICY": "PASSIVE"})
# libgomp's own count, which it does not take any more where the product has set the policy
SPINNING = Side(OURS.kind, {"GOMP_SPINCOUNT": "300000"})
BUSY = "while True: pass"
WARM_UPS = 2


OURS_NAME, LATE, DEFAULT = "ours", "late", "default"


def run(settings: Settings) -> Figures:
    """Measure the embedded model and FFHQ's networks; if quick, the model of the settings.

    Raises:
        BenchmarkError: a worker failed.
    """
    if settings.quick:
        return _measure(settings, "small", settings.model, QUICK, {"busy": 1})
    cores = machine.cores()
    figures: Figures = {}
    for name, folder in {"embedded": EMBEDDED_FOLDER, "ffhq": random_model()}.items():
        conditions = {"free": 0, "busy": 1, "crowded": cores}
        figures |= _measure(settings, name, folder, TASKS[name], conditions)
        try:
            with control_group(cpus=1) as group:
                figures |= _measure(settings, name, folder, TASKS[name], {"quota": 0}, group)
        except BenchmarkError as error:
            note(f"{name}_quota: {error}")
    return figures


def _measure(
    settings: Settings,
    name: str,
    folder: Path,
    tasks: tuple[str, ...],
    conditions: dict[str, int],
    group: Path | None = None,
) -> Figures:
    """Run tasks in turn with every choice of threads.

    Args:
        settings: of the benchmark.
        name: of the model, the first part of the figures' names.
        folder: of the model.
        tasks: the second part.
        conditions: the third part, and how many busy processes there are.
        group: control group that the workers are in.
    """
    cores = machine.cores()
    choices: dict[str, tuple[Side, int | None]] = {
        OURS_NAME: (OURS, None),
        LATE: (Side(LATE), None),
        DEFAULT: (SPINNING, cores),
    }
    for number in sorted({1, math.ceil(cores / 2), cores}):
        choices[f"{number} sleeping"] = SLEEPING, number
        if 1 < number < cores:  # one waits for nobody, and all are the default
            choices[f"{number} spinning"] = SPINNING, number
    figures: Figures = {}
    with contextlib.ExitStack() as stack:
        workers = {
            choice: stack.enter_context(Worker(side, folder, settings.device, threads, group))
            for choice, (side, threads) in choices.items()
        }
        for worker in workers.values():
            worker.ask("load", encoder=tasks != QUICK)
            for task in tasks:
                worker.ask("run", task=task, repeat=WARM_UPS)
        for condition, processes in conditions.items():
            with _busy(processes):
                for task in tasks:
                    figure = f"{name}_{task}_{condition}"
                    note(f"{figure}: {settings.runs} runs of {len(workers)} choices")
                    times = _times(workers, task, settings.runs)
                    best = min(times[x] for x in times if x not in (OURS_NAME, LATE))
                    figures |= {
                        figure: Figure(times[OURS_NAME], "s", best / times[OURS_NAME]),
                        f"{figure}.reference": Figure(best, "s", 1.0),
                        f"{figure}.late": Figure(times[LATE], "s", best / times[LATE]),
                        f"{figure}.default": Figure(times[DEFAULT], "s", best / times[DEFAULT]),
                    }
    return figures


def _times(workers: dict[str, Worker], task: str, runs: int) -> dict[str, float]:
    """Median wall time of a task by choice; they take turns, and each begins one."""
    times: dict[str, list[float]] = {choice: [] for choice in workers}
    order = list(workers)
    for _ in range(runs):
        for choice in order:
            times[choice].append(workers[choice].ask("run", task=task)["wall"])
        order = [*order[1:], order[0]]
    return {choice: statistics.median(found) for choice, found in times.items()}


@contextlib.contextmanager
def _busy(processes: int) -> Iterator[None]:
    """Have so many processes compute beside what is measured."""
    others = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(processes)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()
