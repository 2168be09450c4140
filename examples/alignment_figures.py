"""Measure face detection and draw the picture of docs/alignment.md (needs requirements-dev.txt).

python -m examples.alignment_figures [docs/alignment.png]
"""

import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from stylemask_core import StyleMaskPipeline
from stylemask_core.faces.landmarks import FaceDetector, default_detector
from stylemask_core.pictures import alignment, framing, images
from tests.support.photos import POINTS, astronaut, scaled, turned

TURNS = (-40, -30, -15, 0, 15, 30, 40)  # [deg]
SCALES = (0.25, 0.5, 1.0, 2.0)
HEADS = 200
SIDE = 360  # [px] of the drawn panels


def deviation(detector: FaceDetector, photo: Image.Image, points: np.ndarray) -> float:
    """Of the nearest found quad from that of the points marked by hand, in its sides."""
    small, scale = images.shrunk(photo, 1024)
    quads = [face.scaled(scale).quad for face in detector.detect(small)]
    by_hand = alignment.ffhq_quad(points)
    return min((alignment.deviation(quad, by_hand) for quad in quads), default=float("nan"))


def print_table(detector: FaceDetector) -> None:
    """Deviations for every turn and scale, as a Markdown table."""
    print("| scale | " + " | ".join(f"{degrees}°" for degrees in TURNS) + " |")
    print("|---" * (len(TURNS) + 1) + "|")
    for factor in SCALES:
        photo, points = scaled(astronaut(), POINTS, factor)
        found = [deviation(detector, *turned(photo, points, degrees)) for degrees in TURNS]
        cells = ["none found" if np.isnan(value) else f"{100 * value:.1f} %" for value in found]
        print(f"| {factor:g} | " + " | ".join(cells) + " |")
    start = time.process_time()
    detector.detect(astronaut())
    print(f"\n{time.process_time() - start:.2f} s of CPU time for the photo of 512 px")


def print_heads(pipeline: StyleMaskPipeline) -> None:
    """How many of the model's own pictures are taken as they are."""
    profile, whole = framing.PROFILES[pipeline.config.alignment], alignment.centred_quad((512, 512))
    as_is, deviations = 0, []
    for seed in range(HEADS):
        # the model's own truncation and none, in turns
        code = pipeline.sample(seed, truncation=1.0 if seed % 2 else None)
        framed = framing.frame(pipeline.synthesize(code).image.resize((512, 512)), profile)
        as_is += np.array_equal(framed.quad, whole)
        deviations += [alignment.deviation(face.quad, whole) for face in framed.faces[:1]]
    median, far = np.percentile(deviations, (50, 99))
    print(
        f"{as_is} of {HEADS} heads taken as they are; a face found in {len(deviations)}, its quad"
    )
    print(
        f"{100 * median:.0f} % from the whole picture (median), {100 * far:.0f} % (99th percentile)"
    )


def draw(detector: FaceDetector, path: Path) -> None:
    """The photo with points and quad, its crop, and a crop that leaves the photo."""
    photo = astronaut()
    (face,) = detector.detect(photo)
    marked, scale = photo.resize((4 * photo.width, 4 * photo.height)), 4
    pencil = ImageDraw.Draw(marked)
    quad = [tuple(corner) for corner in face.quad * scale]
    pencil.line([*quad, quad[0]], fill="lime", width=10)
    for x, y in face.points * scale:
        pencil.ellipse((x - 12, y - 12, x + 12, y + 12), fill="red")
    cut = (165, 60)  # through the hair
    partial = photo.crop((*cut, *photo.size))
    panels = [
        marked.resize((SIDE, SIDE), Image.Resampling.BOX),
        alignment.crop(photo, face.quad, SIDE),
        alignment.crop(partial, face.quad - cut, SIDE),
    ]
    images.side_by_side(panels).quantize(192, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    """Print the figures; draw the picture where a path is given."""
    detector = default_detector("haar")
    print_table(detector)
    print_heads(StyleMaskPipeline.from_pretrained(device="cpu"))
    if len(sys.argv) > 1:
        draw(detector, Path(sys.argv[1]))


if __name__ == "__main__":
    main()
