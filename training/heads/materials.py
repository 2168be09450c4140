"""Colours of a head and its surroundings, linear blends of small hand-picked tables."""

from collections.abc import Callable
from typing import NamedTuple

import torch

from training.heads.factors import IDENTITY_FACTORS
from training.heads.primitives import Value

ColorTable = tuple[tuple[float, float, float], ...]

SKIN: ColorTable = (
    (1.00, 0.82, 0.72),
    (0.96, 0.74, 0.60),
    (0.84, 0.60, 0.44),
    (0.62, 0.41, 0.28),
    (0.40, 0.25, 0.17),
)
LIPS: ColorTable = ((0.92, 0.68, 0.66), (0.86, 0.48, 0.50), (0.80, 0.30, 0.36))  # times the skin
HAIR: ColorTable = (
    (0.10, 0.08, 0.08),
    (0.24, 0.15, 0.10),
    (0.45, 0.29, 0.17),
    (0.80, 0.62, 0.36),
    (0.88, 0.84, 0.78),
)
RED_HAIR: ColorTable = (
    (0.16, 0.05, 0.04),
    (0.38, 0.13, 0.07),
    (0.66, 0.28, 0.12),
    (0.84, 0.46, 0.22),
    (0.70, 0.72, 0.78),
)
IRIS: ColorTable = (
    (0.22, 0.12, 0.06),
    (0.42, 0.25, 0.10),
    (0.35, 0.45, 0.22),
    (0.25, 0.48, 0.62),
    (0.35, 0.62, 0.88),
)
FRAMES: ColorTable = (
    (0.06, 0.06, 0.07),
    (0.35, 0.16, 0.08),
    (0.10, 0.14, 0.30),
    (0.55, 0.10, 0.12),
)


class RGB(NamedTuple):
    """A colour; the parts are tensors that broadcast to [B, N], or numbers."""

    red: Value
    green: Value
    blue: Value


def combine(function: Callable[..., Value], *colors: RGB) -> RGB:
    """Apply a function to the colours' reds, greens and blues."""
    return RGB(*(function(*parts) for parts in zip(*colors, strict=True)))


def blend(below: RGB, above: RGB, cover: Value) -> RGB:
    """Lay one colour over another; cover is 0 where nothing of the upper one shows."""
    return combine(lambda b, a: b * (1 - cover) + a * cover, below, above)


class Palette(NamedTuple):
    """The colours of a batch of heads, each part [B, 1]."""

    skin: RGB
    lips: RGB
    hair: RGB
    brows: RGB
    iris: RGB
    shirt: RGB
    background: RGB
    beard: RGB
    frames: RGB


def palette(identity: torch.Tensor) -> Palette:
    """Colours of the heads with these factors [B, 37]."""

    def trait(name: str) -> torch.Tensor:
        return IDENTITY_FACTORS.column(identity, name)

    redness = trait("redness")
    skin = _look_up(trait("melanin"), SKIN)
    skin = skin * torch.cat([1 + 0.03 * redness, 1 - 0.04 * redness, 1 - 0.05 * redness], 1)
    lightness = trait("hair_lightness") ** 1.4
    red_share = ((trait("hair_redness") - 0.6) / 0.3).clamp(0, 1)
    hair = _look_up(lightness, HAIR) * (1 - red_share) + _look_up(lightness, RED_HAIR) * red_share
    # dark hair reads darker in a beard, grey and fair hair does not
    beard_share = 0.62 + 0.33 * ((lightness - 0.55) / 0.35).clamp(0, 1)
    colors = {
        "skin": skin,
        "lips": skin * _look_up(trait("lip_color"), LIPS),
        "hair": hair,
        "brows": hair * 0.75 * (0.6 + 0.4 * skin),
        "iris": _look_up(trait("eye_color"), IRIS),
        "shirt": _from_hue(trait("shirt_hue"), 0.62, 0.62),
        "background": _from_hue(
            trait("background_hue"), 0.28, 0.45 + 0.5 * trait("background_brightness")
        ),
        "beard": hair * beard_share,
        # no factor of their own: the frames go with the shirt
        "frames": _look_up((trait("shirt_hue") * 3.0) % 1.0, FRAMES),
    }
    return Palette(**{name: RGB(*color.split(1, 1)) for name, color in colors.items()})


def _look_up(position: torch.Tensor, table: ColorTable) -> torch.Tensor:
    """Blend neighbouring entries; position [B, 1] in 0…1 runs over the table. [B, 3]."""
    entries = torch.arange(len(table), device=position.device)
    distance = (position.clamp(0, 1) * (len(table) - 1) - entries).abs()
    return (1 - distance).clamp_min(0) @ position.new_tensor(table)


def _from_hue(hue: torch.Tensor, saturation: float, value: Value) -> torch.Tensor:
    """HSV to RGB, hue [B, 1] in 0…1. [B, 3]."""
    sector = (hue.new_tensor([5.0, 3.0, 1.0]) + hue * 6) % 6
    return value - value * saturation * torch.minimum(sector, 4 - sector).clamp(0, 1)
