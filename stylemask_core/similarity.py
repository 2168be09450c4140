"""How alike two pictures are: structure at several scales, and squared error."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

SCALES = 4  # the pictures' own size, a half, a quarter, an eighth
WINDOW, DEVIATION = 11, 1.5  # [px] of the Gaussian window
LEVELS = (0.01, 0.03)  # of SSIM's constants, as shares of the pictures' range
FULL_RANGE = 2.0  # pictures lie in −1…1


@dataclass(frozen=True)
class Similarity:
    """How alike two pictures are.

    Args:
        structure: SSIM, mean over four scales, at most 1 (the same picture).
        psnr: peak signal-to-noise ratio [dB].
    """

    structure: float
    psnr: float


def similarity(picture: torch.Tensor, wanted: torch.Tensor) -> Similarity:
    """Compare two pictures [1, 3, R, R] in −1…1; the first is clamped to that."""
    picture = picture.clamp(-1, 1)
    error = float((picture - wanted).square().mean())
    psnr = float(10 * torch.log10(torch.tensor(FULL_RANGE**2 / max(error, 1e-10))))
    return Similarity(float(structure(picture, wanted)), psnr)


def structure(picture: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Structural similarity, mean over four scales; differentiable.

    Args:
        picture: [1, 3, R, R] in about −1…1.
        wanted: the same.

    Returns:
        Scalar, at most 1.

    Source: SSIM of Wang et al. 2004; of the scales of Wang et al. 2003 the plain mean.
    """
    values = []
    for scale in range(SCALES):
        if scale:
            picture, wanted = F.avg_pool2d(picture, 2), F.avg_pool2d(wanted, 2)
        values.append(_ssim(picture, wanted))
        if picture.shape[-1] < 2 * WINDOW:
            break  # at the next scale a window would be the picture
    return torch.stack(values).mean()


def _ssim(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    c1, c2 = ((level * FULL_RANGE) ** 2 for level in LEVELS)
    maps = torch.cat([a, b, a * a, b * b, a * b])
    mean_a, mean_b, square_a, square_b, product = _smooth(maps).chunk(5)
    variance = square_a - mean_a.square() + square_b - mean_b.square()
    covariance = product - mean_a * mean_b
    light = (2 * mean_a * mean_b + c1) / (mean_a.square() + mean_b.square() + c1)
    return (light * (2 * covariance + c2) / (variance + c2)).mean()


def _smooth(maps: torch.Tensor) -> torch.Tensor:
    """Gaussian means [B, C, H', W'] of windows that lie inside [B, C, H, W]."""
    size = min(WINDOW, maps.shape[-1])
    taps = torch.arange(size, device=maps.device) - (size - 1) / 2
    taps = torch.exp(-taps.square() / (2 * DEVIATION**2)).to(maps)
    taps = (taps / taps.sum()).expand(maps.shape[1], 1, 1, size)
    rows = F.conv2d(maps, taps, groups=maps.shape[1])
    return F.conv2d(rows, taps.transpose(2, 3), groups=maps.shape[1])
