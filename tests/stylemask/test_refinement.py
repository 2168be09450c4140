"""Inversions brought closer to their pictures within a given time, and how alike pictures are."""

import itertools
import math
import re
import time

import pytest
import torch

from stylemask import refinement
from stylemask.refinement import (
    FURTHEST,
    OWN_FURTHEST,
    refine_inversion,
    similarity,
    structure,
)
from stylemask_core import InvalidInputError
from stylemask_core.pictures.images import to_tensor
from tests.support.helpers import face


@pytest.fixture(scope="module")
def unseen(pipeline):
    """The inversion of a face the encoder never saw."""
    return pipeline.invert(pipeline.synthesize(pipeline.sample(11)).image, align="none")


@pytest.fixture
def clock(monkeypatch):
    """A clock that moves by a second each time somebody looks."""
    ticks = itertools.count()
    monkeypatch.setattr(time, "monotonic", lambda: float(next(ticks)))


def test_the_picture_comes_closer_and_the_code_stays_near(pipeline, unseen, clock):
    with torch.inference_mode():
        done = refine_inversion(pipeline, unseen, seconds=120)
    assert done.steps > 5 and done.seconds <= 120
    assert done.after.structure > done.before.structure + 0.01
    assert done.after.psnr > done.before.psnr + 1
    crop = to_tensor(unseen.crop)
    for code, figures in ((unseen, done.before), (done.inversion, done.after)):
        assert similarity(pipeline.synthesize(code).tensor, crop) == figures
    assert done.inversion.crop is unseen.crop and not done.inversion.w_plus.requires_grad
    assert all(parameter.grad is None for parameter in pipeline.generator.parameters())
    moved = (done.inversion.w_plus - unseen.w_plus) / pipeline.w_spread
    alike = moved.mean(1, keepdim=True)
    assert 0 < alike.square().mean().sqrt() <= FURTHEST + OWN_FURTHEST
    assert 0 < (moved - alike).square().mean().sqrt() <= OWN_FURTHEST


def test_when_cancelled_the_best_so_far_comes_back_and_at_first_all_layers_move_alike(
    pipeline, unseen, clock
):
    calls, shares = itertools.count(), []
    cancel = {"cancelled": lambda: next(calls) == 3}
    done = refine_inversion(pipeline, unseen, 1000, progress=shares.append, **cancel)
    assert done.steps == 3 == len(shares) and 0 < shares[0] < shares[1] < shares[2] < 1
    assert done.after.structure > done.before.structure
    moved = done.inversion.w_plus - unseen.w_plus
    torch.testing.assert_close(moved, moved[:, :1].expand_as(moved), atol=1e-5, rtol=0)
    assert refine_inversion(pipeline, unseen, 1000, cancelled=lambda: True).steps == 0


@pytest.mark.parametrize("seconds", [0, 1, 8, 20, 33.3, 60])
def test_no_step_is_begun_that_would_not_fit(tiny_pipeline, clock, seconds):
    code = tiny_pipeline.invert(tiny_pipeline.synthesize(tiny_pipeline.sample(1)).image)
    done = refine_inversion(tiny_pipeline, code, seconds)
    assert (done.steps > 0) == (seconds >= 20)
    assert done.seconds <= max(seconds, 3)  # to tell the similarity takes a moment
    if not done.steps:
        assert done.inversion is code and done.after == done.before


def test_a_step_that_took_long_is_expected_to_do_so_again(pipeline, unseen, monkeypatch):
    now, seconds = [0.0], iter([1, 50])

    def slow(_):
        now[0] += next(seconds, 1)

    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    done = refine_inversion(pipeline, unseen, 100, progress=slow)
    assert done.steps == 2 and done.seconds == 51


def test_steps_that_lead_astray_are_not_kept(monkeypatch, pipeline, unseen, clock):
    monkeypatch.setattr(refinement, "STEP_SIZE", 50.0)
    monkeypatch.setattr(refinement, "FURTHEST", 50.0)
    done = refine_inversion(pipeline, unseen, 60)
    assert done.steps > 2 and done.after.structure >= done.before.structure


@pytest.mark.parametrize("seconds", [-1, 3601, math.nan, math.inf])
def test_times_that_cannot_be_used_are_refused(pipeline, unseen, seconds):
    with pytest.raises(InvalidInputError, match="give 0…3600"):
        refine_inversion(pipeline, unseen, seconds=seconds)


def test_the_command_line_refines_pictures_and_tells_what_it_gained(stylemask, refused):
    face("a.png", seed=1)
    face("b.png", seed=2)
    code, _, err = stylemask("reenact", "a.png", "b.png", "--refine", 0.5, "-o", "out.png")
    assert code == 0
    for role in ("source", "target"):
        assert re.search(rf"{role} refined in \d+\.\d s, \d+ steps: .* → .* \(SSIM\)", err)
    assert "picture" in refused(2, "reenact", "seed:1", "seed:2", "--refine", 1, "-o", "x.png")
    assert "0 to 3600" in refused(2, "reenact", "a.png", "b.png", "--refine", -1, "-o", "x.png")


# how alike two pictures are


@pytest.fixture(scope="module")
def faces(pipeline):
    return [pipeline.synthesize(pipeline.sample(seed)).tensor.clamp(-1, 1) for seed in (1, 2)]


def test_the_figures_fall_from_the_same_picture_over_noise_and_a_mixture_to_another_face(faces):
    random = torch.Generator().manual_seed(0)
    noisy = faces[0] + 0.05 * torch.randn(faces[0].shape, generator=random)
    mixed = torch.lerp(faces[0], faces[1], 0.3)
    figures = [similarity(other, faces[0]) for other in (faces[0], noisy, mixed, faces[1])]
    for name in ("structure", "psnr"):
        values = [getattr(figure, name) for figure in figures]
        assert values == sorted(values, reverse=True) and len({*values}) == 4 and values[-1] > 0
    assert figures[0].structure == pytest.approx(1, abs=1e-5)


def test_psnr_is_that_of_the_range_of_pictures_and_values_outside_count_as_its_ends():
    grey, light = torch.zeros(1, 3, 32, 32), torch.full((1, 3, 32, 32), 0.2)
    assert similarity(light, grey).psnr == pytest.approx(20, abs=1e-4)
    assert similarity(grey + 3, grey + 1).structure == pytest.approx(1)


def test_structure_leads_a_picture_towards_the_wanted_one(faces):
    picture = faces[1].clone().requires_grad_()
    structure(picture, faces[0]).backward()
    better = picture.detach() + 0.1 * picture.grad / picture.grad.abs().max()
    assert structure(better, faces[0]) > structure(picture, faces[0])


@pytest.mark.parametrize("side", [8, 64])
def test_small_pictures_are_compared_too(side):
    picture = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(1))
    assert similarity(picture, picture).structure == pytest.approx(1, abs=1e-5)
    assert similarity(1 - picture, picture).structure < 0.5


def test_larger_models_are_compared_at_a_smaller_size_and_come_closer_all_the_same(
    monkeypatch, pipeline, unseen, clock
):
    monkeypatch.setattr(refinement, "COMPARED_SIZE", 64)
    done = refine_inversion(pipeline, unseen, 60)
    assert done.after.structure > done.before.structure
