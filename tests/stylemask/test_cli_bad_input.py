"""Bad arguments and bad files at the command line: exit code, one clear line, nothing written."""

import io
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.helpers import MIX, bomb, face, noise, png_bytes

TO_SEED = ("seed:1", "-o", "out.png")


@pytest.mark.parametrize("seed", ["-1", "4294967296", "1" * 5000, "1.5", "1e3", "nan", "", "one"])
def test_a_seed_that_is_no_whole_number_in_range_is_bad_usage(refused, seed):
    for arguments in (
        ("mix", "--source-seed", "1", f"--target-seed={seed}"),
        ("reenact", f"seed:{seed}", "seed:1"),
    ):
        line = refused(2, *arguments, "-o", "out.png")
        assert repr(seed) in line
        assert "0…4294967295" in line


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--strength", "1.51", "from 0 to 1.5"),
        ("--strength", "-0.1", "from 0 to 1.5"),
        ("--strength", "nan", "from 0 to 1.5"),
        ("--strength", "strong", "'strong'"),
        ("--truncation", "1.01", "from 0 to 1"),
        ("--truncation", "-1", "from 0 to 1"),
        ("--truncation", "nan", "from 0 to 1"),
        ("--truncation", "inf", "from 0 to 1"),
        ("--size", "15", "from 16 to 4096"),
        ("--size", "100000", "from 16 to 4096"),
        ("--size", "64.5", "whole number"),
        ("--layers", "", "no layer named"),
        ("--layers", "coarse,b9.conv7", "b8.conv0"),
        ("--layers", "b16.conv0", "b8.conv1"),
        ("--layers", "none,coarse", "'none'"),
        ("--device", "abacus", "device 'abacus'"),
        ("--device", "cuda:99", "device 'cuda:99'"),
        ("--colour", "red", "--colour"),
        ("--trunc", "0.5", "--trunc"),
    ],
)
def test_a_bad_option_is_bad_usage_that_names_it(refused, option, value, message):
    assert message in refused(2, *MIX, f"{option}={value}", "-o", "out.png")


@pytest.mark.parametrize(
    "arguments", [(), ("paint",), ("mix", "-o", "out.png"), ("reenact", *TO_SEED), (*MIX, "-o")]
)
def test_missing_arguments_are_bad_usage_that_points_to_the_help(refused, arguments):
    assert "--help" in refused(2, *arguments)


# outputs


@pytest.mark.parametrize("name", ["out", "out.txt", "out.gif", "out.npy", "out."])
def test_an_output_without_a_picture_suffix_is_bad_usage(refused, name):
    assert ".png, .jpg, .jpeg, .webp" in refused(2, *MIX, "-o", name)


@pytest.fixture
def unloadable(monkeypatch):
    """A model whose loading would fail with another exit code: what is told came before it."""
    monkeypatch.setenv("STYLEMASK_MODEL", "/nowhere")


@pytest.mark.parametrize("place", ["file/out", "file/below/out", "/proc/none/out", "x" * 300])
def test_an_output_that_cannot_be_written_is_told_before_the_model_is_loaded(
    refused, unloadable, place
):
    Path("file").write_text("precious")
    face("faces/a.png")
    for arguments in (
        (*MIX, "-o", f"{place}.png"),
        ("reenact", "faces/a.png", "seed:1", "-o", f"{place}.png"),
        ("reenact", "faces", "seed:1", "-o", place),
        ("inspect", "seed:1", "seed:2", "-o", place),
    ):
        assert "cannot write" in refused(2, *arguments)
    assert Path("file").read_text() == "precious"


def test_a_file_where_a_folder_must_be_and_the_other_way_round(refused, unloadable):
    Path("file").write_text("precious")
    face("faces/a.png")
    assert "File exists" in refused(2, "reenact", "faces", "seed:1", "-o", "file")
    assert "must be a folder" in refused(2, "reenact", "faces", "seed:1", "-o", "out.png")
    assert "must be a folder" in refused(2, "inspect", "seed:1", "seed:2", "-o", "out.png")


# models


@pytest.mark.parametrize("command", [(*MIX, "-o", "out.png"), ("info",)])
def test_a_model_that_is_not_there_is_told(refused, command):
    assert "no model folder at 'missing'" in refused(1, *command, "--model", "missing")


