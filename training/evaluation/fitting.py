"""What the baselines have to be fitted by: on pairs of their own, before any is measured."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from stylemask_core.networks.mask_network import MaskNetwork
from stylemask_core.style_space import Styles, mix_styles
from training.evaluation.judge import Judge
from training.evaluation.matched import ERRORS, IDENTITY, error_at_identity
from training.evaluation.measurement import measure
from training.evaluation.methods import STYLEMASK, Method, coarse_swap, constant_mask
from training.evaluation.pairs import BATCH, PairBatch, RandomPairs
from training.losses import landmark_weights, picture_loss
from training.worlds import TRAINING_SEEDS, World

CUT_PAIRS = 32
CUT_SEED = TRAINING_SEEDS + 101  # no seed of the pipeline reaches up here
CUT_STRENGTHS = (0.5, 1.0, 1.5)
MASK_PAIRS = 1600
MASK_SEED = TRAINING_SEEDS + 102
MASK_RESOLUTION = 64  # [px] of the pictures compared
MASK_LEARNING_RATE = 0.05  # of the logits


@dataclass(frozen=True)
class Fitted:
    """A baseline, and what finding it took."""

    method: Method
    cost: dict[str, Any]


def best_swap(pairs: RandomPairs, judge: Judge, stylemask: Method) -> Fitted:
    """The cut whose swap has the smallest errors where it keeps the identity StyleMask keeps.

    Args:
        pairs: the model and the world are taken from them, not the pairs.
        judge: its models are used.
        stylemask: gives the identity to keep.
    """
    begun = time.monotonic()
    own = RandomPairs(pairs.pipeline, CUT_PAIRS, CUT_SEED, pairs.world)
    cuts = range(1, pairs.pipeline.config.num_latents)
    methods = {str(cut): coarse_swap(cut) for cut in cuts} | {STYLEMASK: stylemask}
    own_judge = Judge(judge.face, judge.identity, own)
    measured = measure(own, own_judge, methods, CUT_STRENGTHS, quiet=True)
    level = measured.methods[STYLEMASK][1.0]["csim"].mean()

    def badness(cut: int) -> float:
        """Sum of its errors, each as a share of the unchanged source's."""
        figures = {name: x[:, 0] for name, x in measured.curve(str(cut)).figures.items()}
        return sum(
            error_at_identity(figures[IDENTITY], figures[name], level) / max(figures[name][0], 1e-9)
            for name in ERRORS
        )

    cut = min(cuts, key=badness)
    seconds = round(time.monotonic() - begun, 1)
    return Fitted(coarse_swap(cut), {"cut": cut, "pairs": CUT_PAIRS, "seconds": seconds})


def best_constant_mask(pairs: RandomPairs, network: MaskNetwork) -> Fitted:
    """One mask for all pairs, fitted to exact answers by gradient descent.

    It begins as the mean of a network's masks and descends on the loss of exact supervision.

    Args:
        pairs: the model and the world are taken from them, not the pairs.
        network: masks to begin from.
    """
    begun = time.monotonic()
    own = RandomPairs(pairs.pipeline, MASK_PAIRS, MASK_SEED, pairs.world)
    with torch.no_grad():
        logits = torch.logit(torch.cat(_mean_masks(own, network)), eps=1e-4)
    sizes = [layer.dim for layer in own.generator.space.masked_layers[: len(network.layers)]]
    logits.requires_grad_(True)
    optimizer = torch.optim.Adam([logits], MASK_LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, MASK_PAIRS // BATCH))
    for batch in own:
        loss = _loss(batch, torch.sigmoid(logits).split(sizes), own.world)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    masks = [mask.detach() for mask in torch.sigmoid(logits).split(sizes)]
    cost = {
        "parameters": logits.numel(),
        "pairs": MASK_PAIRS,
        "seconds": round(time.monotonic() - begun, 1),
    }
    return Fitted(constant_mask(masks, "one mask for all pairs, fitted to exact answers"), cost)


def _mean_masks(pairs: RandomPairs, network: MaskNetwork) -> Styles:
    """The mean over the first pairs of what a network gives: [dim] a layer."""
    batch = next(iter(pairs))
    return [mask.mean(0) for mask in network(batch.source.styles, batch.target.styles)]


def _loss(batch: PairBatch, masks: Sequence[torch.Tensor], world: World) -> torch.Tensor:
    """How far a batch mixed with masks [dim] a layer is from its exact answers."""
    assert batch.exact is not None  # of a world of known answers
    generator, source, exact = batch.source.generator, batch.source, batch.exact
    resolution = min(MASK_RESOLUTION, generator.config.resolution)
    with torch.no_grad():
        answer = generator(exact.w_plus, resolution)
        weights = landmark_weights(world.keypoints(exact.z), resolution)
    mixed = mix_styles(source.styles, batch.target.styles, list(masks))
    reached = generator.synthesize(mixed, source.rgb_styles, resolution)
    return picture_loss(reached, answer, weights)
