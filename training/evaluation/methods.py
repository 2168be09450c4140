"""The methods that are compared: StyleMask, its variants, and what one could do without it."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from stylemask_core.networks.mask_network import MaskNetwork
from stylemask_core.style_space import Styles, mix_styles
from training.evaluation.pairs import PairBatch

STYLEMASK, SOURCE, TARGET, EXACT = "stylemask", "source", "target", "exact"
SWAP, CONSTANT, FEWER = "w_plus_swap", "constant_mask", "fewer_layers"
STRENGTHS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5)  # swept; at 0 every method is the source unchanged

Draw = Callable[[PairBatch, float], torch.Tensor]


@dataclass(frozen=True)
class Method:
    """A way to reenact.

    Args:
        draw: pictures [B, 3, R, R] of a batch at a strength.
        meaning: for people.
        answer: whether it was fitted to exact answers, which only synthetic heads have.
        swept: whether a strength means anything to it.
        variant: whether it is StyleMask itself, trained or used otherwise.
    """

    draw: Draw
    meaning: str
    answer: bool = False
    swept: bool = True
    variant: bool = False


def unchanged() -> dict[str, Method]:
    """The two pictures a pair already has."""
    return {
        SOURCE: Method(lambda batch, _: batch.source.picture, "source unchanged", swept=False),
        TARGET: Method(lambda batch, _: batch.target.picture, "target unchanged", swept=False),
    }


def exact_answer() -> Method:
    """The generator's own picture of the answer: how well the figures themselves can be met."""

    def draw(batch: PairBatch, _: float) -> torch.Tensor:
        assert batch.exact is not None  # of synthetic heads
        return batch.exact.picture

    return Method(draw, "the exact answer", answer=True, swept=False)


def masked(network: MaskNetwork, meaning: str, answer: bool, layers: int | None = None) -> Method:
    """StyleMask with some masks.

    Args:
        network: gives the masks.
        meaning: for people.
        answer: whether it was trained on exact answers.
        layers: how many of the masked layers take part, from the first; None for all.
    """
    selected = None
    if layers is not None:
        selected = [index < layers for index in range(len(network.layers))]

    def draw(batch: PairBatch, strength: float) -> torch.Tensor:
        source, target = batch.source.styles, batch.target.styles
        mixed = mix_styles(source, target, network(source, target), strength, selected)
        return batch.source.generator.synthesize(mixed, batch.source.rgb_styles)

    return Method(draw, meaning, answer, variant=True)


def constant_mask(masks: Styles, meaning: str) -> Method:
    """The same mask [dim] a layer for every pair."""

    def draw(batch: PairBatch, strength: float) -> torch.Tensor:
        mixed = mix_styles(batch.source.styles, batch.target.styles, masks, strength)
        return batch.source.generator.synthesize(mixed, batch.source.rgb_styles)

    return Method(draw, meaning, answer=True)


def coarse_swap(cut: int) -> Method:
    """The first w vectors of W+ are moved to the target's, the others stay (style mixing).

    Source: StyleGAN (Karras et al. 2019), section 3.1.
    """

    def draw(batch: PairBatch, strength: float) -> torch.Tensor:
        source, target = batch.source.w_plus, batch.target.w_plus
        coarse = torch.lerp(source[:, :cut], target[:, :cut], strength)
        return batch.source.generator(torch.cat([coarse, source[:, cut:]], 1))

    return Method(draw, f"W+ coarse layers swapped, the first {cut} of them")
