"""The real demo on machines where operators cannot be compiled: it answers all the same."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from tests.support.demo_server import client_of
from tests.support.helpers import LOOPBACK, PATIENCE, ROOT, free_port, wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="operators are not compiled on this system"),
]


@pytest.fixture
def compiler(tmp_path, monkeypatch):
    """Write a compiler that does something else, and remembers that it ran; all are ended."""
    path, runs = tmp_path / "compiler", tmp_path / "runs"
    monkeypatch.setenv("STYLEMASK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("STYLEMASK_OPS", "auto")
    monkeypatch.setenv("CXX", str(path))
    monkeypatch.setenv("STYLEMASK_BUILD_TIMEOUT", str(3 * PATIENCE))

    def write(script: str) -> Path:
        path.write_text(f'#!/bin/sh\necho $$ >> "{runs}"\n{script}\n')
        path.chmod(0o755)
        return runs

    yield write
    for pid in runs.read_text().split() if runs.exists() else ():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(int(pid), signal.SIGKILL)  # it leads the group that the build made for it


@contextlib.contextmanager
def demo(tmp_path: Path):
    """The address of a demo in a process of its own."""
    port = free_port()
    command = [sys.executable, str(ROOT / "app.py"), "--port", str(port), "--device", "cpu"]
    with (tmp_path / "stderr").open("w") as errors:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True
        )
    try:
        assert "StyleMask is up" in process.stdout.readline()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(PATIENCE)
        process.stdout.close()


def first_answer(address: str) -> tuple[Client, dict]:
    """Ask for a first picture; return who asked and what the demo then says of its operators."""
    client = client_of(address)

    def mixed() -> tuple[str, ...]:
        try:
            return client.submit(1, 2, api_name="/mix").result(timeout=PATIENCE)
        except AppError as error:
            assert "is being loaded" in str(error), error
            return ()

    result = wait_for(mixed)[-1]
    assert Path(result).stat().st_size > 0
    return client, operators_of(client)


def operators_of(client: Client) -> dict:
    return client.submit(api_name="/model_info").result(timeout=PATIENCE)["operators"]


def test_the_first_request_is_answered_while_the_compiler_hangs(compiler, tmp_path):
    runs = compiler("sleep 1000")
    with demo(tmp_path) as address:
        _, operators = first_answer(address)
        assert operators["state"] == "building"
        assert len(runs.read_text().split()) == 1
        assert "Operators PyTorch" in httpx.get(address, **LOOPBACK).text


def test_the_first_request_is_answered_without_a_compiler(compiler, tmp_path, monkeypatch):
    monkeypatch.delenv("CXX")
    monkeypatch.setenv("PATH", str(tmp_path))
    with demo(tmp_path) as address:
        _, operators = first_answer(address)
        assert operators["state"] == "failed"
        assert "there is no g++" in operators["reason"]
    warnings = [line for line in (tmp_path / "stderr").read_text().splitlines() if "g++" in line]
    assert len(warnings) == 1
