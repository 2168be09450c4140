"""From eyes and mouth to a square, and to its picture."""

import numpy as np
import pytest
from PIL import Image

from stylemask_core.errors import InvalidInputError
from stylemask_core.pictures import alignment
from tests.support.photos import POINTS, astronaut

FRONTAL = np.array([[40.0, 50.0], [60.0, 50.0], [44.0, 70.0], [56.0, 70.0]])


def psnr(a: Image.Image, b: Image.Image) -> float:
    difference = np.asarray(a, np.float64) - np.asarray(b)
    return 10 * np.log10(255**2 / np.square(difference).mean())


def smooth(size: tuple[int, int]) -> np.ndarray:
    """The waves at the centres of a picture's pixels."""
    y, x = np.mgrid[: size[1], : size[0]] + 0.5
    return waves(x, y)


def waves(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Three waves over the plane, one a channel, some forty pixels long."""
    channels = [np.sin(x / 6 + y / 15), np.cos(x / 10 - y / 8), np.sin((x + y) / 9)]
    return np.stack(channels, -1) * 100 + 128


def picture_of(values: np.ndarray) -> Image.Image:
    return Image.fromarray(values.round().clip(0, 255).astype(np.uint8))


def square(centre: tuple[float, float], side: float, degrees: float = 0.0) -> np.ndarray:
    angle = np.radians(degrees)
    x = np.array([np.cos(angle), np.sin(angle)]) * side / 2
    y = np.array([-x[1], x[0]])
    return np.stack([-x - y, -x + y, x + y, x - y]) + centre


# quads


def test_the_quad_of_a_frontal_face_is_ffhqs():
    # eyes 20 apart, mouth 20 below: half a side of 2 · 20, centre 0.1 · 20 below the eyes
    expected = [[10, 12], [10, 92], [90, 92], [90, 12]]
    np.testing.assert_allclose(alignment.ffhq_quad(FRONTAL), expected)
    # the mouth 40 below the eyes: 1.8 · 40 exceeds 2 · 20
    long = FRONTAL + np.array([[0, 0], [0, 0], [0, 20], [0, 20]])
    assert alignment.side(alignment.ffhq_quad(long)) == pytest.approx(2 * 1.8 * 40)


def test_the_quad_turns_grows_and_moves_with_the_face():
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    moved = 2.5 * POINTS @ turn.T + [7, -3]
    expected = 2.5 * alignment.ffhq_quad(POINTS) @ turn.T + [7, -3]
    np.testing.assert_allclose(alignment.ffhq_quad(moved), expected)


def test_68_landmarks_stand_for_the_centres_of_eyes_and_the_corners_of_the_mouth():
    landmarks = np.random.default_rng(0).normal(size=(68, 2))
    landmarks[36:42] += [3, 1] - landmarks[36:42].mean(0)
    landmarks[42:48] += [9, 2] - landmarks[42:48].mean(0)
    points = alignment.eyes_and_mouth(landmarks)
    np.testing.assert_allclose(points, [[3, 1], [9, 2], landmarks[48], landmarks[54]])


def test_deviation_is_the_farthest_corner_in_sides_of_the_reference():
    reference = square((50, 50), 40)
    assert alignment.deviation(reference, reference) == 0
    assert alignment.deviation(reference + np.array([3, 4]), reference) == pytest.approx(5 / 40)
    assert alignment.deviation(square((50, 50), 44), reference) == pytest.approx(2**0.5 * 2 / 40)


# landmarks people give


@pytest.mark.parametrize("order", [(1, 0, 2, 3), (0, 1, 3, 2), (1, 0, 3, 2)])
@pytest.mark.parametrize("quarter_turns", range(4))
def test_eyes_and_mouth_corners_may_be_given_in_either_order(order, quarter_turns):
    turn = np.linalg.matrix_power(np.array([[0, -1], [1, 0]]), quarter_turns)
    points = (POINTS - 256) @ turn.T + 256
    found = alignment.check_landmarks(points[list(order)].tolist(), (512, 512))
    np.testing.assert_allclose(found, points)
    landmarks = np.zeros((68, 2)) - 50  # a chin outside the photo does no harm
    landmarks[36:42], landmarks[42:48], landmarks[48], landmarks[54] = points[list(order)]
    np.testing.assert_allclose(alignment.check_landmarks(landmarks, (512, 512)), points)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((5, 2)), r"shape \[5, 2\]"),
        (np.zeros(8), r"shape \[8\]"),
        ([[1, 2], [3]], "numbers"),
        ("here", "numbers"),
        ([["a", "b"]] * 4, "numbers"),
        (FRONTAL * np.nan, "not finite"),
        (FRONTAL * np.inf, "not finite"),
        (FRONTAL + 1000, "outside the photo: give points within 100×100"),
        (FRONTAL - 45, "outside"),
        (np.full((4, 2), 50.0), "one spot or one line"),
        (np.array([[40, 50], [60, 50], [70, 50], [80, 50]]), "one spot or one line"),
        (np.array([[40, 50], [40, 50], [44, 70], [56, 70]]), "one spot or one line"),
        (FRONTAL / 20, "too small"),
    ],
)
def test_landmarks_that_mark_no_face_are_refused(values, message):
    with pytest.raises(InvalidInputError, match=message):
        alignment.check_landmarks(values, (100, 100))


# crops


@pytest.mark.parametrize("size", [64, 150, 400])
@pytest.mark.parametrize("degrees", [0, 33, -140])
def test_a_crop_shows_what_lies_in_the_quad_to_a_fraction_of_a_pixel(size, degrees):
    quad = square((310.3, 270.8), 151.0, degrees)
    found = np.asarray(alignment.crop(picture_of(smooth((600, 500))), quad, size), np.float64)
    u, v = (np.arange(size) + 0.5) / size, ((np.arange(size) + 0.5) / size)[:, None]
    x, y = (quad[0, k] + u * (quad[3] - quad[0])[k] + v * (quad[1] - quad[0])[k] for k in range(2))
    expected = waves(x, y)
    shifted = waves(x + 0.25, y)  # what a quarter of a pixel would change
    assert np.abs(found - expected).mean() < 0.5 * np.abs(shifted - expected).mean()


@pytest.mark.parametrize("size", [50, 60, 128])
def test_a_crop_is_antialiased(size):
    board = np.indices((1200, 1200)).sum(0) % 2 * 255
    photo = Image.fromarray(board.astype(np.uint8)).convert("RGB")
    found = np.asarray(alignment.crop(photo, square((600, 600), 900, 10), size), np.float64)
    # finer than the crop's pixels: grey, and no pattern that is not there
    assert np.abs(found - 127.5).max() < 12


def test_what_lies_in_the_photo_is_not_touched_by_what_is_made_up_outside():
    photo = astronaut()
    cut = alignment.crop(photo, square((256, 200), 100), 100)  # upright, of whole pixels
    np.testing.assert_array_equal(cut, photo.crop((206, 150, 306, 250)))
    quad = square((100, 100), 300, 20)
    wide = Image.new("RGB", (812, 812))
    wide.paste(photo, (300, 300))
    found = np.asarray(alignment.crop(photo, quad, 300), int)
    inside = np.asarray(alignment.crop(wide, quad + 300, 300), int)
    shown = Image.new("L", (812, 812))
    shown.paste(255, (303, 303, 809, 809))  # but for the pixels that are interpolated at the border
    seen = np.asarray(alignment.crop(shown.convert("RGB"), quad + 300, 300)) == 255
    assert 0.3 < seen.mean() < 0.9
    assert np.abs(found - inside)[seen].max() <= 1


def test_beyond_the_border_the_photo_is_mirrored_then_blurred_then_even():
    stripes = np.zeros((200, 200, 3), np.uint8)
    stripes[:, ::8] = 255
    found = np.asarray(alignment.crop(Image.fromarray(stripes), square((0, 100), 180), 180))[90]
    contrast = [found[part, 0].astype(float).std() for part in (slice(95, 170), slice(84, 90))]
    assert contrast[1] > 0.5 * contrast[0]  # close to the border the mirror image is sharp
    assert found[20:30].std() < 0.05 * contrast[0]  # a third of a side out it is even
    assert found.min() >= 0


def test_a_quad_far_outside_and_one_around_a_whole_panorama_give_a_picture():
    photo = astronaut()
    for quad in (square((3000, -2000), 400, 30), square((256, 256), 2000, 45)):
        assert alignment.crop(photo, quad, 64).size == (64, 64)
    thin = photo.resize((2000, 16))
    assert alignment.crop(thin, square((1000, 8), 1500), 64).size == (64, 64)
