"""The scale of the expression error: how far each coefficient goes over random pictures."""

from collections.abc import Iterable

import torch

from training.face_models.interface import FaceModel


@torch.no_grad()
def measure_expression_range(model: FaceModel, batches: Iterable[torch.Tensor]) -> torch.Tensor:
    """Largest less smallest value of each expression coefficient, [E].

    Args:
        model: reads the pictures.
        batches: of random pictures [B, 3, R, R] in −1…1; StyleMask takes 2000 of them in all.

    Source: StyleMask (arXiv 2209.13375), its expression error.
    """
    expression = torch.cat([model.estimate(images).expression for images in batches])
    return expression.amax(0) - expression.amin(0)
