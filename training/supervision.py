"""What a reenactment is compared with: the exact answer, or what face models say of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import nn

from stylemask_core.networks.generator import Generator
from stylemask_core.networks.mask_network import MaskNetwork
from training.face_losses import (
    EYE_PAIRS,
    MOUTH_PAIRS,
    PICTURE_SIDE,
    decode_pair,
    feature_loss,
    identity_loss,
    opening_loss,
    shape_loss,
    wanted_face,
)
from training.face_models import Coefficients, FaceModel
from training.identity_models import IdentityModel
from training.losses import landmark_weights, picture_loss
from training.picture_network import PictureNetwork
from training.reenactment import Code, code, draw, join, mix, reenact
from training.worlds import World

VALIDATION_BATCH = 32
LOSS, L1_RATIO = "loss", "l1_ratio"


class Supervision(Protocol):
    """One way to tell how good reenactments are.

    Args:
        faces: latents that one training sample takes.
        score: which of the figures says which masks are the best; the lower the better.
    """

    faces: int
    score: str

    def terms(
        self, masks: MaskNetwork, z: torch.Tensor, resolution: int | None
    ) -> dict[str, torch.Tensor]:
        """The weighted terms of the loss.

        Args:
            masks: being trained.
            z: [faces, B, latent_dim]; the first are the sources, the second the targets.
            resolution: of the pictures [px].
        """

    def networks(self) -> dict[str, nn.Module]:
        """What it judges with, by name: a run goes on only with the same ones."""

    def figures(self, masks: MaskNetwork, z: torch.Tensor) -> dict[str, float]:
        """Figures of validation pairs z [2, N, latent_dim], the score among them."""

    def rows(self, masks: MaskNetwork, z: torch.Tensor) -> list[torch.Tensor]:
        """Pictures of pairs z [2, N, latent_dim] to look at, [N, 3, R, R] a row."""


class ExactSupervision:
    """Compares with the generator's own picture of the exact answer, known in some worlds.

    A latent with the source's identity coordinates and the target's pose coordinates names exactly
    the picture that is wanted.

    Args:
        generator: frozen.
        world: what it draws.
    """

    faces, score = 2, L1_RATIO

    def __init__(self, generator: Generator, world: World) -> None:
        self.generator, self.world = generator, world

    def terms(
        self, masks: MaskNetwork, z: torch.Tensor, resolution: int | None
    ) -> dict[str, torch.Tensor]:
        """The picture loss, eyes and mouth weighted: see `Supervision`."""
        z_exact = self.world.swap_pose(z[0], z[1])
        with torch.no_grad():
            exact = draw(self.generator, z_exact, resolution)
        reached = reenact(self.generator, masks, z[0], z[1], resolution)
        with _full_precision(z):
            weights = landmark_weights(self.world.keypoints(z_exact), exact.shape[-1])
            return {"picture": picture_loss(reached.float(), exact.float(), weights)}

    def networks(self) -> dict[str, nn.Module]:
        """None."""
        return {}

    @torch.no_grad()
    def figures(self, masks: MaskNetwork, z: torch.Tensor) -> dict[str, float]:
        """`l1_ratio`: L1 to the exact pictures as a share of the unchanged sources'."""
        reached = unchanged = 0.0
        for pairs in _batches(z):
            source, _, result, exact = self.rows(masks, pairs)
            reached += float((result - exact).abs().sum())
            unchanged += float((source - exact).abs().sum())
        return {L1_RATIO: reached / unchanged}

    @torch.no_grad()
    def rows(self, masks: MaskNetwork, z: torch.Tensor) -> list[torch.Tensor]:
        """Source, target, reenacted, exact."""
        return [
            draw(self.generator, z[0]),
            draw(self.generator, z[1]),
            reenact(self.generator, masks, z[0], z[1]),
            draw(self.generator, self.world.swap_pose(z[0], z[1])),
        ]


@dataclass(frozen=True)
class PaperWeights:
    """Weights of the paper's terms; the cycle repeats the others' weighted sum."""

    shape: float = 1.0
    mouth: float = 1.0
    eye: float = 1.0
    identity: float = 10.0
    perceptual: float = 0.0
    cycle: float = 1.0


