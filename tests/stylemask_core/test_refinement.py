"""Refinement of an inversion within a given time."""

import itertools
import math
import re
from functools import partial

import pytest
import torch

from stylemask_core import InvalidInputError, LatentCode
from stylemask_core import inversion as refinement
from stylemask_core.inversion import FURTHEST, OWN_FURTHEST, refine_inversion, similarity
from tests.support.helpers import face


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


def test_larger_models_are_compared_at_a_smaller_size_and_come_closer_all_the_same(
    monkeypatch, embedded
):
    monkeypatch.setattr(refinement, "COMPARED_SIZE", 64)
    done = embedded(30)
    assert done.after.structure > done.before.structure


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
