"""The paper's losses on faces: pure functions of what face and identity models see.

StyleMask (Bounareli et al. 2023), section "Training", as its public code has them. Lengths are
pixels of a picture of 256, the size that the paper's face model reads: its weights, 1 for lengths
and 10 for identity, are of one order only then.
"""

import torch
import torch.nn.functional as F

from training.face_models import Coefficients, FaceModel, Geometry

PICTURE_SIDE = 256  # [px]

# Landmarks, in iBUG's order, whose distances tell how far the mouth and the eyes are open.
OUTER_LIP_PAIRS = ((48, 54), (49, 59), (50, 58), (51, 57), (52, 56), (53, 55))
INNER_LIP_PAIRS = ((60, 64), (61, 67), (62, 66), (63, 65))
MOUTH_PAIRS = OUTER_LIP_PAIRS + INNER_LIP_PAIRS
EYE_PAIRS = ((36, 39), (37, 41), (38, 40), (42, 45), (43, 47), (44, 46))


def wanted_face(source: Coefficients, target: Coefficients) -> Coefficients:
    """The face that a reenactment should show: the source's shape, the target's pose."""
    return Coefficients(source.shape, target.expression, target.pose, target.angles)


def decode_pair(
    model: FaceModel, found: Coefficients, wanted: Coefficients
) -> tuple[Geometry, Geometry]:
    """Place the faces found and those wanted, [B] each, as one batch: half the work for `heads`."""
    both = [
        torch.cat([getattr(found, name), getattr(wanted, name)])
        for name in ("shape", "expression", "pose")
    ]
    geometry = model.decode(*both)
    parts = (geometry.vertices, geometry.landmarks_2d, geometry.landmarks_3d)
    first, second = zip(*(part.chunk(2) for part in parts), strict=True)
    return Geometry(*first), Geometry(*second)


def shape_loss(found: Geometry, wanted: Geometry) -> torch.Tensor:
    """Mean L1 distance of the vertices' coordinates [px], [B]."""
    return PICTURE_SIDE * (found.vertices - wanted.vertices).abs().mean((1, 2))


def opening_loss(
    found: Geometry, wanted: Geometry, pairs: tuple[tuple[int, int], ...]
) -> torch.Tensor:
    """Mean L1 difference of the distances [px] between paired landmarks of the picture, [B].

    Args:
        found: of the reenacted faces.
        wanted: of the faces they should be.
        pairs: MOUTH_PAIRS for the mouth loss, EYE_PAIRS for the eye loss.
    """
    first, second = (list(side) for side in zip(*pairs, strict=True))

    def distances(geometry: Geometry) -> torch.Tensor:
        points = geometry.landmarks_2d
        # where two landmarks meet, as closed lips do, the root alone would have no gradient
        return ((points[:, first] - points[:, second]).square().sum(2) + 1e-10).sqrt()

    return PICTURE_SIDE * (distances(found) - distances(wanted)).abs().mean(1)


def identity_loss(found: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
    """1 − cosine of embeddings [B, D] of unit length, [B]."""
    return 1 - (found * source).sum(1)


def feature_loss(found: list[torch.Tensor], source: list[torch.Tensor]) -> torch.Tensor:
    """A perceptual loss: squared distance of unit features, averaged over places and stages, [B].

    As LPIPS (Zhang et al. 2018) without its learned weights; the features here are those of an
    identity model's network, not of one trained on photos.

    Args:
        found: [B, C, H, W] a stage.
        source: the same of the pictures they should resemble.
    """
    stages = [
        (F.normalize(a) - F.normalize(b)).square().sum(1).mean((1, 2))
        for a, b in zip(found, source, strict=True)
    ]
    return torch.stack(stages).mean(0)
