"""Draw the page's moving example: the target turns, the result follows, the source stays.

Writes demo/assets/example.webp and example_still.webp; to be run anew after every training.
"""

import math

import numpy as np
from PIL import Image

from demo.tabs.shipped import MOVING, SIZE, STILL
from stylemask.provenance.stamps import Origin, Stamp
from stylemask_core import StyleMaskPipeline

SOURCE, TARGETS = 40, (2, 4, 8, 21, 36)  # seeds
FRAMES, DURATION = 12, 70  # from one target to the next; [ms] a frame
QUALITY, MOST = 62, 400_000  # of WebP; [bytes]


def main() -> None:
    """Move the target's code along a closed path through the seeds."""
    pipe = StyleMaskPipeline.from_pretrained()
    source = pipe.sample(SOURCE)
    stops = [pipe.sample(seed).w_plus for seed in TARGETS]
    still = pipe.synthesize(source).image
    frames = []
    for index, stop in enumerate(stops):
        following = stops[(index + 1) % len(stops)]
        for step in range(FRAMES):
            share = (1 - math.cos(math.pi * step / FRAMES)) / 2  # slow at the stops
            target = pipe.code(w_plus=np.asarray(stop + share * (following - stop)))
            moved = pipe.reenact(source, target).image
            frames.append(row([still, pipe.synthesize(target).image, moved]))
    STILL.parent.mkdir(exist_ok=True)
    xmp = Stamp.of(pipe, Origin.RANDOM).xmp()
    frames[0].save(STILL, quality=QUALITY, method=6, xmp=xmp)
    frames[0].save(
        MOVING, save_all=True, append_images=frames[1:], duration=DURATION, loop=0,
        quality=QUALITY, method=6, minimize_size=True, xmp=xmp,
    )  # fmt: skip
    size = MOVING.stat().st_size
    print(f"{MOVING}: {len(frames)} frames, {size / 1000:.0f} kB")
    if size > MOST:
        raise SystemExit(f"that is more than {MOST / 1000:.0f} kB: lower QUALITY")


def row(pictures: list[Image.Image]) -> Image.Image:
    """Pictures side by side."""
    canvas = Image.new("RGB", SIZE)
    side = SIZE[1]
    for column, picture in enumerate(pictures):
        canvas.paste(picture.resize((side, side), Image.Resampling.LANCZOS), (column * side, 0))
    return canvas


if __name__ == "__main__":
    main()
