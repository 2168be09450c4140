"""Contact sheets: pairs, and the methods side by side."""

import math

import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont

from stylemask_core.pictures.images import to_image
from training.evaluation.methods import STYLEMASK, Method
from training.evaluation.pairs import PairBatch

CELL = 256  # [px] largest side of a picture in a sheet
GAP = 8  # [px] between two pairs of a row
HEAD = 22  # [px] above the columns, for their names


@torch.inference_mode()
def pairs_sheet(batch: PairBatch, methods: dict[str, Method]) -> Image.Image:
    """Two pairs a row: source | target | reenacted, and the exact answer where it is known."""
    rows = _rows(batch, {STYLEMASK: methods[STYLEMASK]})[1]
    half = math.ceil(len(rows) / 2)
    width, height = rows[0].size
    sheet = Image.new("RGB", (2 * width + GAP, half * height), "white")
    for index, row in enumerate(rows):
        sheet.paste(row, (index // half * (width + GAP), index % half * height))
    return sheet


@torch.inference_mode()
def methods_sheet(batch: PairBatch, methods: dict[str, Method], pairs: int = 8) -> Image.Image:
    """A pair a row, a method a column, their names above."""
    names, rows = _rows(batch, {n: m for n, m in methods.items() if n not in ("source", "target")})
    rows = rows[:pairs]
    width, height = rows[0].size
    sheet = Image.new("RGB", (width, HEAD + len(rows) * height), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for index, name in enumerate(names):
        middle = (index + 0.5) * width / len(names)
        draw.text((middle, HEAD / 2), name, "black", font, anchor="mm")
    for index, row in enumerate(rows):
        sheet.paste(row, (0, HEAD + index * height))
    return sheet


def _rows(batch: PairBatch, methods: dict[str, Method]) -> tuple[list[str], list[Image.Image]]:
    """The columns' names, and a picture of all columns for each pair."""
    columns = {"source": batch.source.seen, "target": batch.target.seen}
    columns |= {name: method.draw(batch, 1.0) for name, method in methods.items()}
    if batch.exact is not None:
        columns["exact"] = batch.exact.picture
    side = min(CELL, batch.source.seen.shape[-1])
    small = [F.adaptive_avg_pool2d(pictures, side) for pictures in columns.values()]
    cells = torch.stack(small, 1)  # [pairs, columns, 3, side, side]
    return list(columns), [to_image(torch.cat(list(pair), -1)[None]) for pair in cells]
