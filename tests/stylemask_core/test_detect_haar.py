"""The detector that needs no download, on the one photo at hand and what is composed from it."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import skimage.data
from PIL import Image

from stylemask_core.errors import DetectorError
from stylemask_core.faces.haar import HaarDetector
from stylemask_core.faces.landmarks import MAX_SIDE
from stylemask_core.pictures import alignment
from tests.support.helpers import PATIENCE, noise
from tests.support.photos import POINTS, astronaut, drawing, scaled, six_faces, turned


@pytest.fixture(scope="module")
def detector() -> HaarDetector:
    return HaarDetector()


def deviation(detector: HaarDetector, photo: Image.Image, points: np.ndarray) -> float:
    """Of the only face's quad from that of points marked by hand, in its sides."""
    (face,) = detector.detect(photo)
    return alignment.deviation(face.quad, alignment.ffhq_quad(points))


def test_a_face_is_framed_as_by_hand(detector):
    assert deviation(detector, astronaut(), POINTS) < 0.03


@pytest.mark.parametrize("degrees", [-40, -15, 15, 30, 90, 180, 270])
def test_a_turned_face_is_framed_as_by_hand(detector, degrees):
    assert deviation(detector, *turned(astronaut(), POINTS, degrees)) < 0.04


@pytest.mark.parametrize(("factor", "limit"), [(0.25, 0.12), (0.5, 0.04), (2, 0.04)])
@pytest.mark.parametrize("degrees", [0, 15])
def test_a_small_and_a_large_face_are_framed_as_by_hand(detector, factor, limit, degrees):
    photo, points = turned(*scaled(astronaut(), POINTS, factor), degrees)
    assert deviation(detector, photo, points) < limit


def test_the_eyes_are_found_and_the_mouth_is_estimated(detector):
    (face,) = detector.detect(astronaut())
    eye_distance = np.hypot(*(POINTS[1] - POINTS[0]))
    off = np.hypot(*(face.points - POINTS).T) / eye_distance
    assert off[:2].max() < 0.05
    assert off[2:].max() < 0.2
    assert face.landmarks is None


def test_six_faces_are_found_the_largest_first(detector):
    faces = detector.detect(six_faces())
    sides = [alignment.side(face.quad) for face in faces]
    assert len(faces) == 6
    assert sides == sorted(sides, reverse=True)
    for k, face in enumerate(reversed(faces)):
        pasted_at = np.array([30 + k % 3 * 310, 20 + k // 3 * 310])
        points = (POINTS - (140, 10)) * (1 + 0.08 * k) + pasted_at
        assert alignment.deviation(face.quad, alignment.ffhq_quad(points)) < 0.04


def test_half_a_face_is_no_face_nor_is_anything_else(detector):
    for box in ((225, 0, 512, 512), (0, 0, 225, 512), (0, 0, 512, 115), (0, 115, 512, 512)):
        assert detector.detect(astronaut().crop(box)) == []
    rocket = astronaut().crop((330, 0, 512, 250))
    thin = [Image.new("RGB", size, "pink") for size in ((16, 16), (1024, 1), (1, 1024), (1, 1))]
    for picture in (noise(300), rocket, drawing(), *thin):
        assert detector.detect(picture) == []
    for name in ("coffee", "chelsea", "coins"):
        photo = Image.fromarray(getattr(skimage.data, name)()).convert("RGB")
        assert detector.detect(photo) == []


def test_the_same_picture_gives_the_same_points_in_every_thread(detector):
    photo = astronaut().resize((256, 256))
    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(lambda _: detector.detect(photo)[0].points, range(3)))
    assert all(np.array_equal(points, found[0]) for points in found)


def test_the_box_to_draw_is_around_eyes_and_mouth_and_within_the_quad(detector):
    (face,) = detector.detect(astronaut())
    left, top, right, bottom = face.box
    x, y = POINTS.T
    assert left < x.min() and x.max() < right and top < y.min() and y.max() < bottom
    assert right - left < alignment.side(face.quad)


def test_a_picture_of_the_largest_size_is_searched_whole(detector):
    photo = Image.new("RGB", (MAX_SIDE, MAX_SIDE), (128, 128, 128))
    photo.paste(astronaut(), (500, 500))
    assert deviation(detector, photo, POINTS + 500) < 0.04


def test_without_opencv_or_its_cascades_the_reason_and_a_way_out_are_told(monkeypatch):
    import cv2

    with monkeypatch.context() as patched:
        patched.delattr(cv2, "CascadeClassifier")
        with pytest.raises(DetectorError, match="no cascades"):
            HaarDetector()
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(DetectorError, match=r"pip install face-alignment.*libgl1"):
        HaarDetector()


def test_the_installed_packages_fit_each_other_and_opencv_has_cascades():
    check = [sys.executable, "-m", "pip", "check", "--disable-pip-version-check"]
    done = subprocess.run(check, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout
    import cv2

    assert cv2.CascadeClassifier is not None
    assert int(cv2.__version__.split(".")[0]) < 5
