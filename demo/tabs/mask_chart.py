"""The chart of the masks on the page: a bar a layer, its channels in ten parts, to be clicked.

It is drawn in the browser (mask_chart.js); what a visitor sends of it is the part he picked.
"""

from collections.abc import Sequence
from typing import Any

import gradio as gr
import numpy as np
import torch

from demo.texts import asset
from stylemask.inspect.inspection import PartEffect, agreement
from stylemask.inspect.mask_edit import Part, tenths
from stylemask_core import InvalidInputError
from stylemask_core.style_space import Styles, StyleSpace

SCRIPT = asset("mask_chart.js", "inspect")
STYLE = asset("mask_chart.css")


def mask_chart(name: str) -> gr.HTML:
    """An empty chart."""
    return gr.HTML(
        html_template="",
        css_template=STYLE,
        js_on_load=SCRIPT,
        apply_default_css=False,
        padding=False,
        elem_id=name,
    )


def picked(value: Any, space: StyleSpace) -> Part | None:
    """The part that is picked in a chart, as the browser sent it; None for none.

    A part that this model does not have counts as none: the chart was that of another model.
    """
    part = value.get("picked") if isinstance(value, dict) else None
    try:
        return Part.parse(part, space) if isinstance(part, str) else None
    except InvalidInputError:
        return None


def empty_chart(part: str | None) -> dict[str, Any]:
    """A chart that shows nothing yet, in which a part is picked."""
    return {"groups": [], "compared": None, "picked": part, "told": None}


def chart_of(
    space: StyleSpace,
    network: Styles,
    edited: Styles,
    other: Styles | None,
    part: Part | None,
    effect: PartEffect | None,
    peak: float,
) -> dict[str, Any]:
    """The chart's value.

    Args:
        space: of the model.
        network: masks as the networks gave them, [1, dim] a layer.
        edited: masks as they are mixed.
        other: those of a second pair.
        part: what is picked.
        effect: of what is picked.
        peak: its largest change, as a share of a picture's range.
    """
    layers = space.masked_layers
    others: Sequence[torch.Tensor | None] = other or [None] * len(layers)
    names = [layer.name for layer in layers]
    rows = dict(zip(names, map(_row, names, network, edited, others), strict=True))
    resolutions = {layer.name: layer.resolution for layer in layers}
    groups = []
    for group, members in space.groups().items():
        sizes = dict.fromkeys((resolutions[members[0]], resolutions[members[-1]]))
        span = f"{'–'.join(map(str, sizes))} px"
        groups.append({"name": group, "span": span, "layers": [rows[name] for name in members]})
    compared = agreement(_numbers(network), _numbers(other))._asdict() if other else None
    seen = effect and {"channels": effect.channels, "mask": effect.mean_mask, "peak": peak}
    shown = {"groups": groups, "compared": compared, "told": seen}
    return {**empty_chart(None if part is None else str(part)), **shown}


def _row(
    name: str, network: torch.Tensor, edited: torch.Tensor, other: torch.Tensor | None
) -> dict[str, Any]:
    row = {
        "name": name,
        "network": float(network.mean()),
        "edited": float(edited.mean()),
        "tenths": [
            float(edited[0, part].mean()) if len(part) else 0 for part in tenths(network[0])
        ],
    }
    if other is None:
        return {**row, "other": None, "correlation": None}
    correlation = agreement(_numbers([network]), _numbers([other])).correlation
    return {**row, "other": float(other.mean()), "correlation": correlation}


def _numbers(masks: Styles) -> np.ndarray:
    numbers: np.ndarray = torch.cat(masks, 1)[0].cpu().numpy()
    return numbers
