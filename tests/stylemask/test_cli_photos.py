"""Photos at the command line: which face is read, what is told of it, and where it goes."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylemask.provenance import watermark
from stylemask_core import StyleMaskPipeline
from stylemask_core.faces import fan as landmark_weights
from stylemask_core.faces import landmarks
from tests.support.helpers import TINY_NOTE, array, face, pixels, published
from tests.support.photos import POINTS, astronaut, six_faces

MARKS = ",".join(f"{number:g}" for number in POINTS.ravel())
OUT = ("-o", "out.png")


@pytest.fixture
def photos(stylemask) -> None:
    """In the empty folder of the test: a photo with one face, and one with two."""
    astronaut().crop((100, 0, 400, 256)).save("one.png")
    six_faces().crop((0, 0, 640, 320)).save("two.png")


@pytest.fixture
def framed(monkeypatch):
    """How the pipeline was asked to frame pictures."""
    original, asked = StyleMaskPipeline.frame, []

    def frame(self, image, **options):
        options.pop("progress")
        asked.append(options)
        return original(self, image, **options)

    monkeypatch.setattr(StyleMaskPipeline, "frame", frame)
    return asked


def test_of_several_faces_the_largest_is_taken_and_it_is_told_where_each_is(
    stylemask, photos, tiny_pipeline
):
    code, out, err = stylemask("reenact", "two.png", "seed:1", "--grid", *OUT)
    assert (code, out) == (0, "")
    told = r"stylemask: two\.png: 2 faces found, the largest is taken: (.*); --face N takes another"
    line, wrote = err.splitlines()
    assert wrote == f"stylemask: wrote out.png{TINY_NOTE}"
    places = re.fullmatch(told, line)[1].split(", ")
    faces = tiny_pipeline.detect_faces(Image.open("two.png")).faces
    for place, found in zip(places, faces, strict=True):
        x, y = map(float, re.search(r"at (\d+),(\d+) ", place).groups())
        np.testing.assert_allclose((x, y), found.points.mean(0), atol=1)
    stylemask("reenact", "two.png", "seed:1", "--grid", "--face", 1, "-o", "first.png")
    code, _, err = stylemask("reenact", "two.png", "seed:1", "--grid", "--face", 2, "-o", "2.png")
    assert (code, err) == (0, f"stylemask: wrote 2.png{TINY_NOTE}\n")
    np.testing.assert_array_equal(pixels("out.png"), pixels("first.png"))
    assert (pixels("out.png")[:, :512] != pixels("2.png")[:, :512]).any()


def test_faces_are_counted_from_1_and_chosen_for_each_side(stylemask, photos, framed):
    both = ("reenact", "two.png", "two.png")
    stylemask(*both, "--face", 2, *OUT)
    stylemask(*both, "--source-face", 2, "--target-face", 1, *OUT)
    assert [options["face"] for options in framed] == [1, 1, 1, 0]


def test_a_face_there_is_not_is_told_by_file_with_the_number_found(refused, photos):
    line = refused(1, "reenact", "two.png", "seed:1", "--face", 3, *OUT)
    assert "two.png: face number 3 was asked for, largest first, but 2 found" in line


def test_marked_eyes_and_mouth_stand_in_for_a_search(stylemask, photos, tiny_pipeline):
    astronaut().save("whole.png")
    assert stylemask("reenact", "whole.png", "seed:1", "--landmarks", MARKS, *OUT)[0] == 0
    source = tiny_pipeline.invert(astronaut(), landmarks=POINTS)
    expected = tiny_pipeline.reenact(source, tiny_pipeline.sample(1)).image
    np.testing.assert_array_equal(pixels("out.png"), published(expected))


def test_landmarks_go_to_the_side_they_are_for(stylemask, photos, framed):
    astronaut().save("whole.png")
    pair = ("inspect", "whole.png", "whole.png", "--json")
    assert stylemask(*pair, "--source-landmarks", MARKS)[0] == 0
    assert stylemask(*pair, "--target-landmarks", MARKS)[0] == 0
    given = [options["landmarks"] is not None for options in framed]
    assert given == [True, False, False, True]


def test_68_landmarks_are_taken_at_the_command_line(stylemask, photos, framed):
    points = np.full((68, 2), 10.0)
    points[36:42], points[42:48], points[48], points[54] = POINTS
    astronaut().save("whole.png")
    text = ",".join(map(str, points.ravel()))
    assert stylemask("reenact", "whole.png", "seed:1", "--landmarks", text, *OUT)[0] == 0
    np.testing.assert_array_equal(framed[0]["landmarks"], points)


def test_aligned_pictures_are_taken_as_they_are(stylemask, refused, photos, framed):
    face("square.png")
    assert stylemask("reenact", "square.png", "square.png", "--aligned", *OUT)[0] == 0
    assert [options["align"] for options in framed] == ["none", "none"]
    line = refused(1, "reenact", "one.png", "seed:1", "--aligned", "-o", "other.png")
    assert "one.png: an aligned picture is square, this is 300×256" in line


def test_inverted_codes_are_truncated_where_that_is_asked_for(stylemask, tiny_pipeline):
    source = face("source.png")
    options = ("--inversion-truncation", 0.7)
    assert stylemask("reenact", source, "seed:1", *options, *OUT)[0] == 0
    code = tiny_pipeline.invert(Image.open(source), truncation=0.7)
    expected = tiny_pipeline.reenact(code, tiny_pipeline.sample(1)).image
    np.testing.assert_array_equal(pixels("out.png"), published(expected))


def test_a_result_is_pasted_back_into_the_photo_of_the_source(stylemask, photos, tiny_pipeline):
    assert stylemask("reenact", "one.png", "seed:1", "--paste-back", *OUT)[0] == 0
    photo = Image.open("one.png")
    source = tiny_pipeline.invert(photo)
    result = tiny_pipeline.reenact(source, tiny_pipeline.sample(1)).image
    expected = tiny_pipeline.paste_back(photo, source, result)
    np.testing.assert_array_equal(pixels("out.png"), watermark.embed(expected))
    difference = np.abs(pixels("out.png").astype(int) - pixels("one.png"))
    faint = 12  # [levels] the watermark's peaks stay below
    assert (difference > faint).any(-1).mean() > 0.1
    assert difference[-10:].max() <= faint


def test_a_folder_of_photos_is_pasted_back_and_a_bad_file_stops_nothing(stylemask, photos):
    Path("faces").mkdir()
    for name in ("a", "d"):
        Path(f"faces/{name}.png").write_bytes(Path("one.png").read_bytes())
    Path("faces/b.png").write_text("no picture")
    array("faces/c.npy", 1, 16)
    options = ("--paste-back", "--face", 1)
    code, _, err = stylemask("reenact", "faces", "seed:1", *options, "-o", "out")
    assert code == 1
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.png", "d.png"]
    assert pixels("out/a.png").shape == (256, 300, 3)
    assert "b.png is not a picture" in err
    assert "c.npy is no photo" in err
    assert "wrote 2 of 4" in err


def test_what_is_told_of_many_photos_is_told_once(stylemask, photos, monkeypatch):
    monkeypatch.setattr(landmarks.default_detector("haar"), "note", "the better one is ill")
    for name in ("faces/a.png", "faces/b.png", "faces/c.png"):
        face(name)
    *_, err = stylemask("reenact", "faces", "seed:1", "-o", "out")
    assert err.count("the better one is ill") == 1
    assert err.count("\n") == 3


# a model of photos


@pytest.fixture
def model_of_photos(own_folder, monkeypatch):
    config = json.loads((own_folder / "config.json").read_text())
    (own_folder / "config.json").write_text(json.dumps(config | {"alignment": "ffhq"}))
    monkeypatch.setenv("STYLEMASK_MODEL", str(own_folder))


def test_a_photo_without_a_face_is_told_with_the_ways_out(refused, model_of_photos):
    monkey = face("faces/monkey.png", size=(300, 200))
    line = refused(1, "reenact", monkey, "seed:1", *OUT)
    assert "monkey.png: no face was found" in line
    assert "--landmarks, --aligned" in line


def test_in_a_folder_photos_without_a_face_stop_nothing(stylemask, model_of_photos, photos):
    face("faces/a.png", size=(300, 200))
    Path("faces/b.png").write_bytes(Path("one.png").read_bytes())
    code, _, err = stylemask("reenact", "faces", "seed:1", "-o", "out")
    assert code == 1
    assert "a.png: no face was found" in err
    assert [path.name for path in Path("out").iterdir()] == ["b.png"]


def test_offline_the_photo_is_read_all_the_same_and_the_reason_is_told_once(
    stylemask, model_of_photos, photos, monkeypatch, tmp_path
):
    monkeypatch.delenv(landmarks.DETECTOR_VARIABLE)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(landmarks, "DETECTORS", {})
    monkeypatch.setattr(landmark_weights, "SITE", "http://127.0.0.1:9/")
    code, _, err = stylemask("reenact", "one.png", "one.png", *OUT)
    assert code == 0
    assert err.count("Connection refused") == err.count("Haar cascades") == 1
    assert err.count("\n") == 2


def test_a_download_of_landmark_weights_is_told(stylemask, photos, monkeypatch):
    original = StyleMaskPipeline.frame

    def frame(self, image, progress, **options):
        for done in (1, 2):
            progress("face landmark weights", done, 2)
        return original(self, image, **options)

    monkeypatch.setattr(StyleMaskPipeline, "frame", frame)
    *_, err = stylemask("reenact", "one.png", "one.png", *OUT)
    lines = err.splitlines()
    assert lines[0] == "stylemask: downloading the face landmark weights (190 MB, once)"
    assert len(lines) == 2


# bad usage


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--face", "0"), "from 1 to"),
        (("--face", "two"), "whole number"),
        (("--landmarks", "1,2,3"), "8 numbers"),
        (("--landmarks", "1,2,3,4,5,6,7,eight"), "8 numbers"),
        (("--landmarks", "1,2,3,4,5,6,7,nan"), "8 numbers"),
        (("--landmarks", ""), "8 numbers"),
        (("--inversion-truncation", "1.1"), "from 0 to 1"),
        (("--target-face", "1"), "TARGET is none"),
        (("--target-landmarks", MARKS), "TARGET is none"),
        (("--face", "1", "--source-face", "2"), "--face or --source-face, not both"),
        (("--landmarks", MARKS, "--source-landmarks", MARKS), "not both"),
        (("--face", "1", "--landmarks", MARKS), "choose one of --face and --landmarks"),
        (("--source-face", "1", "--landmarks", MARKS), "choose one of"),
        (("--aligned", "--face", "1"), "choose one of --aligned and --face"),
        (("--aligned", "--source-landmarks", MARKS), "choose one of"),
        (("--paste-back", "--grid"), "leave out --grid"),
        (("--paste-back", "--size", "64"), "leave out --size"),
    ],
)
def test_options_that_cannot_be_meant_are_bad_usage(refused, options, message, photos):
    assert message in refused(2, "reenact", "one.png", "seed:1", *options, *OUT)


@pytest.mark.parametrize(
    "options",
    [
        ("--face", 1),
        ("--landmarks", MARKS),
        ("--aligned",),
        ("--paste-back",),
        ("--inversion-truncation", 0.5),
    ],
)
def test_options_of_pictures_are_refused_where_there_is_none(refused, options):
    array("w.npy", 6, 16)
    assert "is for pictures" in refused(2, "reenact", "seed:1", "w.npy", *options, *OUT)


@pytest.mark.parametrize(
    ("inputs", "options", "message"),
    [
        (("one.png", "two.png"), ("--landmarks", MARKS), "--source-landmarks or --target-"),
        (("faces", "seed:1"), ("--landmarks", MARKS), "SOURCE is a folder"),
        (("faces", "seed:1"), ("--source-landmarks", MARKS), "SOURCE is a folder"),
        (("seed:1", "one.png"), ("--paste-back",), "SOURCE is none"),
    ],
)
def test_options_that_do_not_fit_the_inputs_are_refused(refused, photos, inputs, options, message):
    face("faces/a.png")
    assert message in refused(2, "reenact", *inputs, *options, "-o", "out/")


@pytest.mark.parametrize(
    "marks", ["900,101,946,103,904,140,944,141", "-9,1,20,1,1,30,20,30"], ids=["far", "minus"]
)
def test_landmarks_outside_the_photo_are_told_by_file(refused, photos, marks):
    line = refused(1, "reenact", "one.png", "seed:1", "--landmarks", marks, *OUT)
    expected = "one.png: eyes or mouth corners lie outside the photo: give points within 300×256"
    assert expected in line


def test_an_unknown_detector_is_told(refused, photos, model_of_photos, monkeypatch):
    monkeypatch.setenv(landmarks.DETECTOR_VARIABLE, "eagle")
    assert "'eagle' is unknown" in refused(1, "reenact", "one.png", "seed:1", *OUT)
