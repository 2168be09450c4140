"""Put trained parts together as a model folder: `python -m training.package -o FOLDER`."""

import argparse
import dataclasses
from pathlib import Path

import torch

from stylemask_core.models import model_folder
from stylemask_core.networks.encoder import build_encoder
from stylemask_core.networks.mask_network import MaskNetwork
from stylemask_core.pose import Poser
from training.generator import averaged_generator
from training.known_worlds import DEFAULT_WORLD, WORLDS
from training.run import averaged_weights


def main(argv: list[str] | None = None) -> None:
    """Command-line entry."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    for part in ("generator", "encoder", "mask"):
        folder = Path("runs") / part
        parser.add_argument(f"--{part}", type=Path, default=folder, help=f"run of the {part}")
    parser.add_argument("--poser", type=Path, help="run of the poser, for a model that has one")
    parser.add_argument("--world", choices=list(WORLDS), default=DEFAULT_WORLD, help="of the card")
    parser.add_argument("-o", "--output", type=Path, default=model_folder.EMBEDDED_FOLDER)
    args = parser.parse_args(argv)
    world = WORLDS[args.world]
    generator = averaged_generator(args.generator)
    config = dataclasses.replace(generator.config, poser=args.poser is not None)
    encoder = build_encoder(config)
    encoder.load_state_dict(averaged_weights(args.encoder, "encoder"))
    masks = MaskNetwork(config)
    masks.load_state_dict(averaged_weights(args.mask, "mask_network"))
    poser = None
    if args.poser:
        poser = Poser(config)
        poser.load_state_dict(averaged_weights(args.poser, "poser"))
    card = world.card.read_text(encoding="utf-8")
    model = model_folder.Model(config, generator, masks, lambda: encoder, card, poser=poser)
    model_folder.save_model(args.output, model, torch.float16)


if __name__ == "__main__":
    main()
