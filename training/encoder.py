"""Train the heads encoder to invert pictures: `python -m training.encoder`.

The latent of every render is known, so its code in W+ is the first thing to learn; the picture the
frozen generator makes of the code is the second and decides in the end. Half of every batch is
disturbed (`training.augmentation`), but always to be answered with the undisturbed head.
"""

import argparse
import sys
from pathlib import Path

import torch
import torch.nn.functional as F

from stylemask_core.encoder import RegressionEncoder
from stylemask_core.generator import Generator
from training.augmentation import augment
from training.dataset import HeadDataset
from training.generator import HELD_OUT, averaged_generator, current_resolution, parse_stages
from training.losses import landmark_weights, picture_loss, psnr
from training.run import TrainingRun, autocast, averaged_weights, options, prepare

DISTURBED = 0.5  # share of every batch
CODE_WEIGHT = 0.5  # of the distance in W+, against the picture loss


@torch.no_grad()
def validate(
    encoder: RegressionEncoder, generator: Generator, data: HeadDataset, device: torch.device
) -> float:
    """Mean PSNR [dB] of inverted held-out renders."""
    scores = []
    resolution = generator.config.resolution
    for start in range(0, HELD_OUT, 32):
        images = data.images(torch.arange(start, start + 32), resolution).to(device)
        scores.append(psnr(generator(encoder(images)), images))
    return float(torch.cat(scores).mean())


def main(argv: list[str] | None = None) -> None:
    """Command-line entry."""
    parser = options(__doc__, "runs/encoder", images=200_000, batch=16)
    parser.add_argument("--data", type=Path, default=Path("runs/data"), help="rendered heads")
    parser.add_argument("--generator", type=Path, default=Path("runs/generator"), help="its run")
    parser.add_argument("--stages", default="64:0.6,128:1", help="resolution of the picture loss")
    parser.add_argument("--init", type=Path, help="encoder run to start from")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    train(parser.parse_args(argv))


def train(args: argparse.Namespace) -> None:
    """Fit the encoder to renders and the frozen generator, and write its averaged weights."""
    device = prepare(args)
    data, stages = HeadDataset(args.data), parse_stages(args.stages)
    generator = averaged_generator(args.generator).to(device)
    config = generator.config
    encoder = RegressionEncoder(config)
    encoder.latent_avg.copy_(generator.broadcast(generator.mapping.mean[None])[0])
    if args.init:
        encoder.load_state_dict(averaged_weights(args.init, "encoder"))
    encoder.to(device)
    # distances in W+ are measured in standard deviations of each of w's elements
    with torch.no_grad():
        spread = generator.mapping(data.latents[:4096].to(device)).std(0)
    groups = [{"params": list(encoder.parameters())}]
    run = TrainingRun(args, {"encoder": encoder}, groups, args.learning_rate)
    average = run.averages["encoder"]
    for bar in run.steps():
        resolution = current_resolution(stages, run.fraction)
        index = torch.randint(HELD_OUT, data.ready, (args.batch,), generator=run.random)
        images = data.images(index, config.resolution).to(device)
        seen, known = augment(images, DISTURBED, run.random)
        factor = config.resolution // resolution
        small, known = F.avg_pool2d(images, factor), F.avg_pool2d(known, factor)
        weights = landmark_weights(data.keypoints(index).to(device), resolution)
        with torch.no_grad():
            exact = generator.broadcast(generator.mapping(data.latents[index].to(device)))
        with autocast(device):
            code = encoder(seen)
            drawn = generator(code, resolution)
        distance = ((code.float() - exact) / spread).square().mean()
        drawn = torch.lerp(small, drawn.float(), known)
        loss = picture_loss(drawn, small, weights) + CODE_WEIGHT * distance
        run.descend(loss)
        if run.step % 250 == 0:
            score = validate(average, generator, data, device)
            bar.set_postfix_str(
                f"loss {loss.item():.4f}, code {distance.item():.4f}, held out {score:.2f} dB"
            )
    score = validate(average, generator, data, device)
    print(f"inversion of held-out renders: {score:.2f} dB", file=sys.stderr)


if __name__ == "__main__":
    main()
