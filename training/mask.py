"""Train mask networks for a frozen generator: `python -m training.mask`.

`--supervision paper` takes the paper's losses and needs a 3D face model and an identity model; it
works with any generator. `--supervision exact` is for a world in which the right answer to every
reenactment is known.
"""

import argparse
import dataclasses
import sys
from dataclasses import fields
from pathlib import Path

import torch

from stylemask_core import StyleMaskError
from stylemask_core.config import CONFIG_NAME, TRUNCATION_RANGE, ModelConfig
from stylemask_core.models import model_folder, model_source
from stylemask_core.networks.generator import Generator
from stylemask_core.networks.mask_network import MaskNetwork
from training.checkpoint import BEST_FILE, STATE_FILE, one_line_errors
from training.face_models import FACE_MODELS, load_face_model
from training.generator import averaged_generator, current_resolution, parse_stages
from training.identity_models import IDENTITY_MODELS, load_identity_model
from training.known_worlds import DEFAULT_WORLD, WORLDS, check_world
from training.run import TrainingRun, autocast, averaged_weights, options, prepare
from training.supervision import ExactSupervision, PaperSupervision, PaperWeights, Supervision
from training.validation import Validation

NETWORK = "mask_network"  # its name in a run
OWN_MASKS = "model"  # --init from the masks that the model has
# What an option is unless it is given, for each supervision; the paper's are its code's defaults.
DEFAULTS = {
    "exact": {
        "images": 60_000,
        "batch": 16,
        "learning_rate": 2e-3,
        "weight_decay": 0.0,
        "truncation": 1.0,
    },
    "paper": {
        "images": 1_200_000,
        "batch": 12,
        "learning_rate": 1e-4,
        "weight_decay": 5e-4,
        "truncation": 0.7,
    },
}


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line; what is not given gets its supervision's default."""
    parser = options(__doc__, "runs/mask", images=argparse.SUPPRESS, batch=argparse.SUPPRESS)
    listed = (f"{kind}: {values}" for kind, values in DEFAULTS.items())
    parser.epilog = "Other defaults, " + "; ".join(listed).replace("'", "")
    by_supervision = {"type": float, "default": argparse.SUPPRESS}
    model = parser.add_mutually_exclusive_group()
    model.add_argument(
        "--model", default=model_folder.EMBEDDED, help="embedded, a folder, user/repo, ffhq"
    )
    model.add_argument("--generator", type=Path, help="a run of training.generator instead")
    parser.add_argument("--supervision", choices=list(DEFAULTS), default="exact")
    parser.add_argument("--face-model", choices=FACE_MODELS, help="the world's own, or deca")
    parser.add_argument("--face-model-folder", type=Path, help="converted weights of deca")
    parser.add_argument("--identity-model", choices=IDENTITY_MODELS, help="its own, or arcface")
    parser.add_argument("--identity-folder", type=Path, help="converted weights of arcface")
    parser.add_argument("--init", help=f"mask run to start from, or {OWN_MASKS!r} for its own")
    parser.add_argument("--masked-layers", type=int, help="fewer layers than the model's")
    parser.add_argument("--stages", help="resolution drawn until a share of the run: 64:0.7,128:1")
    parser.add_argument("--lr", "--learning-rate", dest="learning_rate", **by_supervision)
    parser.add_argument("--weight-decay", **by_supervision)
    parser.add_argument("--truncation", help="psi of the random faces", **by_supervision)
    parser.add_argument("--world", choices=list(WORLDS), default=DEFAULT_WORLD, help="drawn")
    for field in fields(PaperWeights):
        parser.add_argument(f"--{field.name}-weight", type=float, default=field.default)
    parser.add_argument("--validate-every", type=int, default=250, metavar="STEPS")
    parser.add_argument("--validation-pairs", type=int, default=64)
    parser.add_argument("--patience", type=int, default=0, metavar="N", help="stop after N "
                        "validations without improvement; 0: never")  # fmt: skip
    parser.add_argument("--export", type=Path, help="model folder to write with the best masks")
    args = parser.parse_args(argv)
    args = argparse.Namespace(**(DEFAULTS[args.supervision] | vars(args)))
    _check(parser, args)
    return args


