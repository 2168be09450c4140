"""Tensors of e4e's encoder → this project's, ready for evaluation.

Batch normalisations become part of the convolutions before them, or a scale and a shift; the
first convolutions of the heads that share an input become one.
"""

import torch

from stylemask_core.networks.e4e import STAGES, levels

State = dict[str, torch.Tensor]

NORM_EPSILON = 1e-5


def convert_encoder(state: State, latents: int) -> State:
    """Rename and fold an encoder of L latents to `E4eEncoder`, without latent_avg.

    Args:
        state: the checkpoint's, without the prefix "encoder."; emptied of all that is used.
        latents: L, the number of heads.

    Raises:
        KeyError, RuntimeError: a tensor is missing; shapes do not go together.
    """
    tensors: State = {}
    _copy(state, tensors, {"latlayer1": "lateral_middle", "latlayer2": "lateral_fine"})
    tensors |= convert_backbone(state)
    head = 0
    for level, count, size in levels(latents):
        own, firsts = f"levels.{level}", [f"styles.{head + k}.convs.0" for k in range(count)]
        for part in ("weight", "bias") if count else ():
            values = [state.pop(f"{name}.{part}") for name in firsts]
            tensors[f"{own}.first.{part}"] = torch.cat(values)
        for index in range(count):
            theirs, ours = f"styles.{head}", f"{own}.heads.{index}"
            names = {f"{theirs}.linear": f"{ours}.linear"}
            for conv in range(1, size.bit_length() - 1):
                names[f"{theirs}.convs.{2 * conv}"] = f"{ours}.convs.{conv - 1}"
            _copy(state, tensors, names)
            head += 1
    return tensors


def convert_backbone(state: State) -> State:
    """Rename and fold IR-SE50: `input_layer.…` and `body.…` → `backbone.…`; empties the state.

    Raises:
        KeyError: a tensor is missing.
    """
    tensors: State = {}
    fold(state, tensors, "input_layer.0", "input_layer.1", "backbone.stem.conv")
    tensors["backbone.stem.prelu.weight"] = state.pop("input_layer.2.weight")
    unit = 0
    for stage, (_, count) in enumerate(STAGES):
        for index in range(count):
            projects = stage > 0 and index == 0
            converted = convert_unit(state, f"body.{unit}.", projects)
            tensors |= {f"backbone.units.{unit}.{name}": x for name, x in converted.items()}
            unit += 1
    return tensors


def convert_unit(state: State, prefix: str, projects: bool) -> State:
    """Rename and fold one residual unit, to what `e4e.Unit` holds; empties the state.

    Raises:
        KeyError: a tensor is missing.
    """
    layers = f"{prefix}res_layer"
    scale, shift = scale_and_shift(state, f"{layers}.0")
    tensors = {"scale": scale[:, None, None], "shift": shift[:, None, None]}
    for theirs, ours in (("1", "conv1"), ("2", "prelu"), ("5.fc1", "squeeze"), ("5.fc2", "excite")):
        tensors[f"{ours}.weight"] = state.pop(f"{layers}.{theirs}.weight")
    fold(state, tensors, f"{layers}.3", f"{layers}.4", "conv2")
    if projects:
        shortcut = f"{prefix}shortcut_layer"
        fold(state, tensors, f"{shortcut}.0", f"{shortcut}.1", "shortcut")
    return tensors


def _copy(state: State, tensors: State, names: dict[str, str]) -> None:
    for theirs, ours in names.items():
        for part in ("weight", "bias"):
            tensors[f"{ours}.{part}"] = state.pop(f"{theirs}.{part}")


def scale_and_shift(state: State, norm: str) -> tuple[torch.Tensor, torch.Tensor]:
    """What a batch normalisation does in evaluation: x → scale · x + shift."""
    parts = ("weight", "bias", "running_mean", "running_var")
    weight, bias, mean, variance = (state.pop(f"{norm}.{part}").double() for part in parts)
    scale = weight / (variance + NORM_EPSILON).sqrt()
    return scale.float(), (bias - mean * scale).float()


def fold(state: State, tensors: State, conv: str, norm: str, ours: str) -> None:
    """Make one convolution, `ours`, of a convolution without bias and its normalisation."""
    scale, shift = scale_and_shift(state, norm)
    tensors[f"{ours}.weight"] = state.pop(f"{conv}.weight") * scale[:, None, None, None]
    tensors[f"{ours}.bias"] = shift
