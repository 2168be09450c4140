"""The training entries: losses, augmentation."""

import torch

from stylemask_core.networks.generator import Generator
from training.apart import Restriction
from training.augmentation import augment, background_mask
from training.generator import current_resolution, parse_stages
from training.heads.answers import SMALL_HEADS
from training.heads.renderer import HeadRenderer
from training.heads.world import basis, coordinates, factors, latents
from training.losses import energy_loss, landmark_weights, picture_loss

TINY = {4: 8, 8: 8}


def test_stages_say_which_resolution_is_trained_when():
    stages = parse_stages("16:0.1,32:0.5,64:1")
    fractions = (0.0, 0.1, 0.49, 0.5, 1.0)
    assert [current_resolution(stages, f) for f in fractions] == [16, 32, 32, 64, 64]


def test_the_restricted_mapping_reads_nothing_but_the_worlds_coordinates():
    torch.manual_seed(0)
    generator = Generator(SMALL_HEADS.config(TINY))
    Restriction(generator, SMALL_HEADS)()
    axes, z = basis(torch.device("cpu")), latents(3, 1)
    other = z + torch.randn(1, 512)
    # the same length and coordinates, everything else different
    basis_part = (z @ axes) @ axes.t()
    rest = other - (other @ axes) @ axes.t()
    rest = rest * ((z.square().sum() - basis_part.square().sum()) / rest.square().sum()).sqrt()
    other = basis_part + rest
    assert (other - z).abs().max() > 0.5
    assert torch.allclose(coordinates(other), coordinates(z), atol=1e-4)
    assert torch.allclose(generator.mapping(other), generator.mapping(z), atol=1e-4)


def test_the_picture_loss_is_zero_only_for_the_picture_itself_and_grows_with_weight():
    torch.manual_seed(0)
    image = torch.rand(2, 3, 32, 32) * 2 - 1
    moved = image.roll(1, -1)
    weights = landmark_weights(torch.full((2, 3, 2), 0.5), 32)
    assert picture_loss(image, image) == 0
    assert picture_loss(moved, image) > 0.1
    assert picture_loss(moved, image, weights) > picture_loss(moved, image)
    assert weights.min() < 1.05
    assert 3.8 < weights.max() <= 4


def test_eyes_and_mouth_lie_inside_the_picture_left_eye_left_of_the_right():
    points = SMALL_HEADS.keypoints(latents(5, 8))
    assert points.shape == (8, 3, 2)
    assert points.min() > 0
    assert points.max() < 1
    assert (points[:, 0, 0] < points[:, 1, 0]).all()
    assert (points[:, 2, 1] > points[:, :2, 1].amax(1)).all()


def test_augmentation_leaves_the_asked_share_alone_and_only_replaces_the_background():
    images = HeadRenderer().render(*factors(latents(11, 4)), 64) * 2 - 1
    background = background_mask(images)
    assert ((background.mean((1, 2, 3)) > 0.1) & (background.mean((1, 2, 3)) < 0.8)).all()
    assert background[:, :, 32, 32].max() == 0  # the face is no background
    random = torch.Generator().manual_seed(0)
    disturbed, known = augment(images, 0.5, random)
    assert torch.equal(disturbed[2:], images[2:])
    assert not torch.allclose(disturbed[:2], images[:2], atol=0.05)
    assert disturbed.abs().max() <= 1
    assert (known[2:] == 1).all()
    assert ((known == 1) | (background == 1)).all()


def test_texture_is_missed_where_it_was_smoothed_away_and_not_where_it_only_moved():
    random = torch.Generator().manual_seed(0)
    hair = torch.randn(2, 1, 64, 64, generator=random).expand(-1, 3, -1, -1) * 0.3
    smooth = torch.nn.functional.avg_pool2d(hair, 5, 1, 2)
    assert energy_loss(hair, hair) == 0
    assert energy_loss(smooth, hair) > 4 * energy_loss(hair.roll((1, 1), (2, 3)), hair)
    flat = torch.zeros(1, 3, 64, 64, requires_grad=True)
    energy_loss(flat, hair[:1]).backward()
    assert flat.grad.isfinite().all()