def _check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    low, high = TRUNCATION_RANGE
    if not low < args.truncation <= high:
        parser.error(f"--truncation must lie in {low:g}…{high:g}, above {low:g}")
    if args.supervision == "exact" and args.truncation != 1:
        parser.error("--truncation: exact answers are known without truncation alone")
    if args.supervision == "exact" and args.face_model not in (None, WORLDS[args.world].judges):
        parser.error(f"--face-model {args.face_model}: exact answers are compared without one")
    for name in ("images", "batch", "log_every", "validate_every", "validation_pairs"):
        if getattr(args, name) < 1:
            parser.error(f"--{name.replace('_', '-')} must be 1 or more")
    if args.export and args.generator:
        parser.error("--export needs --model: a run of training.generator has no encoder")


def main(argv: list[str] | None = None) -> None:
    """Command-line entry."""
    args = parse(argv)
    try:
        train(args)
    except StyleMaskError as error:
        raise SystemExit(f"error: {error}") from error


def train(args: argparse.Namespace) -> None:
    """Fit mask networks to a frozen generator and write their averaged weights.

    Raises:
        StyleMaskError: the model, or what is to judge it, cannot be had.
        SystemExit: the options do not fit the model, or the run cannot go on.
    """
    device = prepare(args, several=True)
    if args.export:
        model_folder.check_replaceable(args.export)
    model = None if args.generator else model_source.locate(args.model).load()
    generator = model.generator if model else averaged_generator(args.generator)
    config = masked_config(generator.config, args.masked_layers)
    stages = parse_stages(args.stages or default_stages(args.supervision, config))
    check_stages(stages, config)
    masks = MaskNetwork(config)
    if args.init:
        initialize(masks, args.init, model)
    generator.to(device)
    masks.to(device)
    supervision = build_supervision(args, generator, device)
    validation = Validation(supervision, config.latent_dim, args.validation_pairs, device)
    groups = [{"params": list(masks.parameters()), "weight_decay": args.weight_decay}]
    run = TrainingRun(
        args,
        {NETWORK: masks},
        groups,
        args.learning_rate,
        frozen={"generator": generator, **supervision.networks()},
        patience=args.patience,
    )
    average = run.averages[NETWORK]
    if run.processes.is_main:
        with one_line_errors(args.output):
            (args.output / CONFIG_NAME).write_text(config.to_json(), encoding="utf-8")

    def validate() -> str:
        score, figures = 0.0, {}
        if run.processes.is_main:
            score, figures = validation.measure(average)
            validation.save_grid(average, args.output, run.step)
        run.judge(score, figures)
        return f"{supervision.score} {score:.4f}, best {run.best:.4f}"

    for bar in run.steps():
        shape = (supervision.faces, run.batch, config.latent_dim)
        z = run.share(torch.randn(shape, generator=run.random), 1).to(device)
        with autocast(args):
            terms = supervision.terms(masks, z, current_resolution(stages, run.fraction))
        run.descend(terms)
        if run.step % args.validate_every == 0 or run.fraction == 1:
            bar.set_postfix_str(validate())
    if run.processes.is_main:
        complete = run.fraction == 1 or run.stopped_early
        text = "the run is complete" if complete else "the same command goes on"
        print(f"best {supervision.score} {run.best:.4f}; {text}", file=sys.stderr)
        if complete and args.export and model:
            export(args.export, model, args.output)


def masked_config(config: ModelConfig, masked_layers: int | None) -> ModelConfig:
    """The model's config with the number of masked layers asked for.

    Raises:
        WeightsError: the model has fewer.
    """
    return dataclasses.replace(config, masked_layers=masked_layers or config.masked_layers)


