"""The picture losses that trainings share."""

import torch
import torch.nn.functional as F

LANDMARK_RADIUS = 0.065  # [picture sides] of the weight bump on each eye and the mouth
LANDMARK_WEIGHT = 3.0  # added to the weight 1 at its centre

ENERGY_WINDOW = 8  # [px]
ENERGY_FLOOR = 1e-4  # keeps the root's slope finite where nothing is
# Differences along both axes and both diagonals, and the Laplacian; each of unit length.
ENERGY_FILTERS = F.normalize(
    torch.tensor(
        [
            [[0, 0, 0], [-1, 0, 1], [0, 0, 0]],
            [[0, -1, 0], [0, 0, 0], [0, 1, 0]],
            [[-1, 0, 0], [0, 0, 0], [0, 0, 1]],
            [[0, 0, -1], [0, 0, 0], [1, 0, 0]],
            [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
        ],
        dtype=torch.float32,
    ).flatten(1),
    dim=1,
).unflatten(1, (3, 3))


def landmark_weights(keypoints: torch.Tensor, resolution: int) -> torch.Tensor:
    """Weight map that makes the small features count.

    Args:
        keypoints: [B, K, 2] x and y of eyes and mouth in 0…1.
        resolution: side of the map [px].

    Returns:
        [B, 1, resolution, resolution], 1 far from every keypoint, 4 on it.
    """
    axis = (torch.arange(resolution, device=keypoints.device) + 0.5) / resolution
    dx = axis.view(1, 1, 1, -1) - keypoints[:, :, 0, None, None]
    dy = axis.view(1, 1, -1, 1) - keypoints[:, :, 1, None, None]
    bumps = torch.exp(-(dx.square() + dy.square()) / (2 * LANDMARK_RADIUS**2))
    return 1 + LANDMARK_WEIGHT * bumps.amax(1, keepdim=True)


def picture_loss(
    image: torch.Tensor, target: torch.Tensor, weights: torch.Tensor | None = None
) -> torch.Tensor:
    """L1, squared error, edges and low frequencies in one figure.

    Args:
        image: [B, 3, R, R] in about −1…1.
        target: the same shape.
        weights: [B, 1, R, R] for the L1 and edge terms; None weighs all alike.

    Returns:
        Scalar loss.
    """
    error = image - target
    w = torch.ones_like(error[:, :1]) if weights is None else weights
    edges_x = (error[..., 1:] - error[..., :-1]).abs() * w[..., 1:]
    edges_y = (error[:, :, 1:] - error[:, :, :-1]).abs() * w[:, :, 1:]
    coarse = F.avg_pool2d(error, 4).abs().mean()
    return (
        (error.abs() * w).mean()
        + 2.0 * error.square().mean()
        + 0.7 * (edges_x.mean() + edges_y.mean())
        + 0.5 * coarse
    )


def patch_energy(image: torch.Tensor) -> torch.Tensor:
    """How much of each kind of texture is where: the root of locally averaged filter responses.

    Pixels of texture cannot be predicted, its energy can; a loss on it keeps hair, brows and skin
    from being averaged away.

    Args:
        image: [B, 3, R, R] in about −1…1.

    Returns:
        [B, filters, cells] for windows of ENERGY_WINDOW pixels at full and at half size.
    """
    levels = []
    for level in (image, F.avg_pool2d(image, 2)):
        grey = level.mean(1, keepdim=True)
        filters = ENERGY_FILTERS.to(level)[:, None]
        response = F.conv2d(grey, filters, padding=1).square()
        energy = F.avg_pool2d(response, ENERGY_WINDOW, ENERGY_WINDOW // 2)
        levels.append((energy + ENERGY_FLOOR).sqrt().flatten(2))
    return torch.cat(levels, 2)


def energy_loss(image: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean difference of the patch energies of two batches of pictures: a scalar."""
    return (patch_energy(image) - patch_energy(target)).abs().mean()


def psnr(image: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Peak signal-to-noise ratio of each picture [dB], [B]; values in −1…1, so the peak is 2."""
    error = (image.clamp(-1, 1) - target).square().mean((1, 2, 3))
    return 10 * torch.log10(4 / error)
