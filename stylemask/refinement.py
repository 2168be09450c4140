"""Keep more of the person: an inversion brought closer to its picture in a given time.

Gradient steps on the W+ code (after Abdal et al. 2019). A code may come nearer to the picture than
the encoder's, and at the same time leave the region where the mask networks were trained, or where
the generator still draws faces; so all layers are moved alike first, single layers late and little,
and no move goes far.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F

from stylemask_core import Inversion, LatentCode, StyleMaskPipeline
from stylemask_core.checks import number_in
from stylemask_core.inversion import MOMENTS, STEP_SIZE
from stylemask_core.networks.generator import Generator
from stylemask_core.pictures.images import to_tensor
from stylemask_core.threads import limited

SECONDS_RANGE = (0.0, 3600.0)
COMPARED_SIZE = 128  # [px] at which larger models are compared with their picture
ALIKE_SHARE = 0.4  # of the time: all layers move alike
OWN_STEP_SIZE = 0.01  # Adam's, of single layers [deviations of w]
FURTHEST, OWN_FURTHEST = 0.4, 0.1  # root mean square of the moves [deviations of w]
PIXEL_WEIGHT = 2.0  # of the squared error, beside the structure's 1
STEP_PER_PICTURE = 4.0  # a gradient step takes about as long as that many pictures
CAUTION = 1.25  # the next of a kind may take that much longer than the longest so far

# Structural similarity
SCALES = 4  # the pictures' own size, a half, a quarter, an eighth
WINDOW, DEVIATION = 11, 1.5  # [px] of the Gaussian window
LEVELS = (0.01, 0.03)  # of SSIM's constants, as shares of the pictures' range
FULL_RANGE = 2.0  # pictures lie in −1…1


@dataclass(frozen=True)
class Similarity:
    """How alike two pictures are."""

    structure: float  # SSIM, mean over four scales, at most 1 (the same picture)
    psnr: float  # peak signal-to-noise ratio [dB]


@dataclass(frozen=True)
class Refinement:
    """What a refinement came to."""

    inversion: Inversion  # with the refined code; as it was where nothing better was found
    before: Similarity  # how alike the model's picture and the crop were
    after: Similarity  # how alike they are now
    steps: int  # gradient steps that were taken
    seconds: float  # wall-clock time it took


class _Clock:
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
        before, self._mark = self._mark, time.monotonic()
        return self._mark - before

    def fits(self, seconds: float) -> bool:
        return self.used + CAUTION * seconds <= self._seconds


def refine_inversion(
    pipeline: StyleMaskPipeline,
    inversion: Inversion,
    seconds: float = 10.0,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Refinement:
    """Take gradient steps towards the crop as long as they fit into the time.

    Args:
        pipeline: that made the inversion.
        inversion: as `pipeline.invert` gives it.
        seconds: wall-clock time, 0…3600; no step is begun that would not fit into it.
        progress: called before every step with the share of the time that is used, 0…1.
        cancelled: asked before every step whether to stop with what is there.

    Raises:
        InvalidInputError: the seconds are no number, or out of range.
    """
    seconds = number_in(seconds, "seconds", SECONDS_RANGE)
    with limited(pipeline.threads):
        return _refined(pipeline, inversion, seconds, progress, cancelled)


def _refined(
    pipeline: StyleMaskPipeline,
    inversion: Inversion,
    seconds: float,
    progress: Callable[[float], None] | None,
    cancelled: Callable[[], bool] | None,
) -> Refinement:
    def full_picture(w_plus: torch.Tensor) -> torch.Tensor:
        return pipeline.synthesize(LatentCode(w_plus)).tensor

    clock, w_plus = _Clock(seconds), inversion.w_plus
    crop = to_tensor(inversion.crop).to(w_plus.device)
    start = full_picture(w_plus)
    before = similarity(start, crop)
    full_time = clock.lap()
    if not clock.fits(2 * full_time):
        return Refinement(inversion, before, before, 0, clock.used)
    # gradients are needed here even where a caller has switched them off
    with torch.inference_mode(False), torch.enable_grad():
        tensors = (x.clone() for x in (w_plus, pipeline.w_spread, start, crop))
        descent = _Descent(pipeline.generator, *tensors)
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
    after = similarity(full_picture(best), crop) if steps else before
    if after.structure <= before.structure:
        return Refinement(inversion, before, before, steps, clock.used)
    refined = replace(inversion, code=LatentCode(best))
    return Refinement(refined, before, after, steps, clock.used)


class _Descent:
    """Gradient steps from a code towards a picture, and the best of the codes passed.

    `start` is the code's own full picture, [1, 3, R, R], `crop` the one to come close to.
    """

    def __init__(
        self,
        generator: Generator,
        w_plus: torch.Tensor,
        spread: torch.Tensor,
        start: torch.Tensor,
        crop: torch.Tensor,
    ) -> None:
        self._generator, self._w_plus, self._spread = generator, w_plus, spread
        self._size = min(COMPARED_SIZE, crop.shape[-1])
        self._crop = F.adaptive_avg_pool2d(crop, self._size)
        with torch.no_grad():
            # the layers beyond this size add details, which are taken not to change
            small = generator(w_plus, self._size)
            self._details = F.adaptive_avg_pool2d(start, self._size) - small
        self._alike = torch.zeros_like(w_plus[:, :1], requires_grad=True)
        self._own = torch.zeros_like(w_plus, requires_grad=True)
        groups = [{"params": [self._alike]}, {"params": [self._own]}]
        self._optimizer = torch.optim.Adam(groups, STEP_SIZE, MOMENTS)
        self._best, self._best_loss = w_plus, math.inf

    def step(self, alike: bool) -> None:  # all layers alike, or each by itself too
        self._optimizer.param_groups[1]["lr"] = 0.0 if alike else OWN_STEP_SIZE
        loss = self._loss()
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        _shorten(self._alike, FURTHEST)
        _shorten(self._own, OWN_FURTHEST)

    @torch.no_grad()
    def best(self) -> torch.Tensor:
        self._loss()  # of the last step
        return self._best

    def _loss(self) -> torch.Tensor:
        code = self._w_plus + (self._alike + self._own) * self._spread
        picture = self._generator(code, self._size) + self._details
        error = (picture - self._crop).square().mean()
        loss: torch.Tensor = 1 - structure(picture, self._crop) + PIXEL_WEIGHT * error
        if (value := float(loss.detach())) < self._best_loss:
            self._best, self._best_loss = code.detach(), value
        return loss


@torch.no_grad()
def _shorten(move: torch.Tensor, furthest: float) -> None:
    length = float(move.square().mean().sqrt())
    if length > furthest:
        move *= furthest / length


def similarity(picture: torch.Tensor, reference: torch.Tensor) -> Similarity:
    """Compare two pictures [1, 3, R, R] in −1…1; the first is clamped to that."""
    picture = picture.clamp(-1, 1)
    error = float((picture - reference).square().mean())
    psnr = float(10 * torch.log10(torch.tensor(FULL_RANGE**2 / max(error, 1e-10))))
    return Similarity(float(structure(picture, reference)), psnr)


def structure(picture: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """Structural similarity of [1, 3, R, R] in about −1…1, at most 1; differentiable.

    Source: SSIM of Wang et al. 2004; of the scales of Wang et al. 2003 the plain mean.
    """
    values = []
    for scale in range(SCALES):
        if scale:
            picture, reference = F.avg_pool2d(picture, 2), F.avg_pool2d(reference, 2)
        values.append(_ssim(picture, reference))
        if picture.shape[-1] < 2 * WINDOW:
            break  # at the next scale a window would be the picture
    return torch.stack(values).mean()


def _ssim(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    c1, c2 = ((level * FULL_RANGE) ** 2 for level in LEVELS)
    maps = torch.cat([a, b, a * a, b * b, a * b])
    mean_a, mean_b, square_a, square_b, product = _smooth(maps).chunk(5)
    variance = square_a - mean_a.square() + square_b - mean_b.square()
    covariance = product - mean_a * mean_b
    light = (2 * mean_a * mean_b + c1) / (mean_a.square() + mean_b.square() + c1)
    return (light * (2 * covariance + c2) / (variance + c2)).mean()


def _smooth(maps: torch.Tensor) -> torch.Tensor:
    """Gaussian means [B, C, H', W'] of windows that lie inside [B, C, H, W]."""
    size = min(WINDOW, maps.shape[-1])
    taps = torch.arange(size, device=maps.device) - (size - 1) / 2
    taps = torch.exp(-taps.square() / (2 * DEVIATION**2)).to(maps)
    taps = (taps / taps.sum()).expand(maps.shape[1], 1, 1, size)
    rows = F.conv2d(maps, taps, groups=maps.shape[1])
    return F.conv2d(rows, taps.transpose(2, 3), groups=maps.shape[1])
