"""Train a poser for a generator of people: `python -m training.poser --generator runs/generator`.

The code of the mean person in any pose is known: it is what the mapping network makes of the pose's
coordinates. The poser learns to name it by head angles and ARKit's actions.
"""

import argparse
import sys
from pathlib import Path

import torch

from stylemask_core.errors import StyleMaskError
from stylemask_core.networks.generator import Generator
from stylemask_core.pose import ACTIONS, Poser
from training.generator import averaged_generator
from training.known_worlds import check_world
from training.people import world
from training.people.answers import PEOPLE
from training.people.latents import latent
from training.run import TrainingRun, options, prepare

NETWORK = "poser"  # its name in a run
VALIDATION, VALIDATION_SEED = 1024, 1
SPREAD_SAMPLES = 4096


def draw_poses(count: int, random: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Random poses.

    Args:
        count: how many, B.
        random: decides.

    Returns:
        Vectors [B, 55] as `Pose.vector` gives them, and latents [B, 512] of the mean person.
    """
    n = torch.zeros(count, world.K)
    span = world.POSE_SPAN
    n[:, span] = torch.randn(count, span.stop - span.start, generator=random)
    return pose_vectors(n), latent(n)


def pose_vectors(n: torch.Tensor) -> torch.Tensor:
    """Poses [B, 55], as `Pose.vector` gives them, of coordinates [B, K]."""
    columns = world.POSE.columns(world.from_normals(n).pose)
    angles = [torch.rad2deg(columns[name]) for name in ("yaw", "pitch", "roll")]
    angles[2] = -angles[2]  # there positive to the picture's right
    return torch.stack([*angles, *(columns[name] for name in ACTIONS)], 1)


@torch.no_grad()
def validate(poser: Poser, generator: Generator, spread: torch.Tensor) -> float:
    """Mean squared error of held-out codes, in deviations of w."""
    poses, z = draw_poses(VALIDATION, torch.Generator().manual_seed(VALIDATION_SEED))
    device = spread.device
    error = (poser(poses.to(device)) - generator.mapping(z.to(device))) / spread
    return float(error.square().mean())


def main(argv: list[str] | None = None) -> None:
    """Command-line entry."""
    parser = options(__doc__, "runs/poser", images=400_000, batch=128)
    parser.add_argument("--generator", type=Path, default=Path("runs/generator"), help="its run")
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    args = parser.parse_args(argv)
    try:
        train(args)
    except StyleMaskError as error:
        raise SystemExit(f"error: {error}") from error


def train(args: argparse.Namespace) -> None:
    """Fit the poser.

    Raises:
        StyleMaskError: the generator is of another world.
    """
    device = prepare(args)
    generator = averaged_generator(args.generator).to(device)
    check_world(PEOPLE, generator.config)
    poser = Poser(generator.config).to(device)
    with torch.no_grad():
        spread = generator.mapping.sample(SPREAD_SAMPLES).std(0).clamp(min=1e-6)
    groups = [{"params": list(poser.parameters())}]
    frozen = {"generator": generator}
    run = TrainingRun(args, {NETWORK: poser}, groups, args.learning_rate, frozen=frozen)
    average = run.averages[NETWORK]
    assert isinstance(average, Poser)
    for bar in run.steps():
        poses, z = draw_poses(args.batch, run.random)
        with torch.no_grad():
            exact = generator.mapping(z.to(device))
        run.descend(((poser(poses.to(device)) - exact) / spread).square().mean())
        if run.step % 500 == 0:
            bar.set_postfix_str(f"error {validate(average, generator, spread):.5f}")
    print(f"error of codes: {validate(average, generator, spread):.5f}", file=sys.stderr)


if __name__ == "__main__":
    main()
