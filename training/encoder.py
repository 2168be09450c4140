"""Train the heads encoder to invert pictures: `python -m training.encoder`.

The latent of every render is known, so its code in W+ is the first thing to learn, which is cheap;
the picture the frozen generator makes of the code is the second and decides in the end, so that a
second run with --init and --pictures should follow. A share of every batch is disturbed
(`training.augmentation`), but always to be answered with the undisturbed head.
"""

import argparse
import sys
from pathlib import Path

import torch

from stylemask_core.encoder import RegressionEncoder
from stylemask_core.generator import Generator
from training.augmentation import augment
from training.dataset import HeadDataset
from training.generator import HELD_OUT, averaged_generator
from training.losses import landmark_weights, picture_loss, psnr
from training.run import TrainingRun, autocast, averaged_weights, options, prepare

DISTURBED = 0.3  # share of every batch
CODE_RESOLUTION = 64  # [px] of the pictures shown while only codes are learned
CODE_WEIGHT = 0.5  # of the distance in W+, against the picture loss


@torch.no_grad()
def validate(encoder: RegressionEncoder, generator: Generator, data: HeadDataset) -> float:
    """Mean PSNR [dB] of inverted held-out renders."""
    scores = []
    resolution = generator.config.resolution
    for start in range(0, HELD_OUT, 32):
        images = data.images(torch.arange(start, start + 32), resolution)
        scores.append(psnr(generator(encoder(images)), images))
    return float(torch.cat(scores).mean())


def main(argv: list[str] | None = None) -> None:
    """Command-line entry."""
    parser = options(__doc__, "runs/encoder", images=1_000_000, batch=128)
    parser.add_argument("--data", type=Path, default=Path("runs/data"), help="rendered heads")
    parser.add_argument("--generator", type=Path, default=Path("runs/generator"), help="its run")
    parser.add_argument("--pictures", action="store_true", help="learn from pictures too: slow")
    parser.add_argument("--init", type=Path, help="encoder run to start from")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    train(parser.parse_args(argv))


def train(args: argparse.Namespace) -> None:
    """Fit the encoder to renders and the frozen generator, and write its averaged weights."""
    device = prepare(args)
    data = HeadDataset(args.data, device)
    generator = averaged_generator(args.generator).to(device)
    config = generator.config
    # the generator's smaller pictures are parts of its full one, no pictures of their own
    resolution = config.resolution if args.pictures else CODE_RESOLUTION
    if not args.pictures:
        data.keep_small(CODE_RESOLUTION)
    encoder = RegressionEncoder(config)
    encoder.latent_avg.copy_(generator.broadcast(generator.mapping.mean[None])[0])
    if args.init:
        encoder.load_state_dict(averaged_weights(args.init, "encoder"))
    encoder.to(device)
    # distances in W+ are measured in standard deviations of each of w's elements
    with torch.no_grad():
        spread = generator.mapping(data.latents[:4096]).std(0)
    groups = [{"params": list(encoder.parameters())}]
    run = TrainingRun(args, {"encoder": encoder}, groups, args.learning_rate)
    average = run.averages["encoder"]
    for bar in run.steps():
        views = data.draw(HELD_OUT, args.batch, resolution, run.random)
        images = views.images
        seen, known = augment(images, DISTURBED, run.random)
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
