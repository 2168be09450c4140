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
from demo.server.flags import parse_flags
from tests.support.helpers import LOOPBACK, PATIENCE, ROOT, free_port

CLEAN = {k: v for k, v in os.environ.items() if not k.startswith(("GRADIO_", "STYLEMASK_M"))}
NOWHERE = "127.0.0.1:9"  # where nobody listens


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in ("GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT", "STYLEMASK_MODEL"):
        monkeypatch.delenv(name, raising=False)


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


def test_a_port_in_use_is_told(refused):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        line = refused("--port", port)
    assert port in line and "--port" in line


@pytest.mark.parametrize(
    ("flag", "value", "told"),
    [("--host", "no such host", "--host"), ("--host", "192.0.2.1", "--host"),
     ("--model", "no/such/folder", "no/such/folder"), ("--model", "/etc", "/etc"),
     ("--device", "abacus", "abacus")],
)  # fmt: skip
def test_a_bad_host_model_or_device_is_told(refused, flag, value, told):
    assert told in refused(flag, value)


def test_a_flag_that_is_misspelt_is_told_with_the_nearest_one(capsys):
    with pytest.raises(SystemExit) as ended:
        parse_flags(["--prot", "80"])
    assert ended.value.code == 2
    assert "error: there is no option --prot: did you mean --port" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["0", "65536", "-1", "x", "1.5", ""])
def test_a_bad_port_is_bad_usage(port, capsys):
    with pytest.raises(SystemExit) as ended:
        parse_flags([f"--port={port}"])
    assert ended.value.code == 2
    assert "65535" in capsys.readouterr().err


def test_the_environment_gives_the_defaults_and_flags_win(monkeypatch):
    assert vars(parse_flags([])) == {
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
    args = parse_flags(["--port", "8000"])
    assert (args.host, args.port) == ("0.0.0.0", 8000)
    assert args.model == ["some/folder", "user/repo@0123abc"]
    assert parse_flags(["--model", "embedded", "--model", "ffhq"]).model == ["embedded", "ffhq"]
    monkeypatch.setenv("GRADIO_SERVER_PORT", "abc")
    with pytest.raises(SystemExit):
        parse_flags([])


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_without_a_tunnel_the_page_is_up_and_one_line_says_why_there_is_no_link(stop, tmp_path):
    # a proxy that nobody listens on: the tunnel fails at once, with or without a network
    dead = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), f"http://{NOWHERE}")
    port = free_port()
    with started("--port", str(port), "--share", TMPDIR=str(tmp_path), **dead) as process:
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
