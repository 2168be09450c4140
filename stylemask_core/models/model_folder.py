"""Model folders ↔ networks: `config.json`, three or four safetensors files, a model card."""

import glob
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from stylemask_core.checks import check_tensors
from stylemask_core.config import CONFIG_NAME, ModelConfig
from stylemask_core.errors import WeightsError
from stylemask_core.networks.encoder import build_encoder
from stylemask_core.networks.generator import Generator
from stylemask_core.networks.mask_network import MaskNetwork
from stylemask_core.pictures import file_kinds
from stylemask_core.pose import Poser

EMBEDDED = "embedded"
EMBEDDED_FOLDER = Path(__file__).parents[1] / "weights" / "heads"
CARD_NAME = "README.md"
PARTS, POSER = ("generator", "mask_network", "encoder"), "poser"
FILES = (CONFIG_NAME, CARD_NAME, *(f"{part}.safetensors" for part in PARTS))  # of every model
ALL_FILES = (*FILES, f"{POSER}.safetensors")  # that a model can have
HALF = "F16"  # safetensors' name of float16
DRAFT_NAME, REPLACED_NAME = "model", "replaced"
STALE_AFTER = 3600  # [s] no writer takes that long: its draft was left behind

Module = TypeVar("Module", bound=nn.Module)


@dataclass(frozen=True)
class Model:
    """The content of a model folder."""

    config: ModelConfig  # what the networks are built from
    generator: Generator  # in evaluation mode, on the CPU
    mask_network: MaskNetwork  # likewise
    # gives it in evaluation mode, on the CPU; called once, when it is needed: it may be the largest
    # part by far, and random faces do without it
    load_encoder: Callable[[], nn.Module]
    card: str  # text of the model card
    dtype: torch.dtype = torch.float32  # of the tensors in its files; in memory they are float32
    poser: Poser | None = None  # in evaluation mode, on the CPU; None for a model without one
    _encoders: dict[torch.dtype, nn.Module] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _lock: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)

    @property
    def encoder(self) -> nn.Module:
        """The encoder, where it was last asked for; loaded if need be.

        Raises:
            WeightsError: its file is damaged.
        """
        return self.encoder_on()

    def encoder_on(
        self, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> nn.Module:
        """The encoder on a device; in another type than float32 it is a copy.

        Raises:
            WeightsError: its file is damaged.
        """
        # parameters made in inference mode could never again take part in a gradient
        with self._lock, torch.inference_mode(False):
            full = self._encoders.get(torch.float32) or self.load_encoder()
            self._encoders[torch.float32] = full
            if dtype == torch.float32:
                return full.to(device) if device else full
            encoder = self._encoders.get(dtype) or _converted(full, self.config, dtype)
            self._encoders[dtype] = encoder = encoder.to(device)
            return encoder


def load_weights(folder: Path, part: str) -> dict[str, torch.Tensor]:
    """Read the safetensors file of one of a model's `parts` as float32.

    Raises:
        WeightsError: the file is missing or damaged, or a tensor is not finite.
    """
    path = folder / f"{part}.safetensors"
    try:
        with safe_open(path, "pt", device="cpu") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError) as error:
        raise WeightsError(file_kinds.unreadable(path, error)) from error
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            raise WeightsError(f"{path}: {name} is {tensor.dtype}, floating point was expected")
        tensors[name] = tensor.float()  # float32 on disk stays memory-mapped
        if not _is_finite(tensors[name]):
            raise WeightsError(f"{path}: {name} has values that are not finite")
    return tensors


def _is_finite(tensor: torch.Tensor) -> bool:
    # not torch.isfinite: it makes copies, and takes ten times as long for a gigabyte
    return not tensor.numel() or all(bool(x.isfinite()) for x in tensor.aminmax())


def shapes_of(tensors: Mapping[str, torch.Tensor]) -> dict[str, list[int]]:
    """The shape of each tensor, by name."""
    return {name: list(tensor.shape) for name, tensor in tensors.items()}


def _check_header(module: nn.Module, folder: Path, part: str) -> set[str]:
    """Make sure that a file holds what a module needs, without reading the values."""
    path = folder / f"{part}.safetensors"
    try:
        with safe_open(path, "pt", device="cpu") as file:
            tensors = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            shapes = {name: tensor.get_shape() for name, tensor in tensors.items()}
            types = {tensor.get_dtype() for tensor in tensors.values()}
    except (OSError, SafetensorError, ValueError) as error:
        raise WeightsError(file_kinds.unreadable(path, error)) from error
    check_tensors(shapes, shapes_of(module.state_dict()), path)
    return types


def _fill(module: Module, folder: Path, part: str) -> Module:
    """Assign a file's tensors to a module built on the meta device, strictly."""
    tensors = load_weights(folder, part)
    expected = shapes_of(module.state_dict())
    check_tensors(shapes_of(tensors), expected, folder / f"{part}.safetensors")
    module.load_state_dict(tensors, assign=True)
    return module.eval().requires_grad_(False)


def parts(config: ModelConfig) -> tuple[str, ...]:
    """The networks that a model has, each in a file of its own."""
    return (*PARTS, POSER) if config.poser else PARTS


_BUILDERS: dict[str, Callable[[ModelConfig], nn.Module]] = {
    "generator": Generator,
    "mask_network": MaskNetwork,
    "encoder": build_encoder,
    POSER: Poser,
}


def empty_network(config: ModelConfig, part: str) -> nn.Module:
    """Build one of a model's networks on the meta device: shapes, no values."""
    with torch.device("meta"):
        return _BUILDERS[part](config)


