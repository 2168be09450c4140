"""A pose: how a head is held and what its face does, whoever it is; and the network it drives."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import nn

from stylemask_core.checks import number_in
from stylemask_core.config import ModelConfig
from stylemask_core.errors import InvalidInputError

ANGLE_RANGE = (-90.0, 90.0)  # [deg]
ACTION_RANGE = (0.0, 1.0)
ANGLE_UNIT = 30.0  # [deg] about what actions are beside: 1
HIDDEN = (384, 384)  # layers of the poser
ANGLES = ("yaw", "pitch", "roll")
# ARKit's names, in ARKit's order; left and right are the person's own.
ACTIONS = (
    *("eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft"),
    *("eyeSquintLeft", "eyeWideLeft", "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight"),
    *("eyeLookOutRight", "eyeLookUpRight", "eyeSquintRight", "eyeWideRight", "jawForward"),
    *("jawLeft", "jawRight", "jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft"),
    *("mouthRight", "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight"),
    *("mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight"),
    *("mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper"),
    *("mouthPressLeft", "mouthPressRight", "mouthLowerDownLeft", "mouthLowerDownRight"),
    *("mouthUpperUpLeft", "mouthUpperUpRight", "browDownLeft", "browDownRight", "browInnerUp"),
    *("browOuterUpLeft", "browOuterUpRight", "cheekPuff", "cheekSquintLeft", "cheekSquintRight"),
    *("noseSneerLeft", "noseSneerRight", "tongueOut"),
)


@dataclass(frozen=True)
class Pose:
    """Head angles and facial actions."""

    yaw: float = 0.0  # [deg], positive turns the face to the picture's right
    pitch: float = 0.0  # [deg], positive lets it look up
    roll: float = 0.0  # [deg], positive leans the head to the picture's left
    # strengths 0…1 by ARKit's names; those left out are 0
    actions: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ANGLES:
            number_in(getattr(self, name), name, ANGLE_RANGE)
        for name, strength in self.actions.items():
            if name not in ACTIONS:
                raise InvalidInputError(
                    f"there is no action {name!r}: give ARKit's names, such as {ACTIONS[0]}"
                )
            number_in(strength, name, ACTION_RANGE)

    def vector(self) -> torch.Tensor:
        """Yaw, pitch, roll [deg], then the strengths of ACTIONS: [55]."""
        angles = [self.yaw, self.pitch, self.roll]
        return torch.tensor([*angles, *(self.actions.get(name, 0.0) for name in ACTIONS)])

    @classmethod
    def from_vector(cls, vector: torch.Tensor) -> "Pose":
        """The pose of what `vector` gives; strengths are brought into 0…1."""
        yaw, pitch, roll, *strengths = vector.tolist()
        actions = {n: min(max(x, 0.0), 1.0) for n, x in zip(ACTIONS, strengths, strict=True)}
        return cls(yaw, pitch, roll, actions)


class Poser(nn.Module):
    """A perceptron: pose → w of a mean identity that holds it."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        widths = (len(ANGLES) + len(ACTIONS), *HIDDEN, config.latent_dim)
        self.layers = nn.ModuleList(
            nn.Linear(before, after) for before, after in itertools.pairwise(widths)
        )

    def forward(self, poses: torch.Tensor) -> torch.Tensor:
        """Poses [B, 55] as `Pose.vector` gives them → w [B, latent_dim]."""
        angles, actions = poses[:, : len(ANGLES)], poses[:, len(ANGLES) :]
        x = torch.cat([angles / ANGLE_UNIT, actions], 1)
        for layer in self.layers[:-1]:
            x = F.silu(layer(x))
        w: torch.Tensor = self.layers[-1](x)
        return w
