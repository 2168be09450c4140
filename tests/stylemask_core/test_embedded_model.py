"""The shipped model is held to what its card promises."""

import pytest
import torch
from safetensors import safe_open

from stylemask_core.models import model_folder
from training.evaluation.measurement import Renders, model_columns
from training.evaluation.methods import masked
from training.evaluation.pairs import RandomPairs


@pytest.mark.slow
def test_reenactment_reaches_the_exact_picture_within_a_quarter_of_the_sources_distance(pipeline):
    reached = unchanged = 0.0
    stylemask = masked(pipeline.mask_network, "", answer=True)
    with torch.inference_mode():
        for batch in RandomPairs(pipeline, 256, seed=1):  # on few pairs the ratio scatters
            exact = batch.exact.picture
            reached += (stylemask.draw(batch, 1.0) - exact).abs().mean().item()
            unchanged += (batch.source.picture - exact).abs().mean().item()
    assert reached / unchanged <= 0.25


@pytest.mark.slow
def test_inverted_renders_come_back_within_two_decibels_of_the_generators_own(pipeline):
    pairs = RandomPairs(pipeline, 16, seed=2)
    (batch,) = pairs
    decibels = model_columns(batch.source, Renders(pairs, compiled=False))
    assert decibels["inversion"].mean() >= decibels["psnr"].mean() - 2


def test_the_embedded_model_is_small_and_says_that_no_real_person_was_used():
    files = list(model_folder.EMBEDDED_FOLDER.iterdir())
    assert sum(file.stat().st_size for file in files) < 16e6
    card = (model_folder.EMBEDDED_FOLDER / "README.md").read_text(encoding="utf-8")
    assert "No picture of a real person was used" in card
    assert "l1_ratio" in card


def test_synthesis_of_the_embedded_model_stays_under_one_and_a_half_gmac(pipeline):
    config = pipeline.config
    assert sum(_conv_macs(config.channels, r) for r in config.resolutions) < 1.5e9


def _conv_macs(channels: dict[int, int], resolution: int) -> int:
    width = channels[resolution]
    if resolution == 4:
        return 9 * 16 * width * width
    previous = channels[resolution // 2]
    up = 9 * (resolution // 2) ** 2 * previous * width  # transposed, once an input pixel
    return up + 9 * resolution**2 * width * width + 3 * resolution**2 * width


def test_every_tensor_on_disk_is_float16(pipeline):
    for part in model_folder.PARTS:
        with safe_open(model_folder.EMBEDDED_FOLDER / f"{part}.safetensors", "pt") as file:
            assert {file.get_slice(k).get_dtype() for k in file.keys()} == {"F16"}  # noqa: SIM118
    assert next(pipeline.generator.parameters()).dtype is torch.float32
