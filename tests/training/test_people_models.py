"""Poser, judges and evaluation of models of people, and the way from renders to a model folder."""

import json
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image

from stylemask_core import StyleMaskPipeline
from stylemask_core.config import CONFIG_NAME
from stylemask_core.networks.generator import Generator
from stylemask_core.pose import Pose, Poser
from tests.support.training_fixtures import SIDE, generator_run
from training import encoder, evaluate, generator, mask, package, poser
from training.face_models import load_face_model
from training.face_models import people as face_people
from training.face_models.people import ANGLES, EXPRESSION, SHAPE, PeopleFaceModel, new_estimator
from training.heads.answers import SMALL_HEADS
from training.identity_models import load_identity_model
from training.identity_models import people as identity_people
from training.identity_models.heads import new_network
from training.network_files import write_network
from training.people import judges, points, world
from training.people.answers import PEOPLE
from training.people.dataset import PeopleDataset
from training.people.latents import coordinates, latent
from training.run import TrainingRun, averaged_weights, options

pytest_plugins = ["tests.support.training_fixtures"]
pytestmark = pytest.mark.usefixtures("small_people")

CPU = torch.device("cpu")


def test_a_poser_names_the_code_of_the_mean_person_in_a_pose(people_folder, tmp_path):
    generator_run(people_folder, tmp_path / "generator")
    torch.manual_seed(0)
    run = ["--generator", str(tmp_path / "generator"), "-o", str(tmp_path / "poser")]
    poser.main(
        [*run, "--device", "cpu", "--images", "12800", "--batch", "64", "--learning-rate", "5e-3"]
    )
    drawn = generator.averaged_generator(tmp_path / "generator")
    network = Poser(drawn.config)
    network.load_state_dict(averaged_weights(tmp_path / "poser", "poser"))
    poses, z = poser.draw_poses(64, torch.Generator().manual_seed(7))
    exact, found = drawn.mapping(z), network(poses)
    unposed = drawn.mapping(latent(torch.zeros(1, world.K)))
    assert (found - exact).square().mean() < 0.8 * (unposed - exact).square().mean()


def test_a_pose_in_numbers_says_the_same_as_the_coordinates():
    n = torch.zeros(1, world.K)
    n[0, [world.INDEX[name] for name in ("yaw", "pitch", "jaw_open")]] = torch.tensor(
        [1.0, -1.0, 3.0]
    )
    pose = Pose.from_vector(poser.pose_vectors(n)[0])
    places = points.points(n)
    assert 15 < pose.yaw < 30
    assert -15 < pose.pitch < -4
    assert pose.actions["jawOpen"] > 0.4
    assert pose.actions["eyeBlinkLeft"] == 0
    assert torch.equal(Pose.from_vector(pose.vector()).vector(), pose.vector())
    assert places.isfinite().all()


def test_the_face_model_places_the_points_of_what_it_read():
    n = world.draw(3, 8)
    model = PeopleFaceModel(new_estimator())
    known = model.exact(latent(n), PEOPLE)
    for name, column in (("smile_skew", 0), ("brow_skew", 0)):
        n[:, world.INDEX[name]] = column
    shown = torch.zeros_like(n)
    for name in (*SHAPE, *EXPRESSION, *ANGLES):
        shown[:, world.INDEX[name]] = n[:, world.INDEX[name]]
    exact = points.points(shown)[:, points.LANDMARKS] / 2 + 0.5
    found = model.decode(known.shape, known.expression, known.pose).landmarks_2d
    assert (found - exact).abs().mean() < 2e-3
    values = known.expression.clone().requires_grad_()
    model.decode(known.shape, values, known.pose).vertices.sum().backward()
    assert values.grad.isfinite().all()


def test_judges_of_people_are_trained_and_loaded_from_where_they_were_written(renders, tmp_path):
    run = ["--data", str(renders), "--device", "cpu", "--images", "16", "--batch", "4"]
    judges.main(["face", *run, "-o", str(tmp_path / "face")])
    judges.main(["identity", *run, "-o", str(tmp_path / "identity")])
    face = load_face_model("people", folder=tmp_path / "face")
    identity = load_identity_model("people", folder=tmp_path / "identity")
    views = PeopleDataset(renders, CPU).draw_people(3, SIDE, torch.Generator().manual_seed(0))
    people = coordinates(views.latents).unflatten(0, (3, 2))[..., world.IDENTITY]
    assert torch.allclose(people[:, 0], people[:, 1], atol=1e-4)
    assert face.estimate(views.images).expression.shape == (6, len(EXPRESSION))
    assert torch.allclose(identity.embed(views.images).norm(dim=1), torch.ones(6), atol=1e-4)


