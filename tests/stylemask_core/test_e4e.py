"""The encoder for photos, part by part; test_parity.py holds all of it to the authors' codes."""

import pytest
import torch
import torch.nn.functional as F

from stylemask.convert.e4e_tensors import convert_unit
from stylemask_core import ModelConfig, WeightsError
from stylemask_core.networks.e4e import IRSE50, Level, StyleHead, Unit, levels
from tests.support.helpers import FFHQ


def checkpoint_of_a_unit(random: torch.Generator) -> dict[str, torch.Tensor]:
    """The first unit's tensors as checkpoints name them, of 64 channels."""
    state = {
        "1.weight": torch.randn(64, 64, 3, 3, generator=random) * 0.05,
        "2.weight": torch.rand(64, generator=random),
        "3.weight": torch.randn(64, 64, 3, 3, generator=random) * 0.05,
        "5.fc1.weight": torch.randn(4, 64, 1, 1, generator=random),
        "5.fc2.weight": torch.randn(64, 4, 1, 1, generator=random),
    }
    for norm in ("0", "4"):
        for part in ("weight", "bias", "running_mean", "running_var"):
            state[f"{norm}.{part}"] = torch.rand(64, generator=random) + 0.5
    return state


def test_a_converted_unit_computes_what_its_batch_normalisations_did():
    random = torch.Generator().manual_seed(0)
    state = checkpoint_of_a_unit(random)
    x = torch.randn(2, 64, 8, 8, generator=random)

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        parts = ("running_mean", "running_var", "weight", "bias")
        return F.batch_norm(x, *(state[f"{name}.{part}"] for part in parts))

    out = F.conv2d(norm(x, "0"), state["1.weight"], padding=1)
    out = F.conv2d(F.prelu(out, state["2.weight"]), state["3.weight"], stride=2, padding=1)
    out = norm(out, "4")
    share = F.conv2d(out.mean((2, 3), keepdim=True), state["5.fc1.weight"]).relu()
    out = out * F.conv2d(share, state["5.fc2.weight"]).sigmoid()
    expected = out + F.max_pool2d(x, 1, 2)

    unit = Unit(64, 64, stride=2)
    unit.load_state_dict(convert_unit({f"res_layer.{k}": v for k, v in state.items()}, "", False))
    torch.testing.assert_close(unit(x), expected, atol=1e-5, rtol=1e-4)


def test_the_backbone_halves_the_picture_at_every_stage():
    with torch.inference_mode():
        features = IRSE50()(torch.zeros(1, 3, 64, 64))
    shapes = [tuple(x.shape[1:]) for x in features]
    assert shapes == [(64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4)]


def test_heads_read_the_level_of_the_pyramid_that_belongs_to_their_latent():
    assert levels(18) == [("coarse", 3, 16), ("middle", 4, 32), ("fine", 11, 64)]
    assert levels(4) == [("coarse", 3, 16), ("middle", 1, 32), ("fine", 0, 64)]
    assert StyleHead(8, 32)(torch.zeros(3, 8, 32, 32)).shape == (3, 8)


def test_heads_of_a_level_do_not_mix_though_their_first_convolutions_are_one():
    level = Level(8, 3, 16)
    x = torch.randn(2, 8, 16, 16)
    before = level(x)
    with torch.no_grad():
        level.first.weight[8:16] += 1  # of the second head
    after = level(x)
    assert [torch.equal(a, b) for a, b in zip(before, after, strict=True)] == [True, False, True]


def test_codes_of_another_size_are_refused_by_the_config():
    values = {**FFHQ.__dict__, "encoder": "e4e", "latent_dim": 64}
    with pytest.raises(WeightsError, match="512"):
        ModelConfig(**values)
