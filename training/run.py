"""What every training entry shares: options, schedule, weight averaging, exact resume."""

import argparse
import contextlib
import copy
import math
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from training.checkpoint import (
    BEST_FILE,
    STATE_FILE,
    State,
    check_same,
    configuration,
    read_state,
    write_state,
)
from training.metrics import MetricsLog
from training.processes import SEVERAL, Processes
from training.progress import ProgressBar, progress_bar
from training.record import write_record

SAVE_INTERVAL = 120.0  # [s] between checkpoints
CHECK_INTERVAL = 20  # steps between looks at the losses, each of which a GPU has to wait for
WARMUP_STEPS = 100
FINAL_LEARNING_RATE = 0.03  # share of the peak left at the end of the cosine


def options(
    description: str | None, folder: str, images: int | str, batch: int | str
) -> argparse.ArgumentParser:
    """Command-line options all entries share.

    Args:
        description: shown by --help.
        folder: default output folder.
        images: default length of the run in training pictures; argparse.SUPPRESS for none.
        batch: default batch size, likewise.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, default=Path(folder), help="run folder")
    parser.add_argument("--images", type=int, default=images, help="length of the run in pictures")
    parser.add_argument(
        "--schedule-minutes",
        type=float,
        metavar="MINUTES",
        help="length of the run in minutes of training, all sittings together, not in pictures",
    )
    parser.add_argument("--batch", type=int, default=batch, help="pictures a step and process")
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
    parser.add_argument(
        "--save-every", type=int, default=0, metavar="STEPS", help="save so often, too"
    )
    parser.add_argument("--log-every", type=int, default=50, metavar="STEPS")
    parser.add_argument("--trackio", action="store_true", help="log to trackio on this machine")
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
        frozen: networks that take part untrained: a run goes on only with the same ones.
        patience: validations without improvement that end the run; 0 for no end.
        hold: share of the run that is trained at the peak before the rate falls.

    Raises:
        SystemExit: the folder holds a run of another configuration.
    """

    def __init__(
        self,
        args: argparse.Namespace,
        modules: dict[str, nn.Module],
        groups: list[dict[str, Any]],
        learning_rate: float,
        betas: tuple[float, float] = (0.9, 0.99),
        ema_decay: float = 0.995,
        frozen: Mapping[str, nn.Module] | None = None,
        patience: int = 0,
        hold: float = 0.0,
    ) -> None:
        self.args, self.modules, self.learning_rate = args, modules, learning_rate
        self.processes = Processes(args.device)
        self.batch = args.batch * self.processes.count
        self.averages = {name: copy.deepcopy(m).eval() for name, m in modules.items()}
        for average in self.averages.values():
            average.requires_grad_(False)
        self.optimizer = torch.optim.Adam(groups, lr=learning_rate, betas=betas)
        self.parameters = [p for group in groups for p in group["params"]]
        self.ema_decay, self.patience, self.hold = ema_decay, patience, hold
        self.step, self.seen = 0, 0
        self._minutes_before = 0.0  # of earlier sittings
        self.best, self.stale = math.inf, 0  # best score, validations since
        self.random = torch.Generator().manual_seed(args.seed)
        self.started = self.saved = time.monotonic()
        self._over = False
        self._terms: list[str] = []
        self._unchecked: list[torch.Tensor] = []
        self.configuration = configuration(args, self.batch, frozen or {})
        self.resume()
        self.log: MetricsLog | None = None
        if self.processes.is_main:
            write_record(args, self.configuration, self.processes.count, self.step)
            self.log = MetricsLog(args.output, self.step, self.configuration, args.trackio)

    @property
    def fraction(self) -> float:
        """Share of the run that is done, 0…1."""
        if self.args.schedule_minutes:
            return min(1.0, self.trained_minutes() / self.args.schedule_minutes)
        return min(1.0, self.seen / self.args.images)

    def steps(self) -> Iterator[ProgressBar]:
        """Yield once a step until the run is complete or its minutes are over; saves as it goes."""
        quiet = not self.processes.is_main
        total = None if self.args.schedule_minutes else self.args.images
        with progress_bar(total, self.seen, "img", quiet) as bar:
            while self.fraction < 1 and not self._is_over():
                yield bar
                bar.update(self.batch)
                often, step = self.args.save_every, self.step
                if time.monotonic() - self.saved > SAVE_INTERVAL or (often and step % often == 0):
                    self.save()
        self.save()
        if self.log:
            self.log.close()

    def share(self, batch: torch.Tensor, dim: int = 0) -> torch.Tensor:
        """This process's part of a whole batch (`batch` pictures) along a dimension."""
        return self.processes.share(batch, dim)

    def elapsed_minutes(self) -> float:
        """Minutes since this process began the run."""
        return (time.monotonic() - self.started) / 60

    def trained_minutes(self) -> float:
        """Minutes that the run took in all its sittings."""
        return self._minutes_before + self.elapsed_minutes()

    def _is_over(self) -> bool:
        # several processes must stop together: they agree in `descend`
        late = self.elapsed_minutes() >= self.args.minutes
        return self._over or self.stopped_early or (late and self.processes.count == 1)

    def descend(self, loss: torch.Tensor | Mapping[str, torch.Tensor]) -> None:
        """One optimizer step on the loss, then one step of the weight average.

        Args:
            loss: scalar, or the scalar terms it is the sum of, by name.

        Raises:
            SystemExit: one of the latest losses was not finite.
        """
        terms = dict(loss) if isinstance(loss, Mapping) else {"loss": loss}
        falling = max(0.0, (self.fraction - self.hold) / (1 - self.hold))
        cosine = 0.5 * (1 + math.cos(math.pi * falling))
        rate = cosine * (1 - FINAL_LEARNING_RATE) + FINAL_LEARNING_RATE
        rate *= self.learning_rate * min(1.0, (self.step + 1) / WARMUP_STEPS)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group.get("scale", 1.0)
        self.optimizer.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        values = self._agree(torch.stack([term.detach().float() for term in terms.values()]))
        self.optimizer.step()
        self.step += 1
        self.seen += self.batch
        self._terms = list(terms)
        self._unchecked.append(values)
        if self.step % self.args.log_every == 0:
            self._write_metrics({**self.losses(), "learning_rate": rate})
        elif len(self._unchecked) >= CHECK_INTERVAL:
            self.losses()
        # the average's memory grows with the run, so that the first weights are soon forgotten
        weight = 1 - min(self.ema_decay, 1 - 1 / (self.step / 6 + 1))
        with torch.no_grad():
            for name, module in self.modules.items():
                pairs = zip(self.averages[name].parameters(), module.parameters(), strict=True)
                for average, parameter in pairs:
                    average.lerp_(parameter, weight)

    def _agree(self, values: torch.Tensor) -> torch.Tensor:
        """Give all processes the mean gradient and losses, and one opinion on the time."""
        if self.processes.count == 1:
            return values
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        late = values.new_tensor([float(self.elapsed_minutes() >= self.args.minutes)])
        flat = torch.cat([*(g.flatten() for g in gradients), values, late])
        mean = self.processes.mean(flat)
        sizes = [*(g.numel() for g in gradients), len(values), 1]
        *means, values, late = mean.split(sizes)
        for gradient, new in zip(gradients, means, strict=True):
            gradient.copy_(new.view_as(gradient))
        self._over = bool(late > 0)
        return values

    def losses(self) -> dict[str, float]:
        """The latest step's loss and its terms.

        Raises:
            SystemExit: one since the last look was not finite.
        """
        if not self._unchecked:
            return {}
        values = torch.stack(self._unchecked).tolist()
        first = self.step - len(values) + 1
        self._unchecked = self._unchecked[-1:]
        for step, row in enumerate(values, first):
            for name, value in zip(self._terms, row, strict=True):
                if not math.isfinite(value):
                    raise SystemExit(
                        f"step {step}: the {name} loss is {value}; the checkpoint in "
                        f"{self.args.output} is from before: try a lower learning rate"
                    )
        latest = dict(zip(self._terms, values[-1], strict=True))
        return {"loss": sum(values[-1])} | latest

    def note(self, figures: Mapping[str, float]) -> None:
        """Log figures of this step."""
        self._write_metrics(figures)

    def judge(self, score: float, figures: Mapping[str, float]) -> None:
        """Note a validation; the averaged weights of the best one are kept apart.

        Args:
            score: the lower the better, the main process's counts.
            figures: to be logged.
        """
        self.losses()
        score = self.processes.from_main(score)
        self._write_metrics(figures)
        self.stale += 1
        if score < self.best:
            self.best, self.stale = score, 0
            if self.processes.is_main:
                progress = {"step": self.step, "score": score}
                state = State(self._tensors("average"), progress, self.configuration)
                write_state(self.args.output / BEST_FILE, state)

    @property
    def stopped_early(self) -> bool:
        """Whether as many validations as patience allows brought nothing."""
        return 0 < self.patience <= self.stale

    def save(self) -> None:
        """Write the whole state, atomically.

        Raises:
            SystemExit: a loss or a weight is not finite, or the file cannot be written.
        """
        self.losses()
        self.saved = time.monotonic()
        if not self.processes.is_main:
            return
        tensors = self._tensors("module") | self._tensors("average")
        if broken := [name for name, tensor in tensors.items() if not tensor.isfinite().all()]:
            raise SystemExit(
                f"step {self.step}: {broken[0]} has values that are not finite; the checkpoint in "
                f"{self.args.output} is from before: try a lower learning rate"
            )
        tensors["random"] = self.random.get_state()
        for index, moments in self.optimizer.state_dict()["state"].items():
            tensors |= {f"adam/{index}/{k}": torch.as_tensor(v) for k, v in moments.items()}
        progress = {"step": self.step, "seen": self.seen, "images": self.args.images}
        progress["minutes"] = self.trained_minutes()
        if self.best < math.inf:
            progress |= {"best": self.best, "stale": self.stale}
        state = State(tensors, progress, self.configuration)
        write_state(self.args.output / STATE_FILE, state)

    def resume(self) -> None:
        """Go on from the run folder's state, if it holds one.

        Raises:
            SystemExit: it is damaged, or of another configuration.
        """
        path = self.args.output / STATE_FILE
        if not path.exists():
            return
        state = read_state(path)
        check_same(path, state.configuration, self.configuration)
        adam: dict[int, dict[str, torch.Tensor]] = {}
        networks: dict[str, dict[str, torch.Tensor]] = {}
        for key, tensor in state.tensors.items():
            kind, _, rest = key.partition("/")
            owner, _, name = rest.partition("/")
            if kind == "adam":
                adam.setdefault(int(owner), {})[name] = tensor
            elif kind != "random":
                networks.setdefault(f"{kind}/{owner}", {})[name] = tensor
        try:
            for name, module in self.modules.items():
                module.load_state_dict(networks[f"module/{name}"])
                self.averages[name].load_state_dict(networks[f"average/{name}"])
            groups = self.optimizer.state_dict()["param_groups"]
            self.optimizer.load_state_dict({"state": adam, "param_groups": groups})
            self.random.set_state(state.tensors["random"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise SystemExit(f"{path} is a checkpoint of other networks") from error
        self.step, self.seen = state.progress["step"], state.progress["seen"]
        self._minutes_before = state.progress.get("minutes", 0.0)
        self.best = state.progress.get("best", math.inf)
        self.stale = state.progress.get("stale", 0)

    def _tensors(self, kind: str) -> dict[str, torch.Tensor]:
        networks = self.averages if kind == "average" else self.modules
        return {
            f"{kind}/{name}/{k}": v
            for name, network in networks.items()
            for k, v in network.state_dict().items()
        }

    def _write_metrics(self, figures: Mapping[str, float]) -> None:
        if self.log:
            self.log.write(self.step, figures)


def averaged_weights(folder: Path, name: str, file: str = STATE_FILE) -> dict[str, torch.Tensor]:
    """The averaged weights of one network of a run, finished or not.

    Args:
        folder: of the run.
        name: of the network.
        file: STATE_FILE for the latest, BEST_FILE for those of the best validation.

    Raises:
        SystemExit: the folder holds no run with such a network.
    """
    path, prefix = folder / file, f"average/{name}/"
    if not path.exists():
        raise SystemExit(f"{folder} holds no training run: train {name} first")
    tensors = read_state(path, prefix).tensors
    if not tensors:
        raise SystemExit(f"the run in {folder} is not one of {name}")
    return {key.removeprefix(prefix): tensor for key, tensor in tensors.items()}


def prepare(args: argparse.Namespace, several: bool = False) -> torch.device:
    """Set threads, seed and denormals as every entry needs them.

    Args:
        args: parsed `options`; the device is replaced by this process's own.
        several: the entry can share its batches among processes.

    Returns:
        The device.

    Raises:
        SystemExit: several processes where one is needed.
    """
    if int(os.environ.get(SEVERAL, "1")) > 1 and not several:
        raise SystemExit("this training runs in one process: start it without accelerate launch")
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)  # tiny gradients are five times slower otherwise
    torch.manual_seed(args.seed)
    device = Processes(args.device).device
    args.device = str(device)
    return device


def autocast(args: argparse.Namespace) -> contextlib.AbstractContextManager[Any]:
    """The precision the options ask for; "auto" is bfloat16 on a GPU and float32 elsewhere."""
    kind = torch.device(args.device).type
    half = args.precision == "bfloat16" or (args.precision == "auto" and kind == "cuda")
    return torch.autocast(kind, torch.bfloat16, enabled=half)
