"""What keeps the demo from starting is told in one line; Ctrl+C ends a start without a word."""

import os
import resource
import signal
import socket
import subprocess
import sys

import httpx
import pytest

import app
from tests.support.helpers import LOOPBACK, PATIENCE, ROOT, free_port

CLEAN = {k: v for k, v in os.environ.items() if not k.startswith(("GRADIO_", "STYLEMASK_M"))}
NOWHERE = "127.0.0.1:9"  # where nobody listens


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def started(*arguments, limit=None, **environment):
    """A process that starts, its output and errors in one pipe."""
    return subprocess.Popen(
        [sys.executable, "app.py", "--device", "cpu", *arguments],
        cwd=ROOT, env={**CLEAN, **environment}, text=True, preexec_fn=limit,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


@pytest.fixture
def refused(capsys, monkeypatch, tmp_path):
    """The line with which a start in this process ends."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    for name in ("NO_PROXY", "no_proxy", "GRADIO_TEMP_DIR"):
        monkeypatch.setenv(name, "")  # whatever a start makes of it is undone

    def start(*arguments, **environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        assert app.main(["--port", str(free_port()), *arguments]) == 1
        error = capsys.readouterr().err
        assert error.startswith("error: ") and error.count("\n") == 1
        return error

    return start


def test_certificates_that_are_not_there_are_named(refused, tmp_path):
    missing = str(tmp_path / "none.pem")
    line = refused(SSL_CERT_FILE=missing)
    assert missing in line and "SSL_CERT_FILE" in line and "No such file" in line
    (tmp_path / "empty.pem").touch()
    line = refused(SSL_CERT_FILE=str(tmp_path / "empty.pem"))
    assert "empty.pem" in line and "certificates" in line


@pytest.mark.parametrize("variable", ["TMPDIR", "GRADIO_TEMP_DIR"])
def test_a_folder_for_temporary_files_that_cannot_be_used_is_named(refused, tmp_path, variable):
    (tmp_path / "file").touch()
    line = refused(**{variable: str(tmp_path / "file" / "x")})
    assert variable in line and str(tmp_path / "file" / "x") in line


def test_too_many_open_files_are_told_as_what_they_are():
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))

    with started("--port", str(free_port()), limit=few) as process:
        told = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 1
    assert told.startswith("error: too many files are open") and told.count("\n") == 1


def test_a_port_that_was_taken_meanwhile_is_told_and_no_other_cause_is_called_so(monkeypatch):
    from demo.server.network import port_problem

    def none_left(*_):
        raise OSError(24, "Too many open files")

    assert port_problem("127.0.0.1", free_port()) is None
    monkeypatch.setattr(socket, "socket", none_left)
    assert "in use" not in port_problem("127.0.0.1", 7860)


def test_a_proxy_of_an_unknown_kind_is_named_in_one_line(tmp_path):
    environment = {"ALL_PROXY": f"foo://{NOWHERE}", "TMPDIR": str(tmp_path)}
    with started("--port", str(free_port()), **environment) as process:
        told = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 1 and told.count("\n") == 1
    assert told.startswith("error: ") and f"foo://{NOWHERE}" in told
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [["info", "some/repo"], ["doctor"]])
def test_a_socks_proxy_is_used_by_the_command_line_too(command, tmp_path):
    """Nobody listens there: what is told is that the Hub is not reached."""
    environment = {**CLEAN, "NO_PROXY": "", "HF_HOME": str(tmp_path), "HF_ENDPOINT": "http://hub"}
    environment |= dict.fromkeys(("ALL_PROXY", "HTTP_PROXY"), f"socks5://{NOWHERE}")
    done = subprocess.run(
        [sys.executable, "-m", "stylemask", *command],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    told = done.stdout + done.stderr
    assert "reached" in told and "socksio" not in told and "Traceback" not in told


HOSTS = ["127.0.0.2", pytest.param("::1", marks=pytest.mark.skipif(not has_ipv6(), reason="IPv6"))]


@pytest.mark.parametrize("host", HOSTS)
def test_neither_a_proxy_nor_the_kind_of_address_keeps_the_page_from_starting(host, tmp_path):
    """A SOCKS proxy and one for HTTP, which are both dead; ZeroGPU is told to be off."""
    proxies = {"ALL_PROXY": f"socks5://{NOWHERE}", "SPACES_ZERO_GPU": "0", "NO_PROXY": ""}
    proxies |= dict.fromkeys(("http_proxy", "https_proxy"), f"http://{NOWHERE}")
    port = free_port()
    with started("--host", host, "--port", str(port), TMPDIR=str(tmp_path), **proxies) as process:
        try:
            url = f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
            line = process.stdout.readline()
            assert line.startswith(f"StyleMask is up at {url}"), line + process.stdout.read()
            assert "StyleMask" in httpx.get(url, **LOOPBACK).text
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=PATIENCE)[0] == "" and process.returncode == 0
        finally:
            process.kill()
    assert list(tmp_path.iterdir()) == []


# Ends with the import of a module; the first and the last of a start.
@pytest.mark.parametrize("module", ["demo.server.flags", "torch._C", "demo.page"])
def test_ctrl_c_at_any_moment_of_the_start_ends_it_without_a_word(module, tmp_path):
    command = [sys.executable, "-X", "importtime", "app.py", "--device", "cpu"]
    with subprocess.Popen(
        [*command, "--port", str(free_port())], cwd=ROOT, text=True,
        env={**CLEAN, "TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            for line in process.stderr:
                if line.split("|")[-1].strip() == module:
                    break
            process.send_signal(signal.SIGINT)
            out, rest = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    assert process.returncode == 130 and out == ""
    assert [line for line in rest.splitlines() if not line.startswith("import time:")] == []
    assert list(tmp_path.iterdir()) == []


def test_an_unforeseen_error_of_the_start_is_one_line_and_verbose_shows_where(refused, monkeypatch):
    def broken(_):
        raise ValueError("something\nfell over")

    monkeypatch.setattr("demo.server.start.start", broken)
    assert refused() == "error: something fell over\n"
    with pytest.raises(ValueError, match="fell over"):
        app.main(["--verbose"])


@pytest.mark.parametrize("name", ["GRADIO_SERVER_PORT", "GRADIO_NUM_PORTS"])
def test_what_gradio_would_make_of_the_environment_keeps_no_page_from_starting(name, tmp_path):
    environment = {name: "many", "TMPDIR": str(tmp_path)}
    process = started("--port", str(free_port()), "--model", "no-model", **environment)
    told = process.communicate(timeout=PATIENCE)[0]
    assert told.startswith("error: no model folder at 'no-model'"), told
