"""Hair, brows and beards: smooth functions of a person's coordinates, gender, age and ancestry."""

from typing import TYPE_CHECKING

import torch

from training.people.factors import BEARD, BROWS, HAIR

if TYPE_CHECKING:
    from training.people.world import Columns, Draws


def _ramp(x: torch.Tensor, low: float, high: float) -> torch.Tensor:
    t = ((x - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def hair(d: "Draws", person: "Columns") -> "Columns":
    """Columns of `HAIR`."""
    gender, age = person["gender"], person["age"]
    african, asian = person["african"], person["asian"]
    european = 1 - african - asian
    old, woman = (age - 1).clamp(min=0), 1 - gender
    # dark in most people; European hair spreads from black to blond
    light = _ramp(d.normal("hair_dark"), -0.7, 1.6) * _ramp(european, 0.3, 0.8)
    dyed = 0.35 * _ramp(d.normal("hair_tip"), 1.2, 2.2) * woman
    # from a shave to below the shoulders: most men short, most women to the chin or longer
    inches = d.normal("hair_length") + 2.35 * woman - 0.75 - 0.45 * old * woman
    grown = _ramp(inches, -0.7, 2.7)
    top = 0.006 + 0.050 * _ramp(inches, -1.6, 0.2) + 0.30 * grown**1.5
    kinky = _ramp(african, 0.45, 0.85)
    curl = _ramp(d.normal("hair_curl") + 1.7 * kinky - 0.5 * asian, 0.0, 2.0)
    afro = kinky * _ramp(curl, 0.4, 0.9)
    top = top * (1 - 0.45 * afro)
    sides = torch.exp(0.28 * d.normal("hair_sides"))
    short = 0.30 + 0.32 * torch.sigmoid(1.2 * d.normal("hair_sides"))
    side = top * (short * (1 - grown) + 0.86 * grown) * (0.7 + 0.3 * sides)
    side = side * (1 - afro) + afro * (0.75 + 0.15 * grown) * top
    back = side * (1 - 0.04 * grown)
    tied = _ramp(d.normal("hair_tied"), 0.75, 1.5) * _ramp(grown, 0.2, 0.5)
    bald_drive = d.normal("recession") + 1.1 * old - 1.7 * woman
    bald = _ramp(bald_drive, 1.0, 2.6) * (1 - 0.9 * woman)
    keep = 1 - 0.75 * _ramp(bald, 0.05, 0.5)
    top, side, back = top * keep, side * (0.35 + 0.65 * keep), back * (0.35 + 0.65 * keep)
    backwards = torch.sigmoid(1.3 * d.normal("hair_back"))
    fringe = _ramp(d.normal("fringe") + 0.25 * woman, 0.35, 1.35)
    fringe = fringe * (1 - tied) * (1 - 0.8 * afro) * (1 - bald) * _ramp(top, 0.03, 0.06)
    loose = _ramp(top, 0.08, 0.20) * (1 - tied) * (1 - afro)
    straight = 1 - curl
    columns = {
        "hair_dark": (1 - light) * (1 - dyed),
        "hair_red": (_ramp(d.normal("hair_red"), 0.7, 2.0) * european + 0.06).clamp(0, 1),
        "hair_gray": _ramp(old + 0.15 * d.normal("hair_gray"), 0.38, 0.85),
        "hair_tip": d.uniform("hair_tip") * (0.25 + 0.5 * woman),
        "length_top": top,
        "length_side": side,
        "length_back": back,
        "lift": (0.16 + 0.24 * torch.exp(0.4 * d.normal("hair_lift"))) * (1 - 0.3 * grown)
        + 0.35 * (1 - _ramp(top, 0.005, 0.03))
        + 1.6 * afro,
        "volume": 0.003
        + 0.010 * torch.exp(0.30 * d.normal("hair_volume")) * _ramp(top, 0.01, 0.08),
        "comb_back": 0.15 + 0.85 * backwards * (1 - 0.8 * loose) * (1 - fringe),
        "part": _ramp(top, 0.04, 0.12) * (0.25 + 0.95 * loose) * (1 - 0.7 * tied) * (1 - afro),
        "part_x": 0.75 * torch.tanh(1.3 * d.normal("hair_parting")),
        "fringe": fringe,
        "fringe_length": 0.25 * d.normal("fringe_sweep").abs().clamp(max=1) - 0.1,
        "sweep": 0.9 * torch.tanh(d.normal("fringe_sweep")),
        "gravity": 0.10 + 0.34 * loose * (0.6 + 0.4 * straight),
        "curl": (0.0035 * curl + 0.004 * curl * loose) * (1 - 0.35 * afro),
        "curl_rate": 16 + 30 * curl * torch.exp(0.25 * d.normal("hair_curl_size")) + 40 * afro,
        "frizz": 0.0003 + 0.0007 * curl + 0.0012 * afro,
        "clump": (0.35 + 0.3 * curl) * (1 - 0.4 * afro),
        "mess": (0.22 + 0.12 * d.uniform("hair_mess") + 0.35 * curl) * (1 - 0.5 * loose),
        "tied": tied,
        "face_clear": _ramp(side, 0.05, 0.11) * (1 - 0.5 * afro),
        "recession": (0.25 * _ramp(bald_drive, -0.4, 1.2) + 0.5 * bald).clamp(0, 1),
        "bald": bald,
        "hairline_low": 0.3 * d.normal("hair_back") * -1,
        "shine": (0.55 + 0.5 * d.uniform("hair_shine")) * (1 - 0.5 * afro),
    }
    columns["lift"] = columns["lift"].clamp(0, 2.8)
    for name, (low, high) in HAIR.items():
        columns[name] = columns[name].clamp(low, high)
    return columns


def brows(d: "Draws", person: "Columns") -> "Columns":
    """Columns of `BROWS`."""
    gender, age = person["gender"], person["age"]
    child, old = (1 - age).clamp(min=0), (age - 1).clamp(min=0)
    columns = {
        "brow_thickness": 0.34 + 0.26 * gender + 0.13 * d.normal("brow_thickness") - 0.08 * child,
        "brow_arch": 0.55 - 0.45 * gender + 0.25 * d.normal("brow_arch"),
        "brow_tilt": 0.28 * d.normal("brow_tilt"),
        "brow_density": 0.85 + 0.10 * d.normal("brow_density") - 0.2 * old - 0.15 * child,
        "brow_height": 0.28 * d.normal("brow_height") + 0.12 * (1 - gender),
        "lashes": 0.95 - 0.40 * gender + 0.12 * d.normal("lashes") + 0.25 * person["makeup"],
    }
    for name, (low, high) in BROWS.items():
        columns[name] = columns[name].clamp(low, high)
    return columns


def beard(d: "Draws", person: "Columns") -> "Columns":
    """Columns of `BEARD`: grown men's, out of one coordinate from shaved over stubble to full."""
    grown_man = _ramp(person["gender"], 0.6, 0.9) * _ramp(person["age"], 0.85, 1.05)
    drive = d.normal("beard")
    full = _ramp(drive, 0.25, 1.15)
    chin_only = _ramp(d.normal("beard_shape"), 0.5, 1.1)
    moustache = _ramp(d.normal("moustache") + 1.5 * full, 0.9, 1.7)
    columns = {
        "stubble": grown_man * _ramp(drive, -0.9, 0.5) * (1 - 0.3 * person["asian"]),
        "beard": grown_man * full * (1 - chin_only),
        "goatee": grown_man * full,
        "moustache": grown_man * moustache,
        "beard_length": 0.003 + 0.014 * d.uniform("beard_length") ** 2 * full,
    }
    for name, (low, high) in BEARD.items():
        columns[name] = columns[name].clamp(low, high)
    return columns
