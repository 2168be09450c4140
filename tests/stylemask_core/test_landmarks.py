"""Which detector is used, why, and how often it is made."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from stylemask_core.errors import DetectorError, StyleMaskError
from stylemask_core.faces import fan as landmark_weights
from stylemask_core.faces import haar, landmarks
from stylemask_core.faces.landmarks import default_detector
from stylemask_core.pictures import alignment
from tests.support.helpers import PATIENCE
from tests.support.photos import astronaut
from tests.support.weights_site import named


@pytest.fixture(autouse=True)
def fresh(monkeypatch, tmp_path):
    """No detector made yet, no weights on disk, none to be had."""
    monkeypatch.setattr(landmarks, "DETECTORS", {})
    monkeypatch.setattr(landmark_weights, "SITE", "http://127.0.0.1:9/")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv(landmarks.DETECTOR_VARIABLE)


def test_offline_the_haar_cascades_stand_in_with_one_warning_and_the_reason(caplog):
    detectors = [default_detector() for _ in range(3)]
    assert all(detector is detectors[0] for detector in detectors)
    assert detectors[0].name == "haar"
    assert "127.0.0.1:9/ (Connection refused)" in detectors[0].note
    assert [(r.levelno, r.getMessage()) for r in caplog.records if r.levelno > logging.INFO] == [
        (logging.WARNING, detectors[0].note)
    ]


def test_a_detector_asked_for_by_name_needs_no_excuse_and_is_never_replaced(monkeypatch, caplog):
    monkeypatch.setenv(landmarks.DETECTOR_VARIABLE, "haar")
    assert (default_detector().name, default_detector().note) == ("haar", "")
    assert caplog.records == []
    monkeypatch.setenv(landmarks.DETECTOR_VARIABLE, "face-alignment")
    with pytest.raises(DetectorError, match="cannot be had"):
        default_detector()
    monkeypatch.setenv(landmarks.DETECTOR_VARIABLE, "eagle")
    with pytest.raises(StyleMaskError, match=r"'eagle'.*auto, face-alignment, haar"):
        default_detector()


def test_a_missing_package_is_a_reason_too(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "face_alignment", None)
    assert "pip install face-alignment" in default_detector().note


def test_who_needs_the_haar_cascades_does_not_wait_for_a_download(monkeypatch):
    started, go_on = threading.Event(), threading.Event()

    def download(_):
        started.set()
        assert go_on.wait(PATIENCE)
        raise DetectorError("broke off")

    monkeypatch.setattr(landmark_weights, "prepare", download)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(default_detector)
        assert started.wait(PATIENCE)
        assert default_detector("haar").name == "haar"
        go_on.set()
        assert "broke off" in waiting.result().note


def test_threads_share_one_detector_that_is_made_once(monkeypatch):
    made, make = [], haar.HaarDetector
    monkeypatch.setattr(haar, "HaarDetector", lambda *a: made.append(a) or make(*a))
    with ThreadPoolExecutor(4) as threads:
        detectors = set(threads.map(lambda _: default_detector("haar"), range(8)))
    assert (len(detectors), len(made)) == (1, 1)


@pytest.fixture(scope="module")
def stand_ins(tmp_path_factory):
    """Weights of the right architecture, at random: a folder and the two names."""
    from face_alignment.detection.sfd.net_s3fd import s3fd
    from face_alignment.models.fan import FAN

    folder = tmp_path_factory.mktemp("weights")
    names = []
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for network, stem, suffix in ((FAN(4), "2DFAN4", ".pth.tar"), (s3fd(), "s3fd", ".pth")):
            draft = folder / "draft"
            torch.save(network.state_dict(), draft)
            names.append(named(stem, draft.read_bytes(), suffix))
            draft.rename(folder / names[-1])
    return folder, *names


@pytest.fixture
def started(stand_ins, monkeypatch):
    """Start face-alignment with these files as weights of landmarks and of boxes."""
    from face_alignment import api

    folder, *names = stand_ins

    def start(swapped=False):
        fan, boxes = reversed(names) if swapped else names
        monkeypatch.setenv(landmark_weights.WEIGHTS_VARIABLE, str(folder))
        monkeypatch.setattr(landmark_weights, "LANDMARK_WEIGHTS", fan)
        monkeypatch.setattr(landmark_weights, "BOX_WEIGHTS", boxes)
        monkeypatch.setitem(api.models_urls, "2DFAN-4", landmark_weights.SITE + fan)
        return default_detector()

    return start


@pytest.mark.slow
def test_face_alignment_is_started_on_checked_weights_and_gives_68_landmarks(started, monkeypatch):
    detector = started()
    assert (detector.name, detector.note) == ("face-alignment", "")
    # networks of random weights see faces everywhere or nowhere: the boxes are given
    boxes = [np.array([180, 90, 240, 160, 0.7]), np.array([170, 70, 280, 180, 0.9])]
    for given in (boxes, []):
        monkeypatch.setattr(detector.networks.face_detector, "detect_from_image", lambda _: given)  # noqa: B023
        faces = detector.detect(astronaut())
        assert sorted(face.score for face in faces) == [box[4] for box in given]
        sides = [alignment.side(face.quad) for face in faces]
        assert sides == sorted(sides, reverse=True)
        for face in faces:
            assert face.landmarks.shape == (68, 2)
            np.testing.assert_allclose(face.points, alignment.eyes_and_mouth(face.landmarks))
            np.testing.assert_allclose(face.scaled(2.5).quad, 2.5 * face.quad)
            np.testing.assert_allclose(face.scaled(2.5).landmarks, 2.5 * face.landmarks)


@pytest.mark.slow
def test_checked_weights_of_another_network_are_a_reason_to_fall_back(started):
    detector = started(swapped=True)
    assert detector.name == "haar" and "cannot be started" in detector.note
