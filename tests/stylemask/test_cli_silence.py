"""Nothing happens without a word: pictures without a face, files left out, faces elsewhere."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylemask_core.pictures import alignment
from tests.support.helpers import TINY_NOTE, array, face, pixels
from tests.support.photos import POINTS, astronaut, six_faces

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + bytes(64)  # how a phone's picture begins


def lines_of(err: str) -> list[str]:
    return [line.removeprefix("stylemask: ") for line in err.splitlines()]


@pytest.fixture
def portrait(stylemask) -> Path:
    """A photo framed like those of photos' models."""
    alignment.crop(astronaut(), alignment.ffhq_quad(POINTS), 512).save("portrait.png")
    return Path("portrait.png")


# no face


@pytest.mark.parametrize(
    ("size", "taken"), [((40, 40), "the whole picture"), ((60, 40), "the centred square")]
)
def test_a_picture_without_a_face_is_drawn_with_a_word(stylemask, tiny_pipeline, size, taken):
    wall = face("wall.png", size=size)
    note = f"no face was found: {taken} is taken, and drawn as a head; a small face may be missed"
    assert tiny_pipeline.invert(Image.open(wall)).note == note
    for command in (("reenact", wall, "seed:1"), ("inspect", "seed:1", wall)):
        code, _, err = stylemask(*command)
        assert code == 0
        assert lines_of(err)[0] == f"wall.png: {note}"


def test_a_folder_names_its_files_without_a_face_in_the_summary(stylemask, portrait):
    for name in ("a", "c", "d"):
        face(f"faces/{name}.png")
    Path("faces/b.png").write_bytes(portrait.read_bytes())
    code, _, err = stylemask("reenact", "faces", "seed:1", "-o", "out")
    assert code == 0
    assert lines_of(err)[-2:] == [
        f"wrote 4 of 4 pictures to out{TINY_NOTE}",
        "no face was found in: a.png, c.png, d.png",
    ]


def test_pictures_that_are_marked_or_said_to_be_aligned_are_not_called_faceless(stylemask):
    face("a.png")
    marks = "10,10,30,10,12,30,28,30"
    for options in (("--aligned",), ("--landmarks", marks)):
        *_, err = stylemask("reenact", "a.png", "seed:1", *options, "-o", "out.png")
        assert "no face" not in err


# files left out


def test_files_that_cannot_be_read_keep_their_place_so_that_no_pair_shifts(stylemask):
    for k, name in enumerate("abcd"):
        face(f"sources/{name}.png", k)
        face(f"targets/{name}.png", 10 + k)
    for unread in ("sources/b", "targets/c"):
        Path(f"{unread}.png").unlink()
        Path(f"{unread}.heic").write_bytes(HEIC)
    code, _, err = stylemask("reenact", "sources", "targets", "-o", "out")
    assert code == 1
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.png", "d.png"]
    for name in "ad":
        stylemask("reenact", f"sources/{name}.png", f"targets/{name}.png", "-o", "one.png")
        np.testing.assert_array_equal(pixels(f"out/{name}.png"), pixels("one.png"))
    assert "sources/b.heic is HEIC" in err
    assert "targets/c.heic is HEIC" in err
    assert f"wrote 2 of 4 pictures to out{TINY_NOTE}" in lines_of(err)
    assert "failed: b.heic + b.png, c.png + c.heic" in lines_of(err)


@pytest.mark.parametrize("name", ["b.heic", "b.psd", "b.cr2", "b.jxl", "b", "b.jpg_large", "b.bak"])
def test_whatever_may_be_a_picture_counts_among_the_pairs(refused, name):
    for path in ("sources/a.png", "sources/c.png", "targets/a.png", "targets/c.png"):
        face(path)
    Path("sources", name).write_bytes(HEIC)
    line = refused(2, "reenact", "sources", "targets", "-o", "out")
    assert "sources has 3 files and targets has 2" in line


def test_what_is_no_picture_does_not_count_and_is_named(stylemask, refused):
    others = ["a.json", "movie.MOV", "notes.txt", "packed.tar.gz", "thumbs.db"]
    for path in ("sources/a.png", "sources/c.png", "targets/a.png", "targets/c.png"):
        face(path)
    for name in others:
        Path("sources", name).write_text("no picture")
    Path("sources/more").mkdir()
    code, _, err = stylemask("reenact", "sources", "targets", "-o", "out")
    assert code == 0
    skipped = ", ".join(f"sources/{name}" for name in sorted([*others, "more"]))
    assert lines_of(err)[-1] == f"skipped, not being pictures: {skipped}"
    Path("targets/c.png").unlink()
    line = refused(2, "reenact", "sources", "targets", "-o", "other")
    assert f"(not counted: {skipped})" in line


def test_a_summary_lists_twenty_names_and_says_how_many_there_are_more(stylemask):
    Path("faces").mkdir()
    for k in range(25):
        Path(f"faces/{k:02}.png").write_text("no picture")
    array("faces/z.npy", 1, 16)
    code, _, err = stylemask("reenact", "faces", "seed:1", "-o", "out")
    assert code == 1
    assert lines_of(err)[-1].endswith("19.png + seed:1 and 5 more")


# faces elsewhere


def test_an_aligned_picture_whose_face_is_elsewhere_is_told_of(stylemask, portrait):
    astronaut().save("whole.png")
    *_, err = stylemask("reenact", "whole.png", "seed:1", "--aligned", "-o", "out.png")
    line, wrote = lines_of(err)
    assert wrote == f"wrote out.png{TINY_NOTE}"
    assert "whole.png: its face is not where an aligned picture has it, but at 22" in line
    assert "leave --aligned out" in line
    *_, err = stylemask("reenact", portrait, "seed:1", "--aligned", "-o", "other.png")
    assert lines_of(err) == [f"wrote other.png{TINY_NOTE}"]


def test_a_folder_names_its_pictures_that_are_not_aligned_in_the_summary(stylemask, portrait):
    Path("faces").mkdir()
    for name in ("a.png", "b.png"):
        astronaut().resize((256, 256)).save(f"faces/{name}")
    portrait.rename("faces/c.png")
    *_, err = stylemask("reenact", "faces", "seed:1", "--aligned", "-o", "out")
    assert lines_of(err)[-1] == "maybe not aligned: a.png, b.png"


def test_of_two_pictures_the_option_is_named_that_chooses_in_one_of_them(stylemask):
    six_faces().crop((0, 0, 640, 320)).save("two.png")
    *_, err = stylemask("reenact", "two.png", "two.png", "-o", "out.png")
    assert "--source-face N takes another" in err
    assert "--target-face N takes another" in err


# what cannot be kept


def test_colours_that_a_pasted_photo_cannot_keep_are_told_of(stylemask):
    astronaut().convert("CMYK").save("print.tif")
    *_, err = stylemask("reenact", "print.tif", "seed:1", "--paste-back", "-o", "out.png")
    assert "print.tif: its CMYK colours became RGB" in err


def test_a_picture_is_read_whatever_its_suffix_says(stylemask):
    for name in ("a", "b.jpg_large", "c.jfif"):
        face("picture.png").rename(name)
        Path("faces").mkdir(exist_ok=True)
        Path(name).rename(f"faces/{name}")
    code, _, err = stylemask("reenact", "faces", "seed:1", "-o", "out")
    assert (code, f"wrote 3 of 3 pictures to out{TINY_NOTE}" in lines_of(err)) == (0, True)
