"""Train the estimator of the synthetic heads' factors: `python -m training.face_models.train`.

It learns from `python -m training.views`, both worlds, and where --heads names a folder of
`python -m training.dataset` as much from its world; mirrored too, some pictures disturbed so that
slightly blurred and shifted ones of a generator are read as well. Writes the averaged weights
beside the run, and prints the errors on held-out heads; --ship replaces the shipped ones.
"""

import argparse
import sys
from pathlib import Path

import torch
import torch.nn.functional as F

from training.augmentation import augment
from training.dataset import HeadDataset
from training.face_models.heads import (
    ANGLES,
    COEFFICIENTS,
    EXPRESSION_FACTORS,
    INPUT_SIZE,
    SHAPE_FACTORS,
    WEIGHTS_NAME,
    HeadsFaceModel,
    known_coefficients,
    new_estimator,
)
from training.heads.world import factors
from training.network_files import write_network
from training.picture_network import resize
from training.run import TrainingRun, autocast, options, prepare
from training.views import HELD_OUT, ViewDataset

DISTURBED = 0.3  # share of every batch
WEIGHTS = {**dict.fromkeys(SHAPE_FACTORS, 1.0), **dict.fromkeys(EXPRESSION_FACTORS, 2.0)}
WEIGHTS |= dict.fromkeys(ANGLES, 4.0)  # of the coefficients' errors
SMOOTHNESS = 0.05  # share of half a range below which errors count by their square


@torch.no_grad()
def errors(model: HeadsFaceModel, images: torch.Tensor, known: torch.Tensor) -> dict[str, float]:
    """Mean absolute error of each coefficient, in its own unit.

    Args:
        model: reads them.
        images: [N, 3, R, R] in −1…1.
        known: [N, C] exact coefficients.
    """
    found = []
    for part in images.split(64):
        read = model.estimate(part)
        found.append(torch.cat([read.shape, read.expression, read.pose], 1))
    distance = (torch.cat(found) - known.to(found[0])).abs().mean(0)
    return dict(zip(COEFFICIENTS, distance.tolist(), strict=True))


def main(argv: list[str] | None = None) -> None:
    """Command-line entry."""
    parser = options(__doc__, "runs/estimator", images=250_000, batch=64)
    parser.add_argument("--data", type=Path, default=Path("runs/views"), help="rendered views")
    parser.add_argument("--heads", type=Path, help="rendered heads of one world, to be added")
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--ship", action="store_true", help="replace the shipped weights")
    train(parser.parse_args(argv))


def train(args: argparse.Namespace) -> None:
    """Fit the estimator and write its averaged weights as float16."""
    device = prepare(args)
    data = ViewDataset(args.data)
    heads = HeadDataset(args.heads) if args.heads else None
    network = new_estimator().to(device, memory_format=torch.channels_last)
    model = HeadsFaceModel(network)
    weights = torch.tensor([WEIGHTS[name] for name in COEFFICIENTS], device=device)
    run = TrainingRun(
        args, {"estimator": network}, [{"params": list(network.parameters())}], args.learning_rate
    )
    average = HeadsFaceModel(run.averages["estimator"])
    held_out = _held_out(data, heads)
    for bar in run.steps():
        images, known = _draw(args.batch, data, heads, run.random)
        images, _ = augment(images.to(device), DISTURBED, run.random)
        known = known.to(device)
        with autocast(args):
            found = network(images)
        wanted = (known - model.center) / model.half_range
        distance = F.smooth_l1_loss(found.float(), wanted, reduction="none", beta=SMOOTHNESS)
        run.descend((distance * weights).mean())
        if run.step % 500 == 0:
            found_errors = errors(average, *list(held_out.values())[-1])
            bar.set_postfix_str(", ".join(f"{name} {found_errors[name]:.2f}" for name in ANGLES))
    folders = [args.output] + ([Path(__file__).parent] if args.ship else [])
    for folder in folders:
        write_network(folder / WEIGHTS_NAME, run.averages["estimator"].state_dict(), torch.float16)
    shipped = HeadsFaceModel.load(folder=args.output)
    for source, (images, known) in held_out.items():
        listed = ", ".join(f"{name} {x:.3f}" for name, x in errors(shipped, images, known).items())
        print(f"mean errors on held-out {source}: {listed}", file=sys.stderr)


def _held_out(
    data: ViewDataset, heads: HeadDataset | None
) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Pictures that are never learned from and their coefficients, by where they are from."""
    first = torch.arange(HELD_OUT)
    views = data.views(first)
    known = known_coefficients(views.identity.flatten(0, 1), views.pose.flatten(0, 1))
    found = {"views": (views.images.flatten(0, 1), known)}
    if heads:
        images = heads.images(first, INPUT_SIZE)
        known = known_coefficients(*factors(heads.latents[first], heads.world))
        found["heads"] = (images, known)
    return found


def _draw(
    count: int, data: ViewDataset, heads: HeadDataset | None, random: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures [count, 3, R, R] and their coefficients [count, C], shuffled."""
    of_heads = count // 2 if heads else 0
    views = data.draw(count - of_heads, 1, random)
    images = [resize(views.images[:, 0], INPUT_SIZE)]
    known = [known_coefficients(views.identity[:, 0], views.pose[:, 0])]
    if heads:
        drawn = heads.draw(of_heads, INPUT_SIZE, random)
        images.append(drawn.images)
        known.append(known_coefficients(*factors(drawn.latents, heads.world)))
    order = torch.randperm(count, generator=random)
    return torch.cat(images)[order], torch.cat(known)[order]


if __name__ == "__main__":
    main()
