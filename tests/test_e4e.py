"""The encoder for photos, part by part; test_parity.py holds all of it to the authors' codes."""

import pytest
import torch
from torch import nn

from stylemask_core import ModelConfig, WeightsError
from stylemask_core.e4e import StyleHead, head_sizes
from stylemask_core.ir_se50 import IRSE50, FrozenBatchNorm, Unit
from tests.helpers import FFHQ


def test_frozen_normalisation_equals_torchs_in_evaluation():
    own, reference = FrozenBatchNorm(5), nn.BatchNorm2d(5).eval()
    random = torch.Generator().manual_seed(0)
    for mine, theirs in (
        (own.weight, reference.weight),
        (own.bias, reference.bias),
        (own.mean, reference.running_mean),
        (own.variance, reference.running_var),
    ):
        values = torch.rand(5, generator=random) + 0.5
        mine.data.copy_(values)
        theirs.data.copy_(values)
    x = torch.randn(2, 5, 4, 4, generator=random)
    assert torch.allclose(own(x), reference(x), atol=1e-6)


@pytest.mark.parametrize("stride", [1, 2])
def test_a_unit_of_equal_widths_passes_its_input_on_beside_the_residual(stride):
    unit = Unit(16, 16, stride)
    nn.init.zeros_(unit.conv2.weight)
    x = torch.randn(2, 16, 8, 8)
    assert torch.equal(unit(x), nn.MaxPool2d(1, stride)(x))


def test_the_backbone_halves_the_picture_at_every_stage():
    with torch.inference_mode():
        features = IRSE50()(torch.zeros(1, 3, 64, 64))
    shapes = [tuple(x.shape[1:]) for x in features]
    assert shapes == [(64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4)]


def test_heads_read_the_level_of_the_pyramid_that_belongs_to_their_latent():
    assert head_sizes(18) == [16] * 3 + [32] * 4 + [64] * 11
    assert head_sizes(2) == [16] * 2
    assert StyleHead(8, 32)(torch.zeros(3, 8, 32, 32)).shape == (3, 8)


def test_codes_of_another_size_are_refused_by_the_config():
    values = {**FFHQ.__dict__, "encoder": "e4e", "latent_dim": 64}
    with pytest.raises(WeightsError, match="512"):
        ModelConfig(**values)
