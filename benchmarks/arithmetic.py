"""How many multiplications a synthesis and an encode need, whoever makes them."""

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.inputs import PICTURE_SIDE
from benchmarks.reference_encoder import Encoder
from stylemask_core import ModelConfig

BLUR_TAPS = 4 * 4
KERNEL = 3 * 3
# F(6×6, 3×3): 64 multiplications for what takes 6·6·9 = 324 directly
WINOGRAD_GAIN = 6 * 6 * KERNEL / 64


@dataclass(frozen=True)
class LayerCost:
    """Multiply-accumulates of one layer.

    Args:
        name: "b64.conv1", "b64.blur", "b64.torgb", …
        direct: computed directly.
        winograd: with Winograd's algorithm where it applies, its transforms not counted.
    """

    name: str
    direct: float
    winograd: float


def synthesis_layers(config: ModelConfig) -> list[LayerCost]:
    """The layers of one synthesis; the skip's upsampling and the styles are too small to count.

    For Winograd's algorithm an up-convolution and its blur become four 3×3 convolutions of stride
    1, one for each phase of the result.
    """
    layers = []
    for side in config.resolutions:
        width, pixels = config.channels[side], side * side
        if before := config.channels.get(side // 2):
            pairs = pixels * before * width
            layers += [
                LayerCost(f"b{side}.conv0", pairs // 4 * KERNEL, pairs * KERNEL / WINOGRAD_GAIN),
                LayerCost(f"b{side}.blur", pixels * width * BLUR_TAPS, 0),
            ]
        macs = pixels * width * width * KERNEL
        layers += [
            LayerCost(f"b{side}.conv1", macs, macs / WINOGRAD_GAIN),
            LayerCost(f"b{side}.torgb", pixels * width * 3, pixels * width * 3),
        ]
    return layers


def synthesis_macs(config: ModelConfig) -> dict[str, float]:
    """Multiply-accumulates of one synthesis, by kind of bound."""
    layers = synthesis_layers(config)
    return {
        "bound": sum(layer.direct for layer in layers),
        "winograd": sum(layer.winograd for layer in layers),
    }


def encode_macs(config: ModelConfig) -> float:
    """Multiply-accumulates of one e4e encode, computed directly."""
    with torch.device("meta"), FlopCounterMode(display=False) as counter, torch.no_grad():
        Encoder(config.num_latents).eval()(torch.empty(1, 3, PICTURE_SIDE, PICTURE_SIDE))
    return counter.get_total_flops() / 2
