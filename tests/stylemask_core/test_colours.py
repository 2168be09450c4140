"""Transparency and colour profile of a photo stay with it, or it is said that they cannot."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from stylemask_core.pictures import images
from tests.support.helpers import noise
from tests.support.photos import astronaut

PASTE = ("reenact", "photo.png", "seed:1", "--paste-back", "-o")


@cache  # it holds the time at which it was made
def profile(space: str = "sRGB") -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(space)).tobytes()


def profile_of(path: str | Path) -> bytes | None:
    with Image.open(path) as picture:
        return picture.info.get("icc_profile")


def cut_out() -> Image.Image:
    """A photo whose lower half is transparent."""
    photo = astronaut().convert("RGBA")
    photo.paste((0, 0, 0, 0), (0, 256, 512, 512))
    return photo


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "avif", "tiff"])
def test_a_photos_colour_profile_stays_in_every_format(stylemask, suffix):
    astronaut().save("photo.png", icc_profile=profile())
    assert stylemask(*PASTE, f"out.{suffix}")[0] == 0
    assert profile_of(f"out.{suffix}") == profile()


@pytest.mark.parametrize("suffix", ["png", "webp", "avif", "tiff"])
def test_a_photos_transparency_stays(stylemask, suffix):
    cut_out().save("photo.png")
    assert stylemask(*PASTE, f"out.{suffix}")[0] == 0
    with Image.open(f"out.{suffix}") as picture:
        alpha = np.asarray(picture.convert("RGBA"))[..., 3]
        assert picture.mode == "RGBA"
    assert (alpha[270:] == 0).all() and (alpha[:250, :10] == 255).all()


def test_a_format_without_transparency_lays_it_on_white_and_it_is_said(stylemask):
    cut_out().save("photo.png")
    code, _, err = stylemask(*PASTE, "out.jpg")
    assert code == 0
    assert "wrote out.jpg, on white: JPEG keeps no transparency" in err
    with Image.open("out.jpg") as picture:
        assert (np.asarray(picture)[300:] > 240).all()


def test_a_profile_of_other_colours_than_rgb_never_gets_onto_an_rgb_picture(stylemask):
    of_print = profile()[:16] + b"CMYK" + profile()[20:]
    astronaut().convert("CMYK").save("photo.jpg", icc_profile=of_print, quality=95)
    code, _, err = stylemask(*(PASTE[0], "photo.jpg", *PASTE[2:]), "out.png")
    assert code == 0
    assert profile_of("out.png") is None
    assert "photo.jpg: its CMYK colours became RGB" in err


@pytest.mark.parametrize("attached", [profile("LAB"), None])
def test_colours_of_another_space_are_those_of_its_profile(attached):
    lab = ImageCms.profileToProfile(
        astronaut(), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    lab.info = {"icc_profile": attached} if attached else {}
    rgb = images.Photo.of(lab).rgb
    assert "icc_profile" not in rgb.info
    assert np.abs(np.asarray(rgb, int) - np.asarray(astronaut())).mean() < 2


def test_a_grey_photo_with_a_profile_is_grey_and_without_it():
    grey = noise().convert("LA")
    grey.info["icc_profile"] = profile()[:16] + b"GRAY" + profile()[20:]
    picture = images.Photo.of(grey).picture
    assert picture.mode == "RGBA" and "icc_profile" not in picture.info
    levels = np.asarray(picture)
    assert (levels[..., :3] == np.asarray(grey)[..., :1]).all()


def test_deep_values_that_become_shallow_are_said(tmp_path):
    path = tmp_path / "deep.png"
    Image.fromarray(np.full((32, 32), 40_000, np.uint16)).save(path)
    assert images.read_photo(path).loss == "its values became 8 bits deep"
    noise().save(path)
    assert images.read_photo(path).loss == ""
