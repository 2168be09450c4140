"""Train a generator to draw what a world's renderer draws: `python -m training.generator`.

The rendered picture of a latent z is known exactly, so the generator is fitted to it directly; no
discriminator is needed. It grows from small pictures to large ones, and its mapping network may
read only the world's coordinates of z: given all 512 it overfits the rest.
"""

import argparse
import sys
from pathlib import Path

import torch

from stylemask_core.config import CONFIG_NAME, ModelConfig
from stylemask_core.errors import StyleMaskError
from stylemask_core.models.model_folder import load_weights, write_part
from stylemask_core.networks.generator import Generator
from stylemask_core.pictures.images import to_image
from training.apart import Restriction
from training.checkpoint import STATE_FILE
from training.facts import trained_facts
from training.known_worlds import DEFAULT_WORLD, WORLDS, check_world
from training.losses import energy_loss, landmark_weights, picture_loss, psnr
from training.run import TrainingRun, autocast, averaged_weights, options, prepare
from training.worlds import Dataset

MEAN_SAMPLES = 16384  # latents averaged for the mean w
VALIDATION_INTERVAL = 500  # [steps]
SHEET, SHEET_PICTURES = "held_out.png", 12
ENERGY_FROM = 64  # [px] smaller pictures have no texture to speak of
CHANNELS = {
    "narrow": {4: 128, 8: 128, 16: 128, 32: 96, 64: 48, 128: 32},  # 0.4 GMAC, for a CPU
    "middle": {4: 192, 8: 192, 16: 192, 32: 128, 64: 64, 128: 32},  # 0.8 GMAC
    "wide": {4: 256, 8: 256, 16: 256, 32: 192, 64: 96, 128: 48, 256: 32},  # for a GPU
}


def parse_stages(text: str) -> list[tuple[int, float]]:
    """'32:0.2,128:1' → [(32, 0.2), (128, 1.0)]: the resolution trained until a share of the run."""
    return [(int(r), float(end)) for r, end in (stage.split(":") for stage in text.split(","))]


def current_resolution(stages: list[tuple[int, float]], fraction: float) -> int:
    """Resolution of the stage a run is in [px]."""
    return next((r for r, end in stages if fraction < end), stages[-1][0])


@torch.no_grad()
def set_mean(generator: Generator) -> None:
    """Store the mean w of a fixed sample of latents, the centre of truncation."""
    generator.mapping.mean.copy_(generator.mapping.sample(MEAN_SAMPLES).mean(0))


@torch.no_grad()
def validate(generator: Generator, data: Dataset, resolution: int) -> float:
    """Mean PSNR [dB] on the held-out pictures."""
    scores = []
    for views in data.held_out(resolution):
        image = generator(generator.broadcast(generator.mapping(views.latents)), resolution)
        scores.append(psnr(image, views.images))
    return float(torch.cat(scores).mean())


@torch.no_grad()
def save_sheet(generator: Generator, data: Dataset, resolution: int, folder: Path) -> None:
    """Write what held-out pictures look like in the renderer and, below each, in the generator."""
    views = next(iter(data.held_out(resolution)))
    image = generator(generator.broadcast(generator.mapping(views.latents)), resolution)
    rows = [torch.cat(list(x[:SHEET_PICTURES].clamp(-1, 1)), 2) for x in (views.images, image)]
    part = folder / f".{SHEET}"
    to_image(torch.cat(rows, 1)[None]).save(part, "PNG")
    part.replace(folder / SHEET)


def averaged_generator(run_folder: Path) -> Generator:
    """The averaged, frozen generator of a training run, finished or not."""
    generator = Generator(ModelConfig.load(run_folder))
    generator.load_state_dict(averaged_weights(run_folder, "generator"))
    set_mean(generator)
    return generator.eval().requires_grad_(False)


def grow_from(generator: Generator, folder: Path) -> None:
    """Copy the tensors a (smaller) trained generator shares with this one.

    Args:
        generator: to be filled.
        folder: a model folder, or the folder of a run.
    """
    of_run = (folder / STATE_FILE).exists()
    weights = averaged_weights(folder, "generator") if of_run else load_weights(folder, "generator")
    shapes = {name: tensor.shape for name, tensor in generator.state_dict().items()}
    shared = {name: x for name, x in weights.items() if shapes.get(name) == x.shape}
    generator.load_state_dict(shared, strict=False)


