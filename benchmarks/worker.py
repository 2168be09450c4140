"""A process that holds one side of a comparison and does on command what is measured.

    python -m benchmarks.worker SIDE MODEL DEVICE

A command is one line of JSON on stdin, {"do": "load" | "run" | "peak" | "speed", …: arguments}; the
answer is one line on stdout. What is prepared for a task (codes, pictures) is not in its time.
"""

import functools
import importlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from benchmarks import inputs

# Side of a square matrix; channels and side of a convolution's input.
SPEED_SHAPES = {"cpu": (2048, 512, 64), "cuda": (8192, 512, 256)}
SPEED_RUNS = 6


class Side(Protocol):
    """What both sides can do; codes and tensors are each side's own."""

    def code(self, z: np.ndarray) -> Any: ...  # noqa: D102
    def encode(self, pictures: list[Image.Image]) -> Any: ...  # noqa: D102
    def synthesize(self, code: Any) -> Any: ...  # noqa: D102
    def random_pair(self, source: np.ndarray, target: np.ndarray) -> Any: ...  # noqa: D102
    def photo_pair(self, source: Image.Image, target: Image.Image) -> Any: ...  # noqa: D102
    def driven_frame(self, source: Any, target: Image.Image) -> Any: ...  # noqa: D102


class Session:
    """The commands.

    Args:
        side: "ours", "late" or "reference".
        model: model folder.
        device: "cpu" or "cuda".
    """

    def __init__(self, side: str, model: Path, device: str) -> None:
        if side == "ours":  # as its command line and server start; "late" is with torch first
            import stylemask_core  # noqa: F401
        import torch

        if side == "reference":
            from benchmarks.reference import Reference as Implementation
        else:
            from benchmarks.ours import Ours as Implementation

        self.torch, self.name, self.device, self.model = torch, side, device, model
        self.implementation = Implementation
        self.latent_dim = json.loads((model / "config.json").read_text("utf-8"))["latent_dim"]
        self.prepared = functools.lru_cache(maxsize=1)(self._prepare)  # tasks follow each other

    def _timed(self, call: Callable[[], Any], repeat: int = 1) -> tuple[Any, dict[str, float]]:
        """Call; returns the last result and the seconds of one call."""
        self._synchronize()
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(repeat):
            result = call()
        self._synchronize()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        return result, {"cpu": cpu / repeat, "wall": wall / repeat}

    def _synchronize(self) -> None:
        if self.device == "cuda":
            self.torch.cuda.synchronize()

    def load(self, encoder: bool) -> dict[str, float]:
        """Load the model, with the encoder or not."""
        self.side, times = self._timed(
            lambda: self.implementation(self.model, self.device, encoder)
        )
        return times

    def run(
        self, task: str, repeat: int = 1, save: str | None = None, **arguments: Any
    ) -> dict[str, float]:
        """Do a task; save writes its result to a .npy file."""
        result, times = self._timed(self.prepared(task, **arguments), repeat)
        if save:
            np.save(save, result.detach().float().cpu().numpy())
        return times

    def _prepare(self, task: str, **arguments: Any) -> Callable[[], Any]:
        if own := getattr(self, f"_{task}", None):
            return own(**arguments)
        operators = importlib.import_module(f"benchmarks.{self.name}_ops").OPS
        return operators[task](self.device, **arguments)

    def _z(self, seed: int) -> np.ndarray:
        return inputs.latent(seed, self.latent_dim)

    def _synthesis(self, batch: int = 1) -> Callable[[], Any]:
        code = self.side.code(np.concatenate([self._z(seed) for seed in range(batch)]))
        return lambda: self.side.synthesize(code)

    def _encode(self, batch: int = 1) -> Callable[[], Any]:
        pictures = [inputs.picture(seed) for seed in range(batch)]
        return lambda: self.side.encode(pictures)

    def _random_pair(self, count: int = 1) -> Callable[[], Any]:
        pairs = [(self._z(2 * k), self._z(2 * k + 1)) for k in range(count)]
        return lambda: [self.side.random_pair(*pair) for pair in pairs][-1]

    def _photo_pair(self) -> Callable[[], Any]:
        return functools.partial(self.side.photo_pair, inputs.picture(0), inputs.picture(1))

    def _driven_frame(self) -> Callable[[], Any]:
        return functools.partial(
            self.side.driven_frame, self.side.code(self._z(0)), inputs.picture(1)
        )

    def peak(self) -> dict[str, int]:
        """Peak memory so far [bytes]: the process's, or on a GPU what was allocated there."""
        if self.device == "cuda":
            return {"bytes": self.torch.cuda.max_memory_allocated()}
        try:
            status = Path("/proc/self/status").read_text()
            kib = int(status.split("VmHWM:")[1].split()[0])
        except OSError:  # no Linux; there ru_maxrss may count the parent's pages before exec
            unit = 1024 if sys.platform == "darwin" else 1
            kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit
        return {"bytes": kib * 1024}

    def speed(self) -> dict[str, float]:
        """The fastest arithmetic that PyTorch reaches [FLOP a second; on the CPU a CPU second].

        That is a large matrix product or a large 3×3 convolution, computed directly: they come
        from different libraries, and on some CPUs one is twice as fast as the other.
        """
        torch, on_gpu = self.torch, self.device == "cuda"
        dtype, clock = (torch.float16, "wall") if on_gpu else (torch.float32, "cpu")
        side, width, pixels = SPEED_SHAPES[self.device]

        def normal(*shape: int) -> Any:
            return torch.randn(shape).to(self.device, dtype)

        a, x, weight = (
            normal(side, side),
            normal(1, width, pixels, pixels),
            normal(width, width, 3, 3),
        )
        x = x.contiguous(memory_format=torch.channels_last)
        works = (
            (lambda: a @ a, 2 * side**3),
            (lambda: torch.conv2d(x, weight, padding=1), 2 * 9 * (width * pixels) ** 2),
        )
        flops = [
            flop / self._timed(call)[1][clock] for call, flop in works for _ in range(SPEED_RUNS)
        ]
        return {"flops": max(flops)}


def main() -> None:
    """Answer commands until stdin ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints is no answer
    side, model, device = sys.argv[1:]
    session = Session(side, Path(model), device)
    print(json.dumps({"cpu": time.process_time()}), file=answers)
    for line in sys.stdin:
        command = json.loads(line)
        print(json.dumps(getattr(session, command.pop("do"))(**command)), file=answers)


if __name__ == "__main__":
    main()
