"""Masks to compare, from wherever a training left them.

`python -m training.evaluation.mask_files RUN -o FILE` makes a small float16 file of a run's best
masks, marked with the generator they belong to: with another they would mean nothing.
"""

import argparse
import dataclasses
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from stylemask_core import StyleMaskError, StyleMaskPipeline
from stylemask_core.errors import WeightsError
from stylemask_core.models import model_folder
from stylemask_core.networks.generator import Generator
from stylemask_core.networks.mask_network import MaskNetwork
from training.checkpoint import STATE_FILE, fingerprint, one_line_errors, write_whole
from training.mask import best_masks

RESULTS = Path(__file__).parent.parent / "results"
PAPER, FEWER_TRAINED = "paper", "fewer_layers_trained"
SHIPPED = {name: RESULTS / f"{name}_masks.safetensors" for name in (PAPER, FEWER_TRAINED)}
MASKS_NAME = "mask_network.safetensors"
GENERATOR = "generator"  # key of the mark


def load_masks(path: Path, generator: Generator) -> MaskNetwork:
    """Masks of a file, a model folder or a training run, for a generator.

    Args:
        path: of a run the best masks are taken.
        generator: whose style space they must fit; they may have fewer layers than its masks.

    Raises:
        WeightsError: there are none, they are damaged, or of another generator.
    """
    if (path / STATE_FILE).is_file():
        try:
            tensors, mark = best_masks(path).state_dict(), ""
        except SystemExit as error:
            raise WeightsError(str(error)) from error
    else:
        tensors, mark = _read(path / MASKS_NAME if path.is_dir() else path)
    if mark and mark != fingerprint(generator):
        raise WeightsError(f"{path}: these masks were trained for another generator")
    layers = len({name.rsplit(".", 2)[0] for name in tensors})
    layers = min(max(layers, 1), generator.config.conv_layers)
    network = MaskNetwork(dataclasses.replace(generator.config, masked_layers=layers))
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    if shapes != {name: tensor.shape for name, tensor in network.state_dict().items()}:
        raise WeightsError(f"{path}: these masks do not fit the model's style space")
    network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    return network.eval().requires_grad_(False).to(generator.const.device)


def save_masks(path: Path, network: MaskNetwork, generator: Generator) -> None:
    """Write masks as float16, marked with their generator.

    Raises:
        SystemExit: the file cannot be written.
    """
    tensors = {name: x.detach().cpu().half() for name, x in network.state_dict().items()}
    with one_line_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, save(tensors, {GENERATOR: fingerprint(generator)}))


def _read(path: Path) -> tuple[dict[str, torch.Tensor], str]:
    """A file's tensors, and the generator it is marked with ("" for none)."""
    try:
        with safe_open(path, "pt", device="cpu") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            mark = (file.metadata() or {}).get(GENERATOR, "")
    except (OSError, SafetensorError, ValueError) as error:
        raise WeightsError(f"cannot read masks from {path}: {error}") from error
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise WeightsError(f"{path}: {name} has values that are not finite")
    return tensors, mark


def main(argv: list[str] | None = None) -> None:
    """Command-line entry."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("masks", type=Path, help="training run, model folder or file")
    parser.add_argument(
        "--model", default=model_folder.EMBEDDED, help="whose generator they belong to"
    )
    parser.add_argument("-o", "--output", type=Path, default=SHIPPED[PAPER])
    args = parser.parse_args(argv)
    try:
        generator = StyleMaskPipeline.from_pretrained(args.model, device="cpu").generator
        save_masks(args.output, load_masks(args.masks, generator), generator)
    except StyleMaskError as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