def build_in_facts(run_folder: Path, generator: Generator) -> None:
    """Copy a trained fact network into a generator.

    Raises:
        SystemExit: it is of another world.
    """
    name, weights = trained_facts(run_folder)
    networks = generator.mapping.facts
    expected = networks[name].state_dict() if name in networks else {}
    if {k: x.shape for k, x in weights.items()} != {k: x.shape for k, x in expected.items()}:
        raise SystemExit(f"--facts: the facts of {run_folder} are of another world")
    networks[name].load_state_dict(weights)


def main(argv: list[str] | None = None) -> None:
    """Command-line entry."""
    parser = options(__doc__, "runs/generator", images=300_000, batch=16)
    parser.add_argument("--world", choices=list(WORLDS), default=DEFAULT_WORLD)
    parser.add_argument("--data", type=Path, default=Path("runs/data"), help="rendered pictures")
    parser.add_argument("--width", choices=list(CHANNELS), default="narrow")
    parser.add_argument("--stages", default="16:0.06,32:0.25,64:0.6,128:1")
    parser.add_argument("--init", type=Path, help="run or model folder to start from")
    parser.add_argument(
        "--facts", type=Path, nargs="*", default=[], help="runs of training.facts to build in"
    )
    parser.add_argument("--learning-rate", type=float, default=1e-2)
    parser.add_argument(
        "--hold", type=float, default=0.0, help="share of the run before the rate falls"
    )
    parser.add_argument("--energy-weight", type=float, default=0.0, help="of the patch energy")
    parser.add_argument(
        "--energy-from", type=float, default=0.8, metavar="SHARE", help="of the run without it"
    )
    args = parser.parse_args(argv)
    try:
        train(args)
    except StyleMaskError as error:
        raise SystemExit(f"error: {error}") from error


def train(args: argparse.Namespace) -> None:
    """Fit the generator to a data set of renders, and write its averaged weights as float16.

    Raises:
        StyleMaskError: the pictures, or what is to be started from, cannot be had.
        SystemExit: the run cannot go on.
    """
    device = prepare(args)
    world = WORLDS[args.world]
    if args.init:
        check_world(world, ModelConfig.load(args.init))
    data = world.dataset(args.data, device)
    stages = parse_stages(args.stages)
    config = world.config(CHANNELS[args.width])
    generator = Generator(config)
    if args.init:
        grow_from(generator, args.init)
    for run_folder in args.facts:
        build_in_facts(run_folder, generator)
    generator.to(device, memory_format=torch.channels_last)
    Restriction(generator, world)()
    generator.mapping.facts.requires_grad_(False)
    mapping = list(generator.mapping.layers.parameters())
    rest = [p for name, p in generator.named_parameters() if not name.startswith("mapping.")]
    groups = [
        {"params": rest},
        # stored mapping weights are 1 / multiplier times the effective ones
        {"params": mapping, "scale": 1 / config.mapping_lr_multiplier},
    ]
    args.output.mkdir(parents=True, exist_ok=True)
    (args.output / CONFIG_NAME).write_text(config.to_json(), encoding="utf-8")
    run = TrainingRun(args, {"generator": generator}, groups, args.learning_rate, hold=args.hold)
    average = run.averages["generator"]
    assert isinstance(average, Generator)
    restrictions = [Restriction(network, world) for network in (generator, average)]
    for bar in run.steps():
        resolution = current_resolution(stages, run.fraction)
        views = data.draw(args.batch, resolution, run.random)
        weights = landmark_weights(views.keypoints, resolution)
        with autocast(args):
            w = generator.mapping(views.latents)
            drawn = generator(generator.broadcast(w), resolution)
        terms = {"picture": picture_loss(drawn.float(), views.images, weights)}
        if args.energy_weight:
            begun = resolution >= ENERGY_FROM and run.fraction >= args.energy_from
            loss = energy_loss(drawn.float(), views.images) if begun else drawn.new_zeros(())
            terms["energy"] = args.energy_weight * loss
        run.descend(terms)
        for restrict in restrictions:
            restrict()
        if run.step % VALIDATION_INTERVAL == 0:
            score = validate(average, data, resolution)
            save_sheet(average, data, resolution, args.output)
            run.note({"psnr_db": score, "resolution": resolution, "pictures": data.ready})
            bar.set_postfix_str(f"{resolution} px of {data.ready}, held out {score:.2f} dB")
    resolution = stages[-1][0]
    score = validate(average, data, resolution)
    save_sheet(average, data, resolution, args.output)
    set_mean(average)
    write_part(args.output, "generator", average.state_dict(), torch.float16)
    print(f"held out: {score:.2f} dB at {resolution} px", file=sys.stderr)


if __name__ == "__main__":
    main()
