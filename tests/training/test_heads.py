"""Synthetic heads: factors, renderer, landmarks and the rendered data set."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from stylemask_core.errors import InvalidInputError
from tests.support.helpers import ROOT
from training import dataset
from training.dataset import HeadDataset, render_dataset
from training.heads import world
from training.heads.factors import IDENTITY_FACTORS, POSE_FACTORS, FactorTable, from_uniform
from training.heads.geometry import skin_distance
from training.heads.landmarks import (
    LEFT_EYE,
    NOSE,
    RIGHT_EYE,
    landmarks,
    without_ears,
)
from training.heads.primitives import Vec
from training.heads.renderer import HeadRenderer
from training.heads.shape import head_shape
from training.heads.surface import surface_points

GOLDEN = ROOT / "tests" / "golden" / "heads_32.safetensors"
NOSE_TIP = 30
FIRST_LATENT = [0.0599110, 0.0155596, -1.1644385]  # seed 0


@pytest.fixture
def heads():
    """Four frontal, neutral heads of different people, eyes open, no glasses, lit evenly."""
    identity, pose = world.factors(world.latents(11, 4))
    for name in ("light_side", "hair_parting"):
        identity = with_factor(IDENTITY_FACTORS, identity, name, 0.0)
    return identity, torch.zeros_like(pose)


def with_factor(table: FactorTable, values: torch.Tensor, name: str, value: float):
    values = values.clone()
    values[:, table.index[name]] = value
    return values


def posed(pose: torch.Tensor, **factors: float):
    for name, value in factors.items():
        pose = with_factor(POSE_FACTORS, pose, name, value)
    return pose


def assert_pictures_agree(image: torch.Tensor, expected: torch.Tensor):
    """Alike but for a few rays at outlines, which another CPU's rounding may turn."""
    error = (image - expected).abs()
    assert (error > 5e-4).float().mean() < 3e-4
    assert error.mean() < 2e-5


def test_a_seed_names_the_same_latents_however_many_are_drawn():
    assert torch.equal(world.latents(3, 5), world.latents(3, 40)[:5])
    assert not torch.equal(world.latents(3, 5), world.latents(4, 5))
    assert world.latents(0, 1)[0, :3].tolist() == pytest.approx(FIRST_LATENT, abs=1e-6)


@pytest.mark.parametrize("named", world.WORLDS)
def test_factors_stay_in_their_ranges_and_reach_both_ends(named):
    heads_of = world.WORLDS[named]
    identity, pose = world.factors(world.latents(5, 4000), heads_of)
    for table, values in ((IDENTITY_FACTORS, identity), (POSE_FACTORS, pose)):
        for factor in table.factors:
            column = table.column(values, factor.name)
            high = heads_of.angle_limits.get(factor.name, factor.high)
            low = -high if factor.name in heads_of.angle_limits else factor.low
            if factor.name in heads_of.fixed:
                assert (column == heads_of.fixed[factor.name]).all()
                continue
            assert column.min() >= low and column.max() <= high
            reach = 0.01 * (high - low)
            assert column.min() < low + reach and column.max() > high - reach


def test_most_mouths_are_shut_and_most_eyes_open_at_their_documented_shares():
    uniform = torch.rand(20000, 46, generator=torch.Generator().manual_seed(0))
    _, pose = from_uniform(uniform)
    jaw, lids = (POSE_FACTORS.column(pose, name) for name in ("jaw_open", "eyes_closed"))
    assert (jaw == 0).float().mean().item() == pytest.approx(0.45, abs=0.02)
    assert (lids == 0).float().mean().item() == pytest.approx(0.78, abs=0.02)
    assert (lids == 1).float().mean().item() == pytest.approx(0.08, abs=0.02)


def test_swapping_pose_keeps_the_identity_and_takes_the_pose_exactly():
    source, target = world.latents(1, 256), world.latents(2, 256)
    identity, pose = world.factors(world.swap_pose(source, target))
    torch.testing.assert_close(identity, world.factors(source)[0], rtol=0, atol=1e-5)
    torch.testing.assert_close(pose, world.factors(target)[1], rtol=0, atol=1e-4)  # angles in deg


