"""Worlds of known answers: what the trainings ask of one (`training.known_worlds` lists them).

A latent z (512) names a picture of a world through coordinates in a fixed orthonormal basis; the
exact answer to every reenactment is another latent. Latents here are of any length: only their
direction counts.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

import torch

from stylemask_core.config import ModelConfig

TRAINING_SEEDS = 2**32  # of data sets start here: every seed of the pipeline stays held out

Facts = Callable[[torch.Tensor], torch.Tensor]  # z [B, 512] → [B, N]
Render = Callable[[torch.Tensor, int], torch.Tensor]  # z [B, 512], R → [B, 3, R, R] in -1…1


class Views(NamedTuple):
    """Pictures to learn from.

    Args:
        latents: [B, 512].
        images: [B, 3, R, R] in -1…1.
        keypoints: [B, 3, 2] centres of eyes and mouth, x and y in 0…1; a mirror swaps the eyes.
    """

    latents: torch.Tensor
    images: torch.Tensor
    keypoints: torch.Tensor


class Dataset(Protocol):
    """Rendered pictures of a world, readable while more are being rendered."""

    @property
    def ready(self) -> int:
        """How many pictures can be read by now."""

    def draw(self, count: int, resolution: int, random: torch.Generator) -> Views:
        """Random pictures that are not held out, half of them seen in a mirror."""

    def keep_small(self, resolution: int) -> None:
        """Hold area-averaged pictures of all that is ready in memory: small ones come faster."""

    def held_out(self, resolution: int) -> Iterator[Views]:
        """The pictures that are never learned from, in batches."""


class World(Protocol):
    """What there is to see, named by latents z [B, 512]."""

    @property
    def name(self) -> str:
        """On a command line."""

    @property
    def domain(self) -> str:
        """Of the generators that draw it (`ModelConfig.domain`)."""

    @property
    def judges(self) -> str:
        """Name of the face model and of the identity model that read its pictures."""

    @property
    def card(self) -> Path:
        """The model card of a model of it, without figures."""

    def config(self, channels: dict[int, int]) -> ModelConfig:
        """The config of a model of this world for a channel table."""

    def project(self, rows: torch.Tensor) -> torch.Tensor:
        """Rows [N, 512] of latent space without all that names nothing."""

    def mirror(self, z: torch.Tensor) -> torch.Tensor:
        """The latents of the mirrored pictures."""

    def swap_pose(self, z_source: torch.Tensor, z_target: torch.Tensor) -> torch.Tensor:
        """The latents of the exact answers: the sources in the targets' poses."""

    def keypoints(self, z: torch.Tensor) -> torch.Tensor:
        """Centres of left eye, right eye and mouth, [B, 3, 2] in 0…1."""

    @property
    def pose(self) -> torch.Tensor | None:
        """Which elements of z [512] name the pose; None where each names something of all."""

    @property
    def facts(self) -> dict[str, Facts]:
        """What a model's mapping network is told, by name: exact, and known without drawing."""

    def portraits(self, z: torch.Tensor, random: torch.Generator) -> torch.Tensor:
        """The latents of the same people, frontal and neutral, all incidental drawn anew."""

    def renderer(self, device: torch.device, compiled: bool) -> Render:
        """Draws latents; a renderer that can be compiled is, on request."""

    def disturb(
        self, views: Views, share: float, random: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Disturb a share of the pictures, so that who learns from them copes with more.

        Returns:
            Pictures [B, 3, R, R], and [B, 1, R, R] that is 0 where nobody can know what was there.
        """

    def dataset(self, folder: Path, device: torch.device) -> Dataset:
        """Rendered pictures in a folder.

        Raises:
            InvalidInputError: it holds none of this world.
        """
