"""Figures of an inspection, drawn without a display: bars, heatmap and maps of effect.

matplotlib is imported on the first figure, so that programs that draw none start fast.
"""

import importlib.util
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
from PIL import Image

from stylemask.inspect.inspection import Inspection
from stylemask_core.errors import StyleMaskError
from stylemask_core.pictures.images import area_average
from stylemask_core.style_space import GROUP_RESOLUTIONS

DPI = 200  # figures are shown at about half their size: sharp on dense screens
PANEL_SIZE = 512  # [px] side of a picture in a figure
FULL_RANGE = 2.0  # pictures lie in −1…1
PEAK_PERCENTILE = 99.5  # the top of a map's colour scale: single pixels do not set it
INK, FAINT = "#1f2430", "#8a90a0"
GROUP_COLOURS = {"coarse": "#0e7490", "middle": "#d97706", "fine": "#9333ea"}
FONT_SIZE = 10  # [pt]
NOTE_PLACE = {"xycoords": "axes fraction", "ha": "left", "va": "bottom"}
STYLE = {
    "font.size": FONT_SIZE,
    "axes.titlesize": FONT_SIZE + 2,
    "axes.titleweight": "bold",
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "xtick.color": INK,
    "ytick.color": INK,
}


def require() -> None:
    """Make sure that figures can be drawn, before anything else is done.

    Raises:
        StyleMaskError: matplotlib is missing.
    """
    if not importlib.util.find_spec("matplotlib"):
        raise StyleMaskError("figures need matplotlib: pip install 'stylemask[figures]'")


def _styled(draw: Callable[[Inspection], Image.Image]) -> Callable[[Inspection], Image.Image]:
    """Draw with STYLE, leaving the program's own matplotlib settings alone."""

    @wraps(draw)
    def styled(inspection: Inspection) -> Image.Image:
        import matplotlib

        with matplotlib.rc_context(STYLE):
            return draw(inspection)

    return styled


