"""The layout of S, the choice of layers, and mixing."""

import pytest
import torch

from stylemask_core import InvalidInputError, ModelConfig
from stylemask_core.style_space import StyleSpace, mix_styles
from tests.support.helpers import FFHQ

SPACE = StyleSpace(FFHQ)


def test_the_photoreal_style_space_has_the_published_size_and_names_in_synthesis_order():
    assert (SPACE.dim, SPACE.masked_dim, FFHQ.num_latents) == (6048, 5632, 18)
    assert (len(SPACE.layers), len(SPACE.masked_layers)) == (17, 12)
    assert [layer.name for layer in SPACE.layers] == [
        "b4.conv1",
        *(f"b{r}.conv{k}" for r in (8, 16, 32, 64, 128, 256, 512, 1024) for k in (0, 1)),
    ]


def test_layers_follow_each_other_without_gap_and_are_as_wide_as_their_convolutions_input():
    dims, stop = {layer.name: layer.dim for layer in SPACE.layers}, 0
    for layer in SPACE.layers:
        assert layer.channels == slice(stop, stop + layer.dim)
        stop += layer.dim
    assert stop == SPACE.dim
    assert (dims["b64.conv1"], dims["b128.conv0"], dims["b128.conv1"]) == (512, 512, 256)
    assert (dims["b1024.conv0"], dims["b1024.conv1"]) == (64, 32)


def test_groups_hold_the_masked_layers_of_their_resolutions():
    assert SPACE.groups() == {
        "coarse": ["b4.conv1", "b8.conv0", "b8.conv1"],
        "middle": ["b16.conv0", "b16.conv1", "b32.conv0", "b32.conv1"],
        "fine": ["b64.conv0", "b64.conv1", "b128.conv0", "b128.conv1", "b256.conv0"],
    }


def chosen(*names: str) -> list[str]:
    flags = SPACE.select(list(names))
    return [x.name for x, flag in zip(SPACE.masked_layers, flags, strict=True) if flag]


def test_none_and_all_choose_every_layer_and_an_empty_list_none():
    assert SPACE.select(None) == SPACE.select(["all"]) == [True] * 12
    assert SPACE.select([]) == [False] * 12
    assert SPACE.select("coarse") == SPACE.select(["coarse"])  # one name needs no list


def test_names_and_groups_add_up_whatever_their_order():
    assert chosen("b64.conv1", "coarse") == ["b4.conv1", "b8.conv0", "b8.conv1", "b64.conv1"]
    assert chosen("b8.conv0", "b8.conv0") == ["b8.conv0"]
    assert chosen("coarse", "middle", "fine") == chosen("all")


def test_a_group_the_model_has_no_masked_layers_in_chooses_none():
    small = StyleSpace(ModelConfig("small", 8, {4: 8, 8: 8}, masked_layers=3))
    assert small.select(["fine"]) == [False] * 3


@pytest.mark.parametrize("name", ["b7.conv0", "Coarse", "", "b256.conv1", "b4.conv0"])
def test_an_unknown_layer_is_refused_with_the_names_there_are(name):
    with pytest.raises(InvalidInputError) as error:
        SPACE.select(["coarse", name])
    assert repr(name) in str(error.value)
    for known in ("all", "coarse", "middle", "fine", "b4.conv1", "b256.conv0"):
        assert known in str(error.value)


def random_styles(seed: int) -> list[torch.Tensor]:
    source = torch.Generator().manual_seed(seed)
    return [torch.randn(2, dim, generator=source) for dim in (6, 5, 4)]


SOURCE, TARGET = random_styles(1), random_styles(2)
MASKS = [x.sigmoid() for x in random_styles(3)[:2]]  # the last layer has no mask


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0, 1.5])
def test_masked_layers_move_by_strength_times_mask(strength):
    before = [x.clone() for x in SOURCE]
    mixed = mix_styles(SOURCE, TARGET, MASKS, strength)
    for k, mask in enumerate(MASKS):
        share = strength * mask
        expected = share * TARGET[k] + (1 - share) * SOURCE[k]
        torch.testing.assert_close(mixed[k], expected)
        assert strength or torch.equal(mixed[k], SOURCE[k])  # to the bit
    assert torch.equal(mixed[2], SOURCE[2])  # it has no mask
    assert all(torch.equal(a, b) for a, b in zip(SOURCE, before, strict=True))


def test_layers_that_are_not_selected_keep_the_source():
    mixed = mix_styles(SOURCE, TARGET, MASKS, 1.0, [False, True])
    assert torch.equal(mixed[0], SOURCE[0])
    assert torch.equal(mixed[1], mix_styles(SOURCE, TARGET, MASKS)[1])


@pytest.mark.parametrize("strength", [-0.01, 1.51, float("nan"), float("inf")])
def test_a_strength_out_of_range_is_refused_with_the_range(strength):
    with pytest.raises(InvalidInputError, match=r"0…1\.5"):
        mix_styles(SOURCE, TARGET, MASKS, strength)
