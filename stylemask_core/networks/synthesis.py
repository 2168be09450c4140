"""The generator's synthesis for inference: prepared once, then as fast as the device allows.

`Generator.synthesize` is the plain and differentiable form of the same arithmetic; the tests hold
one to the other. What is different here: a picture goes through the network alone, so style,
demodulation and gain are folded into the weights; features are channels_last. On a CPU the large
layers are this project's compiled operator, once it is there; on a GPU noise, activation and blur
are its operators, the large resolutions are float16 (StyleGAN2-ADA, Karras et al. 2020) and a
picture is one CUDA graph.
"""

from collections.abc import Sequence
from threading import Lock

import torch
import torch.nn.functional as F

from op import build, upfirdn2d
from stylemask_core.networks.cuda_graph import Recorded
from stylemask_core.networks.generator import Generator, blur_kernel
from stylemask_core.networks.styled_layers import (
    CHANNELS_LAST,
    CompiledConv,
    Layer,
    PreparedToRGB,
    TorchConv,
)
from stylemask_core.style_space import Styles

HALF_RESOLUTIONS = 4  # the largest ones, which a GPU computes in float16
# Resolutions [px] from which the compiled operator for CPUs is worth the memory of its weights.
COMPILED_FROM, COMPILED_UP_FROM = 32, 256

Block = tuple[list[Layer], PreparedToRGB]


class SynthesisNetwork:
    """Styles → pictures; may be called from many threads.

    Args:
        generator: trained, on the device where it is to run; not to be changed afterwards.
        half: compute the HALF_RESOLUTIONS largest resolutions in float16.
        fused: use this project's operators for GPUs; None for yes on a GPU.
    """

    def __init__(self, generator: Generator, half: bool = False, fused: bool | None = None) -> None:
        self._generator, self._half = generator, half
        self._on_cpu = generator.const.device.type == "cpu"
        self._fused = not self._on_cpu if fused is None else fused
        self._const = generator.const.detach().contiguous(memory_format=CHANNELS_LAST)
        self._blur = blur_kernel(gain=4.0).to(self._const.device)
        self._lock = Lock()
        self._blocks: list[Block] = []
        self._compiled = False  # whether the blocks use the compiled operator for CPUs
        self._run = Recorded(self._picture, version=lambda: build.load("cuda") is not None)

    @torch.inference_mode()
    def __call__(self, styles: Styles, rgb_styles: Styles) -> torch.Tensor:
        """Make the pictures the styles describe, one after the other.

        Args:
            styles: [B, dim] for every convolution.
            rgb_styles: [B, channels] for every toRGB layer.

        Returns:
            [B, 3, R, R] float32, about −1…1, not clamped.
        """
        self._prepare()
        batch = zip(*(torch.split(layer, 1) for layer in (*styles, *rgb_styles)), strict=True)
        return torch.cat([self._run(*one) for one in batch])

    def _prepare(self) -> None:
        """Compute the layers' constants; again when the operator has been compiled meanwhile."""
        with self._lock:
            library = build.load("cpu") if self._on_cpu else None
            compiled = library is not None
            if self._blocks and compiled == self._compiled:
                return
            blocks: list[Block] = []
            resolutions = self._generator.config.resolutions
            for resolution, block in zip(
                resolutions, self._generator.synthesis_blocks(), strict=True
            ):
                in_half = self._half and resolution in resolutions[-HALF_RESOLUTIONS:]
                dtype = torch.float16 if in_half else torch.float32
                convs: list[Layer] = []
                for conv in block.layers():
                    start = COMPILED_UP_FROM if conv.up else COMPILED_FROM
                    if library is not None and not in_half and resolution >= start:
                        convs.append(CompiledConv(conv, library))
                    else:
                        convs.append(TorchConv(conv, dtype, self._fused))
                blocks.append((convs, PreparedToRGB(block.torgb, dtype)))
            # at once, so that a picture that is being made keeps the layers it began with
            self._blocks, self._compiled = blocks, compiled

    def _picture(self, styles: Sequence[torch.Tensor]) -> torch.Tensor:
        """One picture; the styles of all convolutions, then those of all toRGB layers."""
        blocks = self._blocks
        layers = sum(len(convs) for convs, _ in blocks)
        layer_styles, rgb_styles = iter(styles[:layers]), styles[layers:]
        x, image = self._const, None
        for (convs, torgb), rgb_style in zip(blocks, rgb_styles, strict=True):
            for conv in convs:
                x = conv(x, next(layer_styles))
            rgb = torgb(x, rgb_style)
            image = rgb if image is None else rgb.add_(self._doubled(image))
        assert image is not None  # there is always the 4×4 block
        return image.contiguous()

    def _doubled(self, image: torch.Tensor) -> torch.Tensor:
        """Upsample [1, 3, H, W] to twice the size."""
        if self._fused:
            return upfirdn2d(image, self._blur, up=2, pad=(2, 1))
        kernel = self._blur.expand(3, 1, -1, -1)
        return F.conv_transpose2d(image, kernel, stride=2, padding=1, groups=3)
