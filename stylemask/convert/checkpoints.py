"""The authors' checkpoints (`.pt`) → a model folder of safetensors.

The only place that reads pickled files, and only as weights: code in them is refused, never run.
`tensor_names.py` documents the tensors' names.
"""

import dataclasses
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from stylemask.convert.e4e_tensors import convert_encoder
from stylemask.convert.tensor_names import Names, generator_names, mask_network_names
from stylemask_core import files
from stylemask_core.checks import check_tensors
from stylemask_core.config import FIRST_RESOLUTION, ModelConfig
from stylemask_core.errors import WeightsError
from stylemask_core.models import model_folder
from stylemask_core.networks.generator import Generator, blur_kernel
from stylemask_core.pictures import file_kinds

State = dict[str, torch.Tensor]

CARD = Path(__file__).with_name("ffhq_card.md")
ZIP_MAGIC = b"PK\x03\x04"  # files of torch.save since torch 1.6, which can be memory-mapped
MEAN_SAMPLES = 2**15
E4E_TYPE = "Encoder4Editing"
# What each file is known by: the entry of its dictionary that holds the tensors.
ENTRIES = {"generator": "g_ema", "mask_network": "mask_net", "encoder": "state_dict"}
STEPS = len(ENTRIES) + 1  # calls of on_step in a conversion
FLAGS = {part: f"--{part.replace('_', '-')}" for part in ENTRIES}


def convert(
    generator: Path,
    mask_network: Path,
    encoder: Path,
    folder: Path,
    dtype: torch.dtype = torch.float32,
    on_step: Callable[[str], None] = lambda step: None,
) -> ModelConfig:
    """Write a model folder from the three checkpoints, whole or not at all.

    Args:
        generator: StyleGAN2 in rosinality's format, {"g_ema", "latent_avg"}; where latent_avg is
            missing, the mean w is computed from a fixed sample.
        mask_network: StyleMask's, {"mask_net", "num_layers_control"}.
        encoder: e4e's, {"state_dict", "latent_avg", "opts"}; only its encoder is kept.
        folder: to be created; an existing model folder is replaced.
        dtype: of the tensors on disk, float32 or float16.
        on_step: told what is done next.

    Returns:
        The model's config.

    Raises:
        WeightsError: a file is missing, damaged, of another kind or for another architecture, or
            the folder cannot be written.

    Source: StyleMask (arXiv 2209.13375), StyleGAN2 (arXiv 1912.04958), e4e (arXiv 2102.02766).
    """
    paths = {"generator": generator, "mask_network": mask_network, "encoder": encoder}
    checkpoints = {part: _open(path, part) for part, path in paths.items()}
    config = _config(checkpoints, paths)
    readers = {"generator": _generator, "mask_network": _mask_network, "encoder": _encoder}
    with model_folder.new_model_folder(folder) as draft:
        for part, path in paths.items():
            on_step(f"converting the {part.replace('_', ' ')}")
            # popped, so that no two parts are in memory at once
            tensors = readers[part](checkpoints.pop(part), config, path)
            model_folder.write_part(draft, part, tensors, dtype)
            del tensors
        on_step("hashing the sources")
        sources = {part: (path.name, files.sha256(path)) for part, path in paths.items()}
        model_folder.write_texts(draft, config, _card(config, dtype, sources))
    return config


