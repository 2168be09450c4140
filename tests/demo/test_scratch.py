"""Servers that share a folder for temporary files, at once or one after another."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from demo.server.scratch import PREFIX, ScratchError, scratch_folder
from tests.support.helpers import ROOT

HOLDER = """
import sys
from demo.server.scratch import scratch_folder
with scratch_folder() as folder:
    (folder / "me.png").touch()
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def shared(tmp_path, monkeypatch):
    """The folder that all share."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.delenv("GRADIO_TEMP_DIR", raising=False)
    return tmp_path


@contextmanager
def another_server():
    """Another process, and the folder it holds."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        yield process, Path(process.stdout.readline().strip())
    finally:
        process.kill()
        process.communicate()


def test_two_servers_never_delete_each_others_files(shared):
    with another_server() as (_, first), another_server() as (_, second), scratch_folder() as own:
        assert first != second != own and own.parent == shared
        assert all((folder / "me.png").is_file() for folder in (first, second))


def test_what_a_killed_server_left_is_deleted_by_the_next(shared):
    others = [shared / "stylemask-photos", shared / f"{PREFIX}of-nobody", shared / "another"]
    for folder in others:  # the second has no lock beside it
        folder.mkdir()
    with another_server() as (process, left), another_server() as (_, live):
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert (left / "me.png").is_file()
        with scratch_folder() as own:
            folders = {path for path in shared.iterdir() if path.is_dir()}
            assert folders == {live, own, *others}


def test_nobody_is_signalled_and_no_process_id_looked_at(shared, monkeypatch):
    """On Windows signal 0 is no question: it kills."""
    with another_server() as (_, live), monkeypatch.context() as patch:
        patch.setattr(os, "kill", lambda *_: pytest.fail("a process was signalled"))
        patch.setattr(os, "getpid", lambda: 1)  # as a server's is in any container
        with scratch_folder():
            assert live.is_dir()


def test_a_server_leaves_neither_folder_nor_lock(shared):
    with scratch_folder() as own:
        assert own.is_dir()
    assert list(shared.iterdir()) == []


def test_the_folder_is_made_where_gradio_is_told_to_keep_files(shared, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(shared / "a" / "b"))
    with scratch_folder() as own:
        assert own.parent == shared / "a" / "b"


@pytest.mark.parametrize("variable", ["TMPDIR", "GRADIO_TEMP_DIR"])
def test_a_folder_that_cannot_be_used_is_named_with_its_variable(shared, monkeypatch, variable):
    (shared / "file").touch()
    monkeypatch.setenv(variable, str(shared / "file" / "x"))
    with pytest.raises(ScratchError, match=f"{variable}") as told, scratch_folder():
        pass
    assert str(shared / "file" / "x") in str(told.value)
