"""Put trained parts together as a model folder: `python -m training.package -o FOLDER`."""

import argparse
from pathlib import Path

import torch

from stylemask_core import hub
from stylemask_core.encoder import build_encoder
from stylemask_core.mask_network import MaskNetwork
from training.generator import averaged_generator
from training.run import averaged_weights

CARD = Path(__file__).parent / "heads" / "MODEL_CARD.md"


def main(argv: list[str] | None = None) -> None:
    """Command-line entry."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    for part in ("generator", "encoder", "mask"):
        folder = Path("runs") / part
        parser.add_argument(f"--{part}", type=Path, default=folder, help=f"run of the {part}")
    parser.add_argument("-o", "--output", type=Path, default=hub.EMBEDDED_FOLDER)
    args = parser.parse_args(argv)
    generator = averaged_generator(args.generator)
    encoder = build_encoder(generator.config)
    encoder.load_state_dict(averaged_weights(args.encoder, "encoder"))
    masks = MaskNetwork(generator.config)
    masks.load_state_dict(averaged_weights(args.mask, "mask_network"))
    card = CARD.read_text(encoding="utf-8")
    model = hub.Model(generator.config, generator, masks, lambda: encoder, card)
    hub.save_model(args.output, model, torch.float16)


if __name__ == "__main__":
    main()
