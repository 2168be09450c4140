"""The invisible mark: not to be seen, found after everyday edits, and nowhere else."""

import io

import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageOps

from stylemask.provenance import watermark
from tests.support.photos import astronaut

LANCZOS = Image.Resampling.LANCZOS


def jpeg(picture, quality=80):
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def resized(picture, factor=0.7):
    return picture.resize([round(length * factor) for length in picture.size], LANCZOS)


def cropped(picture, share=0.1):
    """A share of the width and height cut off at every side."""
    return ImageOps.crop(picture, round(picture.width * share))


EDITS = {
    "none": lambda picture: picture,
    "jpeg": jpeg,
    "resized": resized,
    "cropped": cropped,
    "all": lambda picture: cropped(resized(jpeg(picture))),
    "all, saved again": lambda picture: jpeg(cropped(resized(jpeg(picture)))),
}


@pytest.fixture(scope="module")
def pictures(pipeline):
    """By name, with what the mark makes of them."""
    head = pipeline.synthesize(pipeline.sample(3)).image.resize((512, 512), LANCZOS)
    rough = np.random.default_rng(0).normal(128, 40, (512, 512, 3)).clip(0, 255)
    given = {
        "smooth head": head,
        "portrait": astronaut(),
        "portrait of 1024 px": astronaut().resize((1024, 1024), LANCZOS),
        "one colour": Image.new("RGB", (512, 512), (180, 150, 90)),
        "wide photo": astronaut().crop((0, 0, 512, 200)).resize((3000, 1172), LANCZOS),
        "noise": Image.fromarray(rough.astype(np.uint8)),
    }
    return {name: (picture, watermark.embed(picture)) for name, picture in given.items()}


FACES = ("smooth head", "portrait", "portrait of 1024 px")


@pytest.mark.parametrize("edit", EDITS)
def test_the_mark_is_found_after_edits(pictures, edit):
    for name in FACES:
        found = watermark.detect(EDITS[edit](pictures[name][1]))
        assert found.found and found.chance < 1e-12, name
        scale = 0.7 if edit in ("resized", "all", "all, saved again") else 1
        assert found.scale == pytest.approx(scale, rel=0.02)


@pytest.mark.parametrize("name", ["one colour", "wide photo", "noise"])
def test_pictures_that_are_no_faces_are_marked_too(pictures, name):
    assert watermark.detect(pictures[name][1]).found
    assert watermark.detect(resized(pictures[name][1])).found


def test_a_picture_without_the_mark_is_not_taken_for_one(pictures):
    plain = [picture for picture, _ in pictures.values()]
    others = [getattr(skimage.data, name)() for name in ("coffee", "brick", "page")]
    plain += [Image.fromarray(other).convert("RGB") for other in others]
    for picture in plain:
        for edit in ("none", "all"):
            found = watermark.detect(EDITS[edit](picture))
            assert not found.found and found.chance > 1e-6


def test_the_mark_is_faint(pictures):
    for name, (before, after) in pictures.items():
        error = np.square(np.subtract(before, after, dtype=float)).mean()
        psnr = 10 * np.log10(255**2 / error)
        assert psnr >= (48 if name in ("smooth head", "one colour") else 42), name


def test_marking_is_deterministic_and_leaves_its_argument_alone(pictures):
    before, after = pictures["portrait"]
    again = np.asarray(watermark.embed(before))
    np.testing.assert_array_equal(again, after)
    np.testing.assert_array_equal(before, astronaut())
    # the same on every machine: integers from end to end
    ramp = Image.linear_gradient("L").resize((512, 512)).convert("RGB")
    marked = np.asarray(watermark.embed(ramp)).astype(int)
    assert marked.sum() == 100_265_604
    assert marked[256, 100:108, 0].tolist() == [128, 127, 127, 127, 127, 128, 129, 129]


@pytest.mark.parametrize("size", [(16, 16), (100, 700), (191, 4000), (4000, 191)])
def test_too_small_a_picture_is_marked_and_searched_without_an_error(size):
    picture = Image.new("RGB", size, "grey")
    marked = watermark.embed(picture)
    assert marked.size == size
    assert 0 <= watermark.detect(marked).chance <= 1


def test_grey_and_transparent_pictures_are_searched(pictures):
    marked = pictures["portrait"][1]
    for mode in ("L", "RGBA", "CMYK"):
        assert watermark.detect(marked.convert(mode)).found
