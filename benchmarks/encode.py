"""`encode`: aligned pictures of 256 px → W+; against the batch."""

from benchmarks.arithmetic import encode_macs
from benchmarks.measure import Figures, Settings, Task, arithmetic_speed, bounds, compare
from benchmarks.process import BenchmarkError
from stylemask_core import ModelConfig

BATCHES = (2, 4)


def run(settings: Settings) -> Figures:
    """Measure.

    Raises:
        BenchmarkError: the model's encoder is not e4e.
    """
    config = ModelConfig.load(settings.model)
    if config.encoder != "e4e":
        raise BenchmarkError(
            f"encode compares e4e encoders, {config.name} has another: choose a model like FFHQ's"
        )
    batches = {"encode": 1}
    if not settings.quick:
        batches |= {f"encode@batch{batch}": batch for batch in BATCHES}
    tasks = [Task(name, "encode", {"batch": batch}) for name, batch in batches.items()]
    speed, macs = arithmetic_speed(settings), encode_macs(config)
    figures: Figures = {}
    for name, comparison in compare(settings, tasks, encoder=True).items():
        figures |= comparison.figures(name, settings.device)
        bound = {"bound": batches[name] * macs}
        figures |= bounds(name, bound, speed, figures, settings.device)
    return figures