def test_a_broken_model_is_told_by_file_and_tensor(refused, own_folder):
    shutil.copy(own_folder / "mask_network.safetensors", own_folder / "generator.safetensors")
    line = refused(1, *MIX, "--model", own_folder, "-o", "out.png")
    assert "generator.safetensors: tensor blocks.b16" in line
    (own_folder / "config.json").write_text("{")
    assert "config.json is not valid JSON" in refused(1, "info", own_folder)


# pictures


@pytest.mark.parametrize("content", ["https://example.org/a.png", "s3://bucket/face.png"])
def test_a_web_address_is_told_to_be_downloaded(refused, content):
    assert "download" in refused(1, "reenact", content, *TO_SEED)
    assert "download" in refused(1, "inspect", "seed:1", content, "--json")


@pytest.mark.parametrize("name", ["missing.png", "missing.npy", "missing", "x" * 5000, "seed7"])
def test_a_missing_file_is_told_before_the_model_is_loaded(refused, unloadable, name):
    line = refused(1, "reenact", name, *TO_SEED)
    assert f"no such file: {name}" in line
    assert "seed:7" in line


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty (0 bytes)"),
        (b"hello\n", "is not a picture: give PNG, JPEG"),
        (png_bytes(noise())[:2000], "damaged"),
        (png_bytes(Image.new("RGB", (1, 1))), "1×1 px: give at least 16"),
    ],
)
def test_a_bad_picture_is_told_by_name(refused, content, message):
    Path("bad.png").write_bytes(content)
    line = refused(1, "reenact", "bad.png", *TO_SEED)
    assert "bad.png" in line
    assert message in line


def test_a_name_with_a_line_break_still_gives_one_line(refused):
    Path("two\nlines.png").write_bytes(b"hello")
    assert "two lines.png" in refused(1, "reenact", "two\nlines.png", *TO_SEED)


# arrays


def npy_bytes(values: object, **options) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values, **options)
    return buffer.getvalue()


def npz_bytes() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, z=np.zeros((1, 16)))
    return buffer.getvalue()


def boundless_npy() -> bytes:
    """A header that promises terabytes, and next to nothing behind it."""
    small, huge = b"(1, 16), }" + b" " * 10, b"(10000000000, 16), }"
    content = npy_bytes(np.zeros((1, 16)))
    assert small in content
    return content.replace(small, huge)


class Trap:
    """Leaves a file behind where it is unpickled."""

    def __reduce__(self):
        return Path.touch, (Path("sprung"),)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (npy_bytes(np.zeros((3, 16))), "has shape [3, 16]: this model takes z [1, 16] or W+"),
        (npy_bytes(np.zeros((1, 512))), "[1, 6, 16]"),
        (npy_bytes(np.zeros(())), "has shape []"),
        (npy_bytes(np.zeros((0, 16))), "has shape [0, 16]"),
        (npy_bytes(np.full((1, 16), np.nan)), "not finite"),
        (npy_bytes(np.full((1, 6, 16), np.inf)), "not finite"),
        (npy_bytes(np.full((1, 16), 1e300)), "not finite"),
        (npy_bytes(np.zeros((1, 16), complex)), "no real numbers"),
        (npy_bytes(np.zeros((1, 16), "U3")), "no real numbers"),
        (npy_bytes(np.zeros((1, 16), bool)), "no real numbers"),
        (npy_bytes(np.array([[None] * 16]), allow_pickle=True), "no readable array"),
        (npy_bytes(np.array([Trap()]), allow_pickle=True), "no readable array"),
        (pickle.dumps(Trap()), "no readable array"),
        (npy_bytes(np.zeros((1, 16)))[:-8], "no readable array"),
        (npy_bytes(np.zeros((1, 16)))[:20], "no readable array"),
        (boundless_npy(), "no readable array"),
        (npz_bytes(), "no real numbers"),
        (b"", "no readable array"),
        (b"hello\n", "no readable array"),
    ],
)
def test_a_bad_array_is_told_by_name_and_never_executed(refused, content, message):
    Path("bad.npy").write_bytes(content)
    line = refused(1, "reenact", "bad.npy", *TO_SEED)
    assert "bad.npy" in line
    assert message in line


def test_a_picture_named_like_an_array_is_told(refused):
    shutil.move(face("a.png"), "a.npy")
    assert "a.npy is no readable array" in refused(1, "reenact", "a.npy", *TO_SEED)


def test_a_decompression_bomb_is_told_by_name(refused):
    bomb(Path("bomb.png"))
    assert "bomb.png is too large" in refused(1, "reenact", "seed:1", "bomb.png", "-o", "out.png")
