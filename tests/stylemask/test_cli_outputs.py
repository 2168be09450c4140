"""Where the command line writes: names it chooses itself, standard output, formats, folders."""

import io
import json
import re
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylemask.cli import outputs, report_commands
from stylemask.convert import checkpoints
from stylemask.provenance import stamps
from stylemask.provenance.stamps import Origin, Stamp
from tests.support.helpers import MIX, PATIENCE, TINY_NOTE, array, face, pixels

SEEDS = ("seed:1", "seed:2")


def names(folder: str = ".") -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


# without -o


@pytest.mark.parametrize(
    ("command", "name"), [(MIX, "mix"), (("reenact", *SEEDS), "reenact")], ids=["mix", "reenact"]
)
def test_without_an_output_a_picture_gets_the_command_s_name_and_older_ones_stay(
    stylemask, command, name
):
    for k, (written, said) in enumerate(
        [
            (f"{name}.png", f"{name}.png"),
            (f"{name}-2.png", f"{name}-2.png, as {name}.png was there"),
            (f"{name}-3.png", f"{name}-3.png, as {name}.png was there"),
        ]
    ):
        before = {path: Path(path).read_bytes() for path in names()}
        code, out, err = stylemask(*command, "--strength", k / 2)
        assert (code, out, err) == (0, "", f"stylemask: wrote {said}{TINY_NOTE}\n")
        assert set(names()) - set(before) == {written}
        assert all(Path(path).read_bytes() == content for path, content in before.items())
    assert len({Path(path).read_bytes() for path in names()}) == 3


