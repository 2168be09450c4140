"""Disturbs pictures of people as photos would, before an encoder or a judge sees them."""

import torch
import torch.nn.functional as F

from training.augmentation import move, random_fields

REPLACED, OCCLUDED, BLURRED, GREY = 0.5, 0.3, 0.6, 0.05  # shares of the disturbed pictures
HEAD = (2.1, 2.7)  # half axes of what stays [eye distances]; hair of any length above the chin
HEAD_ABOVE_EYES = 0.35  # its centre [eye distances]
CHIN_BELOW_MOUTH = 0.9  # [eye distances]
EDGE = 0.12  # of the head's ellipse, softened
GAIN, BRIGHTNESS, CONTRAST, SATURATION = 0.12, 0.12, 0.2, 0.35
MAX_SHIFT = 0.05  # [picture sides]
MAX_SCALE = 0.10  # ln of the zoom
MAX_ANGLE = 0.09  # [rad]
MAX_BLUR = 4.0  # times smaller in between
MAX_NOISE = 0.10  # standard deviation, pictures in −1…1
OCCLUDER = (0.05, 0.22)  # half axes [picture sides]


def disturb(
    images: torch.Tensor, keypoints: torch.Tensor, share: float, random: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Disturb a share of the pictures: background, colours, framing, things before it, blur, noise.

    Args:
        images: [B, 3, R, R] in −1…1.
        keypoints: [B, 3, 2] centres of eyes and mouth, 0…1.
        share: of the pictures that are disturbed; the rest passes unchanged.
        random: source of randomness on the CPU.

    Returns:
        Pictures [B, 3, R, R], and [B, 1, R, R] that is 0 where the background was replaced, so that
        nobody can know it, and 1 elsewhere.
    """
    count = round(share * len(images))
    known = torch.ones_like(images[:, :1])
    if count == 0:
        return images, known
    device, side = images.device, images.shape[-1]

    def uniform(*shape: int) -> torch.Tensor:
        return (torch.rand((count, *shape), generator=random) * 2 - 1).to(device)

    def chosen(part: float) -> torch.Tensor:
        return (uniform(1, 1, 1) < 2 * part - 1).to(images.dtype)

    x, foreign = images[:count], images.roll(1, 0)[:count].flip(3)
    fields = random_fields(count, side, random, device)
    behind = torch.lerp(fields, foreign, (uniform(1, 1, 1) * 2 + 0.5).clamp(0, 1))
    replaced = _background(keypoints[:count], side, 1 + 0.25 * uniform(1)) * chosen(REPLACED)
    x = torch.lerp(x, behind, replaced)
    x = x * (1 + CONTRAST * uniform(1, 1, 1)) * (1 + GAIN * uniform(3, 1, 1))
    grey = x.mean(1, keepdim=True)
    saturation = (1 + SATURATION * uniform(1, 1, 1)) * (1 - chosen(GREY))
    x = grey + (x - grey) * saturation + BRIGHTNESS * uniform(1, 1, 1)
    zoom, angle = torch.exp(MAX_SCALE * uniform()), MAX_ANGLE * uniform()
    x = move(x, 2 * MAX_SHIFT * uniform(2), zoom, angle)
    centre, axes = (
        uniform(2) * 0.5 + 0.5,
        OCCLUDER[0] + (OCCLUDER[1] - OCCLUDER[0]) * uniform(2).abs(),
    )
    before = torch.sigmoid((1 - _ellipse(centre, axes, side)) * side * 0.5) * chosen(OCCLUDED)
    x = torch.lerp(x, torch.where(uniform(1, 1, 1) > 0, fields.flip(2), foreign.flip(2)), before)
    small = max(8, round(side / (1 + (MAX_BLUR - 1) * float(uniform(1)[0].abs()))))
    blurred = F.interpolate(x, size=small, mode="area")
    blurred = F.interpolate(blurred, size=side, mode="bilinear", align_corners=False)
    x = torch.lerp(x, blurred, chosen(BLURRED))
    noise = torch.randn(x.shape, generator=random).to(device)
    x = x + noise * MAX_NOISE * uniform(1, 1, 1).abs() ** 2
    known[:count] -= replaced
    return torch.cat([x.clamp(-1, 1), images[count:]]), known


def _background(keypoints: torch.Tensor, side: int, size: torch.Tensor) -> torch.Tensor:
    """What is surely behind the heads: [B, 1, side, side] in 0…1.

    Args:
        keypoints: [B, 3, 2] centres of eyes and mouth, 0…1.
        side: of the pictures [px].
        size: [B, 1] of the heads, against the usual.
    """
    eyes, mouth = keypoints[:, :2], keypoints[:, 2]
    middle = eyes.mean(1)
    distance = (eyes[:, 0] - eyes[:, 1]).norm(dim=1, keepdim=True)
    unit = torch.maximum(distance, (mouth - middle).norm(dim=1, keepdim=True)) * size
    centre = middle - torch.cat([0 * unit, HEAD_ABOVE_EYES * unit], 1)
    outside = ((_ellipse(centre, unit * unit.new_tensor(HEAD), side) - 1) / EDGE).clamp(0, 1)
    rows = (torch.arange(side, device=keypoints.device) + 0.5) / side
    chin = mouth[:, 1:] + CHIN_BELOW_MOUTH * unit
    above = ((chin - rows) / (EDGE * unit)).clamp(0, 1)
    return outside * above[:, None, :, None]


def _ellipse(centre: torch.Tensor, axes: torch.Tensor, side: int) -> torch.Tensor:
    """Distance of pixels from centres [B, 2] in half axes [B, 2]: [B, 1, side, side]."""
    places = (torch.arange(side, device=centre.device) + 0.5) / side
    x = (places - centre[:, :1]) / axes[:, :1]
    y = (places - centre[:, 1:]) / axes[:, 1:]
    return (x.square()[:, None, :] + y.square()[:, :, None]).sqrt()[:, None]
