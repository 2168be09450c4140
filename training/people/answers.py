"""Synthetic people as one of the worlds of known answers."""

from pathlib import Path

import numpy as np
import torch

from stylemask_core.config import ModelConfig
from training.people import points, world
from training.people.augmentation import disturb
from training.people.dataset import PeopleDataset
from training.people.facts import SIZES, identity_facts, pose_facts
from training.people.latents import LATENT_DIM, centers, coordinates, latent, mirror
from training.worlds import Facts, Render, Views


def _of(facts: Facts) -> Facts:
    """The same of latents as of coordinates."""
    return lambda z: facts(coordinates(z))


class PeopleWorld:
    """See `training.worlds.World`."""

    name, domain, judges = "people", "synthetic people", "people"
    card = Path(__file__).with_name("MODEL.md")

    def config(self, channels: dict[int, int]) -> ModelConfig:
        """Every convolution has a mask network; the mapping network is told the facts."""
        return ModelConfig(
            name=self.name,
            resolution=max(channels),
            channels=channels,
            masked_layers=2 * len(channels) - 1,
            mapping_layers=2,
            facts=dict(SIZES),
            noise=False,
            encoder="convolutional",
            default_truncation=0.7,
            domain=self.domain,
            licence="CC0-1.0",
            alignment="ffhq",
        )

    def project(self, rows: torch.Tensor) -> torch.Tensor:
        """Rows [N, 512] of latent space without all that names nothing."""
        named = torch.arange(rows.shape[1], device=rows.device) < world.K
        return rows * named

    def mirror(self, z: torch.Tensor) -> torch.Tensor:
        """The latents of the mirrored pictures."""
        return mirror(z)

    def swap_pose(self, z_source: torch.Tensor, z_target: torch.Tensor) -> torch.Tensor:
        """The latents of the exact answers: the sources in the targets' poses."""
        return latent(world.swap_pose(coordinates(z_source), coordinates(z_target)))

    def keypoints(self, z: torch.Tensor) -> torch.Tensor:
        """Centres of left eye, right eye and mouth, [B, 3, 2] in 0…1."""
        places = points.points(coordinates(z))[:, points.LANDMARKS] / 2 + 0.5
        return centers(places)

    @property
    def pose(self) -> torch.Tensor:
        """Which elements of z [512] name the pose."""
        elements = torch.zeros(LATENT_DIM, dtype=torch.bool)
        elements[world.POSE_SPAN] = True
        return elements

    @property
    def facts(self) -> dict[str, Facts]:
        """What is known of identity and surroundings, and of the pose."""
        return {"identity": _of(identity_facts), "pose": _of(pose_facts)}

    def portraits(self, z: torch.Tensor, random: torch.Generator) -> torch.Tensor:
        """The latents of the same people at rest, in surroundings drawn anew."""
        n = coordinates(z)
        width = world.SURROUNDINGS.stop - world.SURROUNDINGS.start
        n[:, world.SURROUNDINGS] = torch.randn(len(n), width, generator=random).to(n.device)
        n[:, world.POSE_SPAN] = 0.0  # at which every gesture rests
        return latent(n)

    def renderer(self, device: torch.device, compiled: bool) -> Render:
        """On the CPU or a GPU by EGL, one picture at a time; there is nothing to compile."""
        from training.people.renderer import Renderer  # needs OpenGL, as nothing else here does

        renderers: dict[int, Renderer] = {}

        def render(z: torch.Tensor, side: int) -> torch.Tensor:
            renderer = renderers.setdefault(side, Renderer(side))
            pictures = [renderer.render_normals(n).image for n in coordinates(z).cpu()]
            pixels = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).to(device)
            return pixels.float() / 127.5 - 1

        return render

    def disturb(
        self, views: Views, share: float, random: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Backgrounds, colours, framing, things before the face, blur and noise."""
        return disturb(views.images, views.keypoints, share, random)

    def dataset(self, folder: Path, device: torch.device) -> PeopleDataset:
        """What `training.people.render` rendered."""
        return PeopleDataset(folder, device)


PEOPLE = PeopleWorld()