class PaperSupervision:
    """The paper's losses: a 3D face model and an identity model read every picture.

    Args:
        generator: frozen.
        face_model: reads and places faces.
        identity_model: tells people apart.
        weights: of the terms.
        truncation: psi of the random faces.

    Raises:
        SystemExit: a perceptual loss is asked for and the identity model has no features.
    """

    score = LOSS

    def __init__(
        self,
        generator: Generator,
        face_model: FaceModel,
        identity_model: IdentityModel,
        weights: PaperWeights,
        truncation: float,
    ) -> None:
        self.generator, self.truncation, self.weights = generator, truncation, weights
        self.face_model, self.identity_model = face_model, identity_model
        self.faces = 3 if weights.cycle else 2
        self.network = getattr(identity_model, "network", None)
        if weights.perceptual and not isinstance(self.network, PictureNetwork):
            raise SystemExit("a perceptual loss needs the features of the heads identity model")

    def terms(
        self, masks: MaskNetwork, z: torch.Tensor, resolution: int | None
    ) -> dict[str, torch.Tensor]:
        """Shape, mouth, eyes, identity of the results, and all again on the cycle."""
        with torch.no_grad():
            codes = [code(self.generator, x, self.truncation) for x in z]
            seen = self._pictures(join(*codes), resolution)
            with _full_precision(z):
                read = _split(self.face_model.estimate(seen), len(codes))
        source, target, *third = codes
        first = mix(masks, source, target)
        results, wanted = [first], [read[1]]
        if third:  # the pose of a third face, directly and by way of the first result
            results += [mix(masks, source, third[0]), mix(masks, first, third[0])]
            wanted += [read[2], read[2]]
        pictures = self._pictures(join(*results), resolution)
        sources = seen[: len(z[0])]
        with _full_precision(z):
            losses = self._losses(pictures, sources, read[0], wanted)
        losses = {name: term.view(len(results), -1) for name, term in losses.items()}
        terms = {name: term[0].mean() for name, term in losses.items()}
        if third:
            repeated = torch.stack([term[1:].mean() for term in losses.values()])
            terms["cycle"] = self.weights.cycle * repeated.sum()
        return terms

    def _losses(
        self,
        pictures: torch.Tensor,
        sources: torch.Tensor,
        source: Coefficients,
        wanted: list[Coefficients],
    ) -> dict[str, torch.Tensor]:
        """The weighted terms of results [N·B, 3, R, R] of sources [B, 3, R, R], [N·B] each."""
        count, weights = len(wanted), self.weights
        with torch.no_grad():
            person = self.identity_model.embed(sources).repeat(count, 1)
        found, goal = decode_pair(
            self.face_model,
            self.face_model.estimate(pictures),
            wanted_face(_join([source] * count), _join(wanted)),
        )
        losses = {
            "shape": weights.shape * shape_loss(found, goal),
            "mouth": weights.mouth * opening_loss(found, goal, MOUTH_PAIRS),
            "eye": weights.eye * opening_loss(found, goal, EYE_PAIRS),
            "identity": weights.identity
            * identity_loss(self.identity_model.embed(pictures), person),
        }
        if weights.perceptual:
            assert isinstance(self.network, PictureNetwork)  # checked at the beginning
            with torch.no_grad():
                look = [x.repeat(count, 1, 1, 1) for x in self.network.features(sources)]
            distance = feature_loss(self.network.features(pictures), look)
            losses["perceptual"] = weights.perceptual * distance
        return losses

    def networks(self) -> dict[str, nn.Module]:
        """Those of the face model and of the identity model."""
        judges = {"face_model": self.face_model, "identity_model": self.identity_model}
        return {
            f"{judge}.{name}": network
            for judge, model in judges.items()
            for name, network in vars(model).items()
            if isinstance(network, nn.Module)
        }

    @torch.no_grad()
    def figures(self, masks: MaskNetwork, z: torch.Tensor) -> dict[str, float]:
        """The loss without its cycle, and pose error [deg], expression error, CSIM."""
        model = self.face_model
        sums = dict.fromkeys((LOSS, "pose_error_deg", "expression_error", "csim"), 0.0)
        for pairs in _batches(z):
            source, target, result = (_shrink(x) for x in self.rows(masks, pairs))
            read = [model.estimate(x) for x in (source, target, result)]
            losses = self._losses(result, source, read[0], [read[1]])
            error = (read[2].expression - read[1].expression).abs() / model.expression_range
            persons = [self.identity_model.embed(x) for x in (source, result)]
            figures = {
                LOSS: torch.stack(list(losses.values())).sum(0),
                "pose_error_deg": (read[2].angles - read[1].angles).abs().mean(1),
                "expression_error": error[:, model.compared].mean(1),
                "csim": 1 - identity_loss(persons[1], persons[0]),
            }
            for name, values in figures.items():
                sums[name] += float(values.sum())
        return {name: total / z.shape[1] for name, total in sums.items()}

    @torch.no_grad()
    def rows(self, masks: MaskNetwork, z: torch.Tensor) -> list[torch.Tensor]:
        """Source, target, reenacted."""
        psi = self.truncation
        return [
            draw(self.generator, z[0], truncation=psi),
            draw(self.generator, z[1], truncation=psi),
            reenact(self.generator, masks, z[0], z[1], truncation=psi),
        ]

    def _pictures(self, codes: Code, resolution: int | None) -> torch.Tensor:
        """Pictures as face models see them: float32, at most 256 px."""
        return _shrink(self.generator.synthesize(*codes, resolution).float())


def _full_precision(z: torch.Tensor) -> torch.autocast:
    """float32 for what measures, whatever precision draws the pictures."""
    return torch.autocast(z.device.type, enabled=False)


def _batches(z: torch.Tensor) -> Iterator[torch.Tensor]:
    yield from z.split(VALIDATION_BATCH, dim=1)


def _shrink(pictures: torch.Tensor) -> torch.Tensor:
    """Average pictures down to the size the paper's face model reads; smaller ones stay."""
    if pictures.shape[-1] <= PICTURE_SIDE:
        return pictures
    return F.adaptive_avg_pool2d(pictures, PICTURE_SIDE)


def _fields(read: Coefficients) -> list[torch.Tensor]:
    return [read.shape, read.expression, read.pose, read.angles]


def _split(read: Coefficients, count: int) -> list[Coefficients]:
    parts = zip(*(x.chunk(count) for x in _fields(read)), strict=True)
    return [Coefficients(*part) for part in parts]


def _join(parts: list[Coefficients]) -> Coefficients:
    return Coefficients(*(torch.cat(x) for x in zip(*(_fields(p) for p in parts), strict=True)))
