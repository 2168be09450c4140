"""How many multiplications a synthesis and an encode need, whoever makes them."""

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.inputs import PICTURE_SIDE
from benchmarks.reference_encoder import Encoder
from stylemask_core import ModelConfig

BLUR_TAPS = 4 * 4
WINOGRAD_GAIN = 4  # F(4×4, 3×3): 36 multiplications for what takes 144 otherwise


@dataclass(frozen=True)
class LayerCost:
    """Multiply-accumulates of one layer.

    Args:
        name: "b64.conv1", "b64.blur", "b64.torgb", …
        macs: computed directly.
        winograd: whether Winograd's algorithm applies: a 3×3 convolution with stride 1.
    """

    name: str
    macs: int
    winograd: bool = False


def synthesis_layers(config: ModelConfig) -> list[LayerCost]:
    """The layers of one synthesis; the skip's upsampling and the styles are too small to count."""
    layers = []
    for side in config.resolutions:
        width, pixels = config.channels[side], side * side
        if before := config.channels.get(side // 2):
            layers += [
                LayerCost(f"b{side}.conv0", pixels // 4 * before * width * 9),
                LayerCost(f"b{side}.blur", pixels * width * BLUR_TAPS),
            ]
        layers += [
            LayerCost(f"b{side}.conv1", pixels * width * width * 9, winograd=True),
            LayerCost(f"b{side}.torgb", pixels * width * 3),
        ]
    return layers


def synthesis_macs(config: ModelConfig, winograd: bool = False) -> float:
    """Multiply-accumulates of one synthesis; with Winograd F(4×4, 3×3) where it applies."""
    gain = WINOGRAD_GAIN if winograd else 1
    return sum(x.macs / (gain if x.winograd else 1) for x in synthesis_layers(config))


def encode_macs(config: ModelConfig) -> float:
    """Multiply-accumulates of one e4e encode, computed directly."""
    with torch.device("meta"), FlopCounterMode(display=False) as counter, torch.no_grad():
        Encoder(config.num_latents).eval()(torch.empty(1, 3, PICTURE_SIDE, PICTURE_SIDE))
    return counter.get_total_flops() / 2
