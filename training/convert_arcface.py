"""ArcFace's official `model_ir_se50.pth` → a folder for the identity model `arcface`.

python -m training.convert_arcface --arcface model_ir_se50.pth -o FOLDER
"""

import argparse
import sys
from pathlib import Path

import torch

from stylemask.convert.checkpoints import read_checkpoint
from stylemask.convert.e4e_tensors import convert_backbone, scale_and_shift
from stylemask_core.checks import check_tensors
from stylemask_core.errors import StyleMaskError, WeightsError
from stylemask_core.files import sha256
from stylemask_core.models.model_folder import shapes_of
from training.identity_models.arcface import FINAL_SIDE, KIND, WEIGHTS_NAME, ArcFace
from training.network_files import check_free, write_folder

State = dict[str, torch.Tensor]


def convert(arcface: Path, folder: Path) -> None:
    """Write the folder of the identity model, whole or not at all.

    Args:
        arcface: model_ir_se50.pth.
        folder: to be created.

    Raises:
        WeightsError: the file is missing, damaged or another network, or the folder cannot be
            written.

    Source: ArcFace (arXiv 1801.07698); the file is the one of InsightFace_Pytorch by TreB1eN.
    """
    check_free(folder)
    tensors = read_network(arcface)
    config = {"kind": KIND, "sha256": {arcface.name: sha256(arcface)}}
    write_folder(folder, config, {WEIGHTS_NAME: tensors})


def read_network(path: Path) -> State:
    """The tensors of `ArcFace`, normalisations folded.

    Raises:
        WeightsError: it is no IR-SE50.
    """
    state = {
        key: value
        for key, value in read_checkpoint(path).items()
        if isinstance(value, torch.Tensor) and not key.endswith(".num_batches_tracked")
    }
    try:
        tensors = convert_backbone(state) | convert_head(state)
    except KeyError as error:
        raise WeightsError(
            f"{path}: {error.args[0]} is missing: model_ir_se50.pth is needed"
        ) from error
    except RuntimeError as error:
        raise WeightsError(f"{path} holds tensors of other shapes than IR-SE50's") from error
    if state:
        raise WeightsError(f"{path}: {min(state)} has no place in IR-SE50")
    with torch.device("meta"):
        network = ArcFace()
    check_tensors(shapes_of(tensors), shapes_of(network.state_dict()), path)
    return tensors


def convert_head(state: State) -> State:
    """Make one layer of the head's: normalisation, linear layer, normalisation.

    Args:
        state: the checkpoint's; emptied of all that is used.

    Raises:
        KeyError: a tensor is missing.
    """
    before, after = (scale_and_shift(state, f"output_layer.{part}") for part in (0, 4))
    weight, bias = (state.pop(f"output_layer.3.{part}") for part in ("weight", "bias"))
    # each channel is FINAL_SIDE² inputs of the linear layer
    scale, shift = (part.repeat_interleave(FINAL_SIDE**2) for part in before)
    bias = bias + weight @ shift
    return {
        "head.weight": weight * scale * after[0][:, None],
        "head.bias": bias * after[0] + after[1],
    }


def main(argv: list[str] | None = None) -> None:
    """Command-line entry."""
    parser = argparse.ArgumentParser(description="Convert ArcFace's official weights.")
    parser.add_argument("--arcface", type=Path, required=True, help="model_ir_se50.pth")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder to be created")
    args = parser.parse_args(argv)
    try:
        convert(args.arcface, args.output)
    except StyleMaskError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
