"""Tensor names: the authors' checkpoints → this project's model folders. Pure tables.

A model folder names tensors after the modules that hold them: `mapping.layers.0.weight`,
`blocks.b8.convs.conv0.affine.bias`, `layers.b8_conv0.0.weight`, `heads.17.linear.bias`, …
"""

from stylemask_core.config import FIRST_RESOLUTION, ModelConfig
from stylemask_core.e4e import head_sizes
from stylemask_core.ir_se50 import STAGES
from stylemask_core.style_space import StyleSpace

Names = dict[str, str]  # theirs → ours

NORM = {"weight": "weight", "bias": "bias", "running_mean": "mean", "running_var": "variance"}


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


def encoder_names(config: ModelConfig) -> Names:
    """Tensors of e4e's encoder, without the counters of its batch normalisations."""
    names = {
        "input_layer.0.weight": "backbone.stem.conv.weight",
        "input_layer.2.weight": "backbone.stem.prelu.weight",
        **_norm("input_layer.1", "backbone.stem.norm"),
        **_pair("latlayer1", "lateral_middle"),
        **_pair("latlayer2", "lateral_fine"),
    }
    unit = 0
    for stage, (_, count) in enumerate(STAGES):
        for index in range(count):
            projects = stage > 0 and index == 0
            names |= _unit(f"body.{unit}", f"backbone.units.{unit}", projects)
            unit += 1
    return names | _heads(config)


def _heads(config: ModelConfig) -> Names:
    names: Names = {}
    for head, size in enumerate(head_sizes(config.num_latents)):
        for conv in range(size.bit_length() - 1):
            names |= _pair(f"styles.{head}.convs.{2 * conv}", f"heads.{head}.convs.{conv}")
        names |= _pair(f"styles.{head}.linear", f"heads.{head}.linear")
    return names


def _unit(theirs: str, ours: str, projects: bool) -> Names:
    names = {
        f"{theirs}.res_layer.1.weight": f"{ours}.conv1.weight",
        f"{theirs}.res_layer.2.weight": f"{ours}.prelu.weight",
        f"{theirs}.res_layer.3.weight": f"{ours}.conv2.weight",
        f"{theirs}.res_layer.5.fc1.weight": f"{ours}.squeeze.weight",
        f"{theirs}.res_layer.5.fc2.weight": f"{ours}.excite.weight",
        **_norm(f"{theirs}.res_layer.0", f"{ours}.norm_in"),
        **_norm(f"{theirs}.res_layer.4", f"{ours}.norm_out"),
    }
    if projects:
        names[f"{theirs}.shortcut_layer.0.weight"] = f"{ours}.shortcut_conv.weight"
        names |= _norm(f"{theirs}.shortcut_layer.1", f"{ours}.shortcut_norm")
    return names


def _modulated(theirs: str, ours: str) -> Names:
    weight = {f"{theirs}.conv.weight": f"{ours}.weight"}
    return weight | _pair(f"{theirs}.conv.modulation", f"{ours}.affine")


def _pair(theirs: str, ours: str) -> Names:
    return {f"{theirs}.{part}": f"{ours}.{part}" for part in ("weight", "bias")}


def _norm(theirs: str, ours: str) -> Names:
    return {f"{theirs}.{part}": f"{ours}.{own}" for part, own in NORM.items()}
