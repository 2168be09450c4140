"""Plots and tables of recorded reports, for docs/performance.md."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullFormatter, StrMethodFormatter

from benchmarks.process import ROOT, BenchmarkError
from benchmarks.report import RESULTS, Figure, Report, recorded

PAGE_NOTE = """Written by `python -m benchmarks plot {name}` from `benchmarks/results/{name}.json`.
What the columns mean and how they are measured: [performance](../performance.md)."""
FOLDER = ROOT / "docs" / "performance"
PANEL_WIDTH, HEIGHT, DPI = 4.6, 3.2, 80  # [inch], [inch], [px an inch]
HEIGHTS = {"ops": 6.4}  # [inch] a row a layer
BLUE, LIGHT_BLUE, GREY = "#2563eb", "#93c5fd", "#9ca3af"
RED, ORANGE = "#dc2626", "#ea8a0c"
OURS, THEIRS = ("", "StyleMask", BLUE), (".reference", "authors' way", GREY)
SIDES = OURS, THEIRS
PYTORCH = (".reference", "StyleMask without compiled operators", LIGHT_BLUE)
FIXED = (".reference", "best fixed number of threads", GREY)
BOUNDS = (
    (".bound", "arithmetic bound, computed directly", RED),
    (".winograd", "arithmetic bound with Winograd F(6×6, 3×3)", ORANGE),
)
Panel = Callable[[Axes, Report], None]
Style = tuple[str, str, str]  # suffix of the figure, label, colour


def bars(title: str, *patterns: str, other: Style = THEIRS) -> Panel:
    """Ours and the other side of figures that match one of the patterns, with the bounds."""

    def draw(axes: Axes, report: Report) -> None:
        names = [
            name
            for name in report.figures
            if "." not in name and any(re.fullmatch(pattern, name) for pattern in patterns)
        ]
        thickness = 0.38
        for row, name in enumerate(names):
            sides = [side for side in (OURS, other) if name + side[0] in report.figures]
            for index, (suffix, label, colour) in enumerate(sides):
                figure, y = report.figures[name + suffix], row + (index - 0.5) * thickness
                axes.barh(y, figure.value, thickness, color=colour, label=label)
                _annotate(axes, y, figure, suffix)
            for suffix, label, colour in BOUNDS:
                if figure := report.figures.get(name + suffix):
                    axes.vlines(
                        figure.value, row - thickness, row + thickness, color=colour, label=label
                    )
        axes.set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
        axes.invert_yaxis()
        axes.margins(x=0.4)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        unit = report.figures[names[0]].unit if names else ""
        axes.set(title=title, xlabel=unit)

    return draw


def _annotate(axes: Axes, y: float, figure: Figure, suffix: str) -> None:
    ours = suffix == "" and figure.ratio is not None
    text = f" {figure.value:.3g}" + (f"  ({figure.ratio:.1f}×)" if ours else "")
    axes.text(figure.value, y, text, va="center", fontsize=7)


def curves(title: str, base: str, kind: str, first: float, label: str) -> Panel:
    """A sweep, "BASE@…" by the number in it, on two logarithmic axes.

    Args:
        title: of the panel.
        base: name of the figure the sweep starts or ends with.
        kind: pattern of what follows the @, with the number as its group.
        first: number that stands for the base itself; NaN to take the report's resolution.
        label: of the x axis.
    """

    def draw(axes: Axes, report: Report) -> None:
        numbers = {
            name: float(match.group(1))
            for name in report.figures
            if (match := re.fullmatch(rf"{base}@{kind}", name))
        }
        numbers[base] = first if first == first else 2 * max(numbers.values(), default=1)
        names = sorted(numbers, key=numbers.__getitem__)
        for suffix, title_of_line, colour in (*SIDES, *BOUNDS):
            points = [
                (numbers[name], report.figures[name + suffix].value)
                for name in names
                if name + suffix in report.figures
            ]
            if points:
                style = "--" if (suffix, title_of_line, colour) in BOUNDS else "o-"
                x, y = zip(*points, strict=True)
                axes.plot(x, y, style, color=colour, label=title_of_line, markersize=4)
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.set_xticks([numbers[name] for name in names])
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axis.set_minor_formatter(NullFormatter())
        axes.grid(alpha=0.3)
        axes.set(title=title, xlabel=label, ylabel=report.figures[base].unit)

    return draw


PANELS: dict[str, Sequence[Panel]] = {
    "pair": (
        bars("One result", "synthesis", "random_pair", "photo_pair", "driven_frame"),
        bars("Peak memory", "peak_memory_.*"),
        curves("Random pairs in a row", "random_pair", r"(\d+)x", 1, "pairs"),
    ),
    "synthesis": (
        curves("Against resolution", "synthesis", r"(\d+)px", float("nan"), "side [px]"),
        curves("Against batch", "synthesis", r"batch(\d+)", 1, "pictures at once"),
    ),
    "encode": (curves("Encode", "encode", r"batch(\d+)", 1, "pictures at once"),),
    "load": (
        bars("Loading", "generator_and_masks", "all"),
        bars("Start to first result", "first_.*"),
    ),
    "serve": (bars("Requests on a server", "p.._ms"),),
    "watermark": (bars("The watermark is found after edits", "(model|photo)_found_.*"),),
    "threads": (
        bars("The embedded model", "embedded_.*", other=FIXED),
        bars("FFHQ's networks", "ffhq_.*", other=FIXED),
    ),
    "page": (bars("A visit with an empty cache", "first_result.*_s"),),
    "ops": (
        bars("Operators", "fused_bias_act", "upfirdn2d"),
        bars("Layers", r"b\d+_conv\d"),
        bars("Layers, compiled", r"compiled_.*"),
        bars("Compiled operators", "native_.*", other=PYTORCH),
    ),
}


def draw(name: str) -> list[Path]:
    """Draw every report of a recorded file, and write a page of their tables and pictures.

    Returns:
        Paths of the page and the pictures.

    Raises:
        BenchmarkError: there is no such file.
    """
    path = RESULTS / f"{name}.json"
    if not path.exists():
        raise BenchmarkError(f"there is no {path}: record one with --record {name}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    reports, page = recorded(path), FOLDER / f"{name}.md"
    pictures = [_draw(report, FOLDER / f"{name}-{report.benchmark}.png") for report in reports]
    sections = [
        f"## {report.benchmark}\n\n![{report.benchmark}]({picture.name})\n\n{report.table()}\n"
        for report, picture in zip(reports, pictures, strict=True)
    ]
    heading = f"# Measured: {_machine(reports[0])}\n\n{PAGE_NOTE.format(name=name)}\n"
    page.write_text("\n".join([heading, *sections]), "utf-8")
    return [page, *pictures]


def _machine(report: Report) -> str:
    machine = report.machine
    device = machine.get("gpu", f"{machine['cpu']}, {machine['cores']} cores")
    return f"{device}, threads: {machine['threads']}, torch {machine['torch']}"


def _draw(report: Report, path: Path) -> Path:
    panels = PANELS[report.benchmark]
    figure, all_axes = plt.subplots(
        1,
        len(panels),
        figsize=(PANEL_WIDTH * len(panels), HEIGHTS.get(report.benchmark, HEIGHT)),
        squeeze=False,
        layout="constrained",
    )
    for axes, panel in zip(all_axes[0], panels, strict=True):
        panel(axes, report)
    labels: dict[str, object] = {}
    for axes in all_axes[0]:
        handles, texts = axes.get_legend_handles_labels()
        labels |= dict(zip(texts, handles, strict=True))
    figure.legend(
        labels.values(), labels, loc="outside lower center", ncols=2, fontsize=7, frameon=False
    )
    figure.suptitle(_machine(report), fontsize=8)
    figure.savefig(path, dpi=DPI)
    plt.close(figure)
    return path
