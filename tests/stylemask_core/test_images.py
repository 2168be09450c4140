"""Pictures of every kind become upright RGB of the right colours, or are refused in one line."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from stylemask_core import InvalidInputError
from stylemask_core.pictures import images
from tests.support.helpers import bomb, noise, png_bytes

RED, GREEN, BLUE = (200, 30, 20), (10, 180, 40), (20, 40, 210)


def quarters(mode: str = "RGB") -> Image.Image:
    """Red and green above, blue and white below; 64 px high, 48 wide."""
    picture = Image.new("RGB", (48, 64), "white")
    picture.paste(RED, (0, 0, 24, 32))
    picture.paste(GREEN, (24, 0, 48, 32))
    picture.paste(BLUE, (0, 32, 24, 64))
    return picture.convert(mode)


def corners(picture: Image.Image) -> np.ndarray:
    """Colours in the middle of the four quarters: [4, 3], rows first."""
    width, height = picture.size
    places = [(x, y) for y in (height // 4, 3 * height // 4) for x in (width // 4, 3 * width // 4)]
    return np.array([picture.getpixel(place) for place in places])


def write(path: Path, picture: Image.Image, **options) -> Path:
    picture.save(path, **options)
    return path


def assert_quarters(picture: Image.Image, tolerance: int = 0) -> None:
    assert (picture.mode, picture.size) == ("RGB", (48, 64))
    np.testing.assert_allclose(corners(picture), [RED, GREEN, BLUE, (255,) * 3], atol=tolerance)


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [
        *(("a.png", 0), ("a.bmp", 0), ("a.tiff", 0), ("a.gif", 3)),
        *(("a.jpg", 6), ("a.jfif", 6), ("a.webp", 12), ("a.avif", 12)),
    ],
)
def test_every_format_named_in_the_errors_is_read(tmp_path, name, tolerance):
    assert_quarters(images.read_picture(write(tmp_path / name, quarters())), tolerance)
    (tmp_path / name).rename(tmp_path / "a.txt")  # its content counts, and not its name
    assert_quarters(images.read_picture(str(tmp_path / "a.txt")), tolerance)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_rotated_photo_comes_out_upright(tmp_path, orientation):
    # what a camera stores when the tag says how to undo it, from 2 on
    names = "FLIP_LEFT_RIGHT ROTATE_180 FLIP_TOP_BOTTOM TRANSPOSE ROTATE_90 TRANSVERSE ROTATE_270"
    lay = [None, None, *(Image.Transpose[name] for name in names.split())][orientation]
    stored = quarters() if lay is None else quarters().transpose(lay)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = write(tmp_path / "photo.jpg", stored, exif=exif, quality=95)
    assert_quarters(images.read_picture(path), tolerance=6)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_a_photo_with_damaged_exif_is_still_read(tmp_path):
    path = write(tmp_path / "photo.jpg", quarters(), exif=b"Exif\0\0II*\0\x08\0\0\0\x09\0\x12")
    assert_quarters(images.read_picture(path), tolerance=6)


def test_the_first_frame_of_an_animation_is_taken(tmp_path):
    later = Image.new("RGB", (48, 64), "black")
    for name in ("a.gif", "a.png", "a.webp"):
        path = write(tmp_path / name, quarters(), save_all=True, append_images=[later, later])
        assert_quarters(images.read_picture(path), tolerance=12)


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "HSV", "RGBA", "RGBX"])
def test_colours_survive_every_colour_mode(mode):
    assert_quarters(images.Photo.of(quarters(mode)).rgb, tolerance=12)


def test_colours_survive_a_palette_and_a_print_and_are_not_their_negatives(tmp_path):
    assert_quarters(images.Photo.of(quarters().quantize(8)).rgb, tolerance=3)
    path = write(tmp_path / "print.jpg", quarters("CMYK"), quality=95)
    assert_quarters(images.read_picture(path), tolerance=12)


def grey_ramp(dtype: type, peak: float) -> Image.Image:
    levels = np.array([0, 0.25, 0.5, 1]) * peak
    return Image.fromarray(np.repeat(levels.astype(dtype), 16)[None].repeat(64, 0))


@pytest.mark.parametrize(
    ("dtype", "peak"),
    [
        (np.uint8, 255),
        *((np.uint16, peak) for peak in (255, 1023, 4095, 65535)),
        *((np.int32, peak) for peak in (255, 65535, 2**31 - 1)),
        *((np.float32, peak) for peak in (1, 3.7, 255, 65535)),
    ],
)
def test_grey_of_any_depth_keeps_its_brightness(dtype, peak):
    rgb = np.asarray(images.Photo.of(grey_ramp(dtype, peak)).rgb)
    assert rgb.shape == (64, 64, 3)
    np.testing.assert_allclose(rgb[0, ::16, 0], [0, 63.75, 127.5, 255], atol=1)
    assert (rgb == rgb[:, :, :1]).all()


@pytest.mark.parametrize("name", ["deep.png", "deep.tiff"])
def test_a_sixteen_bit_file_keeps_its_brightness_and_a_dark_one_stays_dark(tmp_path, name):
    for peak, levels in ((65535, [0, 63.75, 127.5, 255]), (17_000, [0, 16.5, 33, 66])):
        path = write(tmp_path / name, grey_ramp(np.uint16, peak))
        np.testing.assert_allclose(
            np.asarray(images.read_picture(path))[0, ::16, 0], levels, atol=1
        )


@pytest.mark.parametrize("signed", [True, False])
def test_values_below_zero_are_scaled_and_large_ones_without_a_sign_keep_their_brightness(signed):
    values = np.asarray(grey_ramp(np.float32, 1)) * 2 - 1
    if not signed:
        values = np.asarray(grey_ramp(np.float64, 2**32 - 1).convert("F")).astype(np.float64)
        values = (
            values.clip(0, 2**32 - 1).astype(np.uint32).view(np.int32)
        )  # as Pillow reads a TIFF
    rgb = np.asarray(images.Photo.of(Image.fromarray(values)).rgb)
    np.testing.assert_allclose(rgb[0, ::16, 0], [0, 63.75, 127.5, 255], atol=1)


@pytest.mark.parametrize(("odd", "shade"), [(np.nan, 0), (-np.inf, 0), (np.inf, 255)])
def test_what_is_no_finite_number_is_black_or_white_and_darkens_nothing(odd, shade):
    values = np.full((32, 32), 0.5, np.float32)
    values[:16] = odd
    rgb = np.asarray(images.Photo.of(Image.fromarray(values)).rgb)
    assert (rgb[:16] == shade).all()
    np.testing.assert_allclose(rgb[16:], 127.5, atol=1)


def half_transparent(mode: str) -> Image.Image:
    """Black to see on the left, black that is wholly transparent on the right."""
    alpha = Image.new("L", (64, 64), 255)
    alpha.paste(0, (32, 0, 64, 64))
    picture = Image.new("RGB", (64, 64), "black")
    picture.putalpha(alpha)
    return picture.convert(mode)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "RGBa"])
def test_transparency_lies_on_white(mode):
    rgb = images.Photo.of(half_transparent(mode)).rgb
    assert rgb.getpixel((10, 10)) == (0, 0, 0)
    assert rgb.getpixel((50, 10)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["P", "L", "RGB"])
def test_a_transparent_colour_lies_on_white(tmp_path, mode):
    picture = Image.new("P", (64, 64), 0)
    picture.putpalette([*BLUE, *RED])
    picture.paste(1, (32, 0, 64, 64))
    picture = picture if mode == "P" else picture.convert("RGB").convert(mode)
    value = picture.getpixel((50, 10))
    path = write(tmp_path / "a.png", picture, transparency=1 if mode == "P" else value)
    rgb = images.read_picture(path)
    assert rgb.getpixel((50, 10)) == (255, 255, 255)
    assert rgb.getpixel((10, 10)) == picture.convert("RGB").getpixel((10, 10))


def refusal(path: str | Path) -> str:
    with pytest.raises(InvalidInputError) as error:
        images.read_picture(path)
    message = str(error.value)
    assert str(path) in message
    assert "\n" not in message
    return message


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [8_100, 12_000, 20_000])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path, side):
    assert "megapixels" in refusal(bomb(tmp_path / "bomb.png", side))


def test_a_picture_too_small_to_show_a_face_is_refused_and_one_of_the_smallest_size_taken(tmp_path):
    for size in ((1, 1), (15, 400), (400, 15)):
        path = write(tmp_path / "a.png", Image.new("RGB", size))
        assert f"{size[0]}×{size[1]}" in refusal(path)
    assert images.read_picture(write(tmp_path / "a.png", Image.new("RGB", (16, 16)))).width == 16


def test_a_missing_file_a_folder_an_empty_file_and_a_web_address_are_told_apart(tmp_path):
    (tmp_path / "empty.png").touch()
    assert "no such picture" in refusal(tmp_path / "missing.png")
    assert "no such picture" in refusal(tmp_path)
    assert "empty" in refusal(tmp_path / "empty.png")
    for address in ("https://example.org/face.png", "file:///tmp/face.png"):
        assert "download" in refusal(address)


def test_a_picture_that_is_cut_short_or_damaged_or_none_is_refused(tmp_path):
    sound, path = png_bytes(noise()), tmp_path / "a.png"
    damaged = bytearray(sound)
    damaged[len(damaged) // 2] ^= 0xFF
    contents = [sound[:20], sound[:40], sound[:200], sound[:5000], bytes(damaged)]
    for content in (*contents, b"hello", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\0" * 999):
        path.write_bytes(content)
        refusal(path)
    for format_ in ("PPM", "TGA", "ICO"):  # that is not named is not decoded
        refusal(write(path, noise(), format=format_))


def test_random_damage_never_ends_in_any_other_error(tmp_path):
    random = np.random.default_rng(0)
    path = tmp_path / "a"
    for format_ in ("PNG", "JPEG", "WEBP", "GIF", "BMP"):
        buffer = io.BytesIO()
        noise(20).save(buffer, format_)
        sound = np.frombuffer(buffer.getvalue(), np.uint8)
        refused = 0
        for _ in range(60):
            damaged = sound.copy()
            damaged[random.integers(0, min(len(sound), 150), 4)] = random.integers(0, 256, 4)
            path.write_bytes(damaged[: random.integers(len(sound) // 2, len(sound) + 1)])
            try:
                assert images.read_picture(path).mode == "RGB"
            except InvalidInputError:
                refused += 1
        assert refused  # otherwise nothing was damaged


def test_pictures_become_tensors_from_minus_one_to_one_and_come_back():
    picture = noise(20)
    tensor = images.to_tensor(picture)
    assert (tensor.shape, tensor.dtype) == ((1, 3, 20, 20), torch.float32)
    assert (float(tensor.min()), float(tensor.max())) == (-1, 1)
    assert images.to_image(tensor).tobytes() == picture.tobytes()
    beyond = torch.tensor([-3.0, 0.0, 3.0]).view(1, 3, 1, 1)
    assert images.to_image(beyond).getpixel((0, 0)) == (0, 128, 255)


def test_pictures_side_by_side_stand_in_their_order():
    row = images.side_by_side([Image.new("RGB", (4, 6), x) for x in (RED, GREEN, BLUE)])
    assert row.size == (12, 6)
    assert [row.getpixel((x, 3)) for x in (1, 5, 9)] == [RED, GREEN, BLUE]


def test_a_smaller_copy_averages_areas_and_a_larger_one_keeps_the_colours():
    picture = noise(32)
    expected = np.asarray(picture, float).reshape(8, 4, 8, 4, 3).mean((1, 3))
    np.testing.assert_allclose(np.asarray(images.area_average(picture, 8)), expected, atol=1)
    larger = images.area_average(Image.new("RGB", (8, 8), RED), 20)
    assert (larger.size, larger.getpixel((10, 10))) == ((20, 20), RED)
