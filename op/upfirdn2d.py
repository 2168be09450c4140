"""Upsample, filter and downsample in one call (StyleGAN2, Karras et al. 2020, appendix B)."""

import torch
import torch.nn.functional as F


def upfirdn2d(
    x: torch.Tensor,
    kernel: torch.Tensor,
    up: int = 1,
    down: int = 1,
    pad: tuple[int, int] = (0, 0),
) -> torch.Tensor:
    """Insert zeros, pad, convolve every channel with one FIR kernel, keep every `down`-th sample.

    Args:
        x: [B, C, H, W].
        kernel: [kH, kW], convolved (not correlated) with the upsampled x.
        up: upsampling factor, 1 or more; up − 1 zeros follow every sample.
        down: downsampling factor, 1 or more.
        pad: zeros before and after both axes of the upsampled x; negative values crop.

    Returns:
        [B, C, H', W'] with H' = (H·up + pad[0] + pad[1] − kH) // down + 1, W' alike.

    Raises:
        ValueError: a shape or factor is unusable, or nothing would be left.
    """
    if x.ndim != 4 or kernel.ndim != 2 or up < 1 or down < 1:
        raise ValueError("upfirdn2d needs x [B, C, H, W], kernel [kH, kW] and factors of 1 or more")
    channels, (height, width) = x.shape[1], kernel.shape
    if min(x.shape[2] * up - height, x.shape[3] * up - width) + sum(pad) < 0:
        raise ValueError("the kernel is larger than the padded input")
    before, after = pad
    if up == 1:
        x = F.pad(x, (before, after, before, after))
        weight = kernel.flip((0, 1)).to(x).expand(channels, 1, height, width)
        return F.conv2d(x, weight, stride=down, groups=channels)
    # A transposed convolution is the zero insertion and the full convolution in one step; its
    # borders are then cropped (or padded) to what the padding asked for.
    weight = kernel.to(x).expand(channels, 1, height, width)
    x = F.conv_transpose2d(x, weight, stride=up, groups=channels)
    crop_x = (before - width + 1, after - width + up)
    crop_y = (before - height + 1, after - height + up)
    return F.pad(x, (*crop_x, *crop_y))[:, :, ::down, ::down]
