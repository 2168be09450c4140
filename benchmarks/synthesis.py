"""`synthesis`: W+ → picture; against resolution and batch."""

from benchmarks.arithmetic import synthesis_macs
from benchmarks.measure import Figures, Settings, Task, arithmetic_speed, bounds, compare
from benchmarks.models import random_model, smaller
from stylemask_core import ModelConfig

RESOLUTIONS = 4  # below the model's own
BATCHES = (2, 4)


def run(settings: Settings) -> Figures:
    """Measure."""
    config, device = ModelConfig.load(settings.model), settings.device
    speed = arithmetic_speed(settings)
    task = Task("synthesis", "synthesis")
    figures = compare(settings, [task])[task.figure].figures(task.figure, device)
    figures |= _bounds(task.figure, config, 1, speed, figures, device)
    if settings.quick:
        return figures
    for resolution in config.resolutions[1:-1][-RESOLUTIONS:]:
        small = smaller(config, resolution)
        task = Task(f"synthesis@{resolution}px", "synthesis")
        comparison = compare(settings, [task], model=random_model(small))[task.figure]
        figures |= comparison.figures(task.figure, device)
        figures |= _bounds(task.figure, small, 1, speed, figures, device)
    batches = {f"synthesis@batch{batch}": batch for batch in BATCHES}
    tasks = [Task(name, "synthesis", {"batch": batch}) for name, batch in batches.items()]
    for name, comparison in compare(settings, tasks, runs=1).items():
        figures |= comparison.figures(name, device)
        figures |= _bounds(name, config, batches[name], speed, figures, device)
    return figures


def _bounds(
    name: str, config: ModelConfig, batch: int, speed: float, figures: Figures, device: str
) -> Figures:
    macs = {kind: batch * macs for kind, macs in synthesis_macs(config).items()}
    return bounds(name, macs, speed, figures, device)
