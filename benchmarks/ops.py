"""`ops`: single operators and the layers of a synthesis, one at a time.

Against the plain way of `reference.py`; and, where the device has compiled operators, these against
the project's own PyTorch path, alone and within a whole synthesis.
"""

from benchmarks.arithmetic import synthesis_layers
from benchmarks.layers import ACTIVATION, COMPILED_CONV, CONV, UPSAMPLING
from benchmarks.measure import Figures, Settings, Task, arithmetic_speed, bounds, compare
from benchmarks.process import Side
from op import build
from stylemask_core import ModelConfig

FIRST_SIDE = 32  # [px] the layers below take next to no time


def run(settings: Settings) -> Figures:
    """Measure."""
    config, device = ModelConfig.load(settings.model), settings.device
    operators, layers = operator_tasks(config), layer_tasks(config)
    if settings.quick:
        layers = layers[-2:]
    compiled = build.settings().mode != "reference" and build.load(device) is not None
    if compiled and device == "cpu":
        layers += [
            Task(f"compiled_{task.figure}", COMPILED_CONV, task.arguments) for task in layers
        ]
    figures: Figures = {}
    for name, comparison in compare(settings, operators + layers).items():
        figures |= comparison.figures(name, device)
    speed = arithmetic_speed(settings)
    costs = layer_macs(config)
    for task in layers:
        cost = costs[task.figure.removeprefix("compiled_")]
        figures |= bounds(task.figure, cost, speed, figures, device)
    if compiled:
        figures |= compiled_against_pytorch(settings, operators if device == "cuda" else [])
    return figures


def operator_tasks(config: ModelConfig) -> list[Task]:
    """The two operators at the last resolution."""
    width, side = config.channels[config.resolution], config.resolution
    return [
        Task(ACTIVATION, ACTIVATION, {"width": width, "side": side}),
        Task(UPSAMPLING, UPSAMPLING, {"width": width, "side": side // 2}),
    ]


def layer_tasks(config: ModelConfig) -> list[Task]:
    """The styled convolutions, first to last."""
    tasks = []
    for side in [side for side in config.resolutions if side >= FIRST_SIDE] or [config.resolution]:
        before, width = config.channels[side // 2], config.channels[side]
        shape = {"width": width, "side": side}
        tasks += [
            Task(f"b{side}_conv0", CONV, {"before": before, "up": True, **shape}),
            Task(f"b{side}_conv1", CONV, {"before": width, "up": False, **shape}),
        ]
    return tasks


def layer_macs(config: ModelConfig) -> dict[str, dict[str, float]]:
    """By figure and kind of bound; the blur belongs to the convolution before it."""
    costs: dict[str, dict[str, float]] = {}
    for cost in synthesis_layers(config):
        block, layer = cost.name.split(".")
        if layer == "blur":
            costs[f"{block}_conv0"]["bound"] += cost.direct
        elif layer != "torgb":
            costs[f"{block}_{layer}"] = {"bound": cost.direct, "winograd": cost.winograd}
    return costs


def compiled_against_pytorch(settings: Settings, operators: list[Task]) -> Figures:
    """Ratios of the compiled operators to the project's PyTorch path: figures "native_…".

    Args:
        settings: of the benchmark.
        operators: to compare alone; a synthesis is always compared.
    """
    sides = tuple(Side("ours", {build.MODE_VARIABLE: value}) for value in ("native", "reference"))
    tasks = [Task(f"native_{task.figure}", task.task, task.arguments) for task in operators]
    tasks.append(Task("native_synthesis", "synthesis"))
    figures: Figures = {}
    for name, comparison in compare(settings, tasks, sides=(sides[0], sides[1])).items():
        figures |= comparison.figures(name, settings.device)
    return figures
