"""Reenactments as trainings see them: many at once, differentiable in the masks."""

from typing import NamedTuple

import torch

from stylemask_core.networks.generator import Generator
from stylemask_core.networks.mask_network import MaskNetwork
from stylemask_core.style_space import Styles, mix_styles


class Code(NamedTuple):
    """Faces in style space.

    Args:
        styles: [B, dim] for every convolution.
        rgb_styles: [B, channels] for every toRGB layer.
    """

    styles: Styles
    rgb_styles: Styles


def code(generator: Generator, z: torch.Tensor, truncation: float = 1.0) -> Code:
    """The codes of latents z [B, latent_dim], w pulled towards its mean by psi."""
    w = generator.mapping.truncate(generator.mapping(z).float(), truncation)
    w_plus = generator.broadcast(w)
    return Code(generator.styles(w_plus), generator.rgb_styles(w_plus))


def mix(masks: MaskNetwork, source: Code, target: Code) -> Code:
    """The codes of sources with their targets' poses."""
    share = masks(source.styles, target.styles)
    return Code(mix_styles(source.styles, target.styles, share), source.rgb_styles)


def join(*codes: Code) -> Code:
    """Several batches of codes as one."""
    return Code(
        [torch.cat(layer) for layer in zip(*(x.styles for x in codes), strict=True)],
        [torch.cat(layer) for layer in zip(*(x.rgb_styles for x in codes), strict=True)],
    )


def draw(
    generator: Generator, z: torch.Tensor, resolution: int | None = None, truncation: float = 1.0
) -> torch.Tensor:
    """The generator's own pictures of latents z [B, latent_dim]: [B, 3, R, R]."""
    return generator.synthesize(*code(generator, z, truncation), resolution)


def reenact(
    generator: Generator,
    masks: MaskNetwork,
    z_source: torch.Tensor,
    z_target: torch.Tensor,
    resolution: int | None = None,
    truncation: float = 1.0,
) -> torch.Tensor:
    """The pictures of sources [B, latent_dim] with their targets' poses: [B, 3, R, R]."""
    source, target = (code(generator, z, truncation) for z in (z_source, z_target))
    return generator.synthesize(*mix(masks, source, target), resolution)
