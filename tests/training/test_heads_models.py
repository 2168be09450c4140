"""The synthetic heads' own face and identity models, and the trainings of their networks."""

from pathlib import Path

import numpy as np
import pytest
import torch

from stylemask_core.errors import InvalidInputError, WeightsError
from training import network_files, views
from training.evaluation.expression_range import expression_range_of
from training.face_models import heads, load_face_model, measure_expression_range
from training.face_models import train as face_training
from training.face_models.heads import COEFFICIENTS
from training.heads.answers import SMALL_HEADS, WHOLE_HEADS
from training.heads.factors import IDENTITY_FACTORS, POSE_FACTORS
from training.heads.landmarks import landmarks
from training.heads.renderer import HeadRenderer
from training.heads.world import factors, latents
from training.identity_models import load_identity_model
from training.identity_models import train as identity_training
from training.identity_models.train import contrastive_loss
from training.network_files import write_network
from training.picture_network import PictureNetwork
from training.views import (
    HELD_OUT,
    SURROUNDINGS,
    ViewDataset,
    Views,
    draw_factors,
    render_views,
)


@pytest.fixture(scope="module")
def renders() -> Views:
    """Two views of each of five heads that no training has seen, both worlds by turns."""
    identity, pose = draw_factors(8, 5, 2)
    factors_of_all = identity.flatten(0, 1), pose.flatten(0, 1)
    images = HeadRenderer().render(*factors_of_all, 64, supersampling=1) * 2 - 1
    return Views(images.unflatten(0, (5, 2)), identity, pose)


@pytest.mark.parametrize("world", [SMALL_HEADS, WHOLE_HEADS], ids=lambda world: world.name)
def test_exact_coefficients_decode_to_the_exact_landmarks(world):
    z = latents(5, 3)
    model = heads.HeadsFaceModel(heads.new_estimator())
    known = model.exact(z, world)
    found = model.decode(known.shape, known.expression, known.pose)
    in_picture, _, in_camera = landmarks(*factors(z, world.heads))
    torch.testing.assert_close(found.landmarks_2d, in_picture, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.landmarks_3d, in_camera, atol=1e-5, rtol=0)
    assert found.vertices.shape[0] == 3
    assert found.vertices.shape[2] == 3


def test_every_coefficient_moves_the_face_and_its_gradient_says_how():
    model = heads.HeadsFaceModel(heads.new_estimator())
    gaze = {"gaze_x", "gaze_y"}  # which only the eyes' paint shows
    center, step = model.center.clone(), 1e-2 * model.half_range

    def place(values: torch.Tensor) -> torch.Tensor:
        parts = heads.coefficients(values)
        face = model.decode(parts.shape, parts.expression, parts.pose)
        return torch.cat([face.vertices, face.landmarks_3d], 1)

    center[COEFFICIENTS.index("eyes_closed")] = 0.3
    weights = torch.randn(place(center[None]).shape, generator=torch.Generator().manual_seed(0))
    values = center[None].clone().requires_grad_()
    (place(values) * weights).sum().backward()
    moved = torch.diag(step)
    slope = ((place(center + moved) - place(center - moved)) * weights).sum((1, 2)) / (2 * step)
    for name, found, expected in zip(COEFFICIENTS, values.grad[0], slope, strict=True):
        assert (expected.abs() < 1e-6) == (name in gaze), name
        assert found.item() == pytest.approx(expected.item(), rel=0.1, abs=2e-3), name


def test_the_shipped_estimator_reads_pose_and_expression_off_renders(renders):
    model, images = load_face_model("heads"), renders.images.flatten(0, 1)
    known = heads.coefficients(
        heads.known_coefficients(renders.identity.flatten(0, 1), renders.pose.flatten(0, 1))
    )
    found = model.estimate(images)
    assert (found.angles - known.angles).abs()[:, :2].mean() < 2.5  # [deg]
    error = (found.expression - known.expression).abs() / model.expression_range
    assert error.mean() < 0.15


def test_an_estimate_does_not_depend_on_the_size_of_the_picture(renders):
    model, images = load_face_model("heads"), renders.images[0]

    def enlarged(times: int) -> torch.Tensor:
        return images.repeat_interleave(times, 2).repeat_interleave(times, 3)

    once, twice = (model.estimate(enlarged(times)).pose for times in (2, 4))
    torch.testing.assert_close(once, twice, atol=1e-3, rtol=0)


def test_gradients_of_the_estimate_reach_the_picture(renders):
    images = renders.images[0].clone().requires_grad_()
    load_face_model("heads").estimate(images).expression.sum().backward()
    assert images.grad is not None
    assert (images.grad.abs().amax((1, 2, 3)) > 0).all()


def test_the_shipped_identity_model_knows_a_head_in_other_poses_and_surroundings(renders):
    model = load_identity_model("heads")
    embeddings = model.embed(renders.images.flatten(0, 1))
    assert embeddings.norm(dim=1).tolist() == pytest.approx([1] * 10, abs=1e-5)
    first, second = embeddings.unflatten(0, (5, 2)).unbind(1)
    assert ((first @ second.t()).argmax(1) == torch.arange(5)).all()


def test_the_range_of_expressions_is_measured_over_all_batches(renders):
    model, images = load_face_model("heads"), renders.images.flatten(0, 1)
    found = model.estimate(images).expression
    expected = found.amax(0) - found.amin(0)
    measured = measure_expression_range(model, images.split(4))
    torch.testing.assert_close(measured, expected, atol=1e-4, rtol=0)


