"""Tensor names: the authors' checkpoints → this project's model folders. Pure tables.

A model folder names tensors after the modules that hold them: `mapping.layers.0.weight`,
`blocks.b8.convs.conv0.affine.bias`, `layers.b8_conv0.0.weight`, … The encoder's tensors also change
in value and shape: see `e4e_tensors.py`.
"""

from stylemask_core.config import FIRST_RESOLUTION, ModelConfig
from stylemask_core.style_space import StyleSpace

Names = dict[str, str]  # theirs → ours


def generator_names(config: ModelConfig) -> Names:
    """Tensors of a StyleGAN2 generator in rosinality's naming, filters left out."""
    names = {"input.input": "const"}
    for index in range(config.mapping_layers):
        names |= _pair(f"style.{index + 1}", f"mapping.layers.{index}")
    conv = 0
    for block, resolution in enumerate(config.resolutions):
        for own in ("conv1",) if resolution == FIRST_RESOLUTION else ("conv0", "conv1"):
            theirs = "conv1" if conv == 0 else f"convs.{conv - 1}"
            ours = f"blocks.b{resolution}.convs.{own}"
            names |= _modulated(theirs, ours)
            names[f"{theirs}.activate.bias"] = f"{ours}.bias"
            names[f"{theirs}.noise.weight"] = f"{ours}.noise_strength"
            names[f"noises.noise_{conv}"] = f"{ours}.noise"
            conv += 1
        theirs = "to_rgb1" if block == 0 else f"to_rgbs.{block - 1}"
        names |= _modulated(theirs, f"blocks.b{resolution}.torgb")
        names[f"{theirs}.bias"] = f"blocks.b{resolution}.torgb.bias"
    return names


def mask_network_names(config: ModelConfig) -> Names:
    """Tensors of the mask networks, in the order of the convolutions."""
    names: Names = {}
    for index, layer in enumerate(StyleSpace(config).masked_layers):
        for part in (0, 2):
            ours = f"layers.{layer.name.replace('.', '_')}.{part}"
            names |= _pair(f"network_{index:02d}.masknet.{part}", ours)
    return names


def _modulated(theirs: str, ours: str) -> Names:
    weight = {f"{theirs}.conv.weight": f"{ours}.weight"}
    return weight | _pair(f"{theirs}.conv.modulation", f"{ours}.affine")


def _pair(theirs: str, ours: str) -> Names:
    return {f"{theirs}.{part}": f"{ours}.{part}" for part in ("weight", "bias")}
