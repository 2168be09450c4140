"""The chart of the masks on the page: a bar a layer, its channels in ten parts, to be clicked.

It is drawn in the browser (mask_chart.js); what a visitor sends of it is the part he picked.
"""

import json
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import torch

from demo.texts import in_all_languages
from stylemask.inspect.inspection import PartEffect, agreement
from stylemask.inspect.mask_edit import Part, tenths
from stylemask_core import InvalidInputError
from stylemask_core.style_space import Styles, StyleSpace

FOLDER = Path(__file__).parents[1] / "assets"
WORDS = json.dumps(in_all_languages("inspect"))
SCRIPT = (FOLDER / "mask_chart.js").read_text(encoding="utf-8").replace("= TEXTS", f"= {WORDS}")
STYLE = (FOLDER / "mask_chart.css").read_text(encoding="utf-8")


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
        other: those of a second pair, None for none.
        part: what is picked.
        effect: of what is picked.
        peak: its largest change, as a share of a picture's range.
    """
    names = [layer.name for layer in space.masked_layers]
    rows = dict(zip(names, map(_row, names, network, edited, other or network), strict=True))
    if other is None:
        rows = {name: {**row, "other": None, "correlation": None} for name, row in rows.items()}
    resolutions = {layer.name: layer.resolution for layer in space.masked_layers}
    groups = []
    for group, members in space.groups().items():
        sizes = [resolutions[members[0]], resolutions[members[-1]]]
        span = "–".join(map(str, dict.fromkeys(sizes)))
        layers = [rows[name] for name in members]
        groups.append({"name": group, "span": f"{span} px", "layers": layers})
    compared = None
    if other is not None:
        compared = agreement(_numbers(network), _numbers(other))._asdict()
    told = None
    if effect is not None:
        told = {"channels": effect.channels, "mask": effect.mean_mask, "peak": peak}
    return {
        "groups": groups,
        "compared": compared,
        "picked": None if part is None else str(part),
        "told": told,
    }


def _row(
    name: str, network: torch.Tensor, edited: torch.Tensor, other: torch.Tensor
) -> dict[str, Any]:
    return {
        "name": name,
        "network": float(network.mean()),
        "edited": float(edited.mean()),
        "tenths": [
            float(edited[0, part].mean()) if len(part) else 0 for part in tenths(network[0])
        ],
        "other": float(other.mean()),
        "correlation": agreement(_numbers([network]), _numbers([other])).correlation,
    }


def _numbers(masks: Styles) -> np.ndarray:
    numbers: np.ndarray = torch.cat(masks, 1)[0].cpu().numpy()
    return numbers
