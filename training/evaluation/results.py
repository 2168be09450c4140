"""One evaluation: which methods take part, and the object of figures it ends in."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from stylemask_core.errors import InvalidInputError
from stylemask_core.networks.mask_network import MaskNetwork
from training.evaluation import methods
from training.evaluation.bootstrap import resample_weights
from training.evaluation.figures import MODEL_FIGURES, details, summary
from training.evaluation.fitting import Fitted, best_constant_mask, best_swap
from training.evaluation.judge import Judge
from training.evaluation.mask_files import FEWER_TRAINED, PAPER
from training.evaluation.matched import Curve, compare
from training.evaluation.measurement import Renders, measure
from training.evaluation.methods import STYLEMASK, Method
from training.evaluation.pairs import Pairs, RandomPairs

MEANINGS = {
    PAPER: "StyleMask, masks trained with the paper's losses",
    FEWER_TRAINED: "StyleMask, masks of the first layers only, trained without the others",
}


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Args:
        figures: for programs.
        methods: that were compared, StyleMask first.
    """

    figures: dict[str, Any]
    methods: dict[str, Method]


def evaluate(
    pairs: Pairs,
    judge: Judge,
    baselines: bool = True,
    masks: dict[str, MaskNetwork] | None = None,
    renders: Renders | None = None,
    quiet: bool = False,
    chosen: Collection[str] | None = None,
) -> Evaluation:
    """Measure a model's reenactments, and the baselines'.

    Args:
        pairs: what to run.
        judge: reads the pictures.
        baselines: whether the baselines are measured too.
        masks: other masks for the same generator, by name.
        renders: see `measure`.
        quiet: show no progress.
        chosen: names of the baselines to measure; None for all.

    Raises:
        InvalidInputError: a name is not one of a method.
    """
    begun = time.monotonic()
    network = pairs.pipeline.mask_network
    compared = {STYLEMASK: methods.masked(network, "StyleMask, the model's masks", pairs.exact)}
    costs: dict[str, Any] = {}
    if baselines:
        others, costs = _baselines(pairs, judge, compared[STYLEMASK], masks or {}, chosen)
        compared |= others
    compares = len(compared) > 1
    strengths = methods.STRENGTHS if compares else (1.0,)
    measured = measure(pairs, judge, compared, strengths, renders, quiet)
    weights = resample_weights(len(pairs))
    at_one = {name: swept[1.0] for name, swept in measured.methods.items()}
    figures = summary(at_one[STYLEMASK], measured.source, weights)
    if measured.model:
        model = summary(measured.model, measured.source, weights, MODEL_FIGURES)
        figures["intervals"] |= model.pop("intervals")
        figures |= model
    figures |= details(at_one[STYLEMASK], measured.source)
    figures["baselines"] = {
        name: summary(at_one[name], measured.source, weights)
        | {"meaning": method.meaning, "given_the_answer": method.answer}
        for name, method in compared.items()
        if name != STYLEMASK
    }
    if compares:
        figures["strengths"] = [0.0, *strengths]
        curves = {name: measured.curve(name, weights) for name in compared}
        figures["sweep"] = _sweep(curves)
        figures["matched_identity"] = _matched(curves, compared)
    figures["costs"] = costs | {"seconds": round(time.monotonic() - begun, 1)}
    return Evaluation(figures, compared)


def _baselines(
    pairs: Pairs,
    judge: Judge,
    stylemask: Method,
    masks: dict[str, MaskNetwork],
    chosen: Collection[str] | None,
) -> tuple[dict[str, Method], dict[str, Any]]:
    """The baselines, and what fitting them took; those not chosen are not fitted either."""
    network = pairs.pipeline.mask_network
    random = pairs if isinstance(pairs, RandomPairs) else RandomPairs(pairs.pipeline, 1, 0)
    fewer = (len(network.layers) + 1) // 2
    costs: dict[str, Any] = {}

    def fitted(name: str, fit: Callable[[], Fitted]) -> Callable[[], Method]:
        def method() -> Method:
            found = fit()
            costs[name] = found.cost
            return found.method

        return method

    def masked(name: str, other: MaskNetwork) -> Callable[[], Method]:
        meaning = MEANINGS.get(name, f"StyleMask, masks of {name}")
        return lambda: methods.masked(other, meaning, pairs.exact and name != PAPER)

    makers: dict[str, Callable[[], Method]] = {
        name: lambda method=method: method for name, method in methods.unchanged().items()
    }
    makers[methods.SWAP] = fitted(methods.SWAP, lambda: best_swap(random, judge, stylemask))
    if pairs.exact:
        makers[methods.CONSTANT] = fitted(
            methods.CONSTANT, lambda: best_constant_mask(random, network)
        )
    meaning = f"StyleMask, only the first {fewer} masked layers"
    makers[methods.FEWER] = lambda: methods.masked(network, meaning, pairs.exact, layers=fewer)
    makers |= {name: masked(name, other) for name, other in masks.items()}
    if pairs.exact:
        makers[methods.EXACT] = methods.exact_answer
    if unknown := sorted(set(chosen or ()) - {STYLEMASK, *makers}):
        raise InvalidInputError(
            f"there is no method {unknown[0]!r}: choose among {', '.join([STYLEMASK, *makers])}"
        )
    return {
        name: make() for name, make in makers.items() if chosen is None or name in chosen
    }, costs


def _sweep(curves: dict[str, Curve]) -> dict[str, dict[str, list[float]]]:
    return {
        name: {figure: x[:, 0].tolist() for figure, x in curve.figures.items()}
        for name, curve in curves.items()
        if len(curve.strengths) > 1
    }


def _matched(curves: dict[str, Curve], compared: dict[str, Method]) -> dict[str, Any]:
    """StyleMask against every other method where they keep the same identity."""
    left_out = (STYLEMASK, methods.EXACT)  # the exact answer is no competitor
    others = {name: curve for name, curve in curves.items() if name not in left_out}
    result = compare(curves[STYLEMASK], others)
    for name, row in result["methods"].items():
        row["given_the_answer"] = compared[name].answer
        row["variant"] = compared[name].variant
    result["ahead_of_all_not_given_the_answer"] = all(
        all(row["ahead"].values())
        for row in result["methods"].values()
        if not row["given_the_answer"] and not row["variant"]
    )
    return result
