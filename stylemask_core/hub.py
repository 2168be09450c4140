"""Model folders ↔ networks: `config.json`, three safetensors files, a model card."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from stylemask_core.config import CONFIG_NAME, ModelConfig
from stylemask_core.encoder import build_encoder
from stylemask_core.errors import WeightsError
from stylemask_core.generator import Generator
from stylemask_core.mask_network import MaskNetwork

EMBEDDED = "embedded"
EMBEDDED_FOLDER = Path(__file__).parent / "weights" / "heads"
CARD_NAME = "README.md"
PARTS = ("generator", "mask_network", "encoder")

Module = TypeVar("Module", bound=nn.Module)


@dataclass(frozen=True)
class Model:
    """The content of a model folder: config, networks and model card."""

    config: ModelConfig
    generator: Generator
    mask_network: MaskNetwork
    encoder: nn.Module
    card: str


def model_folder(model: str | Path | None) -> Path:
    """Find the folder a model name stands for.

    Args:
        model: "embedded" (also None) or the path of a model folder.

    Raises:
        WeightsError: there is no such folder.
    """
    if model is None or model == EMBEDDED:
        return EMBEDDED_FOLDER
    folder = Path(model)
    try:
        found = folder.is_dir()
    except OSError:  # e.g. a name longer than the file system allows
        found = False
    if not found:
        raise WeightsError(
            f"no model folder at {str(model)!r}: give {EMBEDDED!r} or the path of a folder with "
            f"{CONFIG_NAME} and the safetensors files"
        )
    return folder


def load_weights(folder: Path, part: str) -> dict[str, torch.Tensor]:
    """Read one safetensors file of a model folder as float32.

    Args:
        folder: model folder.
        part: "generator", "mask_network" or "encoder".

    Raises:
        WeightsError: the file is missing or damaged, or a tensor is not finite.
    """
    path = folder / f"{part}.safetensors"
    try:
        with safe_open(path, "pt", device="cpu") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError) as error:
        raise WeightsError(f"cannot read {path}: {error}") from error
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            raise WeightsError(f"{path}: {name} is {tensor.dtype}, floating point was expected")
        if not torch.isfinite(tensor).all():
            raise WeightsError(f"{path}: {name} has values that are not finite")
    return {name: tensor.float() for name, tensor in tensors.items()}


def _fill(module: Module, folder: Path, part: str) -> Module:
    """Assign a file's tensors to a module built on the meta device, strictly."""
    tensors, path = load_weights(folder, part), folder / f"{part}.safetensors"
    expected = module.state_dict()
    if missing := sorted(set(expected) - set(tensors)):
        raise WeightsError(f"{path}: tensor {missing[0]} is missing ({len(missing)} in all)")
    if extra := sorted(set(tensors) - set(expected)):
        raise WeightsError(f"{path}: tensor {extra[0]} is not part of the model ({len(extra)})")
    for name, tensor in tensors.items():
        if tensor.shape != expected[name].shape:
            raise WeightsError(
                f"{path}: {name} has shape {list(tensor.shape)}, "
                f"the config asks for {list(expected[name].shape)}"
            )
    module.load_state_dict(tensors, assign=True)
    return module.eval().requires_grad_(False)


def load_model(folder: Path) -> Model:
    """Load a model folder, strictly.

    Raises:
        WeightsError: anything is missing, extra, misshapen, damaged or not finite.
    """
    config = ModelConfig.load(folder)
    with torch.device("meta"):
        generator, masks, encoder = Generator(config), MaskNetwork(config), build_encoder(config)
    card = folder / CARD_NAME
    try:
        text = card.read_text(encoding="utf-8", errors="replace") if card.is_file() else ""
    except OSError as error:
        raise WeightsError(f"cannot read {card}: {error}") from error
    return Model(
        config,
        _fill(generator, folder, "generator"),
        _fill(masks, folder, "mask_network"),
        _fill(encoder, folder, "encoder"),
        text,
    )


def save_model(folder: Path, model: Model, dtype: torch.dtype = torch.float32) -> None:
    """Write a model folder whole or not at all.

    Args:
        folder: to be created; an existing model folder is replaced.
        model: what to write.
        dtype: of the tensors on disk.

    Raises:
        WeightsError: the folder cannot be written, or is there and no model folder.
    """
    files = {CONFIG_NAME, CARD_NAME, *(f"{part}.safetensors" for part in PARTS)}
    folder = folder.resolve()
    try:
        found = {path.name for path in folder.iterdir()} if folder.exists() else set()
        if found and (CONFIG_NAME not in found or found - files):
            raise WeightsError(
                f"{folder} exists and is no model folder, or holds other files too "
                f"({min(found - files, default=CARD_NAME)}): choose another name"
            )
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
            draft, replaced = Path(scratch) / "model", Path(scratch) / "replaced"
            draft.mkdir()
            (draft / CONFIG_NAME).write_text(model.config.to_json(), encoding="utf-8")
            (draft / CARD_NAME).write_text(model.card, encoding="utf-8")
            for part in PARTS:
                state = getattr(model, part).state_dict()
                tensors = {k: v.detach().cpu().to(dtype).contiguous() for k, v in state.items()}
                path = draft / f"{part}.safetensors"
                save_file(tensors, path, {"format": "pt"})
                path.chmod(0o644)  # safetensors leaves it readable by its owner alone
            if folder.exists():
                folder.replace(replaced)
            try:
                draft.replace(folder)
            except OSError:
                if replaced.exists():
                    replaced.replace(folder)
                raise
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"cannot write the model to {folder}: {error}") from error
