"""`load`: from files the system has in memory to networks that can be used, in fresh processes.

`first_random_pair` and `first_photo_pair` tell what a program has done until its first result, so
that nothing can be put off unseen: starting Python, imports, loading and the first pair.
"""

import time
from collections.abc import Callable

from benchmarks.measure import Comparison, Figures, Settings, median_times, note
from benchmarks.process import OURS, REFERENCE, Side
from stylemask_core import ModelConfig


def run(settings: Settings) -> Figures:
    """Measure; the encoder only where it is e4e, which the reference has."""
    photos = ModelConfig.load(settings.model).encoder == "e4e"
    figures = _figures(settings, "generator_and_masks", lambda side: _load(settings, side, False))
    first = _figures(
        settings, "first_random_pair", lambda side: _first(settings, side, "random_pair")
    )
    if photos:
        figures |= _figures(settings, "all", lambda side: _load(settings, side, True))
        first |= _figures(
            settings, "first_photo_pair", lambda side: _first(settings, side, "photo_pair")
        )
    return figures | first


def _figures(
    settings: Settings, name: str, measured: Callable[[Side], dict[str, float]]
) -> Figures:
    """Alternate between the sides; the first process of each warms the files up."""
    note(f"{name}: {settings.runs} fresh processes of each side")
    sides = OURS, REFERENCE
    for side in sides:
        measured(side)
    runs = [[measured(side) for side in sides] for _ in range(settings.runs)]
    ours, reference = (median_times(times) for times in zip(*runs, strict=True))
    # Loading is work of the CPU on every device.
    figures = Comparison(ours, reference, 0.0).figures(name, "cpu")
    del figures[f"{name}.deviation"]  # pair compares the results
    return figures


def _load(settings: Settings, side: Side, encoder: bool) -> dict[str, float]:
    with settings.worker(side) as worker:
        return worker.ask("load", encoder=encoder)


def _first(settings: Settings, side: Side, task: str) -> dict[str, float]:
    start = time.perf_counter()
    with settings.worker(side) as worker:
        cpu = worker.start
        cpu += worker.ask("load", encoder=task == "photo_pair")["cpu"]
        cpu += worker.ask("run", task=task)["cpu"]
        return {"cpu": cpu, "wall": time.perf_counter() - start}
