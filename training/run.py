"""What every training entry shares: options, schedule, weight averaging, exact checkpoints."""

import argparse
import contextlib
import copy
import json
import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

SAVE_INTERVAL = 120.0  # [s] between checkpoints
WARMUP_STEPS = 100
FINAL_LEARNING_RATE = 0.03  # share of the peak left at the end of the cosine
STATE_FILE = "state.safetensors"


class ProgressBar(Protocol):
    """The part of tqdm's interface the entries use."""

    def update(self, n: float = 1) -> Any:
        """Count n more units as done."""

    def set_postfix_str(self, s: str = "", refresh: bool = True) -> None:
        """Show a short text behind the count."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> Any: ...


class _LogLines(contextlib.AbstractContextManager["_LogLines"]):
    """Stands in for the bar where there is no terminal or no tqdm: a line a minute."""

    def __init__(self, total: int, done: int, unit: str) -> None:
        self.total, self.done, self.unit, self.last = total, done, unit, time.monotonic()
        self.postfix = ""

    def update(self, n: float = 1) -> None:
        """Count n more units as done."""
        self.done += int(n)
        if time.monotonic() - self.last > 60 or self.done >= self.total:
            self.last = time.monotonic()
            text = f"{self.done}/{self.total} {self.unit} {self.postfix}".rstrip()
            print(text, file=sys.stderr, flush=True)

    def set_postfix_str(self, s: str = "", refresh: bool = True) -> None:
        """Show a short text behind the count."""
        self.postfix = s

    def __exit__(self, *_: object) -> None:
        return None


def progress_bar(total: int, done: int, unit: str) -> ProgressBar:
    """A tqdm bar on a terminal, one line a minute elsewhere (and where tqdm is missing)."""
    if sys.stderr.isatty():
        with contextlib.suppress(ImportError):
            from tqdm import tqdm

            return tqdm(total=total, initial=done, unit=unit)
    return _LogLines(total, done, unit)


def options(
    description: str | None, folder: str, images: int, batch: int
) -> argparse.ArgumentParser:
    """Command-line options all entries share.

    Args:
        description: shown by --help.
        folder: default output folder.
        images: default length of the run in training pictures.
        batch: default batch size.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, default=Path(folder), help="run folder")
    parser.add_argument("--images", type=int, default=images, help="length of the run in pictures")
    parser.add_argument("--batch", type=int, default=batch)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument(
        "--precision",
        choices=["auto", "float32", "bfloat16"],
        default="auto",
        help="of the networks' arithmetic; auto: bfloat16 on a GPU, float32 on a CPU",
    )
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument(
        "--minutes", type=float, default=math.inf, help="stop (resumably) after so long"
    )
    return parser


