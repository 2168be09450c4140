"""A tiny model of synthetic heads, untrained judges, and the command that must fail."""

import pytest
import torch

from stylemask_core import StyleMaskPipeline
from stylemask_core.models import model_folder
from stylemask_core.networks.encoder import build_encoder
from stylemask_core.networks.generator import Generator
from stylemask_core.networks.mask_network import MaskNetwork
from training import evaluate
from training.evaluation import fitting
from training.face_models.heads import HeadsFaceModel, new_estimator
from training.heads.answers import SMALL_HEADS
from training.identity_models.heads import HeadsIdentityModel, new_network
from training.network_files import write_network


@pytest.fixture(scope="module")
def heads_pipeline():
    """Tiny random networks that count as synthetic heads."""
    config = SMALL_HEADS.config({4: 8, 8: 8, 16: 8})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        networks = Generator(config), MaskNetwork(config), build_encoder(config)
    for network in networks:
        network.eval().requires_grad_(False)
    generator, masks, encoder = networks
    model = model_folder.Model(config, generator, masks, lambda: encoder, card="# Tiny heads\n")
    return StyleMaskPipeline(model, device="cpu")


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
def folders(heads_pipeline, judges, tmp_path_factory):
    """The same on disk: options of the command."""
    folder = tmp_path_factory.mktemp("evaluation")
    heads_pipeline.save_pretrained(folder / "model")
    write_network(folder / "judges" / "estimator.safetensors", judges[0].network.state_dict())
    write_network(folder / "judges" / "identity.safetensors", judges[1].network.state_dict())
    options = ["--model", folder / "model", "--face-model-folder", folder / "judges"]
    return [str(x) for x in (*options, "--identity-folder", folder / "judges")]


@pytest.fixture
def short_fits(monkeypatch):
    monkeypatch.setattr(fitting, "CUT_PAIRS", 2)
    monkeypatch.setattr(fitting, "MASK_PAIRS", 16)


def refused(capsys, *arguments: object) -> str:
    """Run a command that must fail with one line; return it."""
    with pytest.raises(SystemExit) as caught:
        evaluate.main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert caught.value.code == 2
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert "Traceback" not in captured.err
    return lines[-1]