def test_a_model_of_people_is_measured_by_its_own_judges(
    people_folder, tmp_path, monkeypatch, capsys
):
    def grey(_: object, device: torch.device, compiled: bool) -> Callable[..., torch.Tensor]:
        return lambda z, side: torch.zeros(len(z), 3, side, side, device=device)

    monkeypatch.setattr(type(PEOPLE), "renderer", grey)  # OpenGL is not everywhere
    write_network(tmp_path / face_people.WEIGHTS_NAME, new_estimator().state_dict())
    write_network(tmp_path / identity_people.WEIGHTS_NAME, new_network().state_dict())
    judging = ["--face-model-folder", str(tmp_path), "--identity-folder", str(tmp_path)]
    command = ["--model", str(people_folder), "--pairs", "2", "--json", "--methods", "stylemask"]
    evaluate.main([*command, *judging])
    figures = json.loads(capsys.readouterr().out)
    assert (figures["world"], figures["face_model"], figures["truncation"]) == (
        "people",
        "people",
        1,
    )
    names = {"l1_ratio", "gaze_error_ratio", "lids_error_ratio", "identity_retrieval", "sharpness"}
    assert set(figures) >= names
    assert set(figures["expression_errors"]) == set(EXPRESSION)


def test_a_model_of_people_goes_through_every_training_and_its_folder_is_used(renders, tmp_path):
    def run(entry: ModuleType, name: str, *arguments: object) -> str:
        folder = tmp_path / name
        entry.main([*map(str, arguments), "-o", str(folder), "--device", "cpu", "--images", "8"])
        return str(folder)

    data = ["--world", "people", "--data", renders]
    drawn = run(generator, "generator", *data, "--stages", "16:1", "--batch", 4)
    masks = ["--generator", drawn, "--world", "people", "--batch", 4, "--validation-pairs", 4]
    masks = run(mask, "mask", *masks)
    encoding = [*data, "--generator", drawn, "--batch", 4, "--disturbed", 0.5]
    first = run(encoder, "first", *encoding, "--code-resolution", 16)
    second = run(encoder, "second", *encoding, "--init", first, "--pictures")
    posing = run(poser, "poser", "--generator", drawn, "--batch", 4)
    parts = ["--generator", drawn, "--mask", masks, "--encoder", second, "--poser", posing]
    package.main([*parts, "--world", "people", "-o", str(tmp_path / "model")])
    pipeline = StyleMaskPipeline.from_pretrained(str(tmp_path / "model"), device="cpu")
    assert pipeline.config.domain == "synthetic people"
    picture = Image.fromarray(np.zeros((64, 64, 3), np.uint8))
    source = pipeline.invert(picture, align="none")
    result = pipeline.reenact(source, pipeline.posed(Pose(yaw=20)))
    assert result.tensor.shape == (1, 3, 16, 16)
    with pytest.raises(SystemExit, match="not synthetic heads: give --world people"):
        run(encoder, "other", *encoding[2:], "--world", "small")


def test_a_poser_of_heads_is_refused_in_one_sentence(tmp_path):
    config = SMALL_HEADS.config({4: 8, 8: 8})
    TrainingRun(
        options("", "unused", 1, 1).parse_args(["-o", str(tmp_path), "--device", "cpu"]),
        {"generator": Generator(config)},
        [{"params": [torch.nn.Parameter(torch.zeros(1))]}],
        1e-2,
    ).save()
    (tmp_path / CONFIG_NAME).write_text(config.to_json())
    with pytest.raises(SystemExit) as caught:
        poser.main(["--generator", str(tmp_path), "-o", str(tmp_path / "p"), "--device", "cpu"])
    assert str(caught.value) == (
        "error: this generator draws synthetic heads, not synthetic people: give --world small"
    )
