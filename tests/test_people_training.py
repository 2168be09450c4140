"""Trainings on synthetic people: growing data sets, points, resumed runs, generators refused."""

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image

from stylemask_core import StyleMaskPipeline, hub
from stylemask_core.config import CONFIG_NAME, ModelConfig
from stylemask_core.encoder import build_encoder
from stylemask_core.errors import InvalidInputError, WeightsError
from stylemask_core.generator import Generator, PointNetwork
from stylemask_core.mask_network import MaskNetwork
from stylemask_core.pose import Pose
from stylemask_core.poser import Poser
from training import encoder, evaluate, generator, mask, package, points, poser
from training.face_models import load_face_model
from training.face_models import people as face_people
from training.face_models.people import ANGLES, EXPRESSION, SHAPE, PeopleFaceModel, new_estimator
from training.heads.answers import SMALL_HEADS
from training.identity_models import load_identity_model
from training.identity_models import people as identity_people
from training.identity_models.heads import new_network
from training.losses import energy_loss
from training.metrics import METRICS_FILE
from training.network_files import write_network
from training.people import judges, world
from training.people.answers import PEOPLE
from training.people.dataset import PeopleDataset
from training.people.latents import coordinates, latent
from training.run import TrainingRun, averaged_weights, options

SIDE = 32  # [px] of the pictures
CPU = torch.device("cpu")


def write_shard(folder: Path, number: int, people: int = 4, poses: int = 2) -> None:
    """Pictures whose colours are the first coordinates: grey to the left, them to the right."""
    n = world.draw(number, people, poses)
    images = np.full((len(n), SIDE, SIDE, 3), 128, np.uint8)
    images[:, :, SIDE // 2 :] = (torch.sigmoid(n[:, None, None, :3]) * 255).byte().numpy()
    places = PEOPLE.points(latent(n))[:, :68] / 2 + 0.5
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


@pytest.fixture(autouse=True)
def own_settings(monkeypatch):
    """Small generators and samples; threads, random numbers and denormals are left as they were."""
    monkeypatch.setattr(points, "STATISTICS", 256)
    monkeypatch.setattr(points, "VALIDATION", 128)
    monkeypatch.setitem(generator.CHANNELS, "narrow", {4: 8, 8: 8, 16: 8})
    with torch.random.fork_rng():
        yield
    torch.set_flush_denormal(False)


def log(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / METRICS_FILE).read_text().splitlines()]


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


