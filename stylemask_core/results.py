"""What the pipeline's calls take and return."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from PIL import Image

from stylemask_core.checks import ByValue
from stylemask_core.config import ModelConfig
from stylemask_core.errors import InvalidInputError
from stylemask_core.faces.landmarks import Face
from stylemask_core.pictures import images
from stylemask_core.pictures.framing import Framing
from stylemask_core.style_space import Styles


@dataclass(frozen=True, eq=False)
class LatentCode(ByValue):
    """A face as the generator knows it: one w a layer, [1, L, latent_dim]."""

    w_plus: torch.Tensor


@dataclass(frozen=True, eq=False)
class FramedPicture(ByValue):
    """The square of a picture that is to be inverted."""

    crop: Image.Image  # at the generator's resolution
    seen: torch.Tensor  # what the encoder reads, [1, 3, 256, 256] in −1…1
    framing: Framing  # where the square lies


@dataclass(frozen=True, eq=False)
class Inversion(ByValue):
    """What became of a picture on its way to a code."""

    code: LatentCode  # whose picture comes closest to the crop
    crop: Image.Image  # the square the encoder saw, at the generator's resolution
    framing: Framing  # where the square lies in the picture, and the faces there

    @property
    def quad(self) -> np.ndarray:
        """The square's corners, see `Framing`."""
        return self.framing.quad

    @property
    def faces(self) -> list[Face]:
        """The faces of the picture, largest first."""
        return self.framing.faces

    @property
    def note(self) -> str:
        """One sentence on what had to stand in for something better, or empty."""
        return self.framing.note

    @property
    def w_plus(self) -> torch.Tensor:
        """The code's W+, [1, L, latent_dim]."""
        return self.code.w_plus


@dataclass(frozen=True, eq=False)
class Synthesis(ByValue):
    """A synthesized picture, [1, 3, R, R] float32, about −1…1, not clamped."""

    tensor: torch.Tensor

    @cached_property
    def image(self) -> Image.Image:
        """The picture, 8-bit RGB at the generator's resolution."""
        return images.to_image(self.tensor)


@dataclass(frozen=True, eq=False)
class Reenactment(Synthesis):
    """The source with the target's pose, and how it was mixed."""

    # [1, masked channels], the share of the target as the networks gave it, 0…1, or as it was
    # passed; strength and layer choice are not in it
    mask: torch.Tensor
    styles: Styles  # mixed styles [1, dim] of every convolution


Code = LatentCode | Inversion  # both carry w_plus


def w_plus_of(code: Any, config: ModelConfig) -> torch.Tensor:
    """The W+ [B, L, latent_dim] of a code; what is none, or another model's, is refused."""
    w_plus = getattr(code, "w_plus", None)
    if not isinstance(w_plus, torch.Tensor):
        raise InvalidInputError(
            f"{type(code).__name__} is no code: give what sample, code or invert returned"
        )
    shape = config.num_latents, config.latent_dim
    if w_plus.ndim != 3 or w_plus.shape[1:] != shape:
        raise InvalidInputError(
            f"the code has shape {list(w_plus.shape)}, this model takes [1, {shape[0]}, {shape[1]}]"
        )
    return w_plus
