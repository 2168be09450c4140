"""Render the example heads: `python -m training.examples`, pictures no network was trained on."""

import argparse
from pathlib import Path

import torch

from stylemask_core.pictures.images import to_image
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
    parser.add_argument("-o", "--output", type=Path, default=Path("demo/heads"))
    args = parser.parse_args(argv)
    args.output.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)  # compiled code depends on it
    z = torch.cat([latents(seed, 1) for seed in args.seeds])
    renderer = HeadRenderer(march_steps=MARCH_STEPS, compiled=True)
    with torch.inference_mode():
        pictures = renderer.render(*factors(z), args.size) * 2 - 1
    for seed, picture in zip(args.seeds, pictures, strict=True):
        to_image(picture[None]).save(args.output / f"head_{seed}.png", optimize=True)


if __name__ == "__main__":
    main()
