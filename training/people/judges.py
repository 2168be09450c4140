"""Train the judges of people: `python -m training.people.judges face`, and the same with identity.

Both learn from rendered people, some pictures disturbed: the face model to read coefficients, the
identity model to bring pictures of one person together and those of others apart (Khosla et al.
2020, supervised contrastive learning), helped by reading the person's coordinates.
"""

import argparse
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from stylemask_core.errors import StyleMaskError
from training.face_models import people as face_model
from training.face_models.people import ANGLES, EXPRESSION, SHAPE, PeopleFaceModel
from training.identity_models import people as identity_model
from training.identity_models.heads import EMBEDDING, new_network
from training.identity_models.people import PeopleIdentityModel
from training.identity_models.train import FACTORS_WEIGHT, contrastive_loss
from training.network_files import write_network
from training.people import world
from training.people.answers import PEOPLE
from training.people.dataset import PeopleDataset
from training.people.latents import coordinates
from training.run import TrainingRun, autocast, options, prepare

DISTURBED = 0.4  # share of every batch
SMOOTHNESS = 0.1  # errors below count by their square
SHAPE_WEIGHT, EXPRESSION_WEIGHT, ANGLE_WEIGHT = 0.3, 2.0, 4.0
CLOTHES = {"neckline", "neck_v", "collar"}  # with all that begins with cloth: nobody's identity
FACE_AND_HAIR = [
    i
    for i, coordinate in enumerate(world.COORDINATES[world.IDENTITY])
    if coordinate.name not in CLOTHES and not coordinate.name.startswith("cloth")
]
VALIDATION_INTERVAL = 250  # [steps]


def face_loss(model: PeopleFaceModel, raw: torch.Tensor, n: torch.Tensor) -> torch.Tensor:
    """How far the network's outputs [B, C] are from the coefficients of coordinates [B, K]."""
    known = face_model.known_coefficients(n)
    sizes = [len(SHAPE), len(EXPRESSION), len(ANGLES)]
    parts = zip(raw.split(sizes, 1), known.split(sizes, 1), strict=True)
    errors = [
        F.smooth_l1_loss(found, exact / unit, beta=SMOOTHNESS)
        for (found, exact), unit in zip(parts, (1.0, 1.0, face_model.ANGLE_UNIT), strict=True)
    ]
    weights = (SHAPE_WEIGHT, EXPRESSION_WEIGHT, ANGLE_WEIGHT)
    return sum((w * e for w, e in zip(weights, errors, strict=True)), torch.zeros(()))


@torch.no_grad()
def face_errors(model: PeopleFaceModel, data: PeopleDataset) -> dict[str, float]:
    """Mean errors on the held-out people: angles [deg], expression as a share of its range."""
    angles, expression = [], []
    for views in data.held_out(data.resolution):
        found = model.estimate(views.images)
        exact = model.exact(views.latents, PEOPLE)
        angles.append((found.angles - exact.angles).abs())
        expression.append((found.expression - exact.expression).abs() / model.expression_range)
    mean = torch.cat(angles).mean(0).tolist()
    return dict(zip(ANGLES, mean, strict=True)) | {
        "expression": float(torch.cat(expression).mean())
    }


@torch.no_grad()
def retrieval(model: PeopleIdentityModel, data: PeopleDataset) -> float:
    """Share of the held-out pictures whose nearest first picture is of the same person."""
    views = list(data.held_out(data.resolution))
    embeddings = torch.cat([model.embed(batch.images) for batch in views])
    people = embeddings.unflatten(0, (-1, data.poses_each))
    nearest = (people[:, 1:] @ people[:, 0].t()).argmax(2)
    return float((nearest == torch.arange(len(people))[:, None]).float().mean())


def main(argv: list[str] | None = None) -> None:
    """Command-line entry."""
    parser = options(__doc__, "runs/judge", images=250_000, batch=60)
    parser.add_argument("judge", choices=["face", "identity"])
    parser.add_argument("--data", type=Path, default=Path("runs/people"), help="rendered people")
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--ship", action="store_true", help="replace the shipped weights")
    args = parser.parse_args(argv)
    try:
        {"face": train_face, "identity": train_identity}[args.judge](args)
    except StyleMaskError as error:
        raise SystemExit(f"error: {error}") from error


def train_face(args: argparse.Namespace) -> None:
    """Fit the face model and write its averaged weights as float16."""
    device = prepare(args)
    data = PeopleDataset(args.data, device)
    network = face_model.new_estimator().to(device, memory_format=torch.channels_last)
    groups = [{"params": list(network.parameters())}]
    run = TrainingRun(args, {"estimator": network}, groups, args.learning_rate)
    average = PeopleFaceModel(run.averages["estimator"])
    for bar in run.steps():
        views = data.draw(args.batch, data.resolution, run.random)
        images, _ = PEOPLE.disturb(views, DISTURBED, run.random)
        with autocast(args):
            raw = network(images)
        run.descend(face_loss(average, raw.float(), coordinates(views.latents)))
        if run.step % VALIDATION_INTERVAL == 0:
            bar.set_postfix_str(_listed(face_errors(average, data)))
    _write(args, Path(face_model.__file__), face_model.WEIGHTS_NAME, run.averages["estimator"])
    read = PeopleFaceModel.load(device, args.output)
    print(f"mean errors on held-out people: {_listed(face_errors(read, data))}", file=sys.stderr)


def train_identity(args: argparse.Namespace) -> None:
    """Fit the identity model and write its averaged weights as float16."""
    device = prepare(args)
    data = PeopleDataset(args.data, device)
    network = new_network().to(device, memory_format=torch.channels_last)
    reader = nn.Linear(EMBEDDING, len(FACE_AND_HAIR)).to(device)
    modules: dict[str, nn.Module] = {"identity": network, "reader": reader}
    parameters = [p for module in modules.values() for p in module.parameters()]
    run = TrainingRun(args, modules, [{"params": parameters}], args.learning_rate)
    average = PeopleIdentityModel(run.averages["identity"])
    people = max(1, args.batch // data.poses_each)
    for bar in run.steps():
        views = data.draw_people(people, data.resolution, run.random)
        # shuffled, so that any picture of a person may be a disturbed one
        order = torch.randperm(len(views.images), generator=run.random)
        shuffled = views._replace(images=views.images[order], keypoints=views.keypoints[order])
        images, _ = PEOPLE.disturb(shuffled, DISTURBED, run.random)
        with autocast(args):
            raw = network(images)
        embeddings = F.normalize(raw.float()[order.argsort()])
        contrast = contrastive_loss(embeddings.unflatten(0, (people, data.poses_each)))
        known = coordinates(views.latents)[:, FACE_AND_HAIR]
        factors = F.mse_loss(reader(embeddings), known)
        run.descend({"contrast": contrast, "factors": FACTORS_WEIGHT * factors})
        if run.step % VALIDATION_INTERVAL == 0:
            bar.set_postfix_str(f"retrieval {retrieval(average, data):.3f}")
    weights_name, network_average = identity_model.WEIGHTS_NAME, run.averages["identity"]
    _write(args, Path(identity_model.__file__), weights_name, network_average)
    read = PeopleIdentityModel.load(device, args.output)
    print(f"retrieval among the held out: {retrieval(read, data):.3f}", file=sys.stderr)


def _write(args: argparse.Namespace, module: Path, name: str, network: nn.Module) -> None:
    for folder in [args.output] + ([module.parent] if args.ship else []):
        write_network(folder / name, network.state_dict(), torch.float16)


def _listed(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {x:.3f}" for name, x in figures.items())


if __name__ == "__main__":
    main()