def test_mirroring_a_latent_negates_the_signed_factors_and_nothing_else():
    z = world.latents(4, 64)
    mirrored = world.mirror(z)
    torch.testing.assert_close(world.mirror(mirrored), z, rtol=0, atol=1e-5)
    for table, one, other in zip(
        (IDENTITY_FACTORS, POSE_FACTORS),
        world.factors(z, world.WHOLE),
        world.factors(mirrored, world.WHOLE),
        strict=True,
    ):
        for name in table.index:
            sign = -1 if name in world.SIGNED_FACTORS else 1
            column, turned = table.column(one, name), table.column(other, name)
            torch.testing.assert_close(turned, sign * column, rtol=0, atol=2e-4)  # angles in deg


def test_pictures_and_landmarks_match_the_golden_ones():
    golden = load_file(GOLDEN)
    identity, pose = golden["identity"], golden["pose"]
    assert_pictures_agree(HeadRenderer().render(identity, pose, 32), golden["images"])
    _, in_head, in_camera = landmarks(identity, pose)
    torch.testing.assert_close(in_head, golden["landmarks_head"], rtol=0, atol=1e-5)
    torch.testing.assert_close(in_camera, golden["landmarks"], rtol=0, atol=1e-5)
    # the first four are the heads of seed 0; the rest wear glasses and beards
    named = world.factors(world.latents(0, 4))
    torch.testing.assert_close(named[0], identity[:4], rtol=0, atol=1e-5)
    torch.testing.assert_close(named[1], pose[:4], rtol=0, atol=1e-4)


def test_a_head_looks_the_same_however_many_are_rendered_with_it():
    identity, pose = world.factors(world.latents(6, 18))  # more than one batch
    renderer = HeadRenderer()
    together = renderer.render(identity, pose, 16)
    assert together.shape == (18, 3, 16, 16)
    assert together.min() >= 0 and together.max() <= 1
    assert torch.equal(renderer.render(identity, pose, 16), together)
    for index in (0, 15, 17):
        one = slice(index, index + 1)
        alone = renderer.render(identity[one], pose[one], 16)
        assert_pictures_agree(alone, together[one])


def test_the_picture_of_a_mirrored_latent_is_the_mirrored_picture():
    z = world.latents(14, 4)
    renderer = HeadRenderer()
    pictures = renderer.render(*world.factors(z, world.WHOLE), 64)
    mirrored = renderer.render(*world.factors(world.mirror(z), world.WHOLE), 64)
    assert (pictures - pictures.flip(3)).abs().mean() > 0.02  # or the next line says nothing
    assert (mirrored.flip(3) - pictures).abs().mean((1, 2, 3)).max() < 0.002


def test_a_resolution_that_cannot_be_traced_coarse_to_fine_is_refused(heads):
    with pytest.raises(InvalidInputError, match="multiple of 4"):
        HeadRenderer().render(*heads, resolution=33)


def test_every_factor_of_the_world_changes_the_picture(heads):
    identity, pose = (values[:1] for values in heads)
    # features that only show under others: an open mouth, uncovered ears
    identity = with_factor(IDENTITY_FACTORS, identity, "hair_length", 0.0)
    pose = posed(pose, jaw_open=0.3, yaw=15.0)
    names, identities, poses = [], [], []
    for table in (IDENTITY_FACTORS, POSE_FACTORS):
        for factor in table.factors:
            if factor.name in ("glasses", "glasses_roundness", "beard"):
                continue
            names.append(factor.name)
            for value in (factor.low, (factor.low + factor.high) / 2, factor.high):
                is_pose = table is POSE_FACTORS
                identities.append(
                    identity if is_pose else with_factor(table, identity, factor.name, value)
                )
                poses.append(with_factor(table, pose, factor.name, value) if is_pose else pose)
    images = HeadRenderer().render(torch.cat(identities), torch.cat(poses), 24)
    low, middle, high = images.unflatten(0, (-1, 3)).unbind(1)
    changes = torch.maximum((low - middle).abs(), (low - high).abs()).amax((1, 2, 3))
    assert [name for name, change in zip(names, changes, strict=True) if change < 0.03] == []


