"""Which square of a picture is read: of photos, of aligned pictures, and of synthetic heads."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from stylemask_core import NoFaceError, StyleMaskPipeline
from stylemask_core.errors import DetectorError, InvalidInputError
from stylemask_core.faces import landmarks
from stylemask_core.pictures import alignment, images, pasting
from tests.support.helpers import ROOT
from tests.support.photos import POINTS, astronaut, drawing, scaled, six_faces, turned

HEADS = sorted((ROOT / "demo" / "heads").glob("*.png"))


@pytest.fixture(scope="module")
def photo_pipeline(tiny_model) -> StyleMaskPipeline:
    """The tiny model, as one of photos: a face must be found."""
    config = dataclasses.replace(tiny_model.config, alignment="ffhq")
    return StyleMaskPipeline(dataclasses.replace(tiny_model, config=config), device="cpu")


@pytest.fixture(scope="module")
def inversion(photo_pipeline):
    return photo_pipeline.invert(astronaut())


def with_exif_turn(photo: Image.Image) -> Image.Image:
    """The same photo as a camera held sideways stores it."""
    sideways = photo.transpose(Image.Transpose.ROTATE_90)
    sideways.getexif()[0x0112] = 6  # to be turned clockwise to be seen
    return sideways


def test_the_face_of_a_photo_is_found_and_cut_out_as_ffhq_frames_it(photo_pipeline, inversion):
    expected = alignment.ffhq_quad(POINTS)
    assert alignment.deviation(inversion.quad, expected) < 0.03
    crop = alignment.crop(astronaut(), inversion.quad, 16)
    assert inversion.crop.tobytes() == crop.tobytes()
    assert (len(inversion.faces), inversion.note) == (1, "")
    seen = images.to_tensor(alignment.crop(astronaut(), inversion.quad, 256))
    torch.testing.assert_close(inversion.w_plus, photo_pipeline.encode(seen))
    mean = photo_pipeline.generator.mapping.mean
    pulled = photo_pipeline.invert(astronaut(), truncation=0.7).w_plus
    torch.testing.assert_close(pulled, mean + 0.7 * (inversion.w_plus - mean))


def test_every_mode_and_an_exif_turn_give_the_same_square(photo_pipeline, inversion):
    transparent = astronaut().convert("RGBA")
    deep = Image.fromarray(np.asarray(astronaut().convert("L")).astype(np.uint16) * 257)
    for photo in (with_exif_turn(astronaut()), transparent, astronaut().convert("L"), deep):
        quad = photo_pipeline.invert(photo).quad
        assert alignment.deviation(quad, inversion.quad) < 0.01


def test_a_large_photo_is_searched_shrunk_and_cut_from_its_own_pixels(photo_pipeline):
    photo, points = scaled(astronaut(), POINTS, 5)
    found = photo_pipeline.invert(photo)
    assert alignment.deviation(found.quad, alignment.ffhq_quad(points)) < 0.04
    assert found.crop.tobytes() == alignment.crop(photo, found.quad, 16).tobytes()


def test_of_several_faces_the_largest_is_taken_and_any_can_be_chosen(photo_pipeline):
    photo = six_faces()
    search = photo_pipeline.detect_faces(photo)
    faces = search.faces
    assert len(faces) == 6
    again = photo_pipeline.invert(photo, face=1, search=dataclasses.replace(search, note="known"))
    assert again.note == "known"  # it was not sought again
    for face in (0, 1, 5):
        found = photo_pipeline.invert(photo, face=face)
        np.testing.assert_array_equal(found.quad, faces[face].quad)
        assert len(found.faces) == 6
    default = photo_pipeline.invert(photo)
    np.testing.assert_array_equal(default.quad, faces[0].quad)
    with pytest.raises(InvalidInputError, match=r"number 7 .* but 6 found"):
        photo_pipeline.invert(photo, face=6)


@pytest.mark.parametrize(
    "photo", [drawing(), Image.new("RGB", (300, 200)), astronaut().crop((225, 0, 512, 512))]
)
def test_without_a_face_three_ways_out_are_told(photo_pipeline, photo):
    assert photo_pipeline.detect_faces(photo).faces == []
    with pytest.raises(NoFaceError, match=r"give a photo.*mark eyes and mouth.*aligned already"):
        photo_pipeline.invert(photo)


def test_marked_eyes_and_mouth_stand_in_for_a_search(photo_pipeline, monkeypatch):
    monkeypatch.setattr(landmarks, "default_detector", None)
    found = photo_pipeline.invert(
        drawing(), landmarks=[[155, 170], [245, 170], [150, 300], [250, 300]]
    )
    np.testing.assert_allclose(found.quad[0], [200 - 234, 183 - 234])
    assert (found.faces, found.note) == ([], "")
    by_68 = np.zeros((68, 2))
    by_68[36:42], by_68[42:48], by_68[48], by_68[54] = POINTS
    for photo in (astronaut(), with_exif_turn(astronaut())):  # px of the upright photo
        quad = photo_pipeline.invert(photo, landmarks=by_68).quad
        np.testing.assert_allclose(quad, alignment.ffhq_quad(POINTS))


def test_an_aligned_picture_is_taken_as_it_is_and_not_resampled_twice(photo_pipeline):
    quad = alignment.ffhq_quad(POINTS)
    aligned = alignment.crop(astronaut(), quad, 512)
    found = photo_pipeline.invert(aligned)
    assert len(found.faces) == 1
    np.testing.assert_array_equal(found.quad, alignment.centred_quad((512, 512)))
    as_is = photo_pipeline.invert(aligned, align="none")
    assert found.crop.tobytes() == as_is.crop.tobytes()
    assert torch.equal(found.w_plus, as_is.w_plus)


def test_a_square_photo_that_is_not_aligned_is_cut(photo_pipeline):
    quad = alignment.ffhq_quad(POINTS)
    shifted = alignment.crop(astronaut(), quad + np.array([17, 0]), 512)  # a tenth of a side aside
    whole = alignment.centred_quad((512, 512))
    assert alignment.deviation(photo_pipeline.invert(shifted).quad, whole) > 0.08


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"face": 1}, "number 2"),
        ({"align": "none", "face": 1}, "choose one"),
        ({"align": "none", "landmarks": POINTS}, "choose one"),
        ({"face": 1, "landmarks": POINTS}, "choose one"),
        ({"landmarks": POINTS + 1000}, "outside the photo"),
        ({"truncation": 1.5}, "truncation"),
    ],
)
def test_arguments_that_contradict_each_other_or_the_photo_are_refused(
    photo_pipeline, options, message
):
    with pytest.raises(InvalidInputError, match=message):
        photo_pipeline.invert(astronaut(), **options)


def test_a_result_is_pasted_into_the_photo_it_came_from(photo_pipeline, inversion):
    result = photo_pipeline.reenact(inversion, photo_pipeline.sample(1)).image
    expected = pasting.paste_back(images.Photo(astronaut()), inversion.quad, result)
    for photo in (astronaut(), with_exif_turn(astronaut()), astronaut().convert("RGBA")):
        pasted = photo_pipeline.paste_back(photo, inversion, result)
        assert (pasted.mode, pasted.size) == (photo.mode, (512, 512))
        np.testing.assert_allclose(
            np.asarray(pasted.convert("RGB"), int), np.asarray(expected, int), atol=1
        )
    with pytest.raises(InvalidInputError, match="16×15"):
        photo_pipeline.paste_back(astronaut(), inversion, result.crop((0, 0, 16, 15)))


# the embedded model's heads


def test_synthetic_heads_are_taken_as_they_are(pipeline):
    heads = [
        pipeline.synthesize(pipeline.sample(seed)).image.resize((512, 512)) for seed in range(6)
    ]
    for head in heads + [Image.open(path) for path in HEADS[:6]]:
        found = pipeline.invert(head)
        np.testing.assert_array_equal(found.quad, alignment.centred_quad((512, 512)))
        assert found.note == ""
    assert len(HEADS) >= 6


def test_a_photo_is_cut_to_its_face_for_the_heads_too_without_landmark_weights(
    tiny_pipeline, monkeypatch
):
    monkeypatch.setenv(landmarks.DETECTOR_VARIABLE, "face-alignment")
    photo, points = turned(astronaut(), POINTS, 15)
    quad = tiny_pipeline.invert(photo).quad
    assert alignment.deviation(quad, alignment.ffhq_quad(points)) < 0.12


def test_without_a_face_the_heads_take_the_centred_square_and_say_so(tiny_pipeline):
    found = tiny_pipeline.invert(drawing().crop((0, 0, 400, 380)))
    np.testing.assert_array_equal(found.quad, alignment.centred_quad((400, 380)))
    assert "no face was found" in found.note
    assert "no face was found: the whole picture" in tiny_pipeline.invert(drawing()).note
    with pytest.raises(InvalidInputError, match=r"number 2 .* but 0 found"):
        tiny_pipeline.invert(drawing(), face=1)


def test_without_a_detector_heads_go_on_and_photos_are_refused_with_the_reason(
    tiny_pipeline, photo_pipeline, monkeypatch
):
    def ill(*_):
        raise DetectorError("OpenCV cannot be loaded")

    monkeypatch.setattr(landmarks, "default_detector", ill)
    assert "OpenCV cannot be loaded" in tiny_pipeline.invert(astronaut()).note
    with pytest.raises(DetectorError, match="OpenCV"):
        photo_pipeline.invert(astronaut())
    assert photo_pipeline.invert(astronaut(), landmarks=POINTS).note == ""
