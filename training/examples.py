"""Render the example heads: `python -m training.examples`, pictures no network was trained on."""

import argparse
from pathlib import Path

import torch

from stylemask_core.images import to_image
from training.heads.renderer import HeadRenderer
from training.heads.world import factors, latents

SIZE = 512  # [px]
MARCH_STEPS = 24  # more than for training: at this size specks on the jaw's edge would show


def main(argv: list[str] | None = None) -> None:
    """Command-line entry."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", required=True, help="a head each")
    parser.add_argument("--size", type=int, default=SIZE, help="[px]")
    parser.add_argument("-o", "--output", type=Path, default=Path("examples/heads"))
    args = parser.parse_args(argv)
    args.output.mkdir(parents=True, exist_ok=True)
    renderer = HeadRenderer(march_steps=MARCH_STEPS)
    for seed in args.seeds:
        with torch.inference_mode():
            picture = renderer.render(*factors(latents(seed, 1)), args.size)
        to_image(picture * 2 - 1).save(args.output / f"head_{seed}.png", optimize=True)


if __name__ == "__main__":
    main()
