"""The room that a server's files may take, and what happens when there is none."""

import json
import os
import resource
import shutil
import subprocess
import time
from pathlib import Path

import gradio as gr
import httpx
import numpy as np
import pytest
from PIL import Image

from demo.server import storage as storage_module
from demo.server.storage import ServerFullError, Storage, file_of, storage
from demo.server.waiting_line import WaitingLine
from tests.support.demo_server import file_data, running
from tests.support.faulty_app import FRESH, HELD, served
from tests.support.helpers import LOOPBACK, free_port, png_bytes, wait_for

FULL = "The server is full: try again later"
LIMIT = 3_000_000  # [bytes]
SIDE = 400  # [px] of pictures of half a megabyte


def picture(seed):
    values = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    return png_bytes(Image.fromarray(values))


def upload(url, seed):
    return httpx.post(
        f"{url}/gradio_api/upload", files={"files": (f"{seed}.png", picture(seed))}, **LOOPBACK
    )


def size(files):
    return sum(path.stat().st_size for path in files)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The upload folder of this process."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "files"))
    return tmp_path / "files"


@pytest.fixture
def not_fresh(monkeypatch):
    """Files may be deleted as soon as they are there, and have the times that a test gives them."""
    monkeypatch.setattr(storage_module, "FRESH", -3600)


def files_of_age(folder, *ages):
    """Files of a million bytes, made so long before an hour from now [s]."""
    folder.mkdir(parents=True, exist_ok=True)
    for age in ages:
        (folder / f"{age}").write_bytes(bytes(1_000_000))
        os.utime(folder / f"{age}", times=(time.time() + 3600 - age,) * 2)


