"""Masks changed by hand, and their parts."""

import json
import math

import numpy as np
import pytest
import torch

from stylemask.inspect.inspection import agreement, inspect, part_effect
from stylemask.inspect.mask_edit import TENTHS, MaskEdit, Part, only, tenths, without
from stylemask_core import InvalidInputError


@pytest.fixture(scope="module")
def pair(pipeline):
    return pipeline.sample(1), pipeline.sample(2)


@pytest.fixture(scope="module")
def masks(pipeline, pair):
    return pipeline.masks(*pair)


def test_an_edit_that_changes_nothing_gives_the_reenactment_bit_by_bit(pipeline, pair, masks):
    edited = MaskEdit().apply(masks, pipeline.space)
    assert all(torch.equal(a, b) for a, b in zip(edited, masks, strict=True))
    result = pipeline.reenact(*pair, masks=edited)
    assert torch.equal(result.tensor, pipeline.reenact(*pair).tensor)


def test_a_threshold_leaves_larger_masks_alone_and_takes_the_others_away(pipeline, masks):
    edited = MaskEdit(threshold=0.4).apply(masks, pipeline.space)
    before, after = torch.cat(masks, 1), torch.cat(edited, 1)
    assert 0 < (before < 0.4).sum() < before.numel()
    assert torch.equal(after, before * (before >= 0.4))


def test_a_factor_acts_on_its_group_and_the_one_of_a_layer_goes_before_it(pipeline, masks):
    edit = MaskEdit(scale={"coarse": 0.5, "b8.conv0": 2})
    edited = edit.apply(masks, pipeline.space)
    assert set(edit.factors(pipeline.space).values()) == {0.5, 2, 1}
    for layer, before, after in zip(pipeline.space.masked_layers, masks, edited, strict=True):
        wanted = 2 if layer.name == "b8.conv0" else 0.5 if layer.resolution < 16 else 1
        assert torch.equal(after, before * wanted)


def test_the_factor_of_all_holds_where_neither_layer_nor_group_has_one(pipeline, pair, masks):
    off = MaskEdit(scale={"all": 0}).apply(masks, pipeline.space)
    assert not torch.cat(off, 1).any()
    source = pipeline.synthesize(pair[0]).tensor
    assert torch.equal(pipeline.reenact(*pair, masks=off).tensor, source)
    edit = MaskEdit(scale={"b8.conv0": 2, "coarse": 0.5, "all": 0})
    for layer, factor in zip(
        pipeline.space.masked_layers, edit.factors(pipeline.space).values(), strict=True
    ):
        assert factor == (2 if layer.name == "b8.conv0" else 0.5 if layer.resolution < 16 else 0)


@pytest.mark.parametrize(
    "arguments",
    [
        {"threshold": -0.1},
        {"threshold": 1.01},
        {"threshold": math.nan},
        {"threshold": "0.5"},
        {"threshold": True},
        {"scale": {"coarse": 2.1}},
        {"scale": {"coarse": -1}},
        {"scale": {"coarse": math.inf}},
    ],
)
def test_numbers_out_of_range_are_refused(arguments):
    with pytest.raises(InvalidInputError, match="give 0…"):
        MaskEdit(**arguments)


def test_unknown_layers_and_masks_of_other_shapes_are_refused(pipeline, pair, masks):
    with pytest.raises(InvalidInputError, match="unknown layer 'b8"):
        MaskEdit(scale={"b8.conv7": 1}).apply(masks, pipeline.space)
    with pytest.raises(InvalidInputError, match="dims"):
        pipeline.reenact(*pair, masks=masks[:-1])
    with pytest.raises(InvalidInputError, match="dims"):
        pipeline.reenact(*pair, masks=[mask[:, 1:] for mask in masks])


def test_the_tenths_of_a_layer_hold_every_channel_once_the_largest_masks_first(masks):
    for mask in masks:
        parts = tenths(mask[0])
        assert len(parts) == TENTHS
        assert sorted(torch.cat(parts).tolist()) == list(range(mask.shape[1]))
        assert torch.equal(mask[0, torch.cat(parts)], mask[0].sort(descending=True).values)


