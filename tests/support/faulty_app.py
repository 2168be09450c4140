"""The demo as a process of its own, with a model that fails or waits at certain seeds."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.support.helpers import LOOPBACK, PATIENCE, ROOT, wait_for

BROKEN, HELD = 666, 777  # source seeds: the model raises; it waits while the gate file is there
GATE = "STYLEMASK_TEST_GATE"
UNSWEPT = "STYLEMASK_TEST_UNSWEPT"  # nothing is deleted by age while this file is there
FRESH = "STYLEMASK_TEST_FRESH"  # [s] in which new files are spared, if not the usual time


class Server:
    """A running demo."""

    def __init__(
        self, process: subprocess.Popen[str], url: str, folder: Path, gate: Path, unswept: Path
    ) -> None:
        self.process, self.url, self.folder = process, url, folder
        self.gate, self.unswept = gate, unswept

    def call(self, name: str, data: list[Any]) -> str:
        """Start an event over plain HTTP; returns where its answer is."""
        url = f"{self.url}/gradio_api/call/{name}"
        answer = httpx.post(url, json={"data": data}, **LOOPBACK)
        return f"{url}/{answer.json()['event_id']}"

    def answer(self, where: str) -> str:
        """The events of an answer, the last of which is complete or error."""
        return httpx.get(where, **LOOPBACK).text

    def mix(self, source: int = 1, target: int = 2) -> str:
        return self.answer(self.call("mix", [source, target]))

    def ready(self) -> bool:
        """Whether its model is there."""
        return "event: complete" in self.mix()

    def files(self) -> list[Path]:
        """What lies in its folder for temporary files."""
        return [path for path in self.folder.rglob("*") if path.is_file()]

    def stop(self) -> int:
        """Tell it to stop; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


@contextmanager
def served(folder: Path, port: int, *arguments: str, **environment: str) -> Iterator[Server]:
    """Serve in a process whose temporary files lie in a folder; ended with the block."""
    temporary, gate, log = folder / "tmp", folder / "gate", folder / "log"
    unswept = folder / "unswept"
    temporary.mkdir()
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("GRADIO_", "STYLEMASK_M"))}
    clean |= {"TMPDIR": str(temporary), "NO_PROXY": "localhost,127.0.0.1"}
    clean |= {GATE: str(gate), UNSWEPT: str(unswept)}
    command = [
        sys.executable,
        "-m",
        "tests.support.faulty_app",
        "--port",
        str(port),
        "--device",
        "cpu",
    ]
    with log.open("w+") as output:
        process = subprocess.Popen(
            [*command, *arguments], cwd=ROOT, env={**clean, **environment}, text=True,
            stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            _wait_until_up(process, log)
            yield Server(process, f"http://127.0.0.1:{port}", temporary, gate, unswept)
        finally:
            process.kill()
            process.wait()


def _wait_until_up(process: subprocess.Popen[str], log: Path) -> None:
    wait_for(lambda: "is up at" in log.read_text() or process.poll() is not None)
    assert process.poll() is None, log.read_text()


def main() -> int:
    """Run the demo with the faults built in."""
    import app
    from demo.server import storage
    from stylemask_core import StyleMaskPipeline

    storage.FRESH = float(os.environ.get(FRESH, storage.FRESH))

    gate, sample = Path(os.environ[GATE]), StyleMaskPipeline.sample
    unswept, delete_old = Path(os.environ[UNSWEPT]), storage.Storage.delete_old

    def faulty(pipeline: StyleMaskPipeline, seed: int, *arguments: Any) -> Any:
        if seed == BROKEN:
            raise RuntimeError("a tensor went astray")
        while seed == HELD and gate.exists():
            time.sleep(0.01)
        return sample(pipeline, seed, *arguments)

    def delete(folder: storage.Storage, age: float) -> None:
        if not unswept.exists():
            delete_old(folder, age)

    StyleMaskPipeline.sample, storage.Storage.delete_old = faulty, delete
    return app.main()


if __name__ == "__main__":
    sys.exit(main())
