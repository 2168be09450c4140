"""Codes brought closer to their pictures: in a number of steps, and within a given time."""

import dataclasses
import itertools
import math
import re
from functools import partial

import pytest
import torch

from stylemask_core import InvalidInputError, LatentCode, StyleMaskPipeline
from stylemask_core import inversion as refinement
from stylemask_core.inversion import (
    FURTHEST,
    OWN_FURTHEST,
    refine,
    refine_inversion,
    similarity,
    structure,
    w_spread,
)
from stylemask_core.models import model_folder
from tests.support.helpers import face


@pytest.fixture(scope="module")
def task(pipeline):
    """The embedded generator, pictures of two faces, and codes that are a little off."""
    generator = pipeline.generator
    exact = torch.cat([pipeline.sample(seed).w_plus for seed in (3, 4)])
    off = torch.cat([pipeline.sample(seed).w_plus for seed in (5, 6)])
    with torch.inference_mode():
        images = generator(exact)
    return generator, images, torch.lerp(exact, off, 0.2), w_spread(generator)


def error(generator, codes, images) -> torch.Tensor:
    with torch.inference_mode():
        return (generator(codes) - images).square().mean((1, 2, 3))


def test_every_picture_comes_closer_and_all_layers_move_alike(task):
    generator, images, start, spread = task
    refined = refine(generator, images, start, spread, steps=6)
    assert (error(generator, refined, images) < 0.5 * error(generator, start, images)).all()
    moved = refined - start
    torch.testing.assert_close(moved, moved[:, :1].expand_as(moved), atol=1e-5, rtol=0)


def test_no_step_is_further_than_the_step_size_in_deviations_of_w(task):
    generator, images, start, spread = task
    moved = (refine(generator, images, start, spread, steps=1) - start) / spread
    assert 0.04 < moved.abs().max() < 0.0501


def test_pictures_of_a_batch_do_not_influence_each_other(task):
    generator, images, start, spread = task
    together = refine(generator, images, start, spread, steps=3)
    alone = refine(generator, images[1:], start[1:], spread, steps=3)
    torch.testing.assert_close(together[1:], alone, atol=2e-3, rtol=0)


def test_it_works_where_the_caller_has_switched_gradients_off(task):
    generator, images, start, spread = task
    with torch.inference_mode():
        inside = refine(generator, images, start, spread, steps=2)
    assert torch.equal(inside, refine(generator, images, start, spread, steps=2))
    assert all(parameter.grad is None for parameter in generator.parameters())


def test_the_config_says_how_many_steps_an_inversion_takes(pipeline):
    assert pipeline.config.refinement_steps > 0
    picture = pipeline.synthesize(pipeline.sample(7)).image
    refined = pipeline.invert(picture).w_plus
    config = dataclasses.replace(pipeline.config, refinement_steps=0)
    model = model_folder.load_model(model_folder.EMBEDDED_FOLDER)
    plain_pipeline = StyleMaskPipeline(dataclasses.replace(model, config=config), device="cpu")
    plain = plain_pipeline.invert(picture).w_plus
    wanted = pipeline.synthesize(pipeline.sample(7)).tensor
    errors = [error(pipeline.generator, codes, wanted) for codes in (refined, plain)]
    assert errors[0] < errors[1]


# within a given time


