"""Links that restore what a tab shows: its state ↔ a query string. Pure functions.

A link holds numbers and names of what the server offers, and nothing of a photo. What of a link
cannot be used falls back to its default and is named in a note by the parameter's own name: text
that came with a link is never shown.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlencode

from demo.server.models import Described
from stylemask.inspect.mask_edit import SCALE_RANGE, THRESHOLD_RANGE, Part
from stylemask_core import StyleMaskError
from stylemask_core.config import MAX_SEED, STRENGTH_RANGE, TRUNCATION_RANGE
from stylemask_core.style_space import ALL_LAYERS, StyleSpace

LONGEST = 2000  # characters of a query string that is read at all
MOST_PARAMETERS = 50
MIX, INSPECT = "mix", "inspect"  # values of the parameter "tab"
NO_LAYER = "none"
WHOLE = re.compile(r"[0-9]{1,10}")
# what `encode` writes: six digits, after zeros or before an exponent where it is small
REAL = re.compile(r"[0-9]{1,2}(\.[0-9]{1,9})?(e-[0-9]{1,3})?")
Value = TypeVar("Value")


@dataclass(frozen=True)
class Restored:
    """What a link asks for, every value usable."""

    tab: str
    model: str  # label of one that is offered
    seeds: tuple[int, int]  # source, target
    truncation: float
    strength: float = 1.0
    layers: list[str] = field(default_factory=lambda: [ALL_LAYERS])  # of Mix
    factors: dict[str, float] = field(default_factory=dict)  # of groups, 0 where one is off
    threshold: float = 0.0
    other: tuple[int, int] | None = None  # seeds of pair B
    part: str | None = None  # that is picked
    ignored: list[str] = field(default_factory=list)  # parameters that could not be used


def encode(state: Restored) -> str:
    """The query string of a state, without the question mark; defaults are left out."""
    values: dict[str, Any] = {
        "tab": state.tab,
        "model": state.model,
        "source": state.seeds[0],
        "target": state.seeds[1],
        "truncation": state.truncation,
        "strength": state.strength,
    }
    if state.tab == MIX and state.layers != [ALL_LAYERS]:
        values["layers"] = ",".join(state.layers) or NO_LAYER
    if state.tab == INSPECT:
        values |= {group: factor for group, factor in state.factors.items() if factor != 1}
        edits = {"threshold": state.threshold, "part": state.part}
        values |= {name: value for name, value in edits.items() if value}
        if state.other is not None:
            values["other"] = ",".join(map(str, state.other))
    rounded = {k: f"{x:.6g}" if isinstance(x, float) else x for k, x in values.items()}
    return urlencode(rounded, safe=",/")


def decode(
    query: str,
    labels: list[str],
    describe: Callable[[str], Described],
    first_pair: tuple[int, int],
) -> Restored | None:
    """What a link asks for; None where the query string is no link of this page.

    Args:
        query: as the browser has it, with or without the question mark.
        labels: models that are offered, the default first.
        describe: gives the model of a label; its errors count as a model that cannot be used.
        first_pair: seeds in place of those that cannot be used.
    """
    query = query.removeprefix("?")
    if len(query) > LONGEST or query.count("&") > MOST_PARAMETERS:
        if "tab=" not in query:
            return None
        psi = describe(labels[0]).config.default_truncation
        return Restored(MIX, labels[0], first_pair, psi, ignored=["link"])
    parameters = {name: values[0] for name, values in parse_qs(query).items()}
    tab, ignored = parameters.get("tab"), list[str]()
    if tab not in (MIX, INSPECT):
        return None

    def take(name: str, read: Callable[[str], Value | None], default: Value) -> Value:
        value = read(parameters[name]) if name in parameters else default
        if value is None and name in parameters:
            ignored.append(name)
        return default if value is None else value

    label = take("model", lambda text: text if text in labels else None, labels[0])
    try:
        model = describe(label)
    except StyleMaskError:
        ignored.append("model")
        label = labels[0]
        model = describe(label)
    psi, groups = model.config.default_truncation, model.space.groups()
    state: dict[str, Any] = {
        "seeds": (take("source", _seed, first_pair[0]), take("target", _seed, first_pair[1])),
        "truncation": take("truncation", _real(TRUNCATION_RANGE), psi),
        "strength": take("strength", _real(STRENGTH_RANGE), 1.0),
    }
    if tab == MIX:
        state["layers"] = take("layers", _layers({ALL_LAYERS, *groups}), [ALL_LAYERS])
    else:
        state["factors"] = {name: take(name, _real(SCALE_RANGE), 1.0) for name in groups}
        state["threshold"] = take("threshold", _real(THRESHOLD_RANGE), 0.0)
        state["other"] = take("other", _seeds, None)
        state["part"] = take("part", _part(model.space), None)
    return Restored(tab, label, **state, ignored=ignored)


def _seed(text: str) -> int | None:
    return int(text) if WHOLE.fullmatch(text) and int(text) <= MAX_SEED else None


def _seeds(text: str) -> Any:
    seeds = tuple(_seed(part) for part in text.split(","))
    return seeds if len(seeds) == 2 and None not in seeds else None


def _real(limits: tuple[float, float]) -> Callable[[str], float | None]:
    def read(text: str) -> float | None:
        value = float(text) if REAL.fullmatch(text) else None
        return value if value is not None and limits[0] <= value <= limits[1] else None

    return read


def _layers(known: set[str]) -> Callable[[str], list[str] | None]:
    def read(text: str) -> list[str] | None:
        names = [] if text == NO_LAYER else text.split(",")
        return names if set(names) <= known else None

    return read


def _part(space: StyleSpace) -> Callable[[str], str | None]:
    def read(text: str) -> str | None:
        try:
            return str(Part.parse(text, space))
        except StyleMaskError:
            return None

    return read
