"""What a benchmark prints and records: figures, each with its unit and its ratio."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
RECORD_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
# What follows a figure's name after a dot; figures without one are ours.
COLUMNS = ("", "reference", "late", "default", "wall", "bound", "winograd", "deviation")
HEADINGS = (
    "ours",
    "reference",
    "torch imported first",
    "PyTorch's default",
    "wall time",
    "bound",
    "with Winograd",
    "deviation",
)


@dataclass(frozen=True)
class Figure:
    """One number.

    Args:
        value: what was measured or computed.
        unit: of the value.
        ratio: reference / value, above 1 = faster or smaller than the reference; None where
            there is nothing to compare with.
    """

    value: float
    unit: str
    ratio: float | None = None


@dataclass(frozen=True)
class Report:
    """The outcome of one benchmark.

    Args:
        benchmark: its name.
        machine: as `machine.describe` gives it.
        figures: "NAME" is ours; "NAME.reference" the reference's; "NAME.default" that with
            PyTorch's own number of threads; "NAME.late" ours, imported after torch; "NAME.wall"
            ours in wall time;
            "NAME.bound" what the arithmetic alone would take; "NAME.winograd" the same with
            Winograd's algorithm; "NAME.deviation" how far the results lie apart. "NAME@2x" is a
            point of a sweep.
    """

    benchmark: str
    machine: dict[str, Any]
    figures: dict[str, Figure]

    def to_json(self) -> str:
        """One JSON object."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Report":
        """The reverse of `to_json`."""
        figures = {name: Figure(**figure) for name, figure in values["figures"].items()}
        return cls(values["benchmark"], values["machine"], figures)

    def table(self) -> str:
        """The figures as a Markdown table, a row a name."""
        names = list(dict.fromkeys(name.partition(".")[0] for name in self.figures))
        used = [
            column
            for column in COLUMNS
            if any(name.partition(".")[2] == column for name in self.figures)
        ]
        rows = [[self.benchmark, *(HEADINGS[COLUMNS.index(column)] for column in used)]]
        for name in names:
            keys = [f"{name}.{column}".rstrip(".") for column in used]
            rows.append([name, *(self._cell(key) for key in keys)])
        return aligned(rows)

    def _cell(self, key: str) -> str:
        if (figure := self.figures.get(key)) is None:
            return ""
        plain = figure.ratio is None or key.endswith(".reference")
        return f"{figure.value:.3g} {figure.unit}" + ("" if plain else f" ({figure.ratio:.2f}×)")


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells, the first being the heading, as a Markdown table with even columns."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *lines[1:]])


def record(report: Report, name: str, folder: Path = RESULTS) -> Path:
    """Keep a report in NAME.json, beside those of the other benchmarks on that machine."""
    path = folder / f"{name}.json"
    reports = json.loads(path.read_text("utf-8")) if path.exists() else {}
    reports[report.benchmark] = asdict(report)
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(reports, indent=1) + "\n", "utf-8")
    return path


def recorded(path: Path) -> list[Report]:
    """The reports of a file that `record` wrote."""
    return [Report.from_dict(values) for values in json.loads(path.read_text("utf-8")).values()]
