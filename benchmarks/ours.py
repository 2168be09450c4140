"""The project's way: the calls people use, as the product runs them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.inputs import TRUNCATION
from stylemask_core import LatentCode, StyleMaskPipeline
from stylemask_core.pictures.images import to_tensor


class Ours:
    """The pipeline of a model folder, with the calls of `reference.Reference`.

    Args:
        folder: a model folder.
        device: "cpu" or "cuda".
        encoder: whether to have the encoder loaded; otherwise it may wait for its first use.
    """

    def __init__(self, folder: Path, device: str = "cpu", encoder: bool = True) -> None:
        self.pipe = StyleMaskPipeline.from_pretrained(folder, device=device)
        if encoder:
            _ = self.pipe.encoder

    def code(self, z: np.ndarray) -> LatentCode:
        """Map z [B, dim] → W+ [B, L, dim], truncated."""
        codes = [self.pipe.code(z=row, truncation=TRUNCATION).w_plus for row in z]
        return LatentCode(torch.cat(codes))

    def encode(self, pictures: Sequence[Image.Image]) -> torch.Tensor:
        """Pictures of 256 px → W+ [B, L, dim], in one batch."""
        return self.pipe.encode(torch.cat([to_tensor(picture) for picture in pictures]))

    def synthesize(self, code: LatentCode) -> torch.Tensor:
        """W+ → [B, 3, R, R]."""
        return self.pipe.synthesize(code).tensor

    def random_pair(self, source: np.ndarray, target: np.ndarray) -> torch.Tensor:
        """Two z → the reenacted picture."""
        return self.pipe.reenact(self.code(source), self.code(target)).tensor

    def photo_pair(self, source: Image.Image, target: Image.Image) -> torch.Tensor:
        """Two aligned pictures → the reenacted one, as the command line does it."""
        framed = [self.pipe.frame(picture, align="none") for picture in (source, target)]
        inversions = self.pipe.invert_framed(framed)
        return self.pipe.reenact(*inversions).tensor

    def driven_frame(self, source: LatentCode, target: Image.Image) -> torch.Tensor:
        """A further target for a source whose code is known."""
        return self.pipe.reenact(source, LatentCode(self.encode([target]))).tensor
