"""A run's state on disk: written whole or not at all, read only by the run it belongs to."""

import argparse
import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

STATE_FILE = "state.safetensors"
BEST_FILE = "best.safetensors"
PROGRESS, CONFIGURATION = "progress", "configuration"  # keys of the files' metadata

# What may change when a run goes on: where it runs, how long, and what it says meanwhile.
WHERE = {"output", "device", "threads", "model"}  # of a model the weights are compared
HOW_LONG = {"images", "minutes", "schedule_minutes", "patience"}
MEANWHILE = {"save_every", "log_every", "validate_every", "trackio", "export"}
FREE = WHERE | HOW_LONG | MEANWHILE


@dataclass(frozen=True)
class State:
    """The content of a checkpoint.

    Args:
        tensors: by name.
        progress: numbers beside them.
        configuration: what the run was started with; empty in files of earlier versions.
    """

    tensors: dict[str, torch.Tensor]
    progress: dict[str, Any]
    configuration: dict[str, Any]


def configuration(
    args: argparse.Namespace, batch: int, frozen: Mapping[str, nn.Module]
) -> dict[str, Any]:
    """What must be the same for a run to go on, as plain values.

    Args:
        args: the entry's options; those in FREE are left out.
        batch: pictures a step, of all processes together.
        frozen: networks that take part untrained, by name; their weights count, not their place.
    """
    values = {name: value for name, value in vars(args).items() if name not in FREE}
    values |= {"batch": batch} | {name: fingerprint(x) for name, x in frozen.items()}
    plain: dict[str, Any] = json.loads(json.dumps(values, default=str))
    return plain


def fingerprint(module: nn.Module) -> str:
    """A short name for the values of a network's parameters."""
    digest = hashlib.sha256()
    for name, parameter in module.named_parameters():
        digest.update(name.encode())
        digest.update(parameter.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]


def check_same(path: Path, found: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    """Refuse a checkpoint of another configuration; what only one of both knows is not compared.

    Raises:
        SystemExit: they differ; the message names every field.
    """
    differing = [name for name in sorted(found.keys() & asked) if found[name] != asked[name]]
    if differing:
        listed = ", ".join(f"{name} ({found[name]}, not {asked[name]})" for name in differing)
        raise SystemExit(
            f"{path} is of another configuration: it differs in {listed}; "
            "give the same options, or another folder with -o"
        )


def write_state(path: Path, state: State) -> None:
    """Write a checkpoint, atomically.

    Raises:
        SystemExit: it cannot be written; an earlier one is as it was.
    """
    tensors = {name: x.detach().cpu().contiguous() for name, x in state.tensors.items()}
    metadata = {
        PROGRESS: json.dumps(state.progress),
        CONFIGURATION: json.dumps(state.configuration),
    }
    with one_line_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, save(tensors, metadata))


@contextlib.contextmanager
def one_line_errors(path: Path) -> Iterator[None]:
    """Let a file that cannot be written end the program with one line, not a traceback.

    Raises:
        SystemExit: the block raised an OSError.
    """
    try:
        yield
    except OSError as error:
        kept = "; what was there is kept" if path.exists() else ""
        raise SystemExit(f"cannot write {path}: {error.strerror or error}{kept}") from error


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under another name and give it its own at the end; nothing is left on failure.

    Raises:
        OSError: it cannot be written.
    """
    part = path.with_suffix(".part")
    try:
        part.write_bytes(content)
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def read_state(path: Path, prefix: str = "") -> State:
    """Read a checkpoint.

    Args:
        path: of the file.
        prefix: of the names of the tensors to read.

    Raises:
        SystemExit: it is damaged.
    """
    try:
        with safe_open(path, "pt", device="cpu") as file:
            metadata = file.metadata()
            names = [name for name in file.keys() if name.startswith(prefix)]  # noqa: SIM118
            tensors = {name: file.get_tensor(name) for name in names}
        progress = json.loads(metadata[PROGRESS])
        return State(tensors, progress, json.loads(metadata.get(CONFIGURATION, "{}")))
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise SystemExit(f"{path} is no checkpoint, or is damaged: {error}") from error
