"""Pictures that stand for renders of people, and a small model of them."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from stylemask_core.config import CONFIG_NAME
from stylemask_core.models import model_folder
from stylemask_core.networks.encoder import build_encoder
from stylemask_core.networks.generator import Generator
from stylemask_core.networks.mask_network import MaskNetwork
from training import facts, generator
from training.metrics import METRICS_FILE
from training.people import world
from training.people.answers import PEOPLE
from training.people.latents import latent
from training.run import TrainingRun, options

SIDE = 32  # [px] of the pictures


def write_shard(folder: Path, number: int, people: int = 4, poses: int = 2) -> None:
    """Pictures whose colours are the first coordinates: grey to the left, them to the right."""
    n = world.draw(number, people, poses)
    images = np.full((len(n), SIDE, SIDE, 3), 128, np.uint8)
    images[:, :, SIDE // 2 :] = (torch.sigmoid(n[:, None, None, :3]) * 255).byte().numpy()
    places = PEOPLE.facts["points"](latent(n)).unflatten(1, (-1, 2))[:, :68] / 2 + 0.5
    folder.mkdir(exist_ok=True)
    names = [coordinate.name for coordinate in world.COORDINATES]
    (folder / "world.json").write_text(json.dumps({"coordinates": names, "poses_per_person": 2}))
    arrays = {"images": images, "normals": n.numpy(), "landmarks": (places * SIDE).numpy()}
    np.savez(folder / f"shard_{number:05d}.npz", **arrays)


@pytest.fixture
def renders(tmp_path) -> Path:
    folder = tmp_path / "renders"
    for number in range(3):
        write_shard(folder, number)
    return folder


@pytest.fixture
def small_people(monkeypatch):
    """Small generators and samples; threads, random numbers and denormals are left as they were."""
    monkeypatch.setattr(facts, "STATISTICS", 256)
    monkeypatch.setattr(facts, "VALIDATION", 128)
    monkeypatch.setitem(generator.CHANNELS, "narrow", {4: 8, 8: 8, 16: 8})
    with torch.random.fork_rng():
        yield
    torch.set_flush_denormal(False)


@pytest.fixture(scope="module")
def people_folder(tmp_path_factory) -> Path:
    """A random model of people at 16 px."""
    folder = tmp_path_factory.mktemp("models") / "people"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = PEOPLE.config({4: 8, 8: 8, 16: 8})
        networks = Generator(config), MaskNetwork(config), build_encoder(config)
    drawn, masks, encoder = networks
    model_folder.save_model(
        folder, model_folder.Model(config, drawn, masks, lambda: encoder, "# Tiny people\n")
    )
    return folder


def log(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / METRICS_FILE).read_text().splitlines()]


def generator_run(finished: Path, folder: Path) -> None:
    """A run that ended with the generator of a model."""
    model = model_folder.load_model(finished)
    args = options("", "unused", 1, 1).parse_args(["-o", str(folder), "--device", "cpu"])
    unused = [{"params": [torch.nn.Parameter(torch.zeros(1))]}]
    TrainingRun(args, {"generator": model.generator}, unused, 1e-2).save()
    (folder / CONFIG_NAME).write_text(model.config.to_json())
