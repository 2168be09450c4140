"""`watermark`: how surely the invisible mark is found after edits, and never where it is not.

Marked are pictures of the model, enlarged as they leave the program, and photos of 1024 px.
Unmarked are crops of both, noise and gradients, resized and compressed at random. What the figures
mean is told in docs/provenance.md. The photos are those of scikit-image's package.
"""

import importlib.util
import io
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from benchmarks.measure import Figures, Settings, note
from benchmarks.process import BenchmarkError
from benchmarks.report import Figure
from stylemask.provenance import watermark
from stylemask_core import StyleMaskPipeline
from stylemask_core.pictures import images

SEED = 20230105
SHARE_MARKED = 50  # one marked picture for so many unmarked ones
QUICK = 1000  # unmarked pictures of a quick run
POOL = 200  # pictures of the model that unmarked crops are cut from
PHOTO_SIZE = 1024  # [px]
GRAIN = 2.0  # [levels] noise of a camera, which enlarging took away
LANCZOS = Image.Resampling.LANCZOS
PHOTOS = (
    "astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png",
    "camera.png", "retina.jpg", "hubble_deep_field.jpg", "ihc.png", "brick.png", "grass.png",
    "gravel.png", "moon.png", "coins.png", "page.png", "text.png",
)  # fmt: skip
PORTRAYED = PHOTOS[:6]  # those with the detail of portraits, indoors and outdoors


def _jpeg(picture: Image.Image, quality: int = 80) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def _resized(picture: Image.Image, factor: float = 0.7) -> Image.Image:
    size = [max(16, round(length * factor)) for length in picture.size]
    return picture.resize((size[0], size[1]), LANCZOS)


def _cropped(picture: Image.Image) -> Image.Image:
    return ImageOps.crop(picture, round(picture.width * 0.1))  # at each of the four sides


EDITS = {
    "untouched": lambda picture: picture,
    "jpeg": _jpeg,
    "resized": _resized,
    "cropped": _cropped,
    "all": lambda picture: _cropped(_resized(_jpeg(picture))),
    "all_saved_again": lambda picture: _jpeg(_cropped(_resized(_jpeg(picture)))),
}