def default_stages(supervision: str, config: ModelConfig) -> str:
    """Exact answers are compared at half the resolution first, faces are read at the whole."""
    whole = config.resolution
    return f"{whole // 2}:0.7,{whole}:1" if supervision == "exact" and whole > 64 else f"{whole}:1"


def check_stages(stages: list[tuple[int, float]], config: ModelConfig) -> None:
    """Make sure that the generator has pictures of these resolutions.

    Raises:
        SystemExit: it has not.
    """
    for resolution, _ in stages:
        if resolution not in config.resolutions:
            listed = ", ".join(map(str, config.resolutions))
            raise SystemExit(f"--stages: the generator draws at {listed} px, not at {resolution}")


def initialize(masks: MaskNetwork, name: str, model: model_folder.Model | None) -> None:
    """Start from trained masks, of as many of their layers as are trained here.

    Args:
        masks: to be filled.
        name: a mask run, or OWN_MASKS.
        model: whose masks those are.

    Raises:
        SystemExit: there are none, or they are of another style space.
    """
    if name == OWN_MASKS and model is None:
        raise SystemExit(f"--init {OWN_MASKS} needs --model: a run's generator has no masks")
    weights = (
        model.mask_network.state_dict()
        if name == OWN_MASKS and model
        else averaged_weights(Path(name), NETWORK)
    )
    expected = masks.state_dict()
    if any(weights[x].shape != y.shape if x in weights else True for x, y in expected.items()):
        raise SystemExit(f"--init: the masks of {name} do not fit this generator's style space")
    masks.load_state_dict({name: weights[name] for name in expected})


def build_supervision(
    args: argparse.Namespace, generator: Generator, device: torch.device
) -> Supervision:
    """What the options ask for; models that are not named are those that suit the generator.

    Raises:
        SystemExit: the generator draws something else than the supervision is for.
        StyleMaskError: a face or identity model cannot be had.
    """
    if args.supervision == "exact":
        world = WORLDS[args.world]
        check_world(world, generator.config)
        return ExactSupervision(generator, world)
    own = {world.domain: world.judges for world in WORLDS.values()}
    judges = own.get(generator.config.domain)
    args.face_model = args.face_model or judges or "deca"
    args.identity_model = args.identity_model or judges or "arcface"
    for name in (args.face_model, args.identity_model):
        if name in own.values() and name != judges:
            raise SystemExit(
                f"the {name} models read synthetic {name} alone: give "
                f"{f'{judges} or ' if judges else ''}deca and arcface"
            )
    face_model = load_face_model(args.face_model, device, args.face_model_folder)
    identity_model = load_identity_model(args.identity_model, device, args.identity_folder)
    weights = PaperWeights(
        **{field.name: getattr(args, f"{field.name}_weight") for field in fields(PaperWeights)}
    )
    return PaperSupervision(generator, face_model, identity_model, weights, args.truncation)


def best_masks(folder: Path) -> MaskNetwork:
    """The masks of a run's best validation, of its latest step where there was none.

    Raises:
        WeightsError: the folder has no config.
        SystemExit: it holds no run of masks.
    """
    masks = MaskNetwork(ModelConfig.load(folder))
    file = BEST_FILE if (folder / BEST_FILE).exists() else STATE_FILE
    masks.load_state_dict(averaged_weights(folder, NETWORK, file))
    return masks.eval().requires_grad_(False)


def export(folder: Path, model: model_folder.Model, run_folder: Path) -> None:
    """Write a model folder with the best masks of a run in the place of the model's own.

    Raises:
        WeightsError: the folder cannot be written.
    """
    masks = best_masks(run_folder)
    config = ModelConfig.load(run_folder)
    model_folder.save_model(
        folder,
        model_folder.Model(config, model.generator.cpu(), masks, model.load_encoder, model.card),
    )


if __name__ == "__main__":
    main()
