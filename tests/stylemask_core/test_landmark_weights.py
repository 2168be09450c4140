"""Landmark weights: downloaded or copied, whole and checked, or not at all."""

import errno
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from stylemask_core.errors import DetectorError
from stylemask_core.faces import fan as landmark_weights
from tests.support.helpers import PATIENCE
from tests.support.weights_site import named, serve_weights

FAN, BOXES = b"landmarks" * 50_000, b"boxes" * 1000
FAN_NAME, BOXES_NAME = named("2DFAN4", FAN, ".pth.tar"), named("s3fd", BOXES, ".pth")


@pytest.fixture
def site(monkeypatch, tmp_path):
    """A site that has both files, and an empty folder of the library."""
    monkeypatch.delenv(landmark_weights.WEIGHTS_VARIABLE, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(landmark_weights, "LANDMARK_WEIGHTS", FAN_NAME)
    monkeypatch.setattr(landmark_weights, "BOX_WEIGHTS", BOXES_NAME)
    with serve_weights() as site:
        monkeypatch.setattr(landmark_weights, "SITE", site.url)
        monkeypatch.setattr(landmark_weights, "TIMEOUT", PATIENCE)
        site.files = {FAN_NAME: FAN, BOXES_NAME: BOXES}
        yield site


def checkpoints() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints"


def contents() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in checkpoints().iterdir()}


def test_the_names_are_those_the_library_looks_for():
    from face_alignment import api
    from face_alignment.detection.sfd import sfd_detector

    for urls, name in (
        (api.models_urls["2DFAN-4"], landmark_weights.LANDMARK_WEIGHTS),
        (sfd_detector.models_urls["s3fd"], landmark_weights.BOX_WEIGHTS),
    ):
        assert urls == landmark_weights.SITE + name


def test_both_files_are_downloaded_to_where_the_library_looks_and_only_once(site):
    steps: list[tuple[str, int, int]] = []
    folder = landmark_weights.prepare(lambda *step: steps.append(step))
    assert folder == checkpoints()
    assert contents() == {FAN_NAME: FAN, BOXES_NAME: BOXES}
    assert {what for what, *_ in steps} == {"face landmark weights"}
    assert steps[-1][1:] == (len(BOXES), len(BOXES))
    landmark_weights.prepare()
    assert site.asked == [FAN_NAME, BOXES_NAME]


def test_they_are_copied_from_a_folder_that_is_named(site, tmp_path, monkeypatch):
    (tmp_path / FAN_NAME).write_bytes(FAN)
    (tmp_path / BOXES_NAME).write_bytes(BOXES)
    monkeypatch.setenv(landmark_weights.WEIGHTS_VARIABLE, str(tmp_path))
    landmark_weights.prepare(lambda *_: pytest.fail("nothing is downloaded"))
    assert contents() == {FAN_NAME: FAN, BOXES_NAME: BOXES}
    assert site.asked == []


def test_a_named_folder_that_lacks_a_file_or_has_a_damaged_one_is_told(site, tmp_path, monkeypatch):
    monkeypatch.setenv(landmark_weights.WEIGHTS_VARIABLE, str(tmp_path))
    with pytest.raises(DetectorError, match=f"{FAN_NAME} cannot be had from {tmp_path}.*No such"):
        landmark_weights.prepare()
    (tmp_path / FAN_NAME).write_bytes(FAN[:-1])
    with pytest.raises(DetectorError, match=f"{FAN_NAME} from {tmp_path} was damaged"):
        landmark_weights.prepare()
    assert contents() == {}
    assert (tmp_path / FAN_NAME).exists()  # the person's own file stays


def test_a_changed_file_is_deleted_and_told_and_a_damaged_one_that_lies_there_is_replaced(site):
    checkpoints().mkdir(parents=True)
    (checkpoints() / FAN_NAME).write_bytes(b"<html>quota exceeded</html>")
    site.files[BOXES_NAME] = b"boxeS" * 1000
    with pytest.raises(DetectorError, match=rf"{BOXES_NAME} .*SHA-256.*deleted"):
        landmark_weights.prepare()
    assert contents() == {FAN_NAME: FAN}


def test_a_download_that_breaks_off_leaves_nothing_but_what_another_process_has_brought(site):
    site.cut = 1000
    with pytest.raises(DetectorError, match="broke off"):
        landmark_weights.prepare()
    assert contents() == {}
    with pytest.raises(DetectorError, match="broke off"):
        landmark_weights.prepare(lambda *_: (checkpoints() / FAN_NAME).write_bytes(FAN))
    assert contents() == {FAN_NAME: FAN}
    site.cut = None
    landmark_weights.prepare()
    assert len(contents()) == 2  # it can be repeated


def test_an_interrupted_download_and_one_that_is_too_large_leave_nothing(site, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        landmark_weights.prepare(interrupt)
    monkeypatch.setattr(landmark_weights, "MAX_BYTES", 1000)
    with pytest.raises(DetectorError, match="larger than it can be"):
        landmark_weights.prepare()
    assert contents() == {}


def test_a_full_disk_and_a_folder_that_cannot_be_written_are_told(site, monkeypatch, tmp_path):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(DetectorError, match="No space left"):
        landmark_weights.prepare(full)
    assert contents() == {}
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "file" / "torch"))
    (tmp_path / "file").touch()
    with pytest.raises(DetectorError, match="Not a directory"):
        landmark_weights.prepare()


def test_a_missing_file_a_closed_port_and_an_unknown_site_are_told(site, monkeypatch):
    del site.files[FAN_NAME]
    with pytest.raises(DetectorError, match=r"Not Found.*STYLEMASK_LANDMARK_WEIGHTS"):
        landmark_weights.prepare()
    monkeypatch.setattr(landmark_weights, "SITE", "http://127.0.0.1:9/")
    with pytest.raises(DetectorError, match="refused"):
        landmark_weights.prepare()
    monkeypatch.setattr(landmark_weights, "SITE", "http://site.invalid/")
    with pytest.raises(DetectorError, match=FAN_NAME):
        landmark_weights.prepare()


def test_threads_and_processes_may_fetch_the_same_weights_at_once(site, tmp_path):
    script = (
        "from stylemask_core.faces import fan as w; import sys; "
        "w.SITE, w.LANDMARK_WEIGHTS, w.BOX_WEIGHTS = sys.argv[1:]; w.prepare()"
    )
    command = [sys.executable, "-c", script, site.url, FAN_NAME, BOXES_NAME]
    with ThreadPoolExecutor(4) as threads:
        processes = [
            threads.submit(subprocess.run, command, capture_output=True, timeout=PATIENCE)
            for _ in range(2)
        ]
        for done in [threads.submit(landmark_weights.prepare) for _ in range(2)]:
            done.result()
        assert [process.result().stderr for process in processes] == [b"", b""]
    assert contents() == {FAN_NAME: FAN, BOXES_NAME: BOXES}