@pytest.mark.parametrize("text", ["coarse", "b8.conv0", "b8.conv0/1", "b8.conv0/10"])
def test_a_part_is_read_as_it_is_written(text, pipeline):
    assert str(Part.parse(text, pipeline.space)) == text


@pytest.mark.parametrize(
    "text", ["", "all", "b8", "coarse/1", "b8.conv0/0", "b8.conv0/11", "b8.conv0/", "b8.conv0/1/2"]
)
def test_parts_that_the_model_does_not_have_are_refused(text, pipeline):
    with pytest.raises(InvalidInputError, match="no part"):
        Part.parse(text, pipeline.space)


@pytest.mark.parametrize("text", ["coarse", "b16.conv0", "b16.conv0/2"])
def test_a_part_and_the_rest_are_the_whole(text, pipeline, masks):
    inside = Part.parse(text, pipeline.space).channels(masks, pipeline.space)
    whole = [a + b for a, b in zip(only(masks, inside), without(masks, inside), strict=True)]
    assert all(torch.equal(a, b) for a, b in zip(whole, masks, strict=True))


def test_the_effect_of_a_group_is_what_an_inspection_says_of_it(pipeline, pair):
    effect = part_effect(pipeline, *pair, Part("coarse"), strength=0.8)
    found = inspect(pipeline, *pair, strength=0.8)
    np.testing.assert_array_equal(effect.change, found.group_effects["coarse"])
    alone = pipeline.reenact(*pair, strength=0.8, layers=["coarse"])
    assert torch.equal(effect.alone.tensor, alone.tensor)
    coarse = pipeline.space.groups()["coarse"]
    values = np.concatenate([found.layer_masks[name] for name in coarse])
    assert effect.channels == len(values)
    assert effect.mean_mask == pytest.approx(values.mean(), abs=1e-6)


def test_an_inspection_of_edited_masks_shows_these_and_their_shifts(pipeline, pair, masks):
    edited = MaskEdit(threshold=0.5).apply(masks, pipeline.space)
    found = inspect(pipeline, *pair, masks=edited)
    shown = np.concatenate(list(found.layer_masks.values()))
    np.testing.assert_array_equal(shown, torch.cat(edited, 1)[0].numpy())
    assert all(effect.shift == 0 for effect in found.effects if effect.mask == 0)
    assert 0 < sum(effect.mask == 0 for effect in found.effects) < len(found.effects)


def test_masks_agree_with_themselves_and_with_their_mirror_not_at_all():
    mask = np.array([0.0, 0.2, 0.4, 1.0])
    assert agreement(mask, mask) == pytest.approx((1, 1))
    assert agreement(mask, 1 - mask).correlation == pytest.approx(-1)
    assert agreement(mask, mask / 2) == pytest.approx((1, 0.5))
    assert agreement(np.array([1.0, 0]), np.array([0, 1.0])).overlap == 0


def test_masks_that_do_not_vary_are_compared_without_a_warning(recwarn):
    flat = np.full(4, 0.5)
    assert agreement(flat, np.arange(4.0)).correlation == 0
    assert agreement(np.zeros(4), np.zeros(4)) == (0, 1)
    assert not recwarn


def test_the_command_line_inspects_edited_masks(stylemask, refused):
    pair = ("inspect", "seed:1", "seed:2", "--json")
    plain, edited = (
        json.loads(stylemask(*pair, *edit)[1])["layer_means"]
        for edit in ((), ("--threshold", 0.1, "--scale", "b4.conv1=0,b8.conv0=2"))
    )
    assert plain["b4.conv1"] > 0 == edited["b4.conv1"]
    assert edited["b8.conv0"] > plain["b8.conv0"]
    assert "unknown layer" in refused(2, *pair, "--scale", "b4.conv9=1")
    assert "from 0 to 2" in refused(2, *pair, "--scale", "coarse")
    assert "from 0 to 1" in refused(2, *pair, "--threshold", "much")