def test_the_range_of_a_models_random_faces_is_finite_and_grows_with_them(tiny_pipeline):
    face = heads.HeadsFaceModel(heads.new_estimator())
    few, more = (expression_range_of(face, tiny_pipeline, count) for count in (4, 40))
    assert few.shape == face.expression_range.shape
    assert (few > 0).all()
    assert (more >= few - 1e-5).all()  # of larger batches a sum may be rounded otherwise
    assert (more > few).any()


def test_views_share_face_and_hair_but_not_pose_and_surroundings_worlds_by_turns():
    identity, pose = draw_factors(9, 40, 3)
    surroundings = [IDENTITY_FACTORS.index[name] for name in SURROUNDINGS]
    face = [i for i in range(len(IDENTITY_FACTORS)) if i not in surroundings]
    assert (identity[:, :, face] == identity[:, :1, face]).all()
    assert (identity[:, 0, surroundings] != identity[:, 1, surroundings]).all()
    assert (pose[:, 0, 0] != pose[:, 1, 0]).all()
    glasses = identity[:, 0, IDENTITY_FACTORS.index["glasses"]]
    assert (glasses[::2] == -1).all()
    assert (glasses[1::2] > -1).all()


def write_views(folder: Path, heads_count: int, views_each: int = 2) -> ViewDataset:
    """Views of random pixels, so that nothing has to be rendered."""

    class Noise:
        def render(self, identity, pose, resolution):
            return torch.rand(len(identity), 3, resolution, resolution)

    render_views(folder, 1, heads_count, views_each, 64, Noise())
    return ViewDataset(folder)


def test_views_are_read_as_they_were_written_and_mirrored_with_their_factors(tmp_path):
    data = write_views(tmp_path, HELD_OUT + 1)
    last = data.views(torch.tensor([HELD_OUT]))
    pixels = np.load(tmp_path / views.IMAGES)[HELD_OUT]
    shown = ((last.images[0] + 1) * 127.5).round().permute(0, 2, 3, 1).numpy()
    assert (shown == pixels).all()
    seen = set()
    for seed in range(12):
        drawn = data.draw(1, 2, torch.Generator().manual_seed(seed))
        yaw = drawn.pose[0, :, POSE_FACTORS.index["yaw"]]
        expected = last.pose[0, :, POSE_FACTORS.index["yaw"]]
        mirrored = not torch.isin(yaw, expected).all()
        order = [0, 1] if torch.equal(yaw.abs(), expected.abs()) else [1, 0]
        images = last.images[0][order]
        assert torch.equal(drawn.images[0], images.flip(-1) if mirrored else images)
        sign = -1 if mirrored else 1
        assert torch.equal(yaw, sign * expected[order])
        pitch = POSE_FACTORS.index["pitch"]
        assert torch.equal(drawn.pose[0, :, pitch], last.pose[0, order, pitch])
        seen.add(mirrored)
    assert seen == {False, True}


def test_views_of_other_heads_and_folders_without_any_are_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="holds no views"):
        ViewDataset(tmp_path)
    write_views(tmp_path, 2)
    with pytest.raises(InvalidInputError, match="holds other views"):
        write_views(tmp_path, 3)


def test_the_contrastive_loss_is_least_where_views_agree_and_heads_do_not():
    apart = torch.eye(4)[:, None].expand(4, 2, 4)
    alike = torch.ones(4, 2, 4) / 2
    mixed = torch.stack([torch.eye(4), torch.eye(4).roll(1, 0)], 1)
    losses = [contrastive_loss(x).item() for x in (apart, alike, mixed)]
    assert losses == sorted(losses)
    assert losses[0] < 0.01
    assert losses[1] == pytest.approx(np.log(7), abs=1e-5)


@pytest.mark.parametrize(
    ("entry", "load", "words"),
    [
        (face_training, load_face_model, "mean errors on held-out views: face_width "),
        (identity_training, load_identity_model, "retrieval among 200: "),
    ],
    ids=["face", "identity"],
)
def test_a_training_writes_weights_its_model_loads_and_prints_the_errors(
    entry, load, words, tmp_path, capsys
):
    write_views(tmp_path / "views", HELD_OUT + 4)
    arguments = ["--data", tmp_path / "views", "-o", tmp_path / "run", "--images", 16]
    entry.main([str(x) for x in [*arguments, "--batch", 8]])
    assert words in capsys.readouterr().err
    assert load("heads", folder=tmp_path / "run").name == "heads"


def test_weights_of_another_network_or_none_are_refused(tmp_path):
    with pytest.raises(WeightsError, match=r"estimator\.safetensors"):
        load_face_model("heads", folder=tmp_path)
    path = tmp_path / heads.WEIGHTS_NAME
    write_network(path, PictureNetwork(7, heads.INPUT_SIZE).state_dict())
    with pytest.raises(WeightsError, match=r"head\.\w+ has shape"):
        load_face_model("heads", folder=tmp_path)
    state = heads.new_estimator().state_dict()
    write_network(path, {**state, "head.bias": torch.full((len(COEFFICIENTS),), torch.nan)})
    with pytest.raises(WeightsError, match="not finite"):
        load_face_model("heads", folder=tmp_path)
    del state["head.bias"]
    write_network(path, state)
    with pytest.raises(WeightsError, match=r"head\.bias"):
        load_face_model("heads", folder=tmp_path)


def test_a_full_disk_leaves_the_weights_that_were_there(tmp_path, monkeypatch):
    path = tmp_path / "weights.safetensors"
    write_network(path, {"x": torch.zeros(3)})
    before = path.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(network_files, "save_file", full)
    with pytest.raises(WeightsError, match="No space left"):
        write_network(path, {"x": torch.ones(3)})
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
