"""Disturbs pictures before the encoder sees them, so that it copes with more than renders."""

import torch
import torch.nn.functional as F

BACKGROUND_TOLERANCE = 0.05  # chroma distance of pixels that still belong to the background
MAX_SHIFT = 0.04  # [picture sides]
MAX_SCALE = 0.08  # ln of the zoom
MAX_NOISE = 0.08  # standard deviation, pictures in −1…1
MAX_BLUR = 2.0  # [px at 64 px] box width of the resampling that blurs


def background_mask(images: torch.Tensor) -> torch.Tensor:
    """Find the plain background of renders by growing it from the top corners.

    Args:
        images: [B, 3, R, R] in −1…1.

    Returns:
        [B, 1, R, R] float, 1 on the background.
    """
    rgb = (images + 1) / 2
    chroma = rgb / (rgb.sum(1, keepdim=True) + 1e-3)
    corners = torch.stack([chroma[..., 1, 1], chroma[..., 1, -2]])
    distance = (chroma - corners.mean(0)[..., None, None]).abs().sum(1, keepdim=True)
    alike = (distance < BACKGROUND_TOLERANCE).to(images.dtype)
    # growing is done on a quarter of the resolution, where it takes few steps
    room = (F.avg_pool2d(alike, 4) > 0).to(images.dtype)
    grown = torch.zeros_like(room)
    grown[:, :, 0] = room[:, :, 0]
    for _ in range(2 * room.shape[-1]):
        grown = F.max_pool2d(grown, 3, 1, 1) * room
    return F.interpolate(grown, scale_factor=4.0) * alike


def random_fields(
    count: int, resolution: int, random: torch.Generator, device: torch.device
) -> torch.Tensor:
    """Smooth random colour fields [count, 3, resolution, resolution] in −1…1."""
    cells = torch.rand((count, 3, 4, 4), generator=random).to(device) * 2 - 1
    return F.interpolate(cells, size=resolution, mode="bicubic").clamp(-1, 1)


def move(
    images: torch.Tensor, shift: torch.Tensor, zoom: torch.Tensor, angle: torch.Tensor
) -> torch.Tensor:
    """Shift [B, 2], zoom [B] and turn [B] (radians) pictures, borders repeated."""
    cos, sin = torch.cos(angle) / zoom, torch.sin(angle) / zoom
    rows = [torch.stack([cos, -sin, shift[:, 0]], 1), torch.stack([sin, cos, shift[:, 1]], 1)]
    grid = F.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def augment(
    images: torch.Tensor, share: float, random: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Disturb a share of the pictures.

    Args:
        images: [B, 3, R, R] in −1…1.
        share: of the pictures that are disturbed; the rest passes unchanged.
        random: source of randomness on the CPU.

    Returns:
        Disturbed pictures [B, 3, R, R], and [B, 1, R, R] that is 0 where the background was
        replaced, so that nobody can know it, and 1 elsewhere.
    """
    count = round(share * len(images))
    known = torch.ones_like(images[:, :1])
    if count == 0:
        return images, known
    device, resolution = images.device, images.shape[-1]

    def uniform(*shape: int) -> torch.Tensor:
        return (torch.rand((count, *shape), generator=random) * 2 - 1).to(device)

    x = images[:count]
    background = background_mask(x) * (uniform(1, 1, 1) > 0).to(x.dtype)
    x = x + background * (random_fields(count, resolution, random, device) - x)
    x = x * (1 + 0.15 * uniform(3, 1, 1)) + 0.12 * uniform(1, 1, 1)
    x = move(x, MAX_SHIFT * 2 * uniform(2), torch.exp(MAX_SCALE * uniform()), 0.06 * uniform())
    small = max(8, round(resolution / (1 + (MAX_BLUR - 1) * float(uniform(1)[0].abs()))))
    blurred = F.interpolate(x, size=small, mode="area")
    blurred = F.interpolate(blurred, size=resolution, mode="bilinear", align_corners=False)
    x = torch.lerp(x, blurred, (uniform(1, 1, 1) > 0).to(x.dtype))
    noise = torch.randn(x.shape, generator=random).to(device)
    x = x + noise * MAX_NOISE * uniform(1, 1, 1).abs()
    known[:count] -= background
    return torch.cat([x.clamp(-1, 1), images[count:]]), known
