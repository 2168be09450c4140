"""A result back in its photo: only the head is another one, and nothing shows where it was put."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from stylemask_core.pictures import alignment, images, pasting
from stylemask_core.pictures.pasting import SIZE, filled, head_matte
from tests.support.photos import astronaut

SKIN, HAIR = (224, 172, 140), (60, 40, 30)
WALL, ROOM = (230, 190, 60), (120, 110, 105)  # behind the photo's head and behind the model's


def head(side: int, middle: float, ground: tuple | np.ndarray, grow: float = 0.0) -> Image.Image:
    """A head with hair in a square, its middle so many sides from the left."""
    picture = Image.new("RGB", (side, side), ground) if isinstance(ground, tuple) else ground.copy()
    draw = ImageDraw.Draw(picture)
    for colour, (cx, cy, rx, ry) in (
        (HAIR, (middle, 0.42, 0.3, 0.36)),
        (SKIN, (middle, 0.54, 0.24, 0.34)),
    ):
        rx, ry = rx + grow, ry + grow
        draw.ellipse([side * v for v in (cx - rx, cy - ry, cx + rx, cy + ry)], fill=colour)
    return picture


def covered(side: int, middle: float, grow: float = 0.0) -> np.ndarray:
    """Where the head is in such a square."""
    return (np.asarray(head(side, middle, (0, 0, 255), grow)) != (0, 0, 255)).any(-1)


def lit(side: int) -> Image.Image:
    """A wall that is brighter on one side, as lamps make it."""
    shade = np.linspace(0.75, 1.05, side)[None, :, None] * np.linspace(1, 0.9, side)[:, None, None]
    return Image.fromarray((shade * WALL).clip(0, 255).astype(np.uint8))


SIDE, AT = 300, (150, 90)  # of the square in the photo
QUAD = alignment.centred_quad((SIDE, SIDE)) + AT


def photo_of(ground: Image.Image) -> Image.Image:
    """A photo of a head left of the middle of its square, on a larger ground."""
    photo = ground.resize((600, 500)) if ground.size != (600, 500) else ground.copy()
    square = photo.crop((*AT, AT[0] + SIDE, AT[1] + SIDE))
    photo.paste(head(SIDE, 0.45, square), AT)
    return photo


def square_of(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.crop((*AT, AT[0] + SIDE, AT[1] + SIDE)), float)


@pytest.mark.parametrize("ground", [Image.new("RGB", (600, 500), WALL), lit(600)])
def test_only_the_head_is_another_one_and_where_it_has_turned_away_the_ground_goes_on(ground):
    photo, result = photo_of(ground), head(256, 0.55, ROOM)
    pasted = square_of(pasting.paste_back(images.Photo(photo), QUAD, result))
    clear = ~(covered(SIDE, 0.45, 0.06) | covered(SIDE, 0.55, 0.06))
    assert np.abs(pasted - square_of(photo))[clear].max() <= 4, "the photo stays around the heads"
    shown = covered(SIDE, 0.55, -0.05)
    expected = np.asarray(result.resize((SIDE, SIDE), Image.Resampling.BICUBIC), float)
    assert np.abs(pasted - expected)[shown].mean() < 4, "the result's head is shown"
    bared = covered(SIDE, 0.45, -0.01) & ~covered(SIDE, 0.55, 0.05)
    bared[-30:] = False  # the soft border of the square
    assert bared.sum() > 500
    assert np.abs(pasted - square_of(ground.resize((600, 500))))[bared].mean() < 12


def test_outside_the_square_the_photo_keeps_every_bit():
    photo, turn = astronaut(), np.array([[0.9, -0.436], [0.436, 0.9]])
    quad = 0.6 * (QUAD - QUAD.mean(0)) @ turn.T + np.array([80, 400])
    pasted = np.asarray(
        pasting.paste_back(images.Photo(photo), quad, Image.new("RGB", (64, 64), "lime"))
    )
    y, x = np.mgrid[:512, :512] + 0.5
    offset = np.stack([x, y], -1) - quad[0]
    across, down = quad[3] - quad[0], quad[1] - quad[0]
    u, v = offset @ across / (across @ across), offset @ down / (down @ down)
    outside = (u < 0) | (u > 1) | (v < 0) | (v > 1)
    np.testing.assert_array_equal(pasted[outside], np.asarray(photo)[outside])
    middle = np.hypot(u - 0.5, v - 0.5) < 0.2
    assert (np.abs(pasted[middle].astype(int) - (0, 255, 0)) < 3).all()


def test_an_unchanged_head_changes_the_photo_by_little():
    photo, quad = astronaut(), alignment.centred_quad((170, 170)) + np.array([140, 25])
    pasted = pasting.paste_back(images.Photo(photo), quad, alignment.crop(photo, quad, 256))
    difference = np.asarray(photo, float) - np.asarray(pasted)
    assert np.abs(difference)[25:195, 140:310].mean() < 2


def test_the_border_of_what_is_pasted_is_soft():
    ground = Image.new("RGB", (600, 500))
    pasted = pasting.paste_back(images.Photo(ground), QUAD, Image.new("RGB", (64, 64), "white"))
    levels = np.asarray(pasted, int)[..., 0]
    assert levels.max() == 255
    assert np.abs(np.diff(levels)).max() < 64


def test_where_the_photo_ends_with_the_square_its_head_does_not_stay_at_the_border():
    photo = head(SIDE, 0.3, WALL)  # hair touches the left border
    pasted = pasting.paste_back(
        images.Photo(photo), alignment.centred_quad((SIDE, SIDE)), head(256, 0.55, ROOM)
    )
    left = np.asarray(pasted, float)[60:160, :8]
    assert np.abs(left - WALL).mean() < 15


def test_the_photo_is_left_as_it_was_and_a_quad_outside_it_changes_nothing():
    photo = astronaut()
    before = photo.tobytes()
    pasting.paste_back(images.Photo(photo), QUAD, Image.new("RGB", (64, 64)))
    assert photo.tobytes() == before
    outside = pasting.paste_back(images.Photo(photo), QUAD + 900, Image.new("RGB", (64, 64)))
    assert outside.tobytes() == before


@pytest.mark.parametrize("colour", [(0, 0, 0), WALL])
def test_a_cut_out_photo_stays_cut_out(colour):
    photo = photo_of(Image.new("RGB", (600, 500), colour))
    alpha = Image.new("L", photo.size)
    alpha.paste(Image.fromarray(covered(SIDE, 0.45).astype(np.uint8) * 255), AT)
    photo.putalpha(alpha)
    pasted = pasting.paste_back(images.Photo(photo), QUAD, head(256, 0.55, ROOM))
    assert pasted.mode == "RGBA"
    shares = square_of(pasted)[..., 3]
    clear = ~(covered(SIDE, 0.45, 0.06) | covered(SIDE, 0.55, 0.06))
    assert shares[clear].max() <= 4
    assert shares[covered(SIDE, 0.55, -0.05)].mean() > 250, "the head is opaque"
    bared = covered(SIDE, 0.45, -0.01) & ~covered(SIDE, 0.55, 0.05)
    bared[-30:] = False
    assert shares[bared].mean() < 25, "and leaves nothing behind"
    on_white = np.asarray(images.on_white(pasted), float)
    assert np.abs(on_white[AT[1] :][:SIDE, AT[0] :][:, :SIDE][clear] - 255).max() <= 4


# the matte


@pytest.mark.parametrize("middle", [0.42, 0.5, 0.58])
@pytest.mark.parametrize("noise", [0, 6])
def test_the_matte_is_the_head(middle, noise):
    levels = np.asarray(head(256, middle, WALL), float)
    levels += np.random.default_rng(0).normal(0, noise, levels.shape)
    mask, _ = head_matte(Image.fromarray(levels.clip(0, 255).astype(np.uint8)))
    real = covered(SIZE, middle)
    real[-8:] = mask[-8:] > 0.5  # at the bottom it may fade
    union = (mask > 0.5) | real
    assert ((mask > 0.5) & real).sum() / union.sum() > 0.9


def test_a_head_of_the_backgrounds_own_colours_is_where_heads_are():
    busy = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    mask, _ = head_matte(Image.fromarray(busy).filter(ImageFilter.BoxBlur(2)))
    assert mask[44:84, 44:84].mean() > 0.8
    assert mask[:, :8].mean() < 0.2 and mask[:20, :20].mean() < 0.1


def test_values_are_continued_smoothly_to_where_they_are_not_known():
    y, x = np.mgrid[:64, :64] / 64
    values = np.stack([x, 1 - y], -1)
    known = np.ones((64, 64))
    known[20:44, 20:44] = 0
    result = filled(np.where(known[..., None] > 0, values, 9.0), known)
    np.testing.assert_array_equal(result[known > 0], values[known > 0])
    assert np.abs(result - values).max() < 0.15
    assert (filled(values, 0 * known) == 0).all()