def load_model(folder: Path) -> Model:
    """Load a model folder, strictly; of the encoder only names and shapes until it is used.

    Raises:
        WeightsError: anything is missing, extra, misshapen, damaged or not finite.
    """
    config = ModelConfig.load(folder)
    with torch.device("meta"):
        networks = generator, masks, encoder = (
            Generator(config),
            MaskNetwork(config),
            build_encoder(config),
        )
        poser = Poser(config) if config.poser else None
    types = set[str]()
    for part, network in zip(PARTS, networks, strict=True):
        types |= _check_header(network, folder, part)
    card = folder / CARD_NAME
    try:
        text = card.read_text(encoding="utf-8", errors="replace") if card.is_file() else ""
    except OSError as error:
        raise WeightsError(f"cannot read {card}: {error}") from error
    return Model(
        config,
        _fill(generator, folder, "generator"),
        _fill(masks, folder, "mask_network"),
        lambda: _fill(encoder, folder, "encoder"),
        text,
        torch.float16 if types == {HALF} else torch.float32,
        poser and _fill(poser, folder, POSER),
    )


def _converted(full: nn.Module, config: ModelConfig, dtype: torch.dtype) -> nn.Module:
    encoder = empty_network(config, "encoder")
    state = {name: x.to(dtype) for name, x in full.state_dict().items()}
    state["latent_avg"] = full.state_dict()["latent_avg"]  # codes are float32
    encoder.load_state_dict(state, assign=True)
    # the layout of the features, so that no convolution has to rearrange its weight
    laid_out: nn.Module = encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return laid_out.eval().requires_grad_(False)


def write_texts(folder: Path, config: ModelConfig, card: str) -> None:
    """Write config and model card into the draft `new_model_folder` gave."""
    (folder / CONFIG_NAME).write_text(config.to_json(), encoding="utf-8")
    (folder / CARD_NAME).write_text(card, encoding="utf-8")


def write_part(
    folder: Path, part: str, tensors: Mapping[str, torch.Tensor], dtype: torch.dtype = torch.float32
) -> None:
    """Write the safetensors file of one of a model's `parts` into a draft.

    Raises:
        WeightsError: a tensor has values that are not finite, or not in this dtype.
        OSError, SafetensorError: the file cannot be written.
    """
    path = folder / f"{part}.safetensors"
    stored = {name: x.detach().cpu().to(dtype).contiguous() for name, x in tensors.items()}
    for name, tensor in stored.items():
        if not _is_finite(tensor):
            kind = str(dtype).removeprefix("torch.")
            raise WeightsError(f"{path.name}: {name} has values that are not finite as {kind}")
    save_file(stored, path, {"format": "pt"})
    path.chmod(0o644)  # safetensors leaves it readable by its owner alone


@contextmanager
def new_model_folder(folder: Path) -> Iterator[Path]:
    """Yield a draft folder to write to; it takes its place when the block ends without an error.

    A block that fails leaves nothing behind, and an existing model as it was.

    Raises:
        WeightsError: the folder cannot be written, or is there and no model folder.
    """
    folder = folder.resolve()
    check_replaceable(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale_drafts(folder)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
            draft = Path(scratch) / DRAFT_NAME
            draft.mkdir()
            yield draft
            _put_in_place(draft, folder)
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"cannot write the model to {folder}: {error}") from error


def save_model(folder: Path, model: Model, dtype: torch.dtype | None = None) -> None:
    """Write a model folder whole or not at all; None stands for the dtype it was read in.

    Raises:
        WeightsError: the folder cannot be written, or is there and no model folder.
    """
    with new_model_folder(folder) as draft:
        write_texts(draft, model.config, model.card)
        for part in parts(model.config):
            write_part(draft, part, getattr(model, part).state_dict(), dtype or model.dtype)


def check_replaceable(folder: Path) -> None:
    """Make sure that a model may be written to a folder: nothing else would be lost.

    Raises:
        WeightsError: it holds something else, or is no folder.
    """
    try:
        names = {path.name for path in folder.iterdir()} if folder.exists() else set()
    except OSError as error:
        raise WeightsError(f"cannot write the model to {folder}: {error}") from error
    if names and (CONFIG_NAME not in names or names - set(ALL_FILES)):
        raise WeightsError(
            f"{folder} exists and is no model folder, or holds other files too "
            f"({min(names - set(ALL_FILES), default=CARD_NAME)}): choose another name"
        )


def _remove_stale_drafts(folder: Path) -> None:
    """Remove what writers of this folder left behind when they were killed."""
    for scratch in folder.parent.glob(f".{glob.escape(folder.name)}-" + 8 * "?"):
        with suppress(OSError):  # no folder, or another writer was quicker
            contents = {path.name for path in scratch.iterdir()}
            old = time.time() - scratch.stat().st_mtime > STALE_AFTER
            only_copy = REPLACED_NAME in contents and not folder.exists()
            if old and contents <= {DRAFT_NAME, REPLACED_NAME} and not only_copy:
                shutil.rmtree(scratch)


def _put_in_place(draft: Path, folder: Path) -> None:
    replaced = draft.with_name(REPLACED_NAME)
    try:
        if folder.exists():
            folder.replace(replaced)
        draft.replace(folder)
    except BaseException:  # an interruption too: the scratch folder, and what is in it, goes
        if replaced.exists() and not folder.exists():
            replaced.replace(folder)
        raise