def test_points_are_learned_and_become_a_part_of_the_generator_that_training_leaves_alone(
    renders, tmp_path
):
    shared = ["--device", "cpu"]
    short = [*shared, "--images", "3200", "--batch", "16", "-o", str(tmp_path / "points")]
    scale = points.scale_of(PEOPLE)
    torch.manual_seed(0)
    before = points.validate(PointNetwork(512, len(scale.mean) // 2), PEOPLE, scale)
    points.main(short)
    learned = points.trained_points(tmp_path / "points")
    network = PointNetwork(512, len(scale.mean) // 2)
    network.load_state_dict(learned)
    assert points.validate(network, PEOPLE, scale) < 0.9 * before
    run = ["--world", "people", "--data", str(renders), "--points", str(tmp_path / "points")]
    run += ["--images", "32", "--stages", "16:1", "-o", str(tmp_path / "generator"), *shared]
    generator.main(run)
    with Image.open(tmp_path / "generator" / generator.SHEET) as sheet:
        assert sheet.size == (8 * 16, 2 * 16)
    trained = generator.averaged_generator(tmp_path / "generator")
    for name, tensor in trained.mapping.points.state_dict().items():
        assert torch.allclose(tensor, learned[name], atol=1e-6)
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


def test_a_run_planned_in_minutes_counts_those_of_earlier_sittings(tmp_path, monkeypatch):
    module = torch.nn.Linear(3, 2)

    def sitting() -> TrainingRun:
        parser = options("", "unused", images=1, batch=1)
        args = parser.parse_args(["--schedule-minutes", "10", "-o", str(tmp_path)])
        return TrainingRun(args, {"linear": module}, [{"params": module.parameters()}], 1e-2)

    first = sitting()
    monkeypatch.setattr(TrainingRun, "elapsed_minutes", lambda _: 4.0)
    first.save()
    assert first.fraction == pytest.approx(0.4)
    monkeypatch.setattr(TrainingRun, "elapsed_minutes", lambda _: 3.5)
    second = sitting()
    assert second.fraction == pytest.approx(0.75)
    monkeypatch.setattr(TrainingRun, "elapsed_minutes", lambda _: 6.0)
    assert second.fraction == 1
    assert list(second.steps()) == []


def test_the_rate_is_held_and_only_then_falls(tmp_path):
    module = torch.nn.Linear(1, 1)
    parser = options("", "unused", images=400, batch=1)
    args = parser.parse_args(["--log-every", "1", "--device", "cpu", "-o", str(tmp_path)])
    groups = [{"params": list(module.parameters())}]
    run = TrainingRun(args, {"linear": module}, groups, 1e-2, hold=0.75)
    for _ in run.steps():
        run.descend(module(torch.ones(1, 1)).square().mean())
    rates = [line["learning_rate"] for line in log(tmp_path)]
    assert rates[100:300] == pytest.approx([1e-2] * 200)
    assert rates[301:] == sorted(rates[301:], reverse=True)
    assert rates[-1] == pytest.approx(3e-4, rel=0.05)


def test_texture_is_missed_where_it_was_smoothed_away_and_not_where_it_only_moved():
    random = torch.Generator().manual_seed(0)
    hair = torch.randn(2, 1, 64, 64, generator=random).expand(-1, 3, -1, -1) * 0.3
    smooth = torch.nn.functional.avg_pool2d(hair, 5, 1, 2)
    assert energy_loss(hair, hair) == 0
    assert energy_loss(smooth, hair) > 4 * energy_loss(hair.roll((1, 1), (2, 3)), hair)
    flat = torch.zeros(1, 3, 64, 64, requires_grad=True)
    energy_loss(flat, hair[:1]).backward()
    assert flat.grad.isfinite().all()


@pytest.fixture(scope="module")
def people_folder(tmp_path_factory) -> Path:
    """A random model of people at 16 px."""
    folder = tmp_path_factory.mktemp("models") / "people"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = PEOPLE.config({4: 8, 8: 8, 16: 8})
        networks = Generator(config), MaskNetwork(config), build_encoder(config)
    drawn, masks, encoder = networks
    hub.save_model(folder, hub.Model(config, drawn, masks, lambda: encoder, "# Tiny people\n"))
    return folder


def test_a_model_that_is_told_points_keeps_them_and_misses_each_of_their_tensors(people_folder):
    model = hub.load_model(people_folder)
    z = torch.randn(2, 512)
    w = model.generator.mapping(z)
    without = dict(model.generator.state_dict())
    without["mapping.points.head.bias"] = without["mapping.points.head.bias"] + 1
    model.generator.load_state_dict(without)
    assert not torch.allclose(model.generator.mapping(z), w)
    hub.write_part(
        people_folder, "generator", {k: x for k, x in without.items() if "points.head" not in k}
    )
    with pytest.raises(WeightsError, match=r"tensor mapping.points.head.bias is missing \(2"):
        hub.load_model(people_folder)
    config = ModelConfig.load(people_folder)
    assert config.points > 68
    hub.write_part(people_folder, "generator", without)
    text = json.loads((people_folder / CONFIG_NAME).read_text()) | {"points": 0}
    with pytest.raises(WeightsError, match="is not part of the model"):
        (people_folder / CONFIG_NAME).write_text(json.dumps(text))
        hub.load_model(people_folder)
    (people_folder / CONFIG_NAME).write_text(config.to_json())


def test_masks_are_trained_to_the_exact_answers_of_people(people_folder, tmp_path):
    arguments = ["--model", str(people_folder), "-o", str(tmp_path), "--device", "cpu"]
    arguments += ["--images", "8", "--batch", "4", "--validate-every", "1"]
    mask.main([*arguments, "--validation-pairs", "4", "--world", "people"])
    figures = [line for line in log(tmp_path) if any("l1_ratio" in name for name in line)]
    assert len(figures) == 2
    assert averaged_weights(tmp_path, "mask_network")


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
    places = PEOPLE.points(latent(torch.cat([torch.zeros(1, world.K), n])))
    assert 15 < pose.yaw < 30
    assert -15 < pose.pitch < -4
    assert pose.actions["jawOpen"] > 0.4
    assert pose.actions["eyeBlinkLeft"] == 0
    assert torch.equal(Pose.from_vector(pose.vector()).vector(), pose.vector())
    assert places.isfinite().all()


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


def generator_run(model_folder: Path, folder: Path) -> None:
    """A run that ended with the generator of a model."""
    model = hub.load_model(model_folder)
    args = options("", "unused", 1, 1).parse_args(["-o", str(folder), "--device", "cpu"])
    unused = [{"params": [torch.nn.Parameter(torch.zeros(1))]}]
    TrainingRun(args, {"generator": model.generator}, unused, 1e-2).save()
    (folder / CONFIG_NAME).write_text(model.config.to_json())


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


def test_the_face_model_places_the_points_of_what_it_read():
    n = world.draw(3, 8)
    model = PeopleFaceModel(new_estimator())
    known = model.exact(latent(n), PEOPLE)
    for name, column in (("smile_skew", 0), ("brow_skew", 0)):
        n[:, world.INDEX[name]] = column
    shown = torch.zeros_like(n)
    for name in (*SHAPE, *EXPRESSION, *ANGLES):
        shown[:, world.INDEX[name]] = n[:, world.INDEX[name]]
    exact = PEOPLE.points(latent(shown))[:, :68] / 2 + 0.5
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
