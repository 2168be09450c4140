"""Checkpoints in the authors' format for a model small enough to convert in a moment."""

from pathlib import Path
from typing import Any

import torch

from stylemask.convert.tensor_names import generator_names, mask_network_names
from stylemask_core import ModelConfig
from stylemask_core.networks.generator import Generator, blur_kernel
from stylemask_core.networks.mask_network import MaskNetwork
from tests.golden.make_checkpoints import MANIFEST

SMALL = ModelConfig(
    name="small",
    resolution=8,
    channels={4: 8, 8: 8},
    masked_layers=2,
    mapping_layers=2,
    encoder="e4e",
)
Checkpoint = dict[str, Any]


def _values(shape: torch.Size, seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def generator_checkpoint(config: ModelConfig = SMALL) -> Checkpoint:
    with torch.device("meta"):
        shapes = Generator(config).state_dict()
    state = {}
    for seed, (theirs, ours) in enumerate(generator_names(config).items()):
        shape = shapes[ours].shape
        if theirs.endswith("conv.weight"):
            shape = torch.Size((1, *shape))
        elif theirs.startswith("to_rgb") and theirs.endswith(".bias") and len(shape) == 1:
            shape = torch.Size((1, 3, 1, 1)) if shape == (3,) else shape
        state[theirs] = _values(shape, seed)
    for block in range(len(config.resolutions) - 1):
        state[f"convs.{2 * block}.conv.blur.kernel"] = blur_kernel(gain=4.0)
        state[f"to_rgbs.{block}.upsample.kernel"] = blur_kernel(gain=4.0)
    return {"g_ema": state, "latent_avg": _values(torch.Size((config.latent_dim,)), 1000)}


def mask_network_checkpoint(config: ModelConfig = SMALL) -> Checkpoint:
    with torch.device("meta"):
        shapes = MaskNetwork(config).state_dict()
    names = mask_network_names(config).items()
    state = {theirs: _values(shapes[ours].shape, seed) for seed, (theirs, ours) in enumerate(names)}
    return {"step": 7, "mask_net": state, "num_layers_control": config.masked_layers}


def encoder_checkpoint(config: ModelConfig = SMALL) -> Checkpoint:
    """Every tensor is one value repeated: the file stays small, the network is the real one."""
    state = {}
    for seed, (key, shape) in enumerate(MANIFEST["encoder"].items()):
        head = int(key.split(".")[1]) if key.startswith("styles.") else 0
        if head < config.num_latents:
            state[f"encoder.{key}"] = torch.tensor(0.001 * (seed % 7 + 1)).expand(shape)
    state["decoder.input.input"] = torch.zeros(1, 512, 4, 4)
    shape = torch.Size((config.num_latents, config.latent_dim))
    options = {"encoder_type": "Encoder4Editing", "device": "cuda:0"}
    return {"state_dict": state, "opts": options, "latent_avg": _values(shape, 2000)}


BUILDERS = {
    "generator": generator_checkpoint,
    "mask_network": mask_network_checkpoint,
    "encoder": encoder_checkpoint,
}


def write_checkpoints(folder: Path, legacy: bool = False) -> dict[str, Path]:
    """Write the three files; legacy is the format from before torch 1.6."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {part: folder / f"{part}.pt" for part in BUILDERS}
    for part, path in paths.items():
        torch.save(BUILDERS[part](), path, _use_new_zipfile_serialization=not legacy)
    return paths
