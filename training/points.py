"""Train the point network of a world's generators: `python -m training.points -o runs/points`.

It learns from the world's own geometry, of which there is as much as one likes: nothing needs to be
rendered. `training.generator --points` builds it into a mapping network, where it stays as it is.
"""

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import torch

from stylemask_core.networks.generator import PointNetwork
from training.known_worlds import WORLDS
from training.run import TrainingRun, averaged_weights, options, prepare
from training.worlds import World

NETWORK = "points"  # its name in a run
LATENT_DIM = 512
STATISTICS_SEED, VALIDATION_SEED = 1, 2
STATISTICS, VALIDATION = 16384, 4096  # latents


class Scale(NamedTuple):
    """What points are measured in: mean and deviation [2P] of a fixed sample of latents."""

    mean: torch.Tensor
    deviation: torch.Tensor


def normals(count: int, random: torch.Generator) -> torch.Tensor:
    """Latents of unit mean square, as the mapping network's pixel norm leaves them."""
    z = torch.randn(count, LATENT_DIM, generator=random)
    return z * torch.rsqrt(z.square().mean(1, keepdim=True))


@torch.no_grad()
def scale_of(world: World) -> Scale:
    """Mean and deviation of a world's points."""
    random = torch.Generator().manual_seed(STATISTICS_SEED)
    points = world.points(normals(STATISTICS, random)).flatten(1)
    return Scale(points.mean(0), points.std(0).clamp(min=1e-4))


@torch.no_grad()
def validate(network: PointNetwork, world: World, scale: Scale) -> float:
    """Mean distance between a network's points and the exact ones [picture sides]."""
    random = torch.Generator().manual_seed(VALIDATION_SEED)
    z = normals(VALIDATION, random)
    points = (network(world.project(z)) * scale.deviation + scale.mean).unflatten(1, (-1, 2))
    return float((points - world.points(z)).norm(dim=2).mean()) / 2


def trained_points(run_folder: Path) -> dict[str, torch.Tensor]:
    """The averaged weights of a run, finished or not."""
    return averaged_weights(run_folder, NETWORK)


def main(argv: list[str] | None = None) -> None:
    """Command-line entry."""
    parser = options(__doc__, "runs/points", images=4_000_000, batch=256)
    parser.add_argument("--world", choices=list(WORLDS), default="people")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    train(parser.parse_args(argv))


def train(args: argparse.Namespace) -> None:
    """Fit the point network to a world's geometry.

    Raises:
        SystemExit: the world's models are told of no points.
    """
    device = prepare(args)
    world = WORLDS[args.world]
    scale = scale_of(world)
    count = len(scale.mean) // 2
    if not count:
        raise SystemExit(f"models of the world {world.name} are told of no points")
    network = PointNetwork(LATENT_DIM, count).to(device)
    groups = [{"params": list(network.parameters())}]
    run = TrainingRun(args, {NETWORK: network}, groups, args.learning_rate)
    average = run.averages[NETWORK]
    assert isinstance(average, PointNetwork)
    for bar in run.steps():
        z = normals(args.batch, run.random)
        with torch.no_grad():
            exact = (world.points(z).flatten(1) - scale.mean) / scale.deviation
        found = network(world.project(z).to(device))
        run.descend((found - exact.to(device)).square().mean())
        if run.step % 1000 == 0:
            bar.set_postfix_str(f"error {100 * validate(average.cpu(), world, scale):.3f} %")
            average.to(device)
    error = validate(average.cpu(), world, scale)
    print(f"mean error of points: {100 * error:.3f} % of the picture's side", file=sys.stderr)


if __name__ == "__main__":
    main()