def run(settings: Settings) -> Figures:
    """Measure.

    Raises:
        BenchmarkError: scikit-image's photos are missing.
    """
    photos = _photos()
    pipeline = StyleMaskPipeline.from_pretrained(str(settings.model), device=settings.device)
    rng = np.random.default_rng(SEED)
    unmarked = min(settings.pictures, QUICK) if settings.quick else settings.pictures
    marked = max(2, unmarked // SHARE_MARKED)
    note(f"watermark: {marked} marked pictures of the model and as many photos")
    figures: Figures = {}
    figures |= _marked("model", (_head(pipeline, k) for k in range(marked)))
    figures |= _marked("photo", (_portrait(photos, rng) for _ in range(marked)))
    note(f"watermark: {unmarked} unmarked pictures")
    heads = [_head(pipeline, marked + k) for k in range(min(POOL, unmarked))]
    return figures | _unmarked(_plain(list(photos.values()), heads, rng, unmarked))


def _photos() -> dict[str, Image.Image]:
    package = importlib.util.find_spec("skimage")
    if package is None or package.origin is None:
        raise BenchmarkError("watermark needs scikit-image: pip install -r requirements-dev.txt")
    folder = Path(package.origin).parent / "data"
    found = {}
    for name in PHOTOS:
        if (folder / name).is_file():  # some come along with its own tests alone
            with Image.open(folder / name) as photo:
                found[name] = photo.convert("RGB")
    if not set(PORTRAYED) & found.keys():
        raise BenchmarkError(f"watermark needs a photo in {folder}, and found none")
    return found


def _head(pipeline: StyleMaskPipeline, seed: int) -> Image.Image:
    psi = 0.7 if seed % 2 else 1.0
    return images.enlarged(pipeline.synthesize(pipeline.sample(seed, psi)).image)


def _portrait(photos: dict[str, Image.Image], rng: np.random.Generator) -> Image.Image:
    """A square of a photo, enlarged to 1024 px and given grain."""
    names = [name for name in PORTRAYED if name in photos]
    photo = photos[names[rng.integers(len(names))]]
    side = int(rng.uniform(0.5, 1) * min(photo.size))
    left, top = (int(rng.integers(length - side + 1)) for length in photo.size)
    box = (left, top, left + side, top + side)
    enlarged = np.asarray(photo.resize((PHOTO_SIZE, PHOTO_SIZE), LANCZOS, box), np.float32)
    grain = rng.normal(0, GRAIN, (PHOTO_SIZE, PHOTO_SIZE, 1)).astype(np.float32)
    return Image.fromarray((enlarged + grain).clip(0, 255).astype(np.uint8))


def _marked(name: str, pictures: Iterator[Image.Image]) -> Figures:
    """How often the mark is found after each edit, how faint it is, what it costs."""
    found = dict.fromkeys(EDITS, 0)
    scores: dict[str, list[float]] = {edit: [] for edit in EDITS}
    psnr, seconds, count = [], [], 0
    for picture in pictures:
        start = time.process_time()
        marked = watermark.embed(picture)
        seconds.append(time.process_time() - start)
        error = np.square(np.subtract(picture, marked, dtype=np.float32)).mean()
        psnr.append(10 * np.log10(255**2 / error))
        for edit, apply in EDITS.items():
            detection = watermark.detect(apply(marked))
            found[edit] += detection.found
            scores[edit].append(detection.score)
        count += 1
    return {
        f"{name}_pictures": Figure(count, "pictures"),
        f"{name}_psnr": Figure(float(np.mean(psnr)), "dB"),
        f"{name}_psnr_worst": Figure(float(np.min(psnr)), "dB"),
        f"{name}_mark": Figure(float(np.median(seconds)) * 1e3, "CPU ms"),
        **{f"{name}_found_{edit}": Figure(100 * hits / count, "%") for edit, hits in found.items()},
        f"{name}_worst_score_all": Figure(min(scores["all"]), "deviations"),
    }


def _plain(
    photos: list[Image.Image], heads: list[Image.Image], rng: np.random.Generator, count: int
) -> Iterator[Image.Image]:
    """Unmarked pictures, no two alike."""
    for number in range(count):
        kind = number % 8
        side = 512 if number % 20 == 0 else int(rng.integers(192, 400))
        if kind < 6:
            pool = heads if kind < 3 else photos
            picture = _square(pool[rng.integers(len(pool))], side, rng)
        elif kind == 6:
            spread = rng.uniform(1, 60)
            noise = rng.normal(rng.uniform(60, 200), spread, (side, side))
            picture = Image.fromarray(noise.clip(0, 255).astype(np.uint8)).convert("RGB")
        else:
            slopes = rng.uniform(-0.5, 0.5, (2, 3))
            rows, columns = np.mgrid[:side, :side]
            ramp = 128 + rows[..., None] * slopes[0] + columns[..., None] * slopes[1]
            picture = Image.fromarray(ramp.clip(0, 255).astype(np.uint8))
        yield _jpeg(picture, int(rng.integers(30, 96))) if rng.random() < 0.5 else picture


def _square(photo: Image.Image, side: int, rng: np.random.Generator) -> Image.Image:
    """A random square of a photo at another size, perhaps mirrored."""
    cut = int(rng.uniform(0.4, 1) * min(photo.size))
    left, top = (int(rng.integers(length - cut + 1)) for length in photo.size)
    square = photo.resize((side, side), LANCZOS, (left, top, left + cut, top + cut))
    return ImageOps.mirror(square) if rng.random() < 0.5 else square


def _unmarked(pictures: Iterator[Image.Image]) -> Figures:
    """How often the mark is found where it is not, and how near the nearest comes to it."""
    hits, chances, scores, at_512 = 0, [], [], []
    for picture in pictures:
        start = time.process_time()
        detection = watermark.detect(picture)
        if picture.width == 512:
            at_512.append(time.process_time() - start)
        hits += detection.found
        chances.append(detection.chance)
        scores.append(detection.score)
    return {
        "unmarked_pictures": Figure(len(scores), "pictures"),
        "false_alarms": Figure(hits, "pictures"),
        "unmarked_highest_score": Figure(max(scores), "deviations"),
        "unmarked_lowest_chance": Figure(min(chances), "bound"),
        "search_512": Figure(float(np.median(at_512)) * 1e3, "CPU ms"),
    }
