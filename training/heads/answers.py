"""Synthetic heads as one of the worlds of known answers."""

from dataclasses import dataclass
from pathlib import Path

import torch

from stylemask_core.config import ModelConfig
from training.augmentation import augment
from training.dataset import HeadDataset
from training.heads import world as heads
from training.heads.landmarks import landmarks
from training.heads.portraits import neutral
from training.heads.renderer import HeadRenderer
from training.worlds import Facts, Render, Views


@dataclass(frozen=True)
class HeadsWorld:
    """A world of heads (see `training.worlds.World`).

    Args:
        heads: which heads there are.
    """

    heads: heads.World
    domain, judges = "synthetic heads", "heads"
    card = Path(__file__).with_name("MODEL_CARD.md")

    @property
    def name(self) -> str:
        """Of the world."""
        return self.heads.name

    def config(self, channels: dict[int, int]) -> ModelConfig:
        """Every convolution has a mask network."""
        return ModelConfig(
            name="heads",
            resolution=max(channels),
            channels=channels,
            masked_layers=2 * len(channels) - 1,
            mapping_layers=2,
            noise=False,
            refinement_steps=8,
            default_truncation=0.7,
            domain=self.domain,
            licence="CC0-1.0",
            alignment="heads",
        )

    def project(self, rows: torch.Tensor) -> torch.Tensor:
        """Rows [N, 512] of latent space without all that names nothing."""
        axes = heads.basis(rows.device)
        return (rows @ axes) @ axes.t()

    def mirror(self, z: torch.Tensor) -> torch.Tensor:
        """The latents of the mirrored pictures."""
        return heads.mirror(z)

    def swap_pose(self, z_source: torch.Tensor, z_target: torch.Tensor) -> torch.Tensor:
        """The latents of the exact answers."""
        return heads.swap_pose(z_source, z_target)

    def keypoints(self, z: torch.Tensor) -> torch.Tensor:
        """Where the eyes and the mouth of each head are: [B, 3, 2] in 0…1."""
        points = landmarks(*heads.factors(z, self.heads))[0]
        parts = (points[:, 36:42], points[:, 42:48], points[:, 48:60])  # iBUG order
        return torch.stack([part.mean(1) for part in parts], 1)

    @property
    def pose(self) -> None:
        """A latent's coordinates lie in a basis of their own: no element names one."""

    @property
    def facts(self) -> dict[str, Facts]:
        """None: these models are told of nothing."""
        return {}

    def portraits(self, z: torch.Tensor, random: torch.Generator) -> torch.Tensor:
        """The latents of the same heads, frontal and neutral."""
        return neutral(z, random)

    def renderer(self, device: torch.device, compiled: bool) -> Render:
        """Compiling takes a minute, then it is many times faster."""
        renderer = HeadRenderer(device, compiled=compiled)
        return lambda z, side: renderer.render(*heads.factors(z, self.heads), side) * 2 - 1

    def disturb(
        self, views: Views, share: float, random: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Backgrounds, colours, framing, blur and noise."""
        return augment(views.images, share, random)

    def dataset(self, folder: Path, device: torch.device) -> HeadDataset:
        """What `training.dataset` rendered."""
        return HeadDataset(folder, device)


SMALL_HEADS, WHOLE_HEADS = HeadsWorld(heads.SMALL), HeadsWorld(heads.WHOLE)