def test_programs_that_choose_a_name_at_once_choose_different_ones(stylemask, monkeypatch):
    """Each has seen that mix.png is not there before any writes it."""
    together, original = threading.Barrier(3, timeout=PATIENCE), stamps.encode

    def encode(*arguments, **options):
        together.wait()
        return original(*arguments, **options)

    monkeypatch.setattr(stamps, "encode", encode)
    threads = [threading.Thread(target=stylemask, args=MIX) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert names() == ["mix-2.png", "mix-3.png", "mix.png"]


def test_without_an_output_results_get_a_new_folder_unless_json_is_asked_for(
    stylemask, monkeypatch
):
    convert = ("convert", "--generator", "g", "--mask-network", "m", "--encoder", "e")
    monkeypatch.setattr(checkpoints, "convert", lambda *_: Path(_[3]).mkdir())
    face("faces/a.png")
    for command, name in (
        (("reenact", "faces", "seed:1"), "reenact"),
        (("inspect", *SEEDS), "inspect"),
        (convert, "model"),
    ):
        for folder in (name, f"{name}-2"):
            code, out, err = stylemask(*command)
            assert (code, out) == (0, "")
            assert re.search(rf" {folder}[ ,\n]", err)
    assert names("reenact-2") == ["a.png"]
    assert names("inspect-2") == sorted(report_commands.FILES)
    code, out, _ = stylemask("inspect", *SEEDS, "--json")
    assert code == 0 and json.loads(out)
    assert "inspect-3" not in names()


def test_an_older_file_that_was_named_is_replaced_and_that_is_said(stylemask):
    stylemask(*MIX, "-o", "out.png")
    *_, err = stylemask(*MIX, "-o", "out.png")
    assert err == f"stylemask: wrote out.png over an older file{TINY_NOTE}\n"
    face("faces/a.png")
    face("faces/b.png")
    stylemask("reenact", "faces", "seed:1", "-o", "out")
    Path("out/b.png").unlink()
    *_, err = stylemask("reenact", "faces", "seed:1", "-o", "out")
    assert "wrote 2 of 2 pictures to out, 1 of them over older files" in err


# folders as outputs


@pytest.mark.parametrize("output", ["there", "there/", "new/", "new/within/"])
def test_a_folder_as_output_of_a_pair_gets_the_picture(stylemask, output):
    Path("there").mkdir()
    for name in ("mix.png", "mix-2.png"):
        code, _, err = stylemask(*MIX, "-o", output)
        assert code == 0
        assert f"wrote {Path(output, name)}" in err
        assert pixels(Path(output, name)).shape == (512, 512, 3)
    stylemask("reenact", *SEEDS, "-o", output)
    assert names(output) == ["mix-2.png", "mix.png", "reenact.png"]


# standard output


def test_a_dash_writes_a_png_to_standard_output_and_nothing_else(stylemask, monkeypatch):
    for command in (MIX, ("reenact", *SEEDS)):
        stylemask(*command, "-o", "file.png")
        output = io.TextIOWrapper(io.BytesIO())
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", output)
            code, _, err = stylemask(*command, "-o", "-")
        assert (code, err) == (0, f"stylemask: wrote a PNG to standard output{TINY_NOTE}\n")
        assert output.buffer.getvalue() == Path("file.png").read_bytes()
        assert names() == ["file.png"]
        Path("file.png").unlink()


@pytest.mark.parametrize(
    "command",
    [
        ("reenact", "faces", "seed:1"),
        ("inspect", *SEEDS),
        ("convert", "--generator", "g", "--mask-network", "m", "--encoder", "e"),
        ("fetch", "ffhq"),
    ],
)
def test_standard_output_takes_one_picture(refused, command):
    face("faces/a.png")
    assert "standard output takes one picture" in refused(2, *command, "-o", "-")


# formats


@pytest.mark.parametrize(
    ("name", "kind"), [("a.avif", "AVIF"), ("a.tif", "TIFF"), ("a.TIFF", "TIFF")]
)
def test_avif_and_tiff_are_written_with_both_marks(stylemask, name, kind):
    stylemask(*MIX, "-o", "a.png")
    assert stylemask(*MIX, "-o", name)[0] == 0
    with Image.open(name) as picture:
        assert (picture.format, picture.size) == (kind, (512, 512))
    difference = np.abs(pixels(name).astype(int) - pixels("a.png"))
    assert difference.max() == 0 if kind == "TIFF" else difference.mean() < 8
    code, out, _ = stylemask("verify", name)
    assert code == 0
    assert ": marked: XMP says trainedAlgorithmicMedia" in out


def test_a_pillow_without_avif_is_told_before_the_model_is_loaded(refused, monkeypatch):
    monkeypatch.setenv("STYLEMASK_MODEL", "/nowhere")
    monkeypatch.setattr("PIL.features.check", lambda feature: feature != "avif")
    assert "writes no AVIF" in refused(2, *MIX, "-o", "a.avif")


# nothing is left behind


def test_no_empty_folder_is_left_after_a_failure(stylemask, monkeypatch, own_folder):
    Path("faces").mkdir()
    Path("faces/bad.png").touch()
    array("bad.npy", 3, 3)
    (own_folder / "config.json").write_text("{")
    places = "new/within"
    for command in (
        (*MIX, "--model", own_folder, "-o", f"{places}/out.png"),
        (*MIX, "--layers", "nonsense", "-o", f"{places}/out.png"),
        ("reenact", "bad.npy", "seed:1", "-o", f"{places}/out.png"),
        ("reenact", "faces", "seed:1", "-o", places),
        ("reenact", "faces", "seed:1"),
        ("reenact", "faces", "bad.npy", "-o", places),
        ("reenact", "faces", "seed:1", "--device", "abacus"),
        ("inspect", "seed:1", "bad.npy", "-o", places),
        ("inspect", "seed:1", "bad.npy"),
        ("convert", "--generator", "g", "--mask-network", "m", "--encoder", "e", "-o", places),
    ):
        assert stylemask(*command)[0] in (1, 2), command
        assert names() == ["bad.npy", "faces", "own"], command


def test_a_picture_that_is_not_written_whole_leaves_what_was_there(stylemask, monkeypatch):
    face("old.png")
    before = Path("old.png").read_bytes()

    def full_disk(path, content):
        with path.open("wb") as file:
            file.write(content[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    for output, name in (((), "mix.png"), (("-o", "old.png"), "old.png")):
        code, _, err = stylemask(*MIX, *output)
        assert code == 1
        assert f"cannot write to {name} (No space left on device)" in err
        assert names() == ["old.png"]
        assert Path("old.png").read_bytes() == before


def test_a_transparent_picture_is_laid_on_white_where_its_format_asks_for_that(tmp_path):
    picture, stamp = Image.new("RGBA", (512, 512), (255, 0, 0, 128)), Stamp(Origin.PHOTO, "tiny")
    path = tmp_path / "out.jpg"
    said = outputs.write_picture(outputs.Output(path), picture, stamp)
    assert said == f"{path}, on white: JPEG keeps no transparency, .png and .webp do"
    for suffix in (".png", ".webp", ".avif", ".tiff"):
        path = tmp_path / f"out{suffix}"
        assert outputs.write_picture(outputs.Output(path), picture, stamp) == str(path)
        assert Image.open(path).mode == "RGBA"


def test_no_picture_is_written_to_a_terminal(refused, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert "standard output is a terminal" in refused(2, *MIX, "-o", "-")


def test_a_folder_that_was_there_stays_even_if_it_is_empty(stylemask):
    Path("mine").mkdir()
    array("bad.npy", 3, 3)
    assert stylemask("reenact", "bad.npy", "seed:1", "-o", "mine/new/out.png")[0] == 1
    assert names() == ["bad.npy", "mine"]
    assert names("mine") == []
