"""A file that is not what was expected is named for what it is, with what to do about it."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from stylemask.cli.inputs import read_array
from stylemask.convert.checkpoints import read_checkpoint
from stylemask_core import InvalidInputError, WeightsError
from stylemask_core.errors import DetectorError
from stylemask_core.faces import fan as landmark_weights
from stylemask_core.models import model_folder
from stylemask_core.pictures.images import FORMATS, read_picture
from tests.support.helpers import noise, png_bytes

POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)
PULL = "run 'git lfs pull'"


def refusal(path) -> str:
    with pytest.raises(InvalidInputError) as error:
        read_picture(path)
    message = str(error.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message.removeprefix(f"{path} ")


def boxed(brand: bytes, *compatible: bytes) -> bytes:
    """The beginning of a file in the ISO base media format."""
    box = b"ftyp" + brand + b"\0\0\0\0" + b"".join(compatible)
    return (len(box) + 4).to_bytes(4, "big") + box + b"\0" * 64


def thumbnail() -> bytes:
    """A TIFF whose first picture says that it is a smaller version of another one."""
    buffer = io.BytesIO()
    noise().save(buffer, "TIFF", tiffinfo={254: 1})
    return buffer.getvalue()


KINDS = {
    ("HEIC", "export it as JPEG or PNG"): (boxed(b"heic", b"mif1"), boxed(b"mif1", b"heix")),
    ("JPEG XL", "export"): (boxed(b"jxl "), b"\0\0\0\x0cJXL \r\n\x87\n", b"\xff\x0a\0\0"),
    ("JPEG 2000", "export"): (b"\0\0\0\x0cjP  \r\n\x87\n" + boxed(b"jp2 "),),
    ("raw data", "develop"): (
        *(boxed(b"crx "), b"II*\0\x10\0\0\0CR\x02\0", b"FUJIFILMCCD-RAW 0201", thumbnail()),
    ),
    ("SVG", "export"): (b"<svg xmlns='x'/>", b"<?xml version='1.0'?>\n<!-- drawn -->\n<svg/>"),
    ("a PDF", "export"): (b"%PDF-1.7\n",),
    ("PostScript", "export"): (b"%!PS-Adobe-3.0 EPSF-3.0\n",),
    ("Photoshop", "export"): (b"8BPS\0\1",),
    ("OpenEXR", "tone-map"): (b"v/1\x01\2\0\0\0",),
    ("a video", "one of its frames"): (
        *(boxed(b"isom", b"mp42"), boxed(b"qt  "), b"\x1aE\xdf\xa3\x01"),
        b"RIFF\0\0\0\0AVI LIST",
    ),
    ("a web page", "save the picture itself"): (b"\n<!DOCTYPE html><html>",),
    ("an archive", "unpack it"): (b"PK\x03\x04\x14\0",),
    ("PNM", "export"): (b"P6\n2 2\n255\n",),
    ("a NumPy array", ".npy"): (b"\x93NUMPY\x01\0",),
}


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("kind", KINDS)
def test_a_format_that_is_not_read_is_named_with_the_way_out(tmp_path, kind):
    what, way_out = kind
    for content in KINDS[kind]:
        (tmp_path / "face.jpg").write_bytes(content)
        message = refusal(tmp_path / "face.jpg")
        assert message.startswith("is ") and what in message and way_out in message
        assert "not a picture" not in message


def test_only_what_is_none_is_called_no_picture(tmp_path):
    for content in (b"hello\n", bytes(999), b'{"face": 1}', b"RIFF\0\0\0\0WAVE"):
        (tmp_path / "face.png").write_bytes(content)
        assert refusal(tmp_path / "face.png") == f"is not a picture: give {', '.join(FORMATS)}"


def test_a_damaged_picture_is_called_damaged(tmp_path):
    path = tmp_path / "face"
    for start in (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", boxed(b"avif"), b"RIFF\0\0\0\0WEBP"):
        path.write_bytes(start + b"\0" * 40)
        assert re.match("is (PNG|JPEG|AVIF|WebP), damaged|cannot be read", refusal(path))


def float_colour_tiff() -> bytes:
    """Colours as floating point, which no version of Pillow reads."""
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((32, 32), np.float32)).save(buffer, "TIFF")
    content = bytearray(buffer.getvalue())
    entry = content.index(b"\x06\x01\x03\0")  # PhotometricInterpretation
    content[entry + 8] = 2  # RGB
    return bytes(content)


def test_a_kind_of_tiff_that_is_not_read_is_named(tmp_path):
    path = tmp_path / "face.tif"
    path.write_bytes(float_colour_tiff())
    assert "is TIFF" in refusal(path) and "8 bits" in refusal(path)


# Git LFS


@pytest.mark.parametrize(
    "name", ["config.json", *(f"{part}.safetensors" for part in model_folder.PARTS)]
)
def test_a_git_lfs_pointer_in_the_place_of_a_models_file_is_told(own_folder, name):
    (own_folder / name).write_bytes(POINTER)
    with pytest.raises(WeightsError) as error:
        model_folder.load_model(own_folder)
    assert name in str(error.value) and PULL in str(error.value)


def test_a_git_lfs_pointer_in_the_place_of_a_checkpoint_or_a_code_is_told(tmp_path, tiny_pipeline):
    path = tmp_path / "file.npy"
    path.write_bytes(POINTER)
    assert PULL in refusal(path)  # where a picture was expected
    with pytest.raises(WeightsError, match=PULL):
        read_checkpoint(path)
    with pytest.raises(InvalidInputError, match=PULL):
        read_array(tiny_pipeline, path, None)


def test_a_git_lfs_pointer_in_the_place_of_landmark_weights_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setenv(landmark_weights.WEIGHTS_VARIABLE, str(tmp_path))
    (tmp_path / landmark_weights.LANDMARK_WEIGHTS).write_bytes(POINTER)
    with pytest.raises(DetectorError, match=PULL):
        landmark_weights.prepare()


# folders


def test_avif_and_jfif_are_read_from_folders_too(stylemask, tmp_path):
    (tmp_path / "faces").mkdir()
    noise().save(tmp_path / "faces" / "a.avif")
    noise().save(tmp_path / "faces" / "b.jfif")
    (tmp_path / "faces" / "c.jpe").write_bytes(png_bytes(noise()))
    assert stylemask("reenact", "faces", "seed:1", "-o", "out")[0] == 0
    assert sorted(path.stem for path in (tmp_path / "out").iterdir()) == ["a", "b", "c"]