class TrainingRun:
    """Steps through a run and saves its whole state, so that a cut run goes on exactly.

    Args:
        args: parsed `options`.
        modules: networks with trainable parameters, by name; an averaged copy is kept of each.
        groups: Adam's parameter groups; "scale" multiplies the learning rate of a group.
        learning_rate: peak of the cosine schedule.
        betas: Adam's decay rates.
        ema_decay: limit of the weight average's decay a step.
    """

    def __init__(
        self,
        args: argparse.Namespace,
        modules: dict[str, nn.Module],
        groups: list[dict[str, Any]],
        learning_rate: float,
        betas: tuple[float, float] = (0.9, 0.99),
        ema_decay: float = 0.995,
    ) -> None:
        self.args, self.modules, self.learning_rate = args, modules, learning_rate
        self.averages = {name: copy.deepcopy(m).eval() for name, m in modules.items()}
        for average in self.averages.values():
            average.requires_grad_(False)
        self.optimizer = torch.optim.Adam(groups, lr=learning_rate, betas=betas)
        self.ema_decay, self.step, self.seen = ema_decay, 0, 0
        self.random = torch.Generator().manual_seed(args.seed)
        self.started = self.saved = time.monotonic()
        self.resume()

    @property
    def fraction(self) -> float:
        """Share of the run that is done, 0…1."""
        return min(1.0, self.seen / self.args.images)

    def steps(self) -> Iterator[ProgressBar]:
        """Yield once a step until the run is complete or its minutes are over; saves as it goes."""
        with progress_bar(self.args.images, self.seen, "img") as bar:
            while self.fraction < 1 and self.elapsed_minutes() < self.args.minutes:
                yield bar
                bar.update(self.args.batch)
                if time.monotonic() - self.saved > SAVE_INTERVAL:
                    self.save()
        self.save()

    def elapsed_minutes(self) -> float:
        """Minutes since this process began the run."""
        return (time.monotonic() - self.started) / 60

    def descend(self, loss: torch.Tensor) -> None:
        """One optimizer step on the loss, then one step of the weight average."""
        cosine = 0.5 * (1 + math.cos(math.pi * self.fraction))
        rate = cosine * (1 - FINAL_LEARNING_RATE) + FINAL_LEARNING_RATE
        rate *= self.learning_rate * min(1.0, (self.step + 1) / WARMUP_STEPS)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group.get("scale", 1.0)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.step += 1
        self.seen += self.args.batch
        # the average's memory grows with the run, so that the first weights are soon forgotten
        weight = 1 - min(self.ema_decay, 1 - 1 / (self.step / 6 + 1))
        with torch.no_grad():
            for name, module in self.modules.items():
                pairs = zip(self.averages[name].parameters(), module.parameters(), strict=True)
                for average, parameter in pairs:
                    average.lerp_(parameter, weight)

    def save(self) -> None:
        """Write the whole state, atomically."""
        tensors: dict[str, torch.Tensor] = {"random": self.random.get_state()}
        for name, module in self.modules.items():
            tensors |= {f"module/{name}/{k}": v for k, v in module.state_dict().items()}
            average = self.averages[name].state_dict()
            tensors |= {f"average/{name}/{k}": v for k, v in average.items()}
        for index, moments in self.optimizer.state_dict()["state"].items():
            tensors |= {f"adam/{index}/{k}": torch.as_tensor(v) for k, v in moments.items()}
        tensors = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
        progress = {"step": self.step, "seen": self.seen, "images": self.args.images}
        self.args.output.mkdir(parents=True, exist_ok=True)
        path = self.args.output / STATE_FILE
        save_file(tensors, path.with_suffix(".part"), {"progress": json.dumps(progress)})
        path.with_suffix(".part").replace(path)
        self.saved = time.monotonic()

    def resume(self) -> None:
        """Go on from the run folder's state, if it holds one."""
        path = self.args.output / STATE_FILE
        if not path.exists():
            return
        adam: dict[int, dict[str, torch.Tensor]] = {}
        states: dict[str, dict[str, torch.Tensor]] = {}
        with safe_open(path, "pt", device="cpu") as file:
            progress = json.loads(file.metadata()["progress"])
            for key in file.keys():  # noqa: SIM118 - safe_open is no dict
                kind, _, rest = key.partition("/")
                owner, _, name = rest.partition("/")
                if kind == "random":
                    self.random.set_state(file.get_tensor(key))
                elif kind == "adam":
                    adam.setdefault(int(owner), {})[name] = file.get_tensor(key)
                else:
                    states.setdefault(f"{kind}/{owner}", {})[name] = file.get_tensor(key)
        for name, module in self.modules.items():
            module.load_state_dict(states[f"module/{name}"])
            self.averages[name].load_state_dict(states[f"average/{name}"])
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": adam, "param_groups": groups})
        self.step, self.seen = progress["step"], progress["seen"]


def averaged_weights(folder: Path, name: str) -> dict[str, torch.Tensor]:
    """The averaged weights of one network of a run, finished or not.

    Raises:
        SystemExit: the folder holds no run with such a network.
    """
    path, prefix = folder / STATE_FILE, f"average/{name}/"
    if not path.exists():
        raise SystemExit(f"{folder} holds no training run: train {name} first")
    with safe_open(path, "pt", device="cpu") as file:
        names = [key for key in file.keys() if key.startswith(prefix)]  # noqa: SIM118
        weights = {key.removeprefix(prefix): file.get_tensor(key) for key in names}
    if not weights:
        raise SystemExit(f"the run in {folder} is not one of {name}")
    return weights


def prepare(args: argparse.Namespace) -> torch.device:
    """Set threads, seed and denormals as every entry needs them; return the device."""
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)  # tiny gradients are five times slower otherwise
    torch.manual_seed(args.seed)
    return torch.device(args.device)


def autocast(args: argparse.Namespace) -> contextlib.AbstractContextManager[Any]:
    """The precision the options ask for; "auto" is bfloat16 on a GPU and float32 elsewhere."""
    kind = torch.device(args.device).type
    half = args.precision == "bfloat16" or (args.precision == "auto" and kind == "cuda")
    return torch.autocast(kind, torch.bfloat16, enabled=half)