def names(folder):
    return {path.name for path in folder.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("not_fresh")
def test_the_oldest_files_go_first(tmp_path):
    store = Storage(tmp_path)
    store.limit = 5_000_000
    files_of_age(tmp_path, 30, 10, 50, 20, 40)
    with store.room(1_500_000):
        assert names(tmp_path) == {"10", "20", "30"}
    with pytest.raises(ServerFullError), store.room(5_000_001):
        pass
    assert names(tmp_path) == set()  # all that could be freed


@pytest.mark.usefixtures("not_fresh")
def test_what_is_being_written_counts(tmp_path):
    store = Storage(tmp_path)
    store.limit = 3_000_000
    files_of_age(tmp_path, 30, 20)
    with store.room(1_000_000), store.room(1_000_000):
        assert names(tmp_path) == {"20"}


def test_a_file_that_was_just_made_is_not_deleted_for_another(tmp_path):
    store = Storage(tmp_path)
    store.limit = 1_500_000
    (tmp_path / "new").write_bytes(bytes(1_000_000))
    with pytest.raises(ServerFullError, match="the server is full: try again later"):
        store.hold(1_000_000)
    assert names(tmp_path) == {"new"}


@pytest.mark.usefixtures("not_fresh")
def test_the_files_of_a_page_stay(tmp_path):
    store = Storage(tmp_path)
    store.limit = 1_000_000
    files_of_age(tmp_path, 30, 20, 10)
    store.own.add(str(tmp_path / "30"))
    with gr.Blocks() as page:
        gr.Image().keep_in_cache.add(str(tmp_path / "20"))
    page.queue()
    page.line = WaitingLine(page, 1, lambda *_: None)
    store.serve(page)
    with store.room(1_000_000):
        assert names(tmp_path) == {"30", "20"}
    store.delete_old(-3600)
    assert names(tmp_path) == {"30", "20"}


def test_a_sweep_deletes_what_is_old_and_the_folders_it_leaves_empty(tmp_path):
    for name in ("a/old.png", "c/d/old.csv"):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.touch()
    store = Storage(tmp_path)
    store.delete_old(3600)
    assert names(tmp_path) == {"old.png", "old.csv"}
    store.delete_old(-1)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_deleted_is_written_anew_and_not_left_empty(folder):
    path = Path(file_of(b"whole", "x.txt"))
    for _ in range(2):
        path.unlink()
        assert file_of(b"whole", "x.txt") == str(path) and path.read_bytes() == b"whole"


def test_a_disk_that_cannot_be_written_is_told_in_words_and_leaves_no_draft(folder):
    folder.write_text("no folder")
    with pytest.raises(ServerFullError, match="the server is full: try again later"):
        file_of(b"x", "x.txt")
    folder.unlink()
    assert Path(file_of(b"x", "x.txt")).read_bytes() == b"x"


@pytest.fixture(scope="module")
def server(tiny_folder, tmp_path_factory):
    """A process that keeps 3 MB, of files of any age."""
    place = tmp_path_factory.mktemp("small")
    disk = ("--disk", str(LIMIT / 1e9))
    with served(place, free_port(), "--model", str(tiny_folder), *disk, **{FRESH: "0"}) as server:
        wait_for(lambda: "event: complete" in server.mix())
        yield server


@pytest.fixture
def own(server):
    """Files of the page itself, beside which visitors' are counted."""
    return {path for path in server.files() if b"StyleMask" not in path.read_bytes()[:4000]}


def test_a_server_never_keeps_more_than_its_limit(server):
    before = set(server.files())
    paths = []
    for seed in range(20):
        answer = upload(server.url, seed)
        assert answer.status_code == 200
        paths += answer.json()
        assert size(set(server.files()) - before) <= LIMIT
    assert not Path(paths[0]).exists() and Path(paths[-1]).exists()
    assert "event: complete" in server.answer(server.call("verify", [file_data(paths[-1])]))
    told = server.answer(server.call("verify", [file_data(paths[0])]))
    assert "no longer kept: upload it" in told


def test_what_a_waiting_call_names_is_not_deleted_under_it(server):
    (path,) = upload(server.url, 100).json()
    server.gate.touch()
    try:
        arguments = [HELD, None, 0.7, 1.0, None, file_data(path), 1, 1, None, None, True]
        where = server.call("inspect", arguments)
        waiting = server.call("verify", [file_data(path)])
        for seed in range(101, 115):
            assert upload(server.url, seed).status_code in (200, 507)
        assert Path(path).exists()
    finally:
        server.gate.unlink()
    assert "event: complete" in server.answer(where)
    assert "event: complete" in server.answer(waiting)
    for seed in range(115, 125):
        upload(server.url, seed)
    assert not Path(path).exists(), "it is deleted once nobody needs it"


def test_a_full_disk_is_told_with_507_and_the_server_recovers(server):
    """No byte can be written any more, as on a full disk."""
    assert upload(server.url, 200).status_code == 200
    pid = server.process.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    try:
        for seed in (201, 202):
            answer = upload(server.url, seed)
            assert answer.status_code == 507 and answer.json() == {"detail": FULL}
        told = server.answer(server.call("mix", [3, 4]))
        assert json.loads(told.split("data: ")[-1])["error"] == FULL
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))
    assert upload(server.url, 201).status_code == 200
    assert "event: complete" in server.answer(server.call("mix", [3, 4]))
    assert not [path for path in server.files() if path.stat().st_size == 0 and "tmp" in path.name]


@pytest.fixture
def disk(tmp_path, monkeypatch):
    """A disk of its own, of 64 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "none", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("a disk can be mounted by root alone")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(place / "files"))
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def remount(place, way):
    subprocess.run(["mount", "-o", f"remount,{way}", str(place)], check=True)


def test_a_disk_that_is_full_or_read_only_is_told_until_it_is_not(disk, tiny_folder, monkeypatch):
    with running(tiny_folder) as demo:
        url = demo.local_url.rstrip("/")
        assert upload(url, 1).status_code == 200
        (disk / "filler").write_bytes(bytes(shutil.disk_usage(disk).free - 8192))
        assert upload(url, 2).status_code == 507
        call = httpx.post(f"{url}/gradio_api/call/mix", json={"data": [1, 2]}, **LOOPBACK)
        assert (call.status_code, call.json()) == (507, {"detail": FULL})
        (disk / "filler").unlink()
        assert upload(url, 2).status_code == 200
        remount(disk, "ro")
        assert upload(url, 3).status_code == 507
        remount(disk, "rw")
        assert upload(url, 3).status_code == 200


def test_a_server_full_of_new_files_asks_to_come_later(folder, tiny_folder):
    with running(tiny_folder) as demo:
        storage().limit = LIMIT
        url = demo.local_url.rstrip("/")
        codes = [upload(url, seed).status_code for seed in range(8)]
        assert codes == sorted(codes) and set(codes) == {200, 507}