def test_turning_and_nodding_move_the_nose_the_right_way(heads):
    identity, pose = heads

    def nose(**angles: float):
        points, _, _ = landmarks(identity, posed(pose, **angles))
        eyes = torch.cat([points[:, LEFT_EYE], points[:, RIGHT_EYE]], 1).mean(1)
        return points[:, NOSE][:, NOSE_TIP - NOSE.start] - eyes

    right, left = nose(yaw=20.0), nose(yaw=-20.0)
    assert (right[:, 0] > 0.02).all()
    torch.testing.assert_close(left[:, 0], -right[:, 0], rtol=0, atol=1e-5)
    torch.testing.assert_close(left[:, 1], right[:, 1], rtol=0, atol=1e-5)
    assert (nose(pitch=15.0)[:, 1] < nose()[:, 1] - 0.01).all()  # up in the picture


def test_the_frames_of_the_landmarks_agree(heads):
    identity, _ = heads
    pose = world.factors(world.latents(12, 4))[1]
    in_picture, in_head, in_camera = landmarks(identity, pose)
    assert torch.equal(in_picture, in_camera[..., :2])
    spread = torch.cdist(in_head, in_head) / 2.56  # head units to picture sides
    torch.testing.assert_close(torch.cdist(in_camera, in_camera), spread, rtol=0, atol=1e-3)


def test_points_of_the_surface_lie_on_the_skin_and_mirror_each_other():
    identity, pose = world.factors(world.latents(0, 4), world.WHOLE)
    points = surface_points(identity, pose)
    assert points.shape == (4, 200, 3)
    bare = without_ears(head_shape(identity, pose))
    assert skin_distance(Vec(*points.unbind(2)), bare).abs().max() < 1e-4
    right, left = points.split(100, 1)
    torch.testing.assert_close(right * torch.tensor([-1.0, 1, 1]), left, rtol=0, atol=1e-4)
    assert torch.equal(surface_points(identity, posed(pose, yaw=20.0)), points)


@pytest.mark.parametrize("name", ["nose_projection", "smile"])
def test_points_are_differentiable_in_the_factors(name):
    identity, pose = world.factors(world.latents(9, 3), world.WHOLE)
    both = torch.cat([identity, pose], 1)
    position = [*IDENTITY_FACTORS.index, *POSE_FACTORS.index].index(name)
    along = torch.zeros_like(both)
    along[:, position] = 1

    def points(values: torch.Tensor):
        split = values.split([len(IDENTITY_FACTORS), len(POSE_FACTORS)], 1)
        return torch.cat([landmarks(*split)[1], surface_points(*split)], 1)

    _, slope = torch.autograd.functional.jvp(points, both, along)
    numeric = (points(both + 0.01 * along) - points(both - 0.01 * along)) / 0.02
    close = (slope - numeric).abs().amax(2) < 0.003
    assert numeric.abs().max() > 0.01 and close.float().mean() > 0.98  # but at creases


class CountingRenderer(HeadRenderer):
    """Counts the heads it renders and breaks off after some."""

    def __init__(self, breaks_after: int | None = None):
        super().__init__(march_steps=2)
        self.rendered, self.breaks_after = 0, breaks_after

    def render(self, identity, pose, resolution, supersampling=2):
        if self.breaks_after is not None and self.rendered >= self.breaks_after:
            raise KeyboardInterrupt
        self.rendered += len(identity)
        return super().render(identity, pose, resolution, supersampling)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("heads")
    render_dataset(folder, seed=3, count=20, resolution=16, renderer=CountingRenderer())
    return folder


