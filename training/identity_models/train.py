"""Train the identity model of the synthetic heads: `python -m training.identity_models.train`.

Views of one head (`python -m training.views`: other pose, background, shirt and light) are drawn
together and those of different heads apart (Khosla et al. 2020, supervised contrastive learning);
the exact factors of face and hair, read off the embedding by a linear layer, help to find what
tells heads apart. Writes the averaged weights beside the run, and prints how often a held-out view
finds its head among others; --ship replaces the shipped weights.
"""

import argparse
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from training.augmentation import augment
from training.heads.factors import IDENTITY_FACTORS
from training.identity_models.heads import (
    EMBEDDING,
    WEIGHTS_NAME,
    HeadsIdentityModel,
    new_network,
)
from training.network_files import write_network
from training.run import TrainingRun, autocast, options, prepare
from training.views import SURROUNDINGS, ViewDataset

DISTURBED = 0.5  # share of every batch
TEMPERATURE = 0.1  # of the cosines
GALLERY = 200  # heads a view is to be found among
FACTORS_WEIGHT = 2.0  # of the squared error of the factors, against the contrastive loss
FACE_AND_HAIR = [i for name, i in IDENTITY_FACTORS.index.items() if name not in SURROUNDINGS]


def contrastive_loss(embeddings: torch.Tensor) -> torch.Tensor:
    """How far views of one head are from each other, against those of other heads.

    Args:
        embeddings: [B, K, D] of unit length, K views of each of B heads.
    """
    heads, views, _ = embeddings.shape
    flat = embeddings.flatten(0, 1)
    itself = torch.eye(len(flat), dtype=torch.bool, device=flat.device)
    likeness = (flat @ flat.t() / TEMPERATURE).masked_fill(itself, -torch.inf)
    head = torch.arange(heads, device=flat.device).repeat_interleave(views)
    same = (head[:, None] == head) & ~itself
    return -likeness.log_softmax(1)[same].mean()


@torch.no_grad()
def retrieval(model: HeadsIdentityModel, data: ViewDataset) -> float:
    """Share of the held-out heads' views whose nearest first view is their own head's."""
    images = data.views(torch.arange(GALLERY)).images
    embeddings = torch.stack([model.embed(views) for views in images.unbind(1)])
    gallery, queries = embeddings[0], embeddings[1:]
    nearest = (queries @ gallery.t()).argmax(2)
    return float((nearest == torch.arange(GALLERY, device=nearest.device)).float().mean())


def main(argv: list[str] | None = None) -> None:
    """Command-line entry."""
    parser = options(__doc__, "runs/identity", images=250_000, batch=128)
    parser.add_argument("--data", type=Path, default=Path("runs/views"), help="rendered views")
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--ship", action="store_true", help="replace the shipped weights")
    train(parser.parse_args(argv))


def train(args: argparse.Namespace) -> None:
    """Fit the network and write its averaged weights as float16."""
    device = prepare(args)
    data = ViewDataset(args.data)
    network = new_network().to(device, memory_format=torch.channels_last)
    reader = nn.Linear(EMBEDDING, len(FACE_AND_HAIR)).to(device)
    modules: dict[str, nn.Module] = {"identity": network, "reader": reader}
    parameters = [p for module in modules.values() for p in module.parameters()]
    run = TrainingRun(args, modules, [{"params": parameters}], args.learning_rate)
    average = HeadsIdentityModel(run.averages["identity"])
    for bar in run.steps():
        views = data.draw(args.batch // data.views_each, data.views_each, run.random)
        # shuffled, so that any view of a head may be a disturbed one
        order = torch.randperm(args.batch, generator=run.random)
        images = views.images.flatten(0, 1)[order].to(device)
        images, _ = augment(images, DISTURBED, run.random)
        with autocast(args):
            raw = network(images)
        embeddings = F.normalize(raw.float()[order.argsort()])
        contrast = contrastive_loss(embeddings.unflatten(0, (-1, data.views_each)))
        known = views.identity[..., FACE_AND_HAIR].flatten(0, 1).to(device)
        factors = F.mse_loss(reader(embeddings), known)
        run.descend({"contrast": contrast, "factors": FACTORS_WEIGHT * factors})
        if run.step % 250 == 0:
            share = retrieval(average, data)
            bar.set_postfix_str(f"retrieval {share:.3f}, factors {factors.item():.3f}")
    folders = [args.output] + ([Path(__file__).parent] if args.ship else [])
    for folder in folders:
        write_network(folder / WEIGHTS_NAME, run.averages["identity"].state_dict(), torch.float16)
    share = retrieval(HeadsIdentityModel.load(folder=args.output), data)
    print(f"retrieval among {GALLERY}: {share:.3f}", file=sys.stderr)


if __name__ == "__main__":
    main()
