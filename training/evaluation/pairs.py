"""The pairs a model is measured on: held-out heads, random faces or photos, batch by batch."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from stylemask_core import StyleMaskPipeline
from stylemask_core.networks.generator import Generator
from stylemask_core.pictures import images
from stylemask_core.results import FramedPicture
from stylemask_core.style_space import Styles
from training.heads.answers import SMALL_HEADS
from training.worlds import World

BATCH = 16


@dataclass
class Faces:
    """Some faces as the generator knows them; each of its answers is computed once.

    Args:
        generator: of the model.
        w_plus: [B, L, latent_dim].
        photos: the pictures [B, 3, R, R] the codes were found for; None where there were none.
        z: latents [B, 512], in a world of known answers.
    """

    generator: Generator
    w_plus: torch.Tensor
    photos: torch.Tensor | None = None
    z: torch.Tensor | None = None

    @cached_property
    def styles(self) -> Styles:
        """[B, dim] a convolution."""
        return self.generator.styles(self.w_plus)

    @cached_property
    def rgb_styles(self) -> Styles:
        """[B, channels] a toRGB layer."""
        return self.generator.rgb_styles(self.w_plus)

    @cached_property
    def picture(self) -> torch.Tensor:
        """The generator's pictures [B, 3, R, R]."""
        return self.generator.synthesize(self.styles, self.rgb_styles)

    @property
    def seen(self) -> torch.Tensor:
        """What a reenactment is held to: the photos, or else the generator's pictures."""
        return self.picture if self.photos is None else self.photos


@dataclass
class PairBatch:
    """Sources and targets.

    Args:
        source: faces that give the identity.
        target: faces that give pose and expression.
        exact: the generator's answers, in a world of known answers.
    """

    source: Faces
    target: Faces
    exact: Faces | None = None

    def __len__(self) -> int:
        return len(self.source.w_plus)


def latents(seed: int, count: int, dim: int) -> torch.Tensor:
    """The first latents of a seed, [count, dim] standard normal, the same everywhere."""
    random = np.random.Generator(np.random.Philox(key=seed))
    return torch.from_numpy(random.standard_normal((count, dim), dtype=np.float32))


class RandomPairs:
    """Pairs of random faces.

    Args:
        pipeline: the model. If it is of the world, the exact answers come along.
        pairs: how many.
        seed: names them; seeds of the pipeline are held out from every training.
        world: what the latents name.
    """

    def __init__(
        self, pipeline: StyleMaskPipeline, pairs: int, seed: int, world: World = SMALL_HEADS
    ) -> None:
        self.pipeline, self.generator, self.world = pipeline, pipeline.generator, world
        self.exact = pipeline.config.domain == world.domain
        self.truncation = 1.0 if self.exact else pipeline.config.default_truncation
        z = latents(seed, 2 * pairs, pipeline.config.latent_dim).to(pipeline.device)
        self.z_source, self.z_target = z[:pairs], z[pairs:]

    def __len__(self) -> int:
        return len(self.z_source)

    def __iter__(self) -> Iterator[PairBatch]:
        for z_source, z_target in zip(
            self.z_source.split(BATCH), self.z_target.split(BATCH), strict=True
        ):
            exact = self.faces(self.world.swap_pose(z_source, z_target)) if self.exact else None
            yield PairBatch(self.faces(z_source), self.faces(z_target), exact)

    def faces(self, z: torch.Tensor) -> Faces:
        """The faces of latents [B, latent_dim]."""
        mapping = self.generator.mapping
        w = mapping.truncate(mapping(z), self.truncation)
        return Faces(self.generator, self.generator.broadcast(w), z=z if self.exact else None)


class PhotoPairs:
    """Random pairs of different photos, each inverted once.

    Args:
        pipeline: the model.
        framed: the photos' squares, two or more.
        pairs: how many at most; never one twice.
        seed: of the draw.
    """

    exact = False

    def __init__(
        self, pipeline: StyleMaskPipeline, framed: list[FramedPicture], pairs: int, seed: int
    ) -> None:
        self.pipeline, self.generator, self.truncation = pipeline, pipeline.generator, 1.0
        self.codes = torch.cat(
            [
                inversion.w_plus
                for start in range(0, len(framed), BATCH)
                for inversion in pipeline.invert_framed(framed[start : start + BATCH])
            ]
        )
        self.crops = [picture.crop for picture in framed]
        count = len(framed)
        random = np.random.Generator(np.random.Philox(key=seed))
        chosen = random.permutation(count * (count - 1))[:pairs]
        source, step = np.divmod(chosen, count - 1)
        self.source, self.target = source, (source + 1 + step) % count

    def __len__(self) -> int:
        return len(self.source)

    def __iter__(self) -> Iterator[PairBatch]:
        for part in np.array_split(np.arange(len(self)), math.ceil(len(self) / BATCH)):
            yield PairBatch(self._faces(self.source[part]), self._faces(self.target[part]))

    def _faces(self, indices: np.ndarray) -> Faces:
        photos = torch.cat([images.to_tensor(self.crops[i]) for i in indices])
        codes = self.codes[torch.from_numpy(indices).to(self.codes.device)]
        return Faces(self.generator, codes, photos.to(codes.device))


Pairs = RandomPairs | PhotoPairs