def test_a_cut_run_goes_on_without_rendering_again(tmp_path, rendered):
    first = CountingRenderer(breaks_after=16)
    with pytest.raises(KeyboardInterrupt):
        render_dataset(tmp_path, 3, 20, 16, first)
    assert first.rendered == 16
    assert HeadDataset(tmp_path).ready == 16
    before = np.load(tmp_path / "images.npy")[:16]
    second = CountingRenderer()
    render_dataset(tmp_path, 3, 20, 16, second)
    assert second.rendered == 4
    assert np.array_equal(np.load(tmp_path / "images.npy")[:16], before)
    for name in ("images.npy", "keypoints.npy", "latents.npy"):
        assert np.array_equal(np.load(tmp_path / name), np.load(rendered / name))
    third = CountingRenderer()
    render_dataset(tmp_path, 3, 20, 16, third)
    assert third.rendered == 0
    assert not list(tmp_path.glob("*.part"))


def test_the_data_set_holds_the_heads_of_its_seed(rendered):
    heads = HeadDataset(rendered)
    assert (heads.ready, heads.count, heads.resolution) == (20, 20, 16)
    assert torch.equal(heads.latents, world.latents(world.TRAINING_SEEDS + 3, 20))
    indices = torch.tensor([19, 4])
    factors = world.factors(heads.latents[indices])
    exact = HeadRenderer(march_steps=2).render(*factors, 16) * 2 - 1
    torch.testing.assert_close(heads.images(indices, 16), exact, rtol=0, atol=1.01 / 255)
    points = landmarks(*factors)[0]
    torch.testing.assert_close(heads.keypoints(indices)[:, 0], points[:, LEFT_EYE].mean(1))
    assert heads.keypoints(indices).shape == (2, 3, 2)


def test_smaller_pictures_are_area_averages(rendered):
    heads, indices = HeadDataset(rendered), torch.arange(5)
    full, small = heads.images(indices, 16), heads.images(indices, 4)
    assert small.shape == (5, 3, 4, 4) and small.dtype == torch.float32
    torch.testing.assert_close(small[2, 1, 3, 0], full[2, 1, 12:, :4].mean())
    with pytest.raises(InvalidInputError, match="does not divide"):
        heads.images(indices, 6)


def test_a_reader_sees_pictures_that_become_ready_later(tmp_path, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        render_dataset(tmp_path, 3, 20, 16, CountingRenderer(breaks_after=16))
    heads = HeadDataset(tmp_path)
    render_dataset(tmp_path, 3, 20, 16, CountingRenderer())
    assert heads.ready == 16  # looked a moment ago
    monkeypatch.setattr(dataset, "REFRESH_INTERVAL", 0.0)
    assert heads.ready == 20
    assert heads.images(torch.tensor([19]), 16).std() > 0.05


def test_a_folder_of_other_heads_is_refused_in_one_line(rendered, capsys):
    kept = (rendered / "progress.json").read_text()
    with pytest.raises(SystemExit) as stopped:
        options = "--seed 4 --count 20 --resolution 16 --no-compile --device cpu"
        dataset.main(["-o", str(rendered), *options.split()])
    message = str(stopped.value)
    assert message.startswith("error: ") and "\n" not in message
    assert "seed 3" in message and "seed 4" in message
    assert (rendered / "progress.json").read_text() == kept
    named = {"ready": 20, "count": 20, "resolution": 16, "seed": 3}
    assert json.loads(kept).items() >= named.items()


@pytest.mark.parametrize("wrong", [{"count": 0}, {"seed": -1}, {"resolution": 15}])
def test_heads_that_cannot_be_leave_no_folder_behind(tmp_path, wrong):
    asked = {"seed": 0, "count": 4, "resolution": 16} | wrong
    with pytest.raises(InvalidInputError):
        render_dataset(tmp_path / "new", renderer=CountingRenderer(), **asked)
    assert not (tmp_path / "new").exists()


def test_a_folder_without_heads_is_refused_with_the_command_that_makes_them(tmp_path):
    with pytest.raises(InvalidInputError, match=r"python -m training\.dataset"):
        HeadDataset(tmp_path)
