"""`pair`: from two codes or two photos to the reenacted picture."""

from benchmarks.arithmetic import encode_macs, synthesis_macs
from benchmarks.measure import (
    Figures,
    Settings,
    Task,
    arithmetic_speed,
    bounds,
    compare,
    peak_memory,
)
from stylemask_core import ModelConfig

WITHOUT_PHOTOS, WITH_PHOTOS = ("synthesis", "random_pair"), ("photo_pair", "driven_frame")
PAIR_COUNTS = (2, 4)


def run(settings: Settings) -> Figures:
    """Measure; photo figures only of a model with the e4e encoder, which the reference has."""
    config = ModelConfig.load(settings.model)
    photos = config.encoder == "e4e"
    tasks = [Task(name, name) for name in WITHOUT_PHOTOS + (WITH_PHOTOS if photos else ())]
    figures: Figures = {}
    for name, comparison in compare(settings, tasks, encoder=photos).items():
        figures |= comparison.figures(name, settings.device)
    if not settings.quick:
        sweep = [Task(f"random_pair@{n}x", "random_pair", {"count": n}) for n in PAIR_COUNTS]
        for name, comparison in compare(settings, sweep, runs=1).items():
            figures |= comparison.figures(name, settings.device)
    figures |= peak_memory(settings, "peak_memory_random_pair", "random_pair")
    if photos:
        figures |= peak_memory(settings, "peak_memory_photo_pair", "photo_pair", encoder=True)
    for kind in ("", ".reference"):
        figures[f"peak_memory{kind}"] = figures[f"peak_memory_random_pair{kind}"]
    return figures | _bounds(settings, config, figures)


def _bounds(settings: Settings, config: ModelConfig, figures: Figures) -> Figures:
    """The arithmetic of one synthesis for each result, and one encode for each new photo."""
    speed, device = arithmetic_speed(settings), settings.device
    needs = {"synthesis": (1, 0), "random_pair": (1, 0)}
    needs |= {f"random_pair@{count}x": (count, 0) for count in PAIR_COUNTS}
    needs |= {"photo_pair": (1, 2), "driven_frame": (1, 1)}
    synthesis, encode = synthesis_macs(config), encode_macs(config)
    found: Figures = {}
    for name, (syntheses, encodes) in needs.items():
        if name in figures:
            macs = {kind: syntheses * x + encodes * encode for kind, x in synthesis.items()}
            found |= bounds(name, macs, speed, figures, device)
    return found
