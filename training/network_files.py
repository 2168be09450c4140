"""Networks of the trainings' judges ↔ safetensors files, read strictly and written whole."""

import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from stylemask_core.checks import check_tensors
from stylemask_core.errors import WeightsError
from stylemask_core.models.model_folder import shapes_of
from stylemask_core.pictures import file_kinds

CONFIG_NAME = "config.json"

Module = TypeVar("Module", bound=nn.Module)


def read_network(build: Callable[[], Module], path: Path) -> Module:
    """Build a module and fill it with a file's tensors, frozen and in evaluation mode.

    Args:
        build: makes the module, of float32 and integers.
        path: of the safetensors file; floating point tensors of it may be float16.

    Raises:
        WeightsError: the file is missing or damaged, or a tensor is missing, extra, misshapen or
            not finite.
    """
    try:
        with safe_open(path, "pt", device="cpu") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError) as error:
        raise WeightsError(file_kinds.unreadable(path, error)) from error
    with torch.device("meta"):
        module = build()
    check_tensors(shapes_of(tensors), shapes_of(module.state_dict()), path)
    expected = module.state_dict()
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise WeightsError(f"{path}: {name} has values that are not finite")
        tensors[name] = tensor.to(expected[name].dtype)
    module.load_state_dict(tensors, assign=True)
    return module.eval().requires_grad_(False)


def write_network(
    path: Path, tensors: Mapping[str, torch.Tensor], dtype: torch.dtype = torch.float32
) -> None:
    """Write a file, whole or not at all; dtype is that of the floating point tensors in it.

    Raises:
        WeightsError: the file cannot be written.
    """
    stored = {
        name: x.detach().cpu().to(dtype if x.is_floating_point() else x.dtype).contiguous()
        for name, x in tensors.items()
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as scratch:
            draft = Path(scratch) / path.name
            save_file(stored, draft, {"format": "pt"})
            draft.chmod(0o644)  # safetensors leaves it readable by its owner alone
            draft.replace(path)
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"cannot write {path}: {error}") from error


def read_config(folder: Path, kind: str) -> dict[str, Any]:
    """Read the config of a converted folder.

    Args:
        folder: what a converter wrote.
        kind: what the config must say it is.

    Raises:
        WeightsError: it is missing, damaged or of another kind.
    """
    path = folder / CONFIG_NAME
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(file_kinds.unreadable(path, error)) from error
    if not isinstance(config, dict) or config.get("kind") != kind:
        raise WeightsError(f"{path} is not of a converted {kind} model")
    return config


def write_folder(
    folder: Path, config: Mapping[str, Any], files: Mapping[str, Mapping[str, torch.Tensor]]
) -> None:
    """Write config and tensors into a new folder, whole or not at all.

    Args:
        folder: to be created; nothing may be there but an empty folder.
        config: content of config.json.
        files: tensors by the names of their files.

    Raises:
        WeightsError: the folder is there already, or cannot be written.
    """
    check_free(folder)
    folder = folder.resolve()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
            draft = Path(scratch) / folder.name
            for name, tensors in files.items():
                write_network(draft / name, tensors)
            text = json.dumps(config, indent=2) + "\n"
            (draft / CONFIG_NAME).write_text(text, encoding="utf-8")
            draft.replace(folder)  # takes the place of an empty folder, too
    except OSError as error:
        raise WeightsError(f"cannot write {folder}: {error}") from error


def check_free(folder: Path) -> None:
    """Make sure that a folder can be written without losing anything.

    Raises:
        WeightsError: something is there.
    """
    try:
        taken = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    except OSError as error:
        raise WeightsError(f"cannot write {folder}: {error}") from error
    if taken:
        raise WeightsError(f"{folder} exists and is not empty: choose another name")