class Time:
    """A clock that only moves when something is done."""

    def __init__(self, monkeypatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(refinement.time, "monotonic", lambda: self.now)

    def taking(self, seconds, call):
        def slow(*args, **kwargs):
            self.now += seconds
            return call(*args, **kwargs)

        return slow


@pytest.fixture(scope="module")
def inversion(pipeline):
    """Of a face the encoder never saw."""
    return pipeline.invert(pipeline.synthesize(pipeline.sample(11)).image, align="none")


@pytest.fixture(scope="module")
def tiny_inversion(tiny_pipeline):
    return tiny_pipeline.invert(tiny_pipeline.synthesize(tiny_pipeline.sample(1)).image)


@pytest.fixture
def clock(monkeypatch):
    return Time(monkeypatch)


@pytest.fixture
def timed(monkeypatch, clock):
    """Refine with full pictures of 2 s, small ones of 1 s and steps of 3 s."""
    for name, seconds in (("__init__", 1), ("step", 3), ("best", 1)):
        call = getattr(refinement._Descent, name)
        monkeypatch.setattr(refinement._Descent, name, clock.taking(seconds, call))

    def run(pipeline, inversion, seconds, **options):
        def picture(w_plus):
            return pipeline.synthesize(LatentCode(w_plus)).tensor

        begun, synthesize = clock.now, clock.taking(2, picture)
        done = refine_inversion(
            pipeline.generator, synthesize, inversion, pipeline._w_spread, seconds, **options
        )
        assert done.seconds == clock.now - begun
        return done

    return run


@pytest.fixture
def embedded(timed, pipeline, inversion):
    return partial(timed, pipeline, inversion)


@pytest.fixture
def tiny(timed, tiny_pipeline, tiny_inversion):
    return partial(timed, tiny_pipeline, tiny_inversion)


def test_the_model_s_picture_comes_closer_and_the_figures_are_those_of_the_codes(
    pipeline, inversion, embedded
):
    done = embedded(40)
    assert done.steps > 5
    assert done.after.structure > done.before.structure + 0.01
    assert done.after.psnr > done.before.psnr + 1
    crop = refinement.to_tensor(inversion.crop)
    for code, told in ((inversion, done.before), (done.inversion, done.after)):
        assert similarity(pipeline.synthesize(code).tensor, crop) == told
    assert done.inversion.crop is inversion.crop


def test_the_code_stays_near_and_its_layers_close_together(pipeline, inversion, embedded):
    moved = (embedded(40).inversion.w_plus - inversion.w_plus) / pipeline._w_spread
    alike = moved.mean(1, keepdim=True)
    assert 0 < alike.square().mean().sqrt() <= FURTHEST + OWN_FURTHEST
    own = (moved - alike).square().mean().sqrt()
    assert 0 < own <= OWN_FURTHEST < alike.square().mean().sqrt() + OWN_FURTHEST


def test_in_the_first_part_of_the_time_all_layers_move_alike(inversion, embedded):
    calls = itertools.count()
    moved = embedded(60, cancelled=lambda: next(calls) == 3).inversion.w_plus - inversion.w_plus
    torch.testing.assert_close(moved, moved[:, :1].expand_as(moved), atol=1e-5, rtol=0)


@pytest.mark.parametrize("seconds", [12, 20, 33.3])
def test_no_step_is_begun_that_would_not_fit(tiny, seconds):
    done = tiny(seconds)
    assert done.steps > 0
    assert seconds - 6 < done.seconds <= seconds


@pytest.mark.parametrize("seconds", [0, 1, 4, 11])
def test_too_little_time_leaves_the_inversion_as_it_was(tiny_inversion, tiny, seconds):
    done = tiny(seconds)
    assert done.inversion is tiny_inversion and done.steps == 0
    assert done.after == done.before and done.seconds <= max(seconds, 2)


def test_a_step_that_took_long_is_expected_to_do_so_again(monkeypatch, tiny, clock):
    quick, slow = refinement._Descent.step, clock.taking(20, refinement._Descent.step)
    calls = itertools.count()

    def step(self, **options):
        (slow if next(calls) == 1 else quick)(self, **options)

    monkeypatch.setattr(refinement._Descent, "step", step)
    done = tiny(50)
    assert done.steps == 2 and done.seconds < 40


def test_progress_tells_the_share_of_the_time_before_every_step(tiny):
    shares = []
    done = tiny(30, progress=shares.append)
    assert len(shares) == done.steps and shares == sorted(shares)
    assert 0 < shares[0] < shares[-1] < 1


def test_when_cancelled_the_best_so_far_comes_back_at_the_next_step(embedded):
    calls = itertools.count()
    done = embedded(1000, cancelled=lambda: next(calls) == 2)
    assert done.steps == 2 and done.after.structure > done.before.structure
    assert embedded(1000, cancelled=lambda: True).steps == 0


def test_steps_that_lead_astray_are_not_kept(monkeypatch, inversion, embedded):
    monkeypatch.setattr(refinement, "STEP_SIZE", 50.0)
    monkeypatch.setattr(refinement, "FURTHEST", 50.0)
    done = embedded(30)
    assert done.steps > 2 and done.after.structure >= done.before.structure


def test_it_works_on_the_pipeline_and_leaves_no_gradients(monkeypatch, pipeline, inversion):
    calls = itertools.count()
    monkeypatch.setattr(refinement._Clock, "fits", lambda *_: next(calls) < 3)
    with torch.inference_mode():
        done = pipeline.refine_inversion(inversion, seconds=3600)
    assert done.steps == 2 and done.after.structure > done.before.structure
    assert not done.inversion.w_plus.requires_grad
    assert all(parameter.grad is None for parameter in pipeline.generator.parameters())


@pytest.mark.parametrize("seconds", [-1, 3601, math.nan, math.inf, "5", True, None])
def test_times_that_cannot_be_used_are_refused(pipeline, inversion, seconds):
    with pytest.raises(InvalidInputError, match="give 0…3600"):
        pipeline.refine_inversion(inversion, seconds=seconds)


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
    assert similarity(torch.full_like(grey, 3), grey + 1).structure == pytest.approx(1)


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
