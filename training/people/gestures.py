"""What faces do: how pose coordinates become ARKit's 52 actions in combinations that people make.

A gesture is one coordinate: its positive half drives some actions, its negative half others, each
only from a threshold on, so that a calm face is the likeliest. Sided gestures are signed.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from training.people.factors import ACTION_NAMES

if TYPE_CHECKING:
    from training.people.world import Draws

YAW, PITCH, ROLL = 0.36, 0.15, 0.09  # standard deviations [rad]
STEEPNESS = 1.35  # of saturation beyond a threshold


@dataclass(frozen=True)
class Gesture:
    """One pose coordinate.

    Args:
        name: of the coordinate.
        up: strengths of the actions at its positive end; a name without a side means both sides.
        down: at its negative end.
        threshold: [standard deviations] nothing happens below.
        lean: [standard deviations] how much likelier the positive end is.
        signed: it has a side: the mirror negates it, and up is what the image's right side does.
    """

    name: str
    up: dict[str, float] = field(default_factory=dict)
    down: dict[str, float] = field(default_factory=dict)
    threshold: float = 0.3
    lean: float = 0.0
    signed: bool = False


GESTURES = (
    Gesture("yaw", signed=True),
    Gesture("pitch"),
    Gesture("roll", signed=True),
    Gesture("gaze_x", signed=True),
    Gesture("gaze_y"),
    Gesture("jaw_open", {"jawOpen": 0.62}, threshold=0.4),
    Gesture(
        "smile",
        {"mouthSmile": 0.95, "cheekSquint": 0.65, "mouthDimple": 0.2, "eyeSquint": 0.25},
        {"mouthFrown": 0.7, "mouthShrugLower": 0.3},
        threshold=0.1,
        lean=0.5,
    ),
    Gesture(
        "lips_part",
        {"mouthUpperUp": 0.45, "mouthLowerDown": 0.55, "jawOpen": 0.08},
        {"mouthPress": 0.6, "mouthRollLower": 0.35, "mouthRollUpper": 0.3},
        threshold=0.25,
    ),
    Gesture(
        "pucker",
        {"mouthPucker": 0.9, "mouthFunnel": 0.25},
        {"mouthStretch": 0.5},
        threshold=0.9,
    ),
    Gesture("funnel", {"mouthFunnel": 0.75}, threshold=1.0),
    Gesture("lips_shut", {"mouthClose": 1.0}, threshold=0.9),  # a share of the jaw's opening
    Gesture("mouth_side", {"mouthLeft": 0.6}, {"mouthRight": 0.6}, 0.7, signed=True),
    Gesture("jaw_side", {"jawLeft": 0.5}, {"jawRight": 0.5}, 0.9, signed=True),
    Gesture("jaw_forward", {"jawForward": 0.5}, threshold=1.0),
    Gesture(
        "brow_raise",
        {"browInnerUp": 0.9, "browOuterUp": 0.9, "eyeWide": 0.2},
        {"browDown": 0.85, "eyeSquint": 0.15},
        threshold=0.45,
    ),
    Gesture("brow_inner", {"browInnerUp": 0.9}, threshold=1.0),
    Gesture("brow_skew", signed=True),
    Gesture("eyes_shut", {"eyeBlink": 1.12}, threshold=0.85),
    Gesture("wink", {"eyeBlinkLeft": 1.2}, {"eyeBlinkRight": 1.2}, 1.4, signed=True),
    Gesture("eyes_wide", {"eyeWide": 0.8}, {"eyeSquint": 0.7}, 0.7),
    Gesture("sneer", {"noseSneer": 0.7, "mouthUpperUp": 0.25}, threshold=1.2),
    Gesture("cheek_puff", {"cheekPuff": 0.65}, threshold=1.3),
    Gesture("smile_skew", signed=True),
)
SMILE_SKEW, BROW_SKEW = 0.16, 0.22  # how far one side's strength leads at one standard deviation
SKEWED = {
    "smile_skew": ("mouthSmile", "mouthFrown", "mouthUpperUp", "mouthLowerDown", "mouthDimple"),
    "brow_skew": ("browOuterUp", "browDown"),
}
_ACTIONS = frozenset(ACTION_NAMES)


def _expand(strengths: dict[str, float]) -> dict[str, float]:
    """Names of both sides for a name without a side."""
    whole: dict[str, float] = {}
    for name, strength in strengths.items():
        names = [name] if name in _ACTIONS else [name + "Left", name + "Right"]
        whole |= dict.fromkeys(names, strength)
    return whole


def drive(n: torch.Tensor, threshold: float) -> torch.Tensor:
    """How far a half of a gesture is driven, 0…1: nothing below the threshold, then softly to 1."""
    beyond = (n - threshold).clamp(min=0)
    return torch.tanh(STEEPNESS * beyond**2 / (beyond + 0.35))


def pose(d: "Draws") -> dict[str, torch.Tensor]:
    """Columns of `POSE` drawn from pose coordinates."""
    zero = torch.zeros_like(d.normal("yaw"))
    a = dict.fromkeys(ACTION_NAMES, zero)
    for gesture in GESTURES:
        n = d.normal(gesture.name) + gesture.lean
        for half, strengths in ((n, gesture.up), (-n, gesture.down)):
            driven = drive(half, gesture.threshold)
            for name, strength in _expand(strengths).items():
                # actions of several gestures join as shares of what is left
                a[name] = 1 - (1 - a[name]) * (1 - strength * driven).clamp(min=0)
    for (skew, names), amount in zip(SKEWED.items(), (SMILE_SKEW, BROW_SKEW), strict=True):
        lead = amount * d.normal(skew)
        for name in names:
            a[name + "Left"] = (a[name + "Left"] * (1 + lead)).clamp(0, 1)
            a[name + "Right"] = (a[name + "Right"] * (1 - lead)).clamp(0, 1)
    for side in ("Left", "Right"):
        blink = a["eyeBlink" + side]
        for name in ("eyeWide", "eyeSquint"):  # a shut eye does neither
            a[name + side] = a[name + side] * (1 - blink)
    # a mouth does one of these at a time: parted lips do not press, a pucker does not smile
    rounded = torch.maximum(a["mouthPucker"], a["mouthFunnel"])
    for name in ("mouthSmile", "mouthFrown", "mouthStretch", "mouthDimple"):
        for side in ("Left", "Right"):
            a[name + side] = a[name + side] * (1 - 0.75 * rounded)
    for name in ("mouthRollLower", "mouthRollUpper", "mouthPressLeft", "mouthPressRight"):
        a[name] = a[name] * (1 - 0.9 * a["jawOpen"])
    a["mouthPucker"] = a["mouthPucker"] * (1 - 0.5 * a["jawOpen"])
    a["cheekPuff"] = a["cheekPuff"] * (1 - a["jawOpen"])
    a["mouthClose"] = a["mouthClose"] * a["jawOpen"]  # it corrects an open jaw
    x, y = (torch.tanh(0.5 * d.normal(name)) for name in ("gaze_x", "gaze_y"))
    look = {
        "eyeLookOutLeft": x,
        "eyeLookInRight": x,
        "eyeLookInLeft": -x,
        "eyeLookOutRight": -x,
        "eyeLookUpLeft": y,
        "eyeLookUpRight": y,
        "eyeLookDownLeft": -y,
        "eyeLookDownRight": -y,
    }
    a |= {name: value.clamp(min=0) for name, value in look.items()}
    angles = {
        "yaw": YAW * d.normal("yaw"),
        "pitch": PITCH * d.normal("pitch"),
        "roll": ROLL * d.normal("roll"),
    }
    return angles | a
