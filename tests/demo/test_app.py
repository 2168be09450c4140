import os
import signal
import socket
import subprocess
import sys

import httpx
import pytest

import app
from demo.server.flags import parse_args
from tests.support.helpers import LOOPBACK, PATIENCE, ROOT, free_port

CLEAN = {k: v for k, v in os.environ.items() if not k.startswith(("GRADIO_", "STYLEMASK_"))}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in ("GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT", "STYLEMASK_MODEL"):
        monkeypatch.delenv(name, raising=False)


def one_line(capsys):
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
    return error


def test_a_port_in_use_ends_with_one_line_and_exit_code_1(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert app.main(["--port", str(port)]) == 1
    line = one_line(capsys)
    assert str(port) in line and "--port" in line


@pytest.mark.parametrize("host", ["no such host", "192.0.2.1"])
def test_a_host_that_cannot_be_used_ends_with_one_line(host, capsys):
    assert app.main(["--host", host, "--port", str(free_port())]) == 1
    assert "--host" in one_line(capsys)


@pytest.mark.parametrize(
    ("flag", "value"), [("--model", "no/such/folder"), ("--device", "abacus"), ("--model", "/etc")]
)
def test_a_bad_model_or_device_ends_with_one_line(flag, value, capsys):
    assert app.main([flag, value, "--port", str(free_port())]) == 1
    assert value in one_line(capsys)


@pytest.mark.parametrize("port", ["0", "65536", "-1", "x", "1.5", ""])
def test_a_bad_port_is_bad_usage(port, capsys):
    with pytest.raises(SystemExit) as ended:
        parse_args([f"--port={port}"])
    assert ended.value.code == 2
    assert "65535" in capsys.readouterr().err


def test_the_environment_gives_the_defaults_and_flags_win(monkeypatch):
    assert vars(parse_args([])) == {
        "model": ["embedded"],
        "host": "127.0.0.1",
        "port": 7860,
        "share": False,
        "auth": None,
        "keep": 3.0,
        "disk": 2.0,
        "device": "auto",
        "verbose": False,
    }
    monkeypatch.setenv("GRADIO_SERVER_NAME", "0.0.0.0")
    monkeypatch.setenv("GRADIO_SERVER_PORT", "7999")
    monkeypatch.setenv("STYLEMASK_MODEL", "some/folder, user/repo@0123abc,")
    args = parse_args(["--port", "8000"])
    assert (args.host, args.port) == ("0.0.0.0", 8000)
    assert args.model == ["some/folder", "user/repo@0123abc"]
    assert parse_args(["--model", "embedded", "--model", "ffhq"]).model == ["embedded", "ffhq"]
    monkeypatch.setenv("GRADIO_SERVER_PORT", "abc")
    with pytest.raises(SystemExit):
        parse_args([])


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_without_a_tunnel_the_page_is_up_and_one_line_says_why_there_is_no_link(stop, tmp_path):
    port = free_port()
    # a proxy that nobody listens on: the tunnel fails at once, with or without a network
    dead = {"TMPDIR": str(tmp_path)} | dict.fromkeys(
        ("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9"
    )
    command = [sys.executable, "app.py", "--port", str(port), "--share", "--device", "cpu"]
    process = subprocess.Popen(
        command, cwd=ROOT, env={**CLEAN, **dead}, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        first, second = process.stdout.readline(), process.stdout.readline()
        assert f"http://127.0.0.1:{port}/" in first
        assert second.startswith("No public link: ") and len(second) > 40
        page = httpx.get(f"http://127.0.0.1:{port}/", **LOOPBACK)
        assert page.status_code == 200 and "StyleMask" in page.text
        assert any(tmp_path.rglob("*.png"))
        process.send_signal(stop)
        rest = process.communicate(timeout=PATIENCE)[0]
        assert "Traceback" not in rest and process.returncode == 0
        assert not any(tmp_path.rglob("*.png")), "pictures were left behind"
    finally:
        process.kill()
        process.wait()
