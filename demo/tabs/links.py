"""Links that restore what a tab shows: its state ↔ a query string. Pure functions.

A link holds numbers and names of what the server offers, and nothing of a photo. What of a link
cannot be used falls back to its default and is named in a note by the parameter's own name: text
that came with a link is never shown.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlencode

from demo.server.models import Described
from stylemask.inspect.mask_edit import SCALE_RANGE, THRESHOLD_RANGE, Part
from stylemask_core import StyleMaskError
from stylemask_core.config import MAX_SEED, STRENGTH_RANGE, TRUNCATION_RANGE
from stylemask_core.style_space import ALL_LAYERS, GROUP_RESOLUTIONS

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
    """What a link asks for, every value usable.

    Args:
        tab: MIX or INSPECT.
        model: label of a model that is offered.
        seeds: source, target.
        truncation: psi of both.
        strength: of the masks.
        layers: groups that take part, or ["all"].
        factors: of the groups' masks, 0 for one that is off.
        threshold: of the masks.
        other: seeds of pair B, None for none.
        part: that is picked, None for none.
        ignored: names of the parameters that could not be used.
    """

    tab: str
    model: str
    seeds: tuple[int, int]
    truncation: float
    strength: float = 1.0
    layers: list[str] = field(default_factory=lambda: [ALL_LAYERS])
    factors: dict[str, float] = field(default_factory=dict)
    threshold: float = 0.0
    other: tuple[int, int] | None = None
    part: str | None = None
    ignored: list[str] = field(default_factory=list)


def encode(state: Restored) -> str:
    """The query string of a state, without the question mark; defaults are left out."""
    values: dict[str, Any] = {
        "tab": state.tab,
        "model": state.model,
        "source": state.seeds[0],
        "target": state.seeds[1],
        "truncation": f"{state.truncation:.6g}",
        "strength": f"{state.strength:.6g}",
    }
    if state.tab == MIX and state.layers != [ALL_LAYERS]:
        values["layers"] = ",".join(state.layers) or NO_LAYER
    if state.tab == INSPECT:
        changed = {group: factor for group, factor in state.factors.items() if factor != 1}
        values |= {group: f"{factor:.6g}" for group, factor in changed.items()}
        if state.threshold:
            values["threshold"] = f"{state.threshold:.6g}"
        if state.other is not None:
            values["other"] = ",".join(map(str, state.other))
        if state.part is not None:
            values["part"] = state.part
    return urlencode(values, safe=",/")


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
        first_pair: seeds where the link has none that can be used.
    """
    query = query.removeprefix("?")
    if len(query) > LONGEST or query.count("&") > MOST_PARAMETERS:
        return _fallback(labels[0], describe, first_pair) if "tab=" in query else None
    sent = {name: values[0] for name, values in parse_qs(query).items()}
    tab = sent.get("tab")
    if tab not in (MIX, INSPECT):
        return None
    reader = _Reader(sent)
    label = reader.take("model", lambda text: text if text in labels else None, labels[0])
    try:
        model = describe(label)
    except StyleMaskError:
        reader.ignored.append("model")
        label = labels[0]
        model = describe(label)
    space = model.space

    def layers_of(text: str) -> list[str] | None:
        names = [] if text == NO_LAYER else text.split(",")
        return names if set(names) <= {ALL_LAYERS, *space.groups()} else None

    def part_of(text: str) -> str | None:
        try:
            return str(Part.parse(text, space))
        except StyleMaskError:
            return None

    groups = {name: space.groups().get(name) for name in GROUP_RESOLUTIONS}
    state: dict[str, Any] = {
        "seeds": (
            reader.take("source", _seed, first_pair[0]),
            reader.take("target", _seed, first_pair[1]),
        ),
        "truncation": reader.take(
            "truncation", _real(TRUNCATION_RANGE), model.config.default_truncation
        ),
        "strength": reader.take("strength", _real(STRENGTH_RANGE), 1.0),
    }
    if tab == MIX:
        state["layers"] = reader.take("layers", layers_of, [ALL_LAYERS])
    else:
        state["factors"] = {
            name: reader.take(name, _real(SCALE_RANGE), 1.0) for name in groups if groups[name]
        }
        state["threshold"] = reader.take("threshold", _real(THRESHOLD_RANGE), 0.0)
        state["other"] = reader.take("other", _seeds, None)
        state["part"] = reader.take("part", part_of, None)
    return Restored(tab, label, **state, ignored=reader.ignored)


def _fallback(
    label: str, describe: Callable[[str], Described], first_pair: tuple[int, int]
) -> Restored:
    """What is left of a link that is too long to be one of this page's."""
    psi = describe(label).config.default_truncation
    return Restored(MIX, label, first_pair, psi, ignored=["link"])


class _Reader:
    """Takes parameters of a link one by one, and keeps the names of those it cannot use."""

    def __init__(self, sent: Mapping[str, str]) -> None:
        self._sent, self.ignored = sent, list[str]()

    def take(self, name: str, read: Callable[[str], Value | None], default: Value) -> Value:
        if name not in self._sent:
            return default
        value = read(self._sent[name])
        if value is None:
            self.ignored.append(name)
            return default
        return value


def _seed(text: str) -> int | None:
    usable = WHOLE.fullmatch(text) and int(text) <= MAX_SEED
    return int(text) if usable else None


def _seeds(text: str) -> tuple[int, int] | None:
    seeds = [_seed(part) for part in text.split(",")]
    if len(seeds) != 2 or seeds[0] is None or seeds[1] is None:
        return None
    return seeds[0], seeds[1]


def _real(limits: tuple[float, float]) -> Callable[[str], float | None]:
    def read(text: str) -> float | None:
        value = float(text) if REAL.fullmatch(text) else None
        return value if value is not None and limits[0] <= value <= limits[1] else None

    return read
