"""Train a fact network of a world's generators: `python -m training.facts pose -o runs/pose`.

Facts (where points of the face lie, which colours there are) follow from the world's coordinates
alone, of which there are as many as one likes: nothing needs to be rendered.
`training.generator --facts` builds the networks into a mapping network and leaves them as they are.
"""

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import torch

from stylemask_core.networks.generator import FactNetwork
from training.apart import told_of
from training.checkpoint import STATE_FILE, read_state
from training.known_worlds import WORLDS
from training.run import TrainingRun, averaged_weights, options, prepare
from training.worlds import Facts, World

LATENT_DIM = 512
STATISTICS_SEED, VALIDATION_SEED = 1, 2
STATISTICS, VALIDATION = 16384, 4096  # latents
VALIDATION_INTERVAL = 1000  # [steps]
AVERAGE = "average/"  # begins the names of averaged weights in a run


class Scale(NamedTuple):
    """What facts are measured in: mean and deviation [N] of a fixed sample of latents."""

    mean: torch.Tensor
    deviation: torch.Tensor


def normals(count: int, random: torch.Generator) -> torch.Tensor:
    """Latents of unit mean square, as the mapping network's pixel norm leaves them."""
    z = torch.randn(count, LATENT_DIM, generator=random)
    return z * torch.rsqrt(z.square().mean(1, keepdim=True))


@torch.no_grad()
def scale_of(facts: Facts) -> Scale:
    """Mean and deviation of facts."""
    exact = facts(normals(STATISTICS, torch.Generator().manual_seed(STATISTICS_SEED)))
    return Scale(exact.mean(0), exact.std(0).clamp(min=1e-4))


@torch.no_grad()
def validate(network: FactNetwork, world: World, name: str, scale: Scale) -> float:
    """Root of the mean squared error of a network's facts [deviations]."""
    z = normals(VALIDATION, torch.Generator().manual_seed(VALIDATION_SEED))
    exact = (world.facts[name](z) - scale.mean) / scale.deviation
    return float((network(told_of(world, name, z)) - exact).square().mean().sqrt())


def trained_facts(run_folder: Path) -> tuple[str, dict[str, torch.Tensor]]:
    """Which facts a run, finished or not, is about, and the averaged weights of its network.

    Raises:
        SystemExit: the folder holds no such run.
    """
    names = {key.split("/")[1] for key in read_state(run_folder / STATE_FILE, AVERAGE).tensors}
    name = names.pop() if names else ""
    return name, averaged_weights(run_folder, name)


def main(argv: list[str] | None = None) -> None:
    """Command-line entry."""
    parser = options(__doc__, "runs/facts", images=4_000_000, batch=256)
    parser.add_argument("facts", help="which of the world's: identity or pose")
    parser.add_argument("--world", choices=list(WORLDS), default="people")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    train(parser.parse_args(argv))


def train(args: argparse.Namespace) -> None:
    """Fit a fact network to what a world knows.

    Raises:
        SystemExit: the world knows no such facts.
    """
    device = prepare(args)
    world = WORLDS[args.world]
    if args.facts not in world.facts:
        known = ", ".join(world.facts) or "none"
        raise SystemExit(f"the world {world.name} has no facts {args.facts!r}: it has {known}")
    facts = world.facts[args.facts]
    scale = scale_of(facts)
    network = FactNetwork(LATENT_DIM, len(scale.mean)).to(device)
    groups = [{"params": list(network.parameters())}]
    run = TrainingRun(args, {args.facts: network}, groups, args.learning_rate)
    average = run.averages[args.facts]
    assert isinstance(average, FactNetwork)
    for bar in run.steps():
        z = normals(args.batch, run.random)
        with torch.no_grad():
            exact = (facts(z) - scale.mean) / scale.deviation
        output = network(told_of(world, args.facts, z).to(device))
        run.descend((output - exact.to(device)).square().mean())
        if run.step % VALIDATION_INTERVAL == 0:
            bar.set_postfix_str(f"error {validate(average.cpu(), world, args.facts, scale):.3f}")
            average.to(device)
    error = validate(average.cpu(), world, args.facts, scale)
    print(f"error of {args.facts}: {error:.3f} of their deviations", file=sys.stderr)


if __name__ == "__main__":
    main()
