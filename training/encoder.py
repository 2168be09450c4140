"""Train a world's encoder to invert pictures: `python -m training.encoder`.

The latent of every render is known, so its code in W+ is the first thing to learn, which is cheap;
the picture the frozen generator makes of the code is the second and decides in the end, so that a
second run with --init and --pictures should follow. A share of every batch is disturbed
(`training.augmentation`), but always to be answered with the undisturbed picture.
"""

import argparse
import sys
from pathlib import Path

import torch
from torch import nn

from stylemask_core.errors import StyleMaskError
from stylemask_core.networks.encoder import build_encoder
from stylemask_core.networks.generator import Generator
from training.generator import averaged_generator
from training.known_worlds import DEFAULT_WORLD, WORLDS, check_world
from training.losses import landmark_weights, picture_loss, psnr
from training.run import TrainingRun, autocast, averaged_weights, options, prepare
from training.worlds import Dataset

SPREAD_SAMPLES = 4096  # latents whose w say how far apart codes are
CODE_WEIGHT = 0.5  # of the distance in W+, against the picture loss


@torch.no_grad()
def validate(encoder: nn.Module, generator: Generator, data: Dataset) -> float:
    """Mean PSNR [dB] of inverted held-out renders."""
    held_out = data.held_out(generator.config.resolution)
    scores = [psnr(generator(encoder(views.images)), views.images) for views in held_out]
    return float(torch.cat(scores).mean())


def main(argv: list[str] | None = None) -> None:
    """Command-line entry."""
    parser = options(__doc__, "runs/encoder", images=1_000_000, batch=128)
    parser.add_argument("--world", choices=list(WORLDS), default=DEFAULT_WORLD)
    parser.add_argument("--data", type=Path, default=Path("runs/data"), help="rendered pictures")
    parser.add_argument("--generator", type=Path, default=Path("runs/generator"), help="its run")
    parser.add_argument("--pictures", action="store_true", help="learn from pictures too: slow")
    parser.add_argument("--init", type=Path, help="encoder run to start from")
    parser.add_argument(
        "--disturbed", type=float, default=0.3, metavar="SHARE", help="of every batch"
    )
    parser.add_argument("--code-resolution", type=int, default=64, help="[px] without --pictures")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    args = parser.parse_args(argv)
    try:
        train(args)
    except StyleMaskError as error:
        raise SystemExit(f"error: {error}") from error


def train(args: argparse.Namespace) -> None:
    """Fit the encoder to renders and the frozen generator, and write its averaged weights.

    Raises:
        StyleMaskError: the renders cannot be had, or the generator is of another world.
        SystemExit: the run cannot go on.
    """
    device = prepare(args)
    world = WORLDS[args.world]
    generator = averaged_generator(args.generator).to(device)
    config = generator.config
    check_world(world, config)
    data = world.dataset(args.data, device)
    # the generator's smaller pictures are parts of its full one, no pictures of their own
    resolution = config.resolution if args.pictures else args.code_resolution
    if not args.pictures:
        data.keep_small(args.code_resolution)
    encoder = build_encoder(config)
    mean = {"latent_avg": generator.broadcast(generator.mapping.mean[None])[0]}
    encoder.load_state_dict(mean, strict=False)
    if args.init:
        encoder.load_state_dict(averaged_weights(args.init, "encoder"))
    encoder.to(device)
    # distances in W+ are measured in standard deviations of each of w's elements
    with torch.no_grad():
        spread = generator.mapping.sample(SPREAD_SAMPLES).std(0)
    groups = [{"params": list(encoder.parameters())}]
    run = TrainingRun(args, {"encoder": encoder}, groups, args.learning_rate)
    average = run.averages["encoder"]
    for bar in run.steps():
        views = data.draw(args.batch, resolution, run.random)
        images = views.images
        seen, known = world.disturb(views, args.disturbed, run.random)
        with torch.no_grad():
            exact = generator.broadcast(generator.mapping(views.latents))
        with autocast(args):
            code = encoder(seen)
        distance = ((code.float() - exact) / spread).square().mean()
        loss = CODE_WEIGHT * distance
        if args.pictures:
            weights = landmark_weights(views.keypoints, resolution)
            with autocast(args):
                drawn = generator(code)
            drawn = torch.lerp(images, drawn.float(), known)
            loss = loss + picture_loss(drawn, images, weights)
        run.descend(loss)
        if run.step % 250 == 0:
            score = validate(average, generator, data)
            bar.set_postfix_str(
                f"loss {loss.item():.4f}, code {distance.item():.4f}, held out {score:.2f} dB"
            )
    score = validate(average, generator, data)
    print(f"inversion of held-out renders: {score:.2f} dB", file=sys.stderr)


if __name__ == "__main__":
    main()
