"""Reads pictures with a face model and an identity model, and holds them to what was wanted."""

from dataclasses import dataclass

import numpy as np
import torch

from training.evaluation.figures import ANGLE, EXPRESSION, Columns
from training.evaluation.pairs import PairBatch, Pairs, RandomPairs
from training.face_models import Coefficients, ExactFaceModel, FaceModel
from training.identity_models import IdentityModel

ANGLES = ("yaw", "pitch", "roll")
# Expression coefficients that are looked at apart, by what a face model calls them.
GROUPS = {"gaze": ("gaze_x", "gaze_y"), "lids": ("eyes_closed", "eyes_shut", "wink")}
GALLERY = 200  # identities among which the source is looked for


@dataclass
class Wanted:
    """What the reenactments of a batch are held to.

    Args:
        target: coefficients of the targets, of which pose and expression count.
        source: coefficients of the sources, of which the shape counts.
        embedding: of the sources' pictures, [B, D].
        own: the sources' places in the gallery, [B, D]; None where there is none.
        exact: the generator's exact answers [B, 3, R, R]; None where none is known.
        exact_render: the renderer's.
    """

    target: Coefficients
    source: Coefficients
    embedding: torch.Tensor
    own: torch.Tensor | None = None
    exact: torch.Tensor | None = None
    exact_render: torch.Tensor | None = None


class Judge:
    """Measures reenactments.

    Args:
        face: gives pose and expression.
        identity: gives embeddings.
        pairs: what is measured; of synthetic heads there is a gallery of identities too.
        seed: of the gallery.
    """

    def __init__(
        self, face: FaceModel, identity: IdentityModel, pairs: Pairs, seed: int = 0
    ) -> None:
        self.face, self.identity, self.pairs = face, identity, pairs
        self.random = torch.Generator().manual_seed(seed)
        self.others: torch.Tensor | None = None  # of the gallery, [GALLERY - 1, D]

    def embed(self, pictures: torch.Tensor) -> torch.Tensor:
        """Embeddings [B, D] of pictures as people see them."""
        return self.identity.embed(pictures.clamp(-1, 1))

    def estimate(self, pictures: torch.Tensor) -> Coefficients:
        """Coefficients of pictures as people see them."""
        return self.face.estimate(pictures.clamp(-1, 1))

    def wanted(self, batch: PairBatch, exact_render: torch.Tensor | None = None) -> Wanted:
        """What a batch's reenactments are held to: exact factors where the face model has them."""
        target, source = batch.target, batch.source
        face = self.face
        if isinstance(face, ExactFaceModel) and target.z is not None and source.z is not None:
            assert isinstance(self.pairs, RandomPairs)  # photos have no latents
            world = self.pairs.world
            wanted = face.exact(target.z, world), face.exact(source.z, world)
        else:
            wanted = self.estimate(target.seen), self.estimate(source.seen)
        own = None if source.z is None else self._gallery_places(source.z)
        exact_picture = None if batch.exact is None else batch.exact.picture
        return Wanted(*wanted, self.embed(source.seen), own, exact_picture, exact_render)

    def measure(self, pictures: torch.Tensor, wanted: Wanted) -> Columns:
        """The numbers of each picture [B, 3, R, R] that the figures are means of."""
        found, embedding = self.estimate(pictures), self.embed(pictures)
        angles = (found.angles - wanted.target.angles).abs()
        expression = (found.expression - wanted.target.expression).abs()
        expression = expression / self.face.expression_range.to(expression.device)
        columns = {
            "csim": (embedding * wanted.embedding).sum(1),
            "pose": angles[:, :2].mean(1),
            "expression": expression[:, self.face.compared].mean(1),
            "shape": (found.shape - wanted.source.shape).abs().mean(1),
        }
        columns |= {ANGLE + name: angles[:, i] for i, name in enumerate(ANGLES)}
        columns |= {
            EXPRESSION + name: expression[:, i] for i, name in enumerate(self.face.expression_names)
        }
        for group, names in GROUPS.items():
            if own := [EXPRESSION + name for name in names if EXPRESSION + name in columns]:
                columns[group] = torch.stack([columns[name] for name in own]).mean(0)
        if wanted.own is not None:
            nearest_other = (embedding @ self._gallery().t()).amax(1)
            columns["retrieved"] = (embedding * wanted.own).sum(1) > nearest_other
        for name, picture in (("l1", wanted.exact), ("l1_renderer", wanted.exact_render)):
            if picture is not None:
                columns[name] = (pictures - picture).abs().mean((1, 2, 3))
        return {name: column.double().cpu().numpy() for name, column in columns.items()}

    def _gallery_places(self, z: torch.Tensor) -> torch.Tensor:
        """Embeddings [B, D] of the generator's frontal and neutral pictures of identities."""
        assert isinstance(self.pairs, RandomPairs)  # photos have no latents
        return self.embed(self.pairs.faces(self.pairs.world.portraits(z, self.random)).picture)

    def _gallery(self) -> torch.Tensor:
        """Embeddings of identities no pair has, [GALLERY - 1, D]."""
        if self.others is None:
            assert isinstance(self.pairs, RandomPairs)
            z = torch.randn(GALLERY - 1, self.pairs.z_source.shape[1], generator=self.random)
            batches = z.to(self.pairs.z_source.device).split(16)
            self.others = torch.cat([self._gallery_places(batch) for batch in batches])
        return self.others


def concatenated(parts: list[Columns]) -> Columns:
    """The columns of several batches in one."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
