"""The paper's losses: known values, and a supervision by tiny judges with gradients."""

import pytest
import torch
from torch import nn

from stylemask_core.networks.mask_network import MaskNetwork
from tests.support.training_fixtures import random_model
from training.face_losses import (
    EYE_PAIRS,
    MOUTH_PAIRS,
    decode_pair,
    feature_loss,
    identity_loss,
    opening_loss,
    shape_loss,
    wanted_face,
)
from training.face_models import Geometry
from training.heads.answers import SMALL_HEADS
from training.supervision import PaperSupervision, PaperWeights

pytest_plugins = ["tests.support.training_fixtures"]
pytestmark = pytest.mark.usefixtures("own_settings")


@pytest.fixture
def supervision(judges):
    """Make the losses of untrained judges, and masks."""

    def make(**weights: float) -> tuple[PaperSupervision, MaskNetwork]:
        model = random_model(SMALL_HEADS)
        masks = model.mask_network.train().requires_grad_(True)
        return PaperSupervision(model.generator, *judges, PaperWeights(**weights), 0.7), masks

    return make


def geometry(points: torch.Tensor) -> Geometry:
    return Geometry(points, points[..., :2], points)


def test_lengths_are_pixels_of_a_picture_of_256():
    torch.manual_seed(0)
    face = geometry(torch.rand(2, 68, 3))
    moved = geometry(face.vertices + torch.tensor([3.0, 0.0, 0.0]) / 256)
    torch.testing.assert_close(shape_loss(moved, face), torch.ones(2))  # 3 px of one axis in three
    assert opening_loss(moved, face, MOUTH_PAIRS).max() < 1e-3  # a moved mouth is as open
    larger = geometry(face.vertices * 1.5)
    i, j = EYE_PAIRS[0]
    points = face.landmarks_2d * 256
    expected = 0.5 * (points[:, i] - points[:, j]).norm(dim=1)
    torch.testing.assert_close(opening_loss(larger, face, ((i, j),)), expected)


def test_mouth_and_eyes_are_told_by_the_papers_pairs_of_landmarks():
    assert len(MOUTH_PAIRS) == 10
    assert {x for pair in MOUTH_PAIRS for x in pair} == set(range(48, 68))
    assert {x for pair in EYE_PAIRS for x in pair} == set(range(36, 48))
    face = geometry(torch.rand(1, 68, 3, generator=torch.Generator().manual_seed(0)))
    open_mouth = face.vertices.clone()
    open_mouth[:, 55:60, 1] += 0.1  # the lower lip
    opened = geometry(open_mouth)
    assert opening_loss(opened, face, MOUTH_PAIRS) > 1
    assert opening_loss(opened, face, EYE_PAIRS) == 0


def test_closed_lips_have_a_gradient_that_is_finite():
    points = torch.zeros(1, 68, 3, requires_grad=True)
    wanted = geometry(torch.rand(1, 68, 3))
    opening_loss(geometry(points), wanted, MOUTH_PAIRS).sum().backward()
    assert points.grad.isfinite().all()


def test_identity_is_one_minus_the_cosine():
    a, b = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.6, 0.8]])
    torch.testing.assert_close(identity_loss(a, b), torch.tensor([0.0, 0.4]))


def test_features_are_compared_by_their_direction():
    a = torch.rand(2, 4, 3, 3) + 0.1
    torch.testing.assert_close(feature_loss([a], [2 * a]), torch.zeros(2), atol=1e-6, rtol=0)
    opposite = feature_loss([a, a], [-a, -a])
    torch.testing.assert_close(opposite, torch.full((2,), 4.0))


def test_the_wanted_face_has_the_sources_shape_and_the_targets_pose_and_expression(judges):
    model, _ = judges
    source, target = (model.estimate(torch.randn(2, 3, 16, 16)) for _ in range(2))
    found, wanted = decode_pair(model, source, wanted_face(source, target))
    alone = model.decode(source.shape, target.expression, target.pose)
    torch.testing.assert_close(wanted.vertices, alone.vertices)
    alone = model.decode(source.shape, source.expression, source.pose)
    torch.testing.assert_close(found.landmarks_2d, alone.landmarks_2d)


def test_a_face_reenacted_by_itself_has_no_loss_and_by_another_each_term_has_some(supervision):
    judge, masks = supervision(perceptual=1.0)
    z = torch.randn(3, 4, 512)
    names = {"shape", "mouth", "eye", "identity", "perceptual", "cycle"}
    same = judge.terms(masks, z[:1].expand(3, -1, -1), 16)
    assert same.keys() == names
    assert all(abs(term.item()) < 1e-4 for term in same.values())
    other = judge.terms(masks, z, 16)
    assert all(term.item() > 1e-4 for term in other.values())


def test_masks_of_nothing_leave_the_source_as_it_is_and_its_pose_wrong(supervision):
    judge, masks = supervision()
    z = torch.randn(2, 4, 512)
    for network in masks.layers.values():
        nn.init.zeros_(network[2].weight)
        nn.init.constant_(network[2].bias, -30.0)  # before the sigmoid
    source, target, reenacted = judge.rows(masks, z)
    torch.testing.assert_close(reenacted, source)
    figures = judge.figures(masks, z)
    assert figures["csim"] == pytest.approx(1, abs=1e-5)
    read, wanted = judge.face_model.estimate(source), judge.face_model.estimate(target)
    error = (read.angles - wanted.angles).abs().mean().item()
    assert figures["pose_error_deg"] == pytest.approx(error, rel=1e-4)
    error = (read.expression - wanted.expression).abs() / judge.face_model.expression_range
    assert figures["expression_error"] == pytest.approx(error.mean().item(), rel=1e-4)


def test_each_term_counts_as_its_weight_says_and_the_cycle_can_be_left_out(supervision):
    z = torch.randn(3, 4, 512)
    judge, masks = supervision()
    plain = judge.terms(masks, z, 16)
    judge, masks = supervision(shape=2.0, identity=5.0, cycle=0.0)
    assert judge.faces == 2
    changed = judge.terms(masks, z[:2], 16)
    assert changed.keys() == {"shape", "mouth", "eye", "identity"}
    assert changed["shape"].item() == pytest.approx(2 * plain["shape"].item(), rel=1e-4)
    assert changed["identity"].item() == pytest.approx(plain["identity"].item() / 2, rel=1e-4)


def test_descending_the_terms_trains_the_masks_and_nothing_else(supervision):
    judge, masks = supervision()
    z = torch.randn(3, 4, 512)
    optimizer = torch.optim.Adam(masks.parameters(), lr=1e-2)
    losses = []
    for _ in range(5):
        terms = judge.terms(masks, z, 16)
        optimizer.zero_grad()
        sum(terms.values()).backward()
        optimizer.step()
        losses.append(sum(terms.values()).item())
    assert losses[-1] < 0.98 * losses[0]
    assert all(p.grad.abs().max() > 0 for p in masks.parameters())
    assert all(p.grad is None for p in judge.generator.parameters())
    assert all(p.grad is None for p in judge.identity_model.network.parameters())


def test_a_perceptual_loss_needs_features(supervision):
    judge, _ = supervision()
    judge.identity_model.network = nn.Identity()
    models = judge.face_model, judge.identity_model
    with pytest.raises(SystemExit, match="needs the features"):
        PaperSupervision(judge.generator, *models, PaperWeights(perceptual=1.0), 0.7)
