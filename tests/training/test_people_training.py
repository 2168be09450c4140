"""Trainings on synthetic people: growing data sets, points, resumed runs, generators refused."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from stylemask_core.config import CONFIG_NAME, ModelConfig
from stylemask_core.errors import InvalidInputError, WeightsError
from stylemask_core.models import model_folder
from stylemask_core.networks.generator import FactNetwork
from tests.support.training_fixtures import SIDE, log, write_shard
from training import facts, generator, mask
from training.apart import of_pose, told_of
from training.heads.answers import SMALL_HEADS
from training.people import world
from training.people.answers import PEOPLE
from training.people.dataset import PeopleDataset
from training.people.latents import coordinates, latent
from training.run import TrainingRun, averaged_weights

pytest_plugins = ["tests.support.training_fixtures"]
pytestmark = pytest.mark.usefixtures("small_people")

CPU = torch.device("cpu")


def test_a_latent_has_the_coordinates_it_was_made_of_and_a_swap_takes_the_pose_alone():
    n = world.draw(0, 16)
    z = latent(n)
    assert torch.allclose(z.square().mean(1), torch.ones(16), atol=1e-4)
    assert torch.allclose(coordinates(z), n, atol=1e-4)
    assert torch.allclose(coordinates(3 * z), n, atol=1e-4)
    swapped = coordinates(PEOPLE.swap_pose(z[:8], z[8:]))
    pose = torch.zeros(world.K, dtype=torch.bool)
    pose[world.POSE_SPAN] = True
    assert torch.allclose(swapped, torch.where(pose, n[8:], n[:8]), atol=1e-4)
    portraits = coordinates(PEOPLE.portraits(z, torch.Generator()))
    assert (portraits[:, world.POSE_SPAN] == 0).all()
    assert torch.allclose(portraits[:, world.IDENTITY], n[:, world.IDENTITY], atol=1e-4)


def test_shards_are_read_as_they_come_and_the_first_is_never_learned_from(renders, monkeypatch):
    monkeypatch.setattr("training.people.dataset.REFRESH_INTERVAL", -1)
    data = PeopleDataset(renders, CPU)
    assert data.ready == 24
    held_out = torch.cat([coordinates(views.latents) for views in data.held_out(SIDE)])
    assert torch.allclose(held_out, world.draw(0, 4, 2), atol=1e-4)
    write_shard(renders, 3)
    assert data.ready == 32
    drawn = data.draw(400, 16, torch.Generator().manual_seed(0))
    found = coordinates(drawn.latents)
    known = torch.cat([world.draw(number, 4, 2) for number in range(4)])
    either = torch.stack([found, world.mirror(found)])
    distance = (either[:, :, None] - known).norm(dim=3).amin(0)
    nearest = distance.argmin(1)
    assert distance.amin(1).max() < 1e-2
    assert set(nearest.tolist()) == set(range(8, 32))


def test_half_of_the_pictures_drawn_are_mirrored_with_all_that_belongs_to_them(renders):
    data = PeopleDataset(renders, CPU)
    views = data.draw(200, SIDE, torch.Generator().manual_seed(0))
    grey = (views.images[:, :, :, 0] - 1 / 255).abs().amax((1, 2)) < 1e-2
    mirrored = ~grey
    assert 60 < int(mirrored.sum()) < 140
    exact = PEOPLE.keypoints(views.latents)
    # where the eyes are exchanged the left one comes second
    order = torch.where(mirrored[:, None], torch.tensor([[1, 0, 2]]), torch.tensor([[0, 1, 2]]))
    exact = torch.take_along_dim(exact, order[..., None], 1)
    assert (views.keypoints - exact).abs().max() < 5e-3


def test_pictures_of_another_world_and_too_few_of_this_are_refused_in_one_line(tmp_path):
    with pytest.raises(InvalidInputError, match="holds no rendered people: run python -m"):
        PeopleDataset(tmp_path, CPU)
    write_shard(tmp_path, 0)
    with pytest.raises(InvalidInputError, match="fewer than two shards"):
        PeopleDataset(tmp_path, CPU)
    write_shard(tmp_path, 1)
    with pytest.raises(InvalidInputError, match="resolution 5 does not divide the stored 32"):
        PeopleDataset(tmp_path, CPU).draw(1, 5, torch.Generator())
    (tmp_path / "world.json").write_text(
        json.dumps({"coordinates": ["yaw"], "poses_per_person": 2})
    )
    with pytest.raises(InvalidInputError, match="another version of the world"):
        PeopleDataset(tmp_path, CPU)


def test_pose_and_identity_have_channels_of_their_own_in_a_generator_of_people(renders, tmp_path):
    run = ["--world", "people", "--data", str(renders), "--device", "cpu", "--stages", "16:1"]
    generator.main([*run, "--images", "64", "-o", str(tmp_path)])
    trained = generator.averaged_generator(tmp_path)
    z = latent(world.draw(1, 12))
    source, target, exact = z[:6], z[6:], PEOPLE.swap_pose(z[:6], z[6:])
    w = [trained.broadcast(trained.mapping(x)) for x in (source, target, exact)]
    of_source, of_target, of_exact = (trained.styles(x) for x in w)
    for a, b, c in zip(of_source, of_target, of_exact, strict=True):
        pose = of_pose(a.shape[1])
        assert torch.allclose(torch.where(pose, b, a), c, atol=1e-3)
        assert not torch.allclose(a, c, atol=1e-2) or not pose.any()
    for a, c in zip(trained.rgb_styles(w[0]), trained.rgb_styles(w[2]), strict=True):
        assert torch.allclose(a, c, atol=1e-3)


@pytest.mark.parametrize("name", ["identity", "pose"])
def test_facts_are_learned_and_become_a_part_of_the_generator_that_training_leaves_alone(
    name, renders, tmp_path
):
    shared = ["--device", "cpu"]
    short = [name, *shared, "--images", "3200", "--batch", "16", "-o", str(tmp_path / "facts")]
    scale = facts.scale_of(PEOPLE.facts[name])
    torch.manual_seed(0)
    network = FactNetwork(512, len(scale.mean))
    before = facts.validate(network, PEOPLE, name, scale)
    facts.main(short)
    learned_name, learned = facts.trained_facts(tmp_path / "facts")
    network.load_state_dict(learned)
    assert learned_name == name
    assert facts.validate(network, PEOPLE, name, scale) < 0.9 * before
    run = ["--world", "people", "--data", str(renders), "--facts", str(tmp_path / "facts")]
    run += ["--images", "32", "--stages", "16:1", "-o", str(tmp_path / "generator"), *shared]
    generator.main(run)
    with Image.open(tmp_path / "generator" / generator.SHEET) as sheet:
        assert sheet.size == (8 * 16, 2 * 16)
    trained = generator.averaged_generator(tmp_path / "generator")
    z = told_of(PEOPLE, name, facts.normals(4, torch.Generator().manual_seed(0)))
    assert torch.allclose(trained.mapping.facts[name](z), network(z), atol=1e-5)
    assert (trained.mapping.layers[0].weight[:, world.K : 512] == 0).all()


def test_an_interrupted_training_of_people_goes_on_with_the_same_losses(renders, tmp_path):
    run = ["--world", "people", "--data", str(renders), "--device", "cpu", "--stages", "8:0.5,16:1"]
    run += ["--batch", "4", "--images", "40", "--log-every", "1", "--energy-weight", "1"]
    generator.main([*run, "-o", str(tmp_path / "whole")])
    cut_after_four(run, tmp_path / "cut")
    assert len(log(tmp_path / "cut")) == 4
    generator.main([*run, "-o", str(tmp_path / "cut")])
    assert log(tmp_path / "cut") == log(tmp_path / "whole")
    with pytest.raises(SystemExit, match=r"differs in width \(narrow, not middle\)"):
        generator.main([*run, "-o", str(tmp_path / "cut"), "--width", "middle"])


def cut_after_four(run: list[str], folder: Path) -> None:
    """Let a run be interrupted as it takes its fifth step."""
    descend, steps = TrainingRun.descend, []

    def interrupted(self, loss) -> None:
        if len(steps) == 4:
            raise KeyboardInterrupt
        steps.append(descend(self, loss))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingRun, "descend", interrupted)
        with pytest.raises(KeyboardInterrupt):
            generator.main([*run, "-o", str(folder), "--save-every", "1"])


def test_a_model_that_is_told_facts_keeps_them_and_misses_each_of_their_tensors(people_folder):
    model = model_folder.load_model(people_folder)
    z = torch.randn(2, 512)
    w = model.generator.mapping(z)
    without = dict(model.generator.state_dict())
    without["mapping.facts.pose.head.bias"] = without["mapping.facts.pose.head.bias"] + 1
    model.generator.load_state_dict(without)
    assert not torch.allclose(model.generator.mapping(z), w)
    model_folder.write_part(
        people_folder, "generator", {k: x for k, x in without.items() if "pose.head" not in k}
    )
    with pytest.raises(WeightsError, match=r"tensor mapping.facts.pose.head.bias is missing \(2"):
        model_folder.load_model(people_folder)
    config = ModelConfig.load(people_folder)
    assert config.facts["pose"] > 2 * 68
    model_folder.write_part(people_folder, "generator", without)
    text = json.loads((people_folder / CONFIG_NAME).read_text()) | {"facts": {}}
    with pytest.raises(WeightsError, match="is not part of the model"):
        (people_folder / CONFIG_NAME).write_text(json.dumps(text))
        model_folder.load_model(people_folder)
    (people_folder / CONFIG_NAME).write_text(config.to_json())


def test_a_generator_of_another_world_is_refused_in_one_sentence(people_folder, tmp_path):
    arguments = ["--model", str(people_folder), "-o", str(tmp_path), "--device", "cpu"]
    with pytest.raises(SystemExit) as caught:
        mask.main(arguments)
    assert str(caught.value) == (
        "error: this generator draws synthetic people, not synthetic heads: give --world people"
    )
    drawn = ["--world", "small", "--init", str(people_folder), "-o", str(tmp_path / "g")]
    with pytest.raises(SystemExit, match="this generator draws synthetic people, not synthetic h"):
        generator.main([*drawn, "--device", "cpu"])
    assert SMALL_HEADS.domain != PEOPLE.domain


def test_disturbed_pictures_keep_the_face_and_say_where_nobody_can_know(renders):
    views = next(PeopleDataset(renders, CPU).held_out(SIDE))
    keypoints = torch.tensor([[0.42, 0.4], [0.58, 0.4], [0.5, 0.56]]).expand(
        len(views.images), 3, 2
    )
    views = views._replace(keypoints=keypoints)
    seen, known = PEOPLE.disturb(views, 0.75, torch.Generator().manual_seed(0))
    assert torch.equal(seen[6:], views.images[6:])
    assert not torch.allclose(seen[:6], views.images[:6], atol=0.05)
    assert seen.abs().max() <= 1
    assert (known[:, :, 12:20, 12:20] == 1).all()
    assert (known[:, :, 26:] == 1).all()
    assert known[:6].min() == 0


def test_a_run_begins_where_a_finished_one_ended_be_it_a_run_or_its_weights_alone(
    renders, tmp_path
):
    run = ["--world", "people", "--data", str(renders), "--device", "cpu", "--stages", "16:1"]
    run += ["--batch", "8", "--log-every", "1"]
    generator.main([*run, "--images", "800", "-o", str(tmp_path / "first")])
    (tmp_path / "weights").mkdir()
    for name in (CONFIG_NAME, "generator.safetensors"):
        shutil.copy(tmp_path / "first" / name, tmp_path / "weights" / name)
    losses = {}
    for start in ("first", "weights", ""):
        init = ["--init", str(tmp_path / start)] if start else []
        generator.main([*run, *init, "--images", "8", "-o", str(tmp_path / f"from_{start}")])
        losses[start] = log(tmp_path / f"from_{start}")[0]["loss"]
    assert losses["weights"] == pytest.approx(losses["first"], rel=0.02)
    assert losses["first"] < 0.8 * losses[""]


def test_masks_are_trained_to_the_exact_answers_of_people(people_folder, tmp_path):
    arguments = ["--model", str(people_folder), "-o", str(tmp_path), "--device", "cpu"]
    arguments += ["--images", "8", "--batch", "4", "--validate-every", "1"]
    mask.main([*arguments, "--validation-pairs", "4", "--world", "people"])
    figures = [line for line in log(tmp_path) if any("l1_ratio" in name for name in line)]
    assert len(figures) == 2
    assert averaged_weights(tmp_path, "mask_network")