def _card(config: ModelConfig, dtype: torch.dtype, sources: dict[str, tuple[str, str]]) -> str:
    """The model card, with file name and SHA-256 of each part's checkpoint."""
    return CARD.read_text(encoding="utf-8").format(
        resolution=config.resolution,
        masked_layers=config.masked_layers,
        dtype=str(dtype).removeprefix("torch."),
        hashes="\n".join(f"{digest}  {name}" for name, digest in sources.values()),
        **{part: name for part, (name, _) in sources.items()},
    )


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a pickled checkpoint as weights only: nothing in it is executed.

    Raises:
        WeightsError: it is no checkpoint, is damaged, or holds more than weights.
    """
    try:
        with path.open("rb") as file:
            start = file.read(file_kinds.HEAD)
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error.strerror or error}") from error
    if start.lstrip().startswith(b"<"):
        raise WeightsError(
            f"{path} is a web page and no checkpoint (a host over its quota sends one): "
            "download it again later"
        )
    if start.startswith(file_kinds.LFS_MAGIC):
        raise WeightsError(f"{path} {file_kinds.LFS_POINTER}")
    mapped = start.startswith(ZIP_MAGIC)  # the older format has to be read into memory
    try:
        with warnings.catch_warnings(action="ignore"):  # of pickles that are refused anyway
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path} is refused, nothing of it was run: it is no PyTorch checkpoint, or holds "
            "objects beside weights, which could run code; download the official file"
        ) from error
    except Exception as error:  # torch reports damaged files through a dozen types
        raise WeightsError(f"{path} is damaged or cut short: download it again") from error
    if not isinstance(content, dict):
        raise WeightsError(f"{path} is no checkpoint of StyleMask: it holds no dictionary")
    return content


def _open(path: Path, part: str) -> dict[str, Any]:
    """Read a checkpoint and make sure that it is what it was given as."""
    content = read_checkpoint(path)
    kinds = [kind for kind, entry in ENTRIES.items() if isinstance(content.get(entry), dict)]
    if part not in kinds:
        if not kinds:
            raise WeightsError(
                f"{path} has no entry {ENTRIES[part]!r}: not what {FLAGS[part]} takes"
            )
        is_a = kinds[0].replace("_", " ")
        raise WeightsError(
            f"{path} holds a {is_a} and was given as {FLAGS[part]}: give it as {FLAGS[kinds[0]]}"
        )
    for key, value in content[ENTRIES[part]].items():
        if not isinstance(key, str) or not isinstance(value, torch.Tensor):
            raise WeightsError(f"{path}: {key!r} in {ENTRIES[part]!r} is no named tensor")
    return content


def _config(checkpoints: dict[str, dict[str, Any]], paths: dict[str, Path]) -> ModelConfig:
    """Read the architecture off the shapes of the tensors."""
    state = checkpoints["generator"][ENTRIES["generator"]]
    blocks = sum(key.startswith("to_rgbs.") and key.endswith(".conv.weight") for key in state)
    convs = ["conv1", *(f"convs.{2 * block}" for block in range(blocks))]
    try:
        config = ModelConfig(
            name="ffhq",
            resolution=FIRST_RESOLUTION * 2**blocks,
            channels={
                FIRST_RESOLUTION * 2**block: state[f"{conv}.conv.weight"].shape[1]
                for block, conv in enumerate(convs)
            },
            masked_layers=1,
            latent_dim=state["style.1.weight"].shape[1],
            mapping_layers=sum(
                key.startswith("style.") and key.endswith(".weight") for key in state
            ),
            encoder="e4e",
            domain="photos of faces (FFHQ)",
            licence="NVIDIA Source Code License-NC (no commercial use)",
        )
    except (LookupError, WeightsError) as error:
        path = paths["generator"]
        raise WeightsError(
            f"{path} holds no StyleGAN2 generator of a known kind: {error}"
        ) from error
    return dataclasses.replace(
        config, masked_layers=_masked_layers(checkpoints["mask_network"], config, paths)
    )


def _masked_layers(checkpoint: dict[str, Any], config: ModelConfig, paths: dict[str, Path]) -> int:
    path = paths["mask_network"]
    count = len({key.split(".")[0] for key in checkpoint[ENTRIES["mask_network"]]})
    stated = checkpoint.get("num_layers_control", count)
    if not isinstance(stated, int):
        raise WeightsError(f"{path}: num_layers_control is no whole number: not usable")
    if stated != count:
        raise WeightsError(f"{path} says {stated} mask networks and holds {count}: not usable")
    if not 1 <= count <= config.conv_layers:
        raise WeightsError(
            f"{path} holds {count} mask networks, {paths['generator']} has {config.conv_layers} "
            "convolutions: these files do not belong together"
        )
    return count


def _generator(checkpoint: dict[str, Any], config: ModelConfig, path: Path) -> State:
    state = dict(checkpoint[ENTRIES["generator"]])
    blur = blur_kernel(gain=4.0)
    for key in [key for key in state if key.endswith(".kernel")]:
        kernel = state.pop(key).float()
        if kernel.shape != blur.shape or not torch.allclose(kernel, blur):
            raise WeightsError(f"{path}: {key} is not the filter of StyleGAN2's config F")
    mean = _latent_avg(checkpoint, config, path)
    state["latent_avg"] = torch.zeros(1, config.latent_dim) if mean is None else mean
    names = generator_names(config) | {"latent_avg": "mapping.mean"}
    with torch.device("meta"):
        network = Generator(config)
    tensors = _renamed(state, names, network, path)
    if mean is None:
        network.load_state_dict(tensors, assign=True)
        tensors["mapping.mean"] = network.mapping.sample(MEAN_SAMPLES).mean(0)
    return tensors


def _mask_network(checkpoint: dict[str, Any], config: ModelConfig, path: Path) -> State:
    network = model_folder.empty_network(config, "mask_network")
    state = checkpoint[ENTRIES["mask_network"]]
    return _renamed(state, mask_network_names(config), network, path)


def _encoder(checkpoint: dict[str, Any], config: ModelConfig, path: Path) -> State:
    options = checkpoint.get("opts")
    kind = options.get("encoder_type", E4E_TYPE) if isinstance(options, dict) else E4E_TYPE
    if kind != E4E_TYPE:
        raise WeightsError(f"{path} holds an encoder of type {kind}: only {E4E_TYPE} is known")
    # the file also carries a decoder, and counters of training steps
    state = {
        key.removeprefix("encoder."): value
        for key, value in checkpoint[ENTRIES["encoder"]].items()
        if key.startswith("encoder.") and not key.endswith(".num_batches_tracked")
    }
    heads = len({key.split(".")[1] for key in state if key.startswith("styles.")})
    if heads != config.num_latents:
        raise WeightsError(
            f"{path} makes codes of {heads} latents, this generator takes {config.num_latents}: "
            "the encoder was made for another resolution"
        )
    mean = _latent_avg(checkpoint, config, path)
    if mean is None:
        raise WeightsError(f"{path} has no latent_avg: codes cannot be made without it")
    try:
        tensors = convert_encoder(state, heads)
    except KeyError as error:
        raise WeightsError(f"{path}: tensor {error.args[0]} is missing") from error
    except (RuntimeError, IndexError) as error:
        raise WeightsError(f"{path} holds tensors of other shapes than e4e's") from error
    if state:
        raise WeightsError(f"{path}: tensor {min(state)} has no place in the model ({len(state)})")
    tensors["latent_avg"] = mean.expand(heads, -1) if len(mean) == 1 else mean
    network = model_folder.empty_network(config, "encoder")
    return _renamed(tensors, {name: name for name in tensors}, network, path)


def _latent_avg(checkpoint: dict[str, Any], config: ModelConfig, path: Path) -> torch.Tensor | None:
    """The mean w of a checkpoint, one or one a latent: [1 or L, latent_dim]."""
    mean = checkpoint.get("latent_avg")
    if mean is None:
        return None
    if not isinstance(mean, torch.Tensor) or mean.shape[-1:] != (config.latent_dim,):
        raise WeightsError(f"{path}: latent_avg does not hold w of {config.latent_dim} values")
    return mean.reshape(-1, config.latent_dim)


def _renamed(state: State, names: Names, network: nn.Module, path: Path) -> State:
    """Give tensors this project's names and shapes, strictly."""
    check_tensors(dict.fromkeys(state, ()), dict.fromkeys(names, ()), path)  # their names
    expected, tensors = network.state_dict(), {}
    for theirs, ours in names.items():
        tensor, shape = state[theirs], expected[ours].shape
        if [n for n in tensor.shape if n != 1] != [n for n in shape if n != 1]:
            raise WeightsError(
                f"{path}: {theirs} has shape {list(tensor.shape)}, this model has {list(shape)} "
                "there: the file belongs to another architecture"
            )
        tensors[ours] = tensor.reshape(shape)
    return tensors