@_styled
def layer_bars(inspection: Inspection) -> Image.Image:
    """Draw the mean mask of each layer as a bar, coloured by layer group."""
    means = inspection.layer_means
    figure = _figure(6.4, 1.5 + 0.32 * len(means))
    axes = figure.subplots()
    colours = [GROUP_COLOURS[_group(name)] for name in means]
    bars = axes.barh(list(means), list(means.values()), color=colours, height=0.72)
    axes.bar_label(bars, fmt="%.2f", padding=4, color=INK, fontsize=FONT_SIZE - 1)
    axes.invert_yaxis()  # first layer on top, as in the synthesis
    axes.set_xlim(0, 1)
    axes.set_xlabel("mean mask  (0 = source kept, 1 = target taken)")
    axes.set_title("How much each layer takes from the target", loc="left", pad=30)
    axes.grid(axis="x", color="#e4e7ec", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    _group_legend(axes, list(means))
    return _picture(figure)


@_styled
def mask_heatmap(inspection: Inspection) -> Image.Image:
    """Draw every mask value: one row a layer, as long as the layer has channels."""
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.patches import Rectangle

    masks = inspection.layer_masks
    colours = LinearSegmentedColormap.from_list(
        "mask", ["#f8fafc", "#a5d8e6", "#0e7490", "#083344"]
    )
    figure = _figure(6.4, 1.5 + 0.32 * len(masks))
    axes = figure.subplots()
    for row, mask in enumerate(masks.values()):
        extent = (0, len(mask), row + 0.4, row - 0.4)
        drawn = axes.imshow(
            mask[None], cmap=colours, vmin=0, vmax=1, extent=extent, interpolation="nearest"
        )
        box = Rectangle((0, row - 0.4), len(mask), 0.8, fill=False, edgecolor=FAINT, linewidth=0.6)
        axes.add_patch(box)
    axes.set_aspect("auto")
    axes.set_xlim(0, max(map(len, masks.values())))
    axes.set_ylim(len(masks) - 0.5, -0.5)
    axes.set_yticks(range(len(masks)), list(masks))
    axes.set_xlabel("style channel")
    axes.set_title("Mask of every channel", loc="left", pad=12)
    axes.tick_params(axis="y", length=0)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(drawn, ax=axes, fraction=0.045, pad=0.02, ticks=[0, 0.5, 1])
    bar.set_label("mask  (0 = source, 1 = target)")
    bar.outline.set_visible(False)
    return _picture(figure)


@_styled
def effect_maps(inspection: Inspection) -> Image.Image:
    """Draw the result and, for each layer group, where leaving it out changes the picture."""
    groups = inspection.group_effects
    side, gap, head, foot = 2.7, 0.22, 0.68, 0.85  # [inch]
    width = (side + gap) * (1 + len(groups)) + gap
    height = head + side + foot
    figure = _figure(width, height, layout=None)  # panels must line up: placed by hand
    result = area_average(inspection.result.image, PANEL_SIZE)
    pictures = [np.asarray(result)]
    titles = [("Result", "with all layer groups", INK)]
    peaks = []
    for group, effect in groups.items():
        heat, peak = heat_map(result, effect)
        pictures.append(np.asarray(heat))
        peaks.append(peak)
        mean = f"mean change {effect.mean() / FULL_RANGE:.1%}"
        titles.append((f"{group.capitalize()} layers", mean, GROUP_COLOURS[group]))
    for index, (picture, (title, note, colour)) in enumerate(zip(pictures, titles, strict=True)):
        left = (gap + index * (side + gap)) / width
        axes = figure.add_axes((left, foot / height, side / width, side / height))
        axes.imshow(picture)
        axes.set_axis_off()
        axes.set_title(title, loc="left", pad=22, color=colour)
        axes.annotate(note, (0, 1), xytext=(0, 7), textcoords="offset points", **NOTE_PLACE)
        if index:
            bar = figure.add_axes((left, (foot - 0.2) / height, side / width, 0.1 / height))
            _scale(bar, peaks[index - 1])
    figure.text(
        gap / width,
        0.12 / height,
        "Change of the picture, as a share of its range, when the group is left at the source. "
        "Each map has its own scale.",
        fontsize=FONT_SIZE - 1,
    )
    return _picture(figure)


def heat_map(picture: Image.Image, change: np.ndarray) -> tuple[Image.Image, float]:
    """Lay a change [R, R] over the grey square that it happened to.

    Returns:
        RGB, brightest where the change is largest; the change that is drawn brightest.
    """
    grey = np.asarray(picture.convert("L"), dtype=np.float32) / 255
    peak = max(float(np.percentile(change, PEAK_PERCENTILE)), 1e-6)
    heat = _overlay(grey, change / peak)
    return Image.fromarray((heat * 255).round().clip(0, 255).astype(np.uint8)), peak


def _overlay(grey: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Lay heat [R, R] in about 0…1 over a grey picture [S, S] → RGB [S, S, 3] in 0…1."""
    import matplotlib

    smooth = Image.fromarray(heat.astype(np.float32)).resize(
        (grey.shape[1], grey.shape[0]), Image.Resampling.BICUBIC
    )
    level = np.clip(np.asarray(smooth), 0, 1)
    colour = matplotlib.colormaps["inferno"](level)[..., :3]
    share = 0.1 + 0.9 * np.sqrt(level)[..., None]  # the face stays visible where it is cold
    mixed: np.ndarray = share * colour + (1 - share) * 0.75 * grey[..., None]
    return mixed


def _scale(axes: Any, peak: float) -> None:
    """Draw the heat scale of a map, from 0 to its peak, into flat axes."""
    axes.imshow(np.linspace(0, 1, 256)[None], cmap="inferno", aspect="auto", extent=(0, 1, 0, 1))
    axes.set_yticks([])
    axes.set_xticks([0, 1], ["0%", f"{peak / FULL_RANGE:.1%}"], fontsize=FONT_SIZE - 1)
    axes.tick_params(length=0)
    first, last = axes.get_xticklabels()
    first.set_horizontalalignment("left")
    last.set_horizontalalignment("right")
    axes.spines[:].set_visible(False)


def _group(layer: str) -> str:
    """The group of a layer name such as "b16.conv0"."""
    resolution = int(layer.split(".")[0].removeprefix("b"))
    return next(g for g, (low, high) in GROUP_RESOLUTIONS.items() if low <= resolution < high)


def _group_legend(axes: Any, layers: list[str]) -> None:
    from matplotlib.patches import Patch

    groups = dict.fromkeys(map(_group, layers))
    axes.legend(
        handles=[Patch(color=GROUP_COLOURS[group], label=group) for group in groups],
        loc="lower left",
        bbox_to_anchor=(-0.01, 0.99),
        ncols=len(groups),
        frameon=False,
        borderaxespad=0,
        handlelength=1.0,
        handleheight=1.0,
        fontsize=FONT_SIZE - 1,
    )


def _figure(width: float, height: float, layout: Any = "constrained") -> Any:
    """An empty white figure [inch]; never pyplot, which keeps global state."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DPI, layout=layout, facecolor="white")


def _picture(figure: Any) -> Image.Image:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
