"""Runs pairs through the methods and gathers the numbers of every picture."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F

from training.evaluation.figures import FIGURES, Columns, figure_values
from training.evaluation.judge import Judge, concatenated
from training.evaluation.matched import ERRORS, IDENTITY, Curve
from training.evaluation.methods import SOURCE, STRENGTHS, Method, unchanged
from training.evaluation.pairs import Faces, Pairs, RandomPairs
from training.losses import landmark_weights, psnr
from training.progress import progress_bar

IN_FACE = 1.15  # landmark weight from which a pixel counts as the face's


@dataclass
class Measured:
    """The numbers of every pair.

    Args:
        methods: for each method and strength.
        model: of the generator and the encoder, in a world of known answers.
    """

    methods: dict[str, dict[float, Columns]] = field(default_factory=dict)
    model: Columns = field(default_factory=dict)

    @property
    def source(self) -> Columns:
        """Of the source unchanged, which is every method at strength 0."""
        return self.methods[SOURCE][1.0]

    def curve(self, name: str, weights: np.ndarray | None = None) -> Curve:
        """What is matched and compared, along a method's strengths.

        Args:
            name: of the method; one with a strength begins at 0, as the source.
            weights: of the pairs in resamples [resamples, N]; None for no resamples.
        """
        swept = self.methods[name]
        points = swept if len(swept) == 1 else {0.0: self.source} | swept
        weights = np.zeros((0, len(self.source["csim"]))) if weights is None else weights
        figures = {
            figure: np.stack(
                [figure_values(FIGURES[figure], x, self.source, weights) for x in points.values()]
            )
            for figure in (IDENTITY, *ERRORS)
        }
        return Curve(tuple(points), figures)


class Renders:
    """The renderer's pictures of latents, at a model's resolution.

    Args:
        pairs: of a world of known answers.
        compiled: whether to compile a renderer that can be, which takes a minute.
    """

    def __init__(self, pairs: RandomPairs, compiled: bool) -> None:
        self.pairs = pairs
        self._render = pairs.world.renderer(pairs.pipeline.device, compiled)

    def draw(self, z: torch.Tensor) -> torch.Tensor:
        """[B, 512] → [B, 3, R, R] in −1…1."""
        return self._render(z, self.pairs.pipeline.config.resolution)


def measure(
    pairs: Pairs,
    judge: Judge,
    methods: dict[str, Method],
    strengths: Sequence[float] = STRENGTHS,
    renders: Renders | None = None,
    quiet: bool = False,
) -> Measured:
    """Run all pairs through all methods, and through the source unchanged.

    Args:
        pairs: what to run.
        judge: reads the pictures.
        methods: by name; those without a strength are drawn once.
        strengths: of the others; 1.0 among them.
        renders: in a world of known answers; None leaves out the figures that need the renderer.
        quiet: show no progress.
    """
    methods = {SOURCE: unchanged()[SOURCE]} | methods
    parts: dict[str, dict[float, list[Columns]]] = {
        name: {s: [] for s in (strengths if method.swept else (1.0,))}
        for name, method in methods.items()
    }
    model_parts: list[Columns] = []
    with progress_bar(len(pairs), 0, "pairs", quiet) as bar, torch.inference_mode():
        for batch in pairs:
            exact_render = None
            if renders is not None and batch.exact is not None:
                exact_render = renders.draw(batch.exact.z)
                model_parts.append(model_columns(batch.source, renders))
            wanted = judge.wanted(batch, exact_render)
            for name, method in methods.items():
                for strength, columns in parts[name].items():
                    columns.append(judge.measure(method.draw(batch, strength), wanted))
            bar.update(len(batch))
    measured = {
        name: {strength: concatenated(columns) for strength, columns in swept.items()}
        for name, swept in parts.items()
    }
    return Measured(measured, concatenated(model_parts) if model_parts else {})


def model_columns(faces: Faces, renders: Renders) -> Columns:
    """How near a model's generator and its inversion come to the renderer's pictures.

    Distances are in dB; gradient energies are of the generator's picture and of the render.
    """
    assert faces.z is not None  # of a world of known answers
    pipeline, rendered = renders.pairs.pipeline, renders.draw(faces.z)
    codes = pipeline.refine(rendered, pipeline.encode(rendered))
    face = landmark_weights(renders.pairs.world.keypoints(faces.z), rendered.shape[-1]) > IN_FACE
    values = {
        "psnr": psnr(faces.picture, rendered),
        "inversion": psnr(pipeline.generator(codes), rendered),
    }
    for suffix, picture in (("", faces.picture.clamp(-1, 1)), ("_render", rendered)):
        energy = gradient_energy(picture)
        values["energy" + suffix] = energy.mean((1, 2, 3))
        values["energy_face" + suffix] = (energy * face).sum((1, 2, 3)) / face.sum((1, 2, 3))
    return {name: value.double().cpu().numpy() for name, value in values.items()}


def gradient_energy(pictures: torch.Tensor) -> torch.Tensor:
    """Squared differences of pictures in grey to the next pixels right and below: [B, 1, R, R]."""
    grey = F.pad(pictures.mean(1, keepdim=True), (0, 1, 0, 1), mode="replicate")
    across = grey[..., :-1, 1:] - grey[..., :-1, :-1]
    down = grey[..., 1:, :-1] - grey[..., :-1, :-1]
    return across.square() + down.square()
