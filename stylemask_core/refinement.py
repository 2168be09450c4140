"""Bring an inversion closer to its picture, within the time that people give it.

After Zhu et al. 2016 and Abdal et al. 2019: gradient steps on the code itself. A code may come
nearer to the picture than the encoder's, and at the same time leave the region where the mask
networks were trained, or where the generator still draws faces; so all layers are moved alike
first, single layers late and little, and no move goes far.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F

from stylemask_core.checks import number_in
from stylemask_core.networks.generator import Generator
from stylemask_core.pictures.images import to_tensor
from stylemask_core.results import Inversion, LatentCode
from stylemask_core.similarity import Similarity, similarity, structure

SECONDS_RANGE = (0.0, 3600.0)
COMPARED_SIZE = 128  # [px] at which larger models are compared with their picture
ALIKE_SHARE = 0.4  # of the time: all layers move alike
STEP_SIZE, OWN_STEP_SIZE = 0.05, 0.01  # of all layers and of single ones [deviations of w]
FURTHEST, OWN_FURTHEST = 0.4, 0.1  # root mean square of the moves [deviations of w]
MOMENTS = (0.9, 0.99)
PIXEL_WEIGHT = 2.0  # of the squared error, beside the structure's 1
STEP_PER_PICTURE = 4.0  # a gradient step takes about as long as that many pictures
CAUTION = 1.25  # the next of a kind may take that much longer than the longest so far

Synthesize = Callable[[torch.Tensor], torch.Tensor]  # W+ → picture


@dataclass(frozen=True)
class Refinement:
    """What a refinement came to.

    Args:
        inversion: with the refined code; as it was where nothing better was found.
        before: how alike the model's picture and the crop were.
        after: how alike they are now.
        steps: gradient steps that were taken.
        seconds: wall-clock time it took.
    """

    inversion: Inversion
    before: Similarity
    after: Similarity
    steps: int
    seconds: float


class _Clock:
    """What is left of the time, and what things took so far."""

    def __init__(self, seconds: float) -> None:
        self._start, self._seconds = time.monotonic(), seconds
        self._mark = self._start

    @property
    def used(self) -> float:
        return time.monotonic() - self._start

    @property
    def share(self) -> float:
        return min(1.0, self.used / self._seconds) if self._seconds else 1.0

    def lap(self) -> float:
        """Seconds since the last call."""
        before, self._mark = self._mark, time.monotonic()
        return self._mark - before

    def fits(self, seconds: float) -> bool:
        return self.used + CAUTION * seconds <= self._seconds


def refine_inversion(
    generator: Generator,
    synthesize: Synthesize,
    inversion: Inversion,
    spread: torch.Tensor,
    seconds: float,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Refinement:
    """Take gradient steps towards the crop as long as they fit into the time.

    Args:
        generator: frozen.
        synthesize: the generator's fastest way to a full picture.
        inversion: to start from.
        spread: deviation of w, see `inversion.w_spread`; the unit of a step.
        seconds: wall-clock time; no step is begun that would not fit. One full picture is made
            in any case, to tell the similarity.
        progress: called before every step with the share of the time that is used, 0…1.
        cancelled: asked before every step whether to stop with what is there.

    Raises:
        InvalidInputError: the time is no number in 0…3600.
    """
    seconds = number_in(seconds, "seconds", SECONDS_RANGE)
    clock = _Clock(seconds)
    w_plus = inversion.w_plus
    wanted = to_tensor(inversion.crop).to(w_plus.device)
    start = synthesize(w_plus)
    before = similarity(start, wanted)
    full_time = clock.lap()
    if not clock.fits(2 * full_time):
        return Refinement(inversion, before, before, 0, clock.used)
    # gradients are needed here even where a caller has switched them off
    with torch.inference_mode(False), torch.enable_grad():
        descent = _Descent(generator, w_plus.clone(), spread.clone(), start.clone(), wanted.clone())
        picture_time = clock.lap()
        step_time, steps = STEP_PER_PICTURE * picture_time, 0
        while clock.fits(step_time + picture_time + full_time):
            if cancelled is not None and cancelled():
                break
            if progress is not None:
                progress(clock.share)
            descent.step(alike=clock.share <= ALIKE_SHARE)
            steps += 1
            lap = clock.lap()
            step_time = lap if steps == 1 else max(step_time, lap)
        best = descent.best() if steps else w_plus
    after = similarity(synthesize(best), wanted) if steps else before
    if after.structure <= before.structure:
        return Refinement(inversion, before, before, steps, clock.used)
    refined = replace(inversion, code=LatentCode(best))
    return Refinement(refined, before, after, steps, clock.used)


class _Descent:
    """Gradient steps on moves away from a code, and the best of the codes passed.

    Args:
        generator: frozen.
        w_plus: [1, L, latent_dim] to start from.
        spread: deviation of w.
        start: the full picture of that code, [1, 3, R, R].
        wanted: the picture to come close to, the same shape.
    """

    def __init__(
        self,
        generator: Generator,
        w_plus: torch.Tensor,
        spread: torch.Tensor,
        start: torch.Tensor,
        wanted: torch.Tensor,
    ) -> None:
        self._generator, self._w_plus, self._spread = generator, w_plus, spread
        self._size = min(COMPARED_SIZE, wanted.shape[-1])
        self._wanted = F.adaptive_avg_pool2d(wanted, self._size)
        with torch.no_grad():
            # the layers beyond this size add details, which are taken not to change
            small = generator(w_plus, self._size)
            self._details = F.adaptive_avg_pool2d(start, self._size) - small
        self._alike = torch.zeros_like(w_plus[:, :1], requires_grad=True)
        self._own = torch.zeros_like(w_plus, requires_grad=True)
        groups = [{"params": [self._alike]}, {"params": [self._own]}]
        self._optimizer = torch.optim.Adam(groups, STEP_SIZE, MOMENTS)
        self._best, self._best_loss = w_plus, math.inf

    def step(self, alike: bool) -> None:
        """Take a gradient step; of all layers alike, or of each by itself too."""
        self._optimizer.param_groups[1]["lr"] = 0.0 if alike else OWN_STEP_SIZE
        loss = self._loss()
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        _shorten(self._alike, FURTHEST)
        _shorten(self._own, OWN_FURTHEST)

    @torch.no_grad()
    def best(self) -> torch.Tensor:
        """The best code, [1, L, latent_dim]."""
        self._loss()  # of the last step
        return self._best

    def _loss(self) -> torch.Tensor:
        code = self._w_plus + (self._alike + self._own) * self._spread
        picture = self._generator(code, self._size) + self._details
        error = (picture - self._wanted).square().mean()
        loss: torch.Tensor = 1 - structure(picture, self._wanted) + PIXEL_WEIGHT * error
        if (value := float(loss.detach())) < self._best_loss:
            self._best, self._best_loss = code.detach(), value
        return loss


@torch.no_grad()
def _shorten(move: torch.Tensor, furthest: float) -> None:
    """Scale a move in place, so that its root mean square is at most so large."""
    length = float(move.square().mean().sqrt())
    if length > furthest:
        move *= furthest / length
