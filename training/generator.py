"""Train the heads generator to draw what the renderer draws: `python -m training.generator`.

The rendered picture of a latent z is known exactly, so the generator is fitted to it directly; no
discriminator is needed. It grows from small pictures to large ones, and its mapping network may
read only the world's coordinates of z: given all 512 it overfits the rest.
"""

import argparse
import sys
from pathlib import Path

import torch

from stylemask_core.config import CONFIG_NAME, ModelConfig
from stylemask_core.generator import Generator
from stylemask_core.hub import load_weights
from training.dataset import HeadDataset
from training.heads.world import basis
from training.losses import landmark_weights, picture_loss, psnr
from training.run import TrainingRun, autocast, averaged_weights, options, prepare

HELD_OUT = 256  # the first pictures of a data set are never trained on
MEAN_SAMPLES = 65536  # latents averaged for the mean w
NARROW = {4: 128, 8: 128, 16: 128, 32: 96, 64: 48, 128: 32}  # 0.4 GMAC, for a CPU
WIDE = {4: 256, 8: 256, 16: 256, 32: 192, 64: 96, 128: 48, 256: 32}  # for a GPU


def heads_config(channels: dict[int, int]) -> ModelConfig:
    """The embedded model's config for a channel table: every convolution has a mask network."""
    return ModelConfig(
        name="heads",
        resolution=max(channels),
        channels=channels,
        masked_layers=2 * len(channels) - 1,
        mapping_layers=2,
        noise=False,
        refinement_steps=8,
        default_truncation=0.7,
        domain="synthetic heads",
        licence="CC0-1.0",
        alignment="heads",
    )


def parse_stages(text: str) -> list[tuple[int, float]]:
    """'32:0.2,128:1' → [(32, 0.2), (128, 1.0)]: the resolution trained until a share of the run."""
    return [(int(r), float(end)) for r, end in (stage.split(":") for stage in text.split(","))]


def current_resolution(stages: list[tuple[int, float]], fraction: float) -> int:
    """Resolution of the stage a run is in [px]."""
    return next((r for r, end in stages if fraction < end), stages[-1][0])


@torch.no_grad()
def restrict_mapping(generator: Generator) -> None:
    """Remove from the mapping's first layer everything but the world's coordinates."""
    weight = generator.mapping.layers[0].weight
    axes = basis(weight.device)
    weight.copy_((weight @ axes) @ axes.t())


@torch.no_grad()
def set_mean(generator: Generator) -> None:
    """Store the mean w of a fixed sample of latents, the centre of truncation."""
    generator.mapping.mean.copy_(generator.mapping.sample(MEAN_SAMPLES).mean(0))


@torch.no_grad()
def validate(generator: Generator, data: HeadDataset, resolution: int) -> float:
    """Mean PSNR [dB] on the held-out pictures."""
    scores = []
    for start in range(0, HELD_OUT, 32):
        index = torch.arange(start, start + 32)
        image = generator(generator.broadcast(generator.mapping(data.latents[index])), resolution)
        scores.append(psnr(image, data.images(index, resolution)))
    return float(torch.cat(scores).mean())


def averaged_generator(run_folder: Path) -> Generator:
    """The averaged, frozen generator of a training run, finished or not."""
    generator = Generator(ModelConfig.load(run_folder))
    generator.load_state_dict(averaged_weights(run_folder, "generator"))
    set_mean(generator)
    return generator.eval().requires_grad_(False)


def grow_from(generator: Generator, folder: Path) -> None:
    """Copy the tensors a (smaller) trained generator shares with this one."""
    weights = load_weights(folder, "generator")
    generator.load_state_dict(weights, strict=False)


def main(argv: list[str] | None = None) -> None:
    """Command-line entry."""
    parser = options(__doc__, "runs/generator", images=300_000, batch=16)
    parser.add_argument("--data", type=Path, default=Path("runs/data"), help="rendered heads")
    parser.add_argument("--width", choices=["narrow", "wide"], default="narrow")
    parser.add_argument("--stages", default="16:0.06,32:0.25,64:0.6,128:1")
    parser.add_argument("--init", type=Path, help="model folder to start from")
    parser.add_argument("--learning-rate", type=float, default=1e-2)
    args = parser.parse_args(argv)
    train(args)


def train(args: argparse.Namespace) -> None:
    """Fit the generator to a data set of renders."""
    device = prepare(args)
    data = HeadDataset(args.data, device)
    stages = parse_stages(args.stages)
    config = heads_config(WIDE if args.width == "wide" else NARROW)
    generator = Generator(config)
    if args.init:
        grow_from(generator, args.init)
    generator.to(device, memory_format=torch.channels_last)
    mapping = list(generator.mapping.parameters())
    rest = [p for name, p in generator.named_parameters() if not name.startswith("mapping.")]
    groups = [
        {"params": rest},
        # stored mapping weights are 1 / multiplier times the effective ones
        {"params": mapping, "scale": 1 / config.mapping_lr_multiplier},
    ]
    args.output.mkdir(parents=True, exist_ok=True)
    (args.output / CONFIG_NAME).write_text(config.to_json(), encoding="utf-8")
    run = TrainingRun(args, {"generator": generator}, groups, args.learning_rate)
    average = run.averages["generator"]
    for bar in run.steps():
        resolution = current_resolution(stages, run.fraction)
        index = torch.randint(HELD_OUT, data.ready, (args.batch,), generator=run.random)
        image = data.images(index, resolution).to(device)
        weights = landmark_weights(data.keypoints(index).to(device), resolution)
        with autocast(args):
            w = generator.mapping(data.latents[index].to(device))
            drawn = generator(generator.broadcast(w), resolution)
        loss = picture_loss(drawn.float(), image, weights)
        run.descend(loss)
        restrict_mapping(generator)
        if run.step % 500 == 0:
            score = validate(average, data, resolution)
            bar.set_postfix_str(f"{resolution} px, loss {loss.item():.4f}, held out {score:.2f} dB")
    resolution = stages[-1][0]
    score = validate(average, data, resolution)
    print(f"held out: {score:.2f} dB at {resolution} px", file=sys.stderr)


if __name__ == "__main__":
    main()
