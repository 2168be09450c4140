"""Headers of a served page, and its password."""

import logging

import httpx
import pytest

import app
from demo.server.flags import parse_flags
from demo.server.guard import Password, launch_security, read_password, security_headers
from stylemask_core import InvalidInputError
from tests.support.demo_server import client_of, running
from tests.support.helpers import LOOPBACK, answered, free_port

SECRET = "correct horse"


@pytest.fixture(scope="module")
def url(tiny_folder):
    with running(tiny_folder, password=Password("ann", SECRET)) as demo:
        yield demo.local_url


def policy(headers):
    parts = headers["Content-Security-Policy"].split("; ")
    return {part.partition(" ")[0]: part.partition(" ")[2] for part in parts}


def test_every_answer_has_the_headers_whatever_it_is(url):
    for path in ("", "config", "gradio_api/info", "gradio_api/file=/etc/passwd", "nowhere"):
        answer = httpx.get(f"{url}{path}", **LOOPBACK)
        for name, value in security_headers().items():
            assert answer.headers[name] == value, (path, name)


def test_the_page_loads_from_its_own_server_alone_and_nobody_frames_it():
    headers = security_headers()
    found = policy(headers)
    assert all("http" not in sources for sources in found.values())
    assert (found["frame-ancestors"], found["object-src"]) == ("'self'", "'none'")
    assert headers["X-Frame-Options"] == "SAMEORIGIN"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Permissions-Policy"].startswith("camera=(self), microphone=()")


def test_a_space_may_be_framed_by_hugging_face():
    headers = security_headers(in_space=True)
    assert "https://huggingface.co" in policy(headers)["frame-ancestors"]
    assert "X-Frame-Options" not in headers


def test_a_shared_page_may_load_the_scripts_that_its_link_points_to():
    found = policy(security_headers(shared=True))
    assert "https://gradio." in found["script-src"]
    assert "http" not in found["frame-ancestors"]


def test_without_the_password_nothing_is_told_and_nothing_made(url):
    assert "auth_required" in httpx.get(url, **LOOPBACK).text
    for path in ("config", "gradio_api/info"):
        assert httpx.get(f"{url}{path}", **LOOPBACK).status_code == 401
    call = httpx.post(f"{url}gradio_api/call/mix", json={"data": [1, 2]}, **LOOPBACK)
    assert call.status_code == 401
    for path in ("mix", "v2/mix", "nowhere"):  # nor what a right call would be
        call = httpx.post(f"{url}gradio_api/call/{path}", json={"data": [1], "a": 1}, **LOOPBACK)
        assert call.status_code == 401 and "seed" not in call.text
    upload = {"files": {"files": ("a.png", b"x")}, **LOOPBACK}
    assert httpx.post(f"{url}gradio_api/upload", **upload).status_code == 401
    # tools ask for no password: there are none
    assert httpx.post(f"{url}gradio_api/mcp/", json={}, **LOOPBACK).status_code in (404, 405)
    assert not launch_security(password=Password("a", "b"))["mcp_server"]


@pytest.mark.parametrize("account", [("ann", "wrong"), ("bob", SECRET), ("ann", "")])
def test_a_wrong_account_is_refused(url, account, monkeypatch):
    monkeypatch.setattr("demo.server.guard.WRONG_PASSWORD_DELAY", 0.01)
    data = dict(zip(("username", "password"), account, strict=True))
    assert httpx.post(f"{url}login", data=data, **LOOPBACK).status_code in (400, 422)
    with pytest.raises(ValueError, match="Could not login"):
        client_of(url, auth=account)


def test_who_knows_the_password_is_let_in(url):
    client = client_of(url, auth=("ann", SECRET), download_files=False)
    assert len(client.predict(1, 2, api_name="/mix")) == 3
    client.close()


def test_the_password_is_the_first_line_of_a_file(tmp_path, caplog):
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\nnotes\n")
    file.chmod(0o600)
    password = read_password(f"ann:{file}")
    assert answered(password.check("ann", SECRET))
    assert not caplog.records
    file.chmod(0o644)
    with caplog.at_level(logging.WARNING):
        read_password(f"ann:{file}")
    assert "every user of this machine" in caplog.text and "chmod 600" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "No such file"),
        (b"", "no password"),
        (b"\n", "no password"),
        (b"\xff\xfe", "no text"),
    ],
)
def test_a_file_without_a_password_ends_the_start_with_one_line(content, says, tmp_path, capsys):
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    assert app.main(["--auth", f"ann:{file}", "--port", str(free_port())]) == 1
    line = capsys.readouterr().err
    assert line.startswith("error: ") and line.count("\n") == 1 and says in line


@pytest.mark.parametrize("account", ["ann", "ann:", ":file", " :file"])
def test_an_account_needs_a_name_and_a_file(account):
    with pytest.raises(InvalidInputError, match="USER:PASSWORD-FILE"):
        read_password(account)


@pytest.mark.parametrize("hours", ["0", "-1", "nan", "inf", "x", ""])
def test_a_bad_time_to_keep_files_is_bad_usage(hours, capsys):
    with pytest.raises(SystemExit):
        parse_flags([f"--keep={hours}"])
    assert "hours above 0" in capsys.readouterr().err
