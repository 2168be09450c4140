"""Models with random weights, of the FFHQ-1024 architecture and smaller ones like it."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from stylemask_core import ModelConfig, WeightsError
from stylemask_core.models.cache import cache_folder
from stylemask_core.models.model_folder import load_model, new_model_folder, write_part, write_texts
from stylemask_core.networks.encoder import build_encoder
from stylemask_core.networks.generator import Generator
from stylemask_core.networks.mask_network import MaskNetwork

FFHQ = ModelConfig(
    name="ffhq-random",
    resolution=1024,
    channels={**dict.fromkeys((4, 8, 16, 32, 64), 512), 128: 256, 256: 128, 512: 64, 1024: 32},
    masked_layers=12,
    encoder="e4e",
    domain="noise: random weights, for measuring",
    licence="CC0-1.0",
)
CARD = (
    "# Random weights\n\nThe architecture of the FFHQ model with drawn weights, for benchmarks.\n"
)
SEED = 0
BUILDERS: dict[str, Callable[[ModelConfig], nn.Module]] = {
    "generator": Generator,
    "mask_network": MaskNetwork,
    "encoder": build_encoder,
}


def smaller(config: ModelConfig, resolution: int) -> ModelConfig:
    """The same architecture up to a resolution; a small encoder, since none is measured on it."""
    channels = {side: width for side, width in config.channels.items() if side <= resolution}
    layers = 2 * len(channels) - 1
    return dataclasses.replace(
        config,
        name=f"{config.name}-{resolution}",
        resolution=resolution,
        channels=channels,
        masked_layers=min(config.masked_layers, layers),
        encoder="regressor",
    )


def random_network(part: str, config: ModelConfig) -> nn.Module:
    """Draw one of BUILDERS' networks; every tensor has values, equal for equal configs."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(SEED)
        network = BUILDERS[part](config)
        for conv in filter(lambda module: isinstance(module, nn.Conv2d), network.modules()):
            conv.weight.normal_(std=conv.weight[0].numel() ** -0.5)  # so that a picture matters
        for tensor in network.state_dict().values():
            if not tensor.any():  # biases, noise strengths, shifts
                tensor.normal_(0.0, 0.1)
        if isinstance(network, Generator):
            network.mapping.mean.copy_(network.mapping.sample(256).mean(0))
    return network.eval().requires_grad_(False)


def write_random_model(folder: Path, config: ModelConfig) -> None:
    """Write a model folder part by part: no more than one network is in memory at a time."""
    with new_model_folder(folder) as draft:
        write_texts(draft, config, CARD)
        for part in BUILDERS:
            write_part(draft, part, random_network(part, config).state_dict())


def random_model(config: ModelConfig = FFHQ) -> Path:
    """The folder of a random model in this project's cache; written when it is not there yet."""
    folder = cache_folder() / "benchmarks" / config.name
    if not _is_written(folder, config):
        write_random_model(folder, config)
    return folder


def _is_written(folder: Path, config: ModelConfig) -> bool:
    try:
        return load_model(folder).config == config
    except WeightsError:  # not there, or written for networks that have changed since
        return False
