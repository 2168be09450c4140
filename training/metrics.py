"""What a run measures, as JSON lines in its folder and, on request, in trackio on this machine."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.checkpoint import one_line_errors, write_whole

METRICS_FILE = "metrics.jsonl"
PROJECT = "stylemask"  # the runs' project in trackio


class MetricsLog:
    """Appends a line a measurement: {"step": …, name: figure, …}.

    Args:
        folder: of the run.
        step: the run goes on from here: later lines, of steps that were lost, are removed.
        configuration: shown by trackio.
        trackio: send the figures there, too; needs that package, but no account or network.

    Raises:
        SystemExit: the file cannot be written, or trackio is asked for and missing.
    """

    def __init__(
        self, folder: Path, step: int, configuration: Mapping[str, Any], trackio: bool = False
    ) -> None:
        self.path = folder / METRICS_FILE
        with one_line_errors(self.path):
            folder.mkdir(parents=True, exist_ok=True)
            if self.path.exists():
                write_whole(self.path, "".join(_lines_until(self.path, step)).encode())
        self._board = _open_trackio(folder.name, configuration) if trackio else None

    def write(self, step: int, figures: Mapping[str, float]) -> None:
        """Append one line.

        Raises:
            SystemExit: it cannot be written.
        """
        with one_line_errors(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **figures}) + "\n")
        if self._board:
            self._board.log(dict(figures), step=step)

    def close(self) -> None:
        """Let trackio store what it holds."""
        if self._board:
            self._board.finish()


def _lines_until(path: Path, step: int) -> list[str]:
    """The lines up to a step; a killed process may have left half a line at the end."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("}\n")]
    return [line for line in whole if json.loads(line)["step"] <= step]


def _open_trackio(name: str, configuration: Mapping[str, Any]) -> Any:
    try:
        import trackio
    except ImportError:
        raise SystemExit("--trackio needs trackio: pip install 'stylemask[training]'") from None
    return trackio.init(
        project=PROJECT,
        name=name,
        config=dict(configuration),
        resume="allow",
        embed=False,
        auto_log_gpu=False,
        auto_log_cpu=False,
    )
