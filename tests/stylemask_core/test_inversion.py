"""Codes brought closer to their pictures in a number of steps."""

import dataclasses

import pytest
import torch

from stylemask_core import StyleMaskPipeline
from stylemask_core.inversion import refine, w_spread
from stylemask_core.models import model_folder


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


def test_every_picture_comes_closer_and_all_layers_move_alike_and_not_too_far(task):
    generator, images, start, spread = task
    refined = refine(generator, images, start, spread, steps=6)
    assert (error(generator, refined, images) < 0.5 * error(generator, start, images)).all()
    moved = refined - start
    torch.testing.assert_close(moved, moved[:, :1].expand_as(moved), atol=1e-5, rtol=0)
    moved = (refine(generator, images, start, spread, steps=1) - start) / spread
    assert 0.04 < moved.abs().max() < 0.0501  # the size of a step, in deviations of w


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
    picture = pipeline.synthesize(pipeline.sample(7))
    config = dataclasses.replace(pipeline.config, refinement_steps=0)
    model = model_folder.load_model(model_folder.EMBEDDED_FOLDER)
    plain = StyleMaskPipeline(dataclasses.replace(model, config=config), device="cpu")
    errors = [
        error(pipeline.generator, pipe.invert(picture.image).w_plus, picture.tensor)
        for pipe in (pipeline, plain)
    ]
    assert errors[0] < errors[1]
