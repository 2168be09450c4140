"""Tiny random models of synthetic heads and people, untrained judges, renders that are none."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from stylemask_core import StyleMaskPipeline
from stylemask_core.config import CONFIG_NAME
from stylemask_core.models import model_folder
from stylemask_core.networks.encoder import build_encoder
from stylemask_core.networks.generator import Generator
from stylemask_core.networks.mask_network import MaskNetwork
from training import evaluate, facts, generator
from training.evaluation import fitting
from training.face_models.heads import HeadsFaceModel, new_estimator
from training.heads.answers import SMALL_HEADS
from training.identity_models.heads import HeadsIdentityModel, new_network
from training.metrics import METRICS_FILE
from training.network_files import write_network
from training.people import points, world
from training.people.answers import PEOPLE
from training.run import TrainingRun, options
from training.worlds import World

SIDE = 32  # [px] of the pictures that stand for renders of people
CHANNELS = {4: 8, 8: 8, 16: 8}


def random_model(world: World) -> model_folder.Model:
    """Networks at 16 px that count as a model of a world."""
    config = world.config(CHANNELS)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        networks = Generator(config), MaskNetwork(config), build_encoder(config)
    for network in networks:
        network.eval().requires_grad_(False)
    drawn, masks, encoder = networks
    return model_folder.Model(config, drawn, masks, lambda: encoder, card=f"# Tiny {world.name}\n")


@pytest.fixture(scope="module")
def heads_pipeline() -> StyleMaskPipeline:
    return StyleMaskPipeline(random_model(SMALL_HEADS), device="cpu")


@pytest.fixture(scope="module")
def heads_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "heads"
    model_folder.save_model(folder, random_model(SMALL_HEADS))
    return folder


@pytest.fixture(scope="module")
def people_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "people"
    model_folder.save_model(folder, random_model(PEOPLE))
    return folder


@pytest.fixture
def own_settings() -> Iterator[None]:
    """Leave threads, random numbers and denormals to the other tests as they were."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng():
        yield
    torch.set_num_threads(threads)
    torch.set_flush_denormal(False)


def log(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / METRICS_FILE).read_text().splitlines()]


# Evaluation


@pytest.fixture(scope="module")
def judges():
    """Face and identity model of the heads, untrained."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        networks = new_estimator(), new_network()
    for network in networks:
        network.eval().requires_grad_(False)
    return HeadsFaceModel(networks[0]), HeadsIdentityModel(networks[1])


@pytest.fixture(scope="module")
def folders(heads_folder, judges, tmp_path_factory) -> list[str]:
    """Model and judges on disk: options of the command."""
    folder = tmp_path_factory.mktemp("judges")
    for name, judge in zip(("estimator", "identity"), judges, strict=True):
        write_network(folder / f"{name}.safetensors", judge.network.state_dict())
    options = ["--model", heads_folder, "--face-model-folder", folder, "--identity-folder", folder]
    return [*map(str, options)]


@pytest.fixture
def short_fits(monkeypatch):
    monkeypatch.setattr(fitting, "CUT_PAIRS", 2)
    monkeypatch.setattr(fitting, "MASK_PAIRS", 16)


def refused(capsys, *arguments: object) -> str:
    """Run an evaluation that must fail with one line; return it."""
    with pytest.raises(SystemExit) as caught:
        evaluate.main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert caught.value.code == 2
    assert captured.out == ""
    assert "Traceback" not in captured.err
    return captured.err.splitlines()[-1]


# People


def write_shard(folder: Path, number: int, people: int = 4, poses: int = 2) -> None:
    """Pictures whose colours are the first coordinates: grey to the left, them to the right."""
    n = world.draw(number, people, poses)
    images = np.full((len(n), SIDE, SIDE, 3), 128, np.uint8)
    images[:, :, SIDE // 2 :] = (torch.sigmoid(n[:, None, None, :3]) * 255).byte().numpy()
    places = points.points(n)[:, points.LANDMARKS] / 2 + 0.5
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
def small_people(monkeypatch, own_settings):
    """Small generators and samples."""
    monkeypatch.setattr(facts, "STATISTICS", 256)
    monkeypatch.setattr(facts, "VALIDATION", 128)
    monkeypatch.setattr(generator, "MEAN_SAMPLES", 256)
    monkeypatch.setitem(generator.CHANNELS, "narrow", CHANNELS)


def generator_run(finished: Path, folder: Path) -> None:
    """A run that ended with the generator of a model."""
    model = model_folder.load_model(finished)
    args = options("", "unused", 1, 1).parse_args(["-o", str(folder), "--device", "cpu"])
    unused = [{"params": [torch.nn.Parameter(torch.zeros(1))]}]
    TrainingRun(args, {"generator": model.generator}, unused, 1e-2).save()
    (folder / CONFIG_NAME).write_text(model.config.to_json())
