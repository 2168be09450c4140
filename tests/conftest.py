"""Models the tests share: the embedded one, and a tiny random one that is made in a moment."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
import torch

from stylemask.cli.main import main
from stylemask_core import ModelConfig, StyleMaskPipeline
from stylemask_core.models import model_folder
from stylemask_core.networks.encoder import build_encoder
from stylemask_core.networks.generator import Generator
from stylemask_core.networks.mask_network import MaskNetwork
from tests.support.helpers import PATIENCE
from tests.support.hub_server import HubServer

os.environ["STYLEMASK_DETECTOR"] = "haar"  # nothing here is to download landmark weights
# No compiler is to run, and no test to change its operators on the way, unless it is about that.
os.environ["STYLEMASK_OPS"] = "reference"
_home = tempfile.TemporaryDirectory(prefix="stylemask-tests-")
os.environ["STYLEMASK_HOME"] = _home.name  # lives as long as the session
torch.set_num_threads(1)  # the tensors here are small: threads waiting for each other cost more


@pytest.fixture(scope="session")
def pipeline() -> StyleMaskPipeline:
    """The embedded model."""
    return StyleMaskPipeline.from_pretrained(device="cpu")


@pytest.fixture(scope="session")
def tiny_model() -> model_folder.Model:
    """A model of 16×16 pictures whose every tensor is random, with two layers left unmasked."""
    config = ModelConfig(
        name="tiny",
        resolution=16,
        channels={4: 12, 8: 10, 16: 8},
        masked_layers=3,
        latent_dim=16,
        mapping_layers=2,
        mapping_lr_multiplier=0.5,
        alignment="heads",
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        networks = Generator(config), MaskNetwork(config), build_encoder(config)
        for tensor in networks[0].state_dict().values():
            tensor.copy_(torch.randn_like(tensor))
    for network in networks:
        network.eval().requires_grad_(False)
    generator, masks, encoder = networks
    return model_folder.Model(config, generator, masks, lambda: encoder, card="# Tiny\n")


@pytest.fixture(scope="session")
def tiny_pipeline(tiny_model) -> StyleMaskPipeline:
    return StyleMaskPipeline(tiny_model, device="cpu")


@pytest.fixture(scope="session")
def tiny_folder(tiny_model, tmp_path_factory):
    """The tiny model on disk; not to be changed, see `own_folder`."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    model_folder.save_model(folder, tiny_model)
    return folder


@pytest.fixture
def own_folder(tiny_folder, tmp_path):
    """A copy of the tiny model's folder that a test may damage."""
    return shutil.copytree(tiny_folder, tmp_path / "own")


@pytest.fixture
def use_hub(monkeypatch, tmp_path_factory):
    """Have huggingface_hub in this process talk to a Hub on loopback, with an empty cache."""
    from huggingface_hub import constants

    def use(server: HubServer) -> HubServer:
        home = tmp_path_factory.mktemp("home")
        template = f"{server.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        for name, value in {
            "ENDPOINT": server.url,
            "HUGGINGFACE_CO_URL_TEMPLATE": template,
            "HF_HOME": str(home),
            "HF_HUB_CACHE": str(home / "hub"),
            "HF_TOKEN_PATH": str(home / "token"),
            "HF_HUB_OFFLINE": False,
            "HF_HUB_DISABLE_XET": True,
            "HF_HUB_DOWNLOAD_TIMEOUT": PATIENCE,
            "HF_HUB_ETAG_TIMEOUT": PATIENCE,
        }.items():
            assert hasattr(constants, name)
            monkeypatch.setattr(constants, name, value)
        for variable in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "STYLEMASK_FFHQ_REPO"):
            monkeypatch.delenv(variable, raising=False)
        monkeypatch.setenv("STYLEMASK_HOME", str(home / "stylemask"))
        return server

    return use


@pytest.fixture
def hub_server(use_hub):
    """A Hub on loopback that huggingface_hub in this process talks to, with an empty cache."""
    server = HubServer()
    yield use_hub(server)
    server.close()


@pytest.fixture
def stylemask(capsys, monkeypatch, tiny_folder, tmp_path):
    """Run a command line on the tiny model, in an empty folder: (exit code, stdout, stderr)."""
    monkeypatch.setenv("STYLEMASK_MODEL", str(tiny_folder))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def refused(stylemask):
    """Run a command line that must fail with one line and leave no file; return the line."""

    def run(expected_code: int, *arguments: object) -> str:
        before = sorted(path for path in Path().rglob("*") if path.is_file())
        code, out, err = stylemask(*arguments)
        assert (code, out) == (expected_code, "")
        assert err.startswith("stylemask: error: ")
        assert err.count("\n") == 1
        assert sorted(path for path in Path().rglob("*") if path.is_file()) == before
        return err

    return run
