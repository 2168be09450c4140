"""The figures as Markdown: the whole page of results, and the short table of a model card."""

from collections.abc import Iterable
from typing import Any

from training.evaluation.figures import FIGURES, MODEL_FIGURES, Figure
from training.evaluation.matched import ERRORS
from training.evaluation.methods import EXACT, STYLEMASK

PAIRS_SHEET, METHODS_SHEET = "heads_pairs.png", "methods.png"
ANSWER = "†"  # marks what was fitted to exact answers
COMPARED = (  # figures of the table of methods
    "l1_ratio",
    "pose_error_deg",
    "expression_error",
    "expression_error_ratio",
    "csim",
    "identity_retrieval",
    "shape_error",
)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(head)
    lines = [names, ["---"] * len(names), *(list(row) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _digits(name: str) -> int:
    return 2 if name.endswith(("_deg", "_db")) else 3


def _cell(figures: dict[str, Any], name: str) -> str:
    """A figure and its interval."""
    if name not in figures:
        return "–"
    low, high = figures["intervals"][name]
    digits = _digits(name)
    return f"{figures[name]:.{digits}f} ({low:.{digits}f}…{high:.{digits}f})"


def setting(figures: dict[str, Any]) -> str:
    """One sentence on what was measured."""
    what = f"{figures['pairs']} pairs, seed {figures['seed']}, truncation {figures['truncation']:g}"
    if "photos" in figures:
        what = f"{figures['pairs']} pairs of {figures['photos']} photos, seed {figures['seed']}"
    if "world" in figures:
        what += f", {figures['world']} world"
    models = f"face model {figures['face_model']}, identity model {figures['identity_model']}"
    return f"Model {figures['model']}: {what}; {models}. In brackets 95 % bootstrap intervals."


def card_table(figures: dict[str, Any]) -> str:
    """The model's own figures, one a row."""
    known: dict[str, Figure] = {**FIGURES, **MODEL_FIGURES}
    rows = [
        (f"`{name}`", _cell(figures, name) + figure.unit, figure.meaning)
        for name, figure in known.items()
        if name in figures
    ]
    return f"{setting(figures)}\n\n{_table(('figure', 'value', 'meaning'), rows)}"


def page(figures: dict[str, Any]) -> str:
    """The page of results."""
    parts = [
        "# Results",
        "[How to read this page](reading_results.md). The first table is the model's own; the next "
        "ones hold it to what one could do without it.",
        card_table(figures),
    ]
    if figures["baselines"]:
        parts += ["## Methods and baselines", _methods(figures)]
    if "matched_identity" in figures:
        parts += ["## At matched identity", _matched(figures)]
        parts += ["## Strength", _sweep(figures)]
    parts += ["## Expression, coefficient by coefficient", _coefficients(figures)]
    parts += [
        "## Pictures",
        "source | target | reenacted | exact, two pairs a row:",
        f"![Pairs]({PAIRS_SHEET})",
    ]
    if figures["baselines"]:
        parts += ["The methods side by side, at strength 1:", f"![Methods]({METHODS_SHEET})"]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def _methods(figures: dict[str, Any]) -> str:
    own = {
        "meaning": "StyleMask, the model's masks",
        "given_the_answer": EXACT in figures["baselines"],
    }
    methods = {STYLEMASK: figures | own} | figures["baselines"]
    shown = [name for name in COMPARED if name in figures]
    rows = [
        (
            f"`{name}`{ANSWER if values['given_the_answer'] else ''}",
            values["meaning"],
            *(_cell(values, figure) for figure in shown),
        )
        for name, values in methods.items()
    ]
    costs = figures["costs"]
    notes = [f"{ANSWER} fitted to exact answers, which only synthetic heads have."]
    if "w_plus_swap" in costs:
        swap = costs["w_plus_swap"]
        notes.append(f"The cut was chosen on {swap['pairs']} other pairs ({swap['seconds']:g} s).")
    if "constant_mask" in costs:
        mask = costs["constant_mask"]
        notes.append(
            f"The constant mask has {mask['parameters']} parameters and saw {mask['pairs']} other "
            f"pairs ({mask['seconds']:g} s)."
        )
    notes.append(f"The whole evaluation took {costs['seconds'] / 60:.0f} minutes.")
    return _table(("method", "what", *(f"`{x}`" for x in shown)), rows) + "\n" + " ".join(notes)


def _matched(figures: dict[str, Any]) -> str:
    matched = figures["matched_identity"]
    head = ["method"]
    for name in ERRORS:
        head += [f"`{name}`", "minus StyleMask's", "StyleMask ahead"]
    own = [f"`{STYLEMASK}`"]
    for name in ERRORS:
        own += [_number(matched[name], _digits(name)), "", ""]
    rows = [own]
    for method, values in matched["methods"].items():
        row = [f"`{method}`{ANSWER if values['given_the_answer'] else ''}"]
        for name in ERRORS:
            digits, difference = _digits(name), values["difference"][name]
            between = "–"
            if difference is not None:
                between = "…".join(_number(value, digits) for value in difference)
            ahead = "yes" if values["ahead"][name] else "no"
            row += [_number(values[name], digits), between, ahead]
        rows.append(row)
    text = (
        f"Each method's smallest error where it keeps the `{matched['identity']}` that StyleMask "
        f"keeps at strength 1 ({matched['level']:.3f}); – where it keeps less at any strength."
    )
    return f"{text}\n\n{_table(head, rows)}"


def _sweep(figures: dict[str, Any]) -> str:
    strengths = figures["strengths"]
    rows = [
        (f"`{method}`", f"`{name}`", *(_number(value, _digits(name)) for value in values))
        for method, swept in figures["sweep"].items()
        for name, values in swept.items()
    ]
    return _table(("method", "figure", *(f"{s:g}" for s in strengths)), rows)


def _coefficients(figures: dict[str, Any]) -> str:
    errors, shares = figures["expression_errors"], figures["expression_error_ratios"]
    rows = [(f"`{name}`", _number(errors[name]), _number(shares[name])) for name in errors]
    return _table(("coefficient", "error, share of its range", "share of the source's"), rows)
