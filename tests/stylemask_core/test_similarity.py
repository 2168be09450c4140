"""How alike two pictures are."""

import pytest
import torch

from stylemask_core.inversion import similarity, structure


@pytest.fixture(scope="module")
def faces(pipeline):
    return [pipeline.synthesize(pipeline.sample(seed)).tensor.clamp(-1, 1) for seed in (1, 2)]


def test_a_picture_is_fully_like_itself(faces):
    alike = similarity(faces[0], faces[0])
    assert alike.structure == pytest.approx(1, abs=1e-5) and alike.psnr > 90


def test_noise_blur_and_another_face_lower_the_figures_in_this_order(faces):
    random = torch.Generator().manual_seed(0)
    noisy = faces[0] + 0.05 * torch.randn(faces[0].shape, generator=random)
    mixed = torch.lerp(faces[0], faces[1], 0.3)
    found = [similarity(other, faces[0]) for other in (noisy, mixed, faces[1])]
    assert 1 > found[0].structure > found[1].structure > found[2].structure > 0
    assert found[0].psnr > found[1].psnr > found[2].psnr


def test_psnr_is_that_of_the_range_of_pictures():
    grey, light = torch.zeros(1, 3, 32, 32), torch.full((1, 3, 32, 32), 0.2)
    assert similarity(light, grey).psnr == pytest.approx(20, abs=1e-4)


def test_values_outside_the_range_count_as_its_ends():
    white = torch.ones(1, 3, 32, 32)
    assert similarity(3 * white, white).structure == pytest.approx(1)


def test_structure_leads_a_picture_towards_the_wanted_one(faces):
    picture = faces[1].clone().requires_grad_()
    structure(picture, faces[0]).backward()
    better = picture.detach() + 0.1 * picture.grad / picture.grad.abs().max()
    assert structure(better, faces[0]) > structure(picture, faces[0])


@pytest.mark.parametrize("side", [8, 16, 64])
def test_small_pictures_are_compared_too(side):
    picture = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(1))
    assert similarity(picture, picture).structure == pytest.approx(1, abs=1e-5)
    assert similarity(1 - picture, picture).structure < 0.5
