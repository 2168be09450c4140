"""Poses in numbers, and models that make codes of them."""

import dataclasses

import pytest
import torch

from stylemask_core import InvalidInputError, Pose, StyleMaskPipeline, WeightsError
from stylemask_core.models import model_folder
from stylemask_core.pose import ACTIONS, Poser
from tests.support.helpers import change_tensors


@pytest.fixture
def posing_folder(tiny_model, tmp_path):
    """The tiny model with a poser, on disk."""
    config = dataclasses.replace(tiny_model.config, poser=True)
    with torch.random.fork_rng():
        torch.manual_seed(2)
        poser = Poser(config)
    model = dataclasses.replace(tiny_model, config=config, poser=poser.requires_grad_(False))
    model_folder.save_model(tmp_path / "posing", model)
    return tmp_path / "posing"


def test_a_pose_becomes_the_code_that_the_models_poser_gives(posing_folder):
    pipeline = StyleMaskPipeline.from_pretrained(str(posing_folder), device="cpu")
    pose = Pose(yaw=20, actions={"jawOpen": 0.5})
    code = pipeline.posed(pose)
    assert code.w_plus.shape == (1, pipeline.config.num_latents, pipeline.config.latent_dim)
    assert torch.equal(code.w_plus[0, 0], pipeline.model.poser(pose.vector()[None])[0])
    assert not torch.allclose(code.w_plus, pipeline.posed(Pose(yaw=-20)).w_plus)
    result = pipeline.reenact(pipeline.sample(1), code)
    assert result.tensor.isfinite().all()


def test_a_poser_is_read_as_strictly_as_the_other_networks(posing_folder):
    (posing_folder / "poser.safetensors").rename(posing_folder / "kept")
    with pytest.raises(WeightsError, match=r"poser\.safetensors"):
        model_folder.load_model(posing_folder)
    (posing_folder / "kept").rename(posing_folder / "poser.safetensors")
    change_tensors(posing_folder, "poser", layers__0__bias=None)
    with pytest.raises(WeightsError, match=r"tensor layers.0.bias is missing \(1 in all\)"):
        model_folder.load_model(posing_folder)


def test_a_model_with_a_poser_is_published_and_comes_back_with_it(
    posing_folder, hub_server, monkeypatch
):
    monkeypatch.setenv("HF_TOKEN", hub_server.token)
    pipeline = StyleMaskPipeline.from_pretrained(str(posing_folder), device="cpu")
    pipeline.push_to_hub("user/posing")
    loaded = StyleMaskPipeline.from_pretrained("user/posing", device="cpu")
    pose = Pose(yaw=20)
    assert torch.equal(loaded.posed(pose).w_plus, pipeline.posed(pose).w_plus)


def test_a_model_without_a_poser_says_so_in_one_line(tiny_pipeline):
    with pytest.raises(WeightsError, match="has no poser: give a picture as the target"):
        tiny_pipeline.posed(Pose())


def test_a_pose_survives_the_way_through_its_vector():
    pose = Pose(12.5, -3, 4, {"jawOpen": 0.25, "eyeBlinkLeft": 1})
    vector = pose.vector()
    assert vector.shape == (55,)
    assert vector[:3].tolist() == [12.5, -3, 4]
    again = Pose.from_vector(vector)
    assert {name: x for name, x in again.actions.items() if x} == pose.actions
    assert Pose.from_vector(vector + 1).actions["eyeBlinkLeft"] == 1
    assert len(set(ACTIONS)) == 52


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"yaw": 120.0}, "yaw 120.0 is out of range: give -90…90"),
        ({"roll": float("nan")}, "roll nan is out of range"),
        ({"actions": {"jawopen": 0.5}}, "there is no action 'jawopen'"),
        ({"actions": {"jawOpen": 1.5}}, "jawOpen 1.5 is out of range: give 0…1"),
    ],
)
def test_a_pose_that_cannot_be_is_refused_in_one_line(values, words):
    with pytest.raises(InvalidInputError, match=words):
        Pose(**values)
