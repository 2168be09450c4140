"""Draw the README's picture: one source reenacted after several targets."""

from PIL import Image

from stylemask_core import StyleMaskPipeline

SOURCE, TARGETS, TILE = 40, (2, 4, 8, 15, 21, 36), 192  # seeds; [px]

pipe = StyleMaskPipeline.from_pretrained()
source = pipe.sample(SOURCE)
columns = [(pipe.synthesize(source).image, None)]
for seed in TARGETS:
    target = pipe.sample(seed)
    columns.append((pipe.synthesize(target).image, pipe.reenact(source, target).image))

banner = Image.new("RGB", (TILE * len(columns), 2 * TILE), "white")
for column, pictures in enumerate(columns):
    for row, picture in enumerate(pictures):
        if picture is not None:
            enlarged = picture.resize((TILE, TILE), Image.Resampling.LANCZOS)
            banner.paste(enlarged, (column * TILE, row * TILE))
banner.save("docs/banner.png", optimize=True)
