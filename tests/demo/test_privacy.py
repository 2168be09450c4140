"""docs/privacy.md, proved: what is kept of visitors is gone when the page says so."""

import base64

import httpx
import pytest
from gradio_client import handle_file

import app
from tests.support.demo_server import client_of, running, tool, uploaded
from tests.support.faulty_app import served
from tests.support.helpers import LOOPBACK, free_port, noise, png_bytes, wait_for

KEEP_SECONDS = 4
# Loaded by Python before anything else: writes down whom the server tries to reach.
WATCHER = """
import os, socket
LOCAL = ("127.", "::1", "localhost", "0.0.0.0")
def watched(call, address_of):
    def wrapper(*arguments, **keywords):
        address = str(address_of(*arguments))
        if not address.startswith(LOCAL):
            with open(os.environ["WATCHED"], "a") as file:
                file.write(address + "\\n")
        return call(*arguments, **keywords)
    return wrapper
name = lambda host, *_: host.decode() if isinstance(host, bytes) else host
socket.getaddrinfo = watched(socket.getaddrinfo, name)
peer = lambda _, address: address[0] if isinstance(address, tuple) else "::1"
class Socket(socket.socket):
    connect = watched(socket.socket.connect, peer)
    connect_ex = watched(socket.socket.connect_ex, peer)
socket.socket = Socket
"""


@pytest.fixture(scope="module")
def server(tiny_folder, tmp_path_factory):
    """A process that keeps files for a few seconds, and everybody it tries to reach."""
    folder = tmp_path_factory.mktemp("privacy")
    (folder / "sitecustomize.py").write_text(WATCHER)
    watched = {"PYTHONPATH": str(folder), "WATCHED": str(folder / "reached")}
    keep = str(KEEP_SECONDS / 3600)
    arguments = ("--model", str(tiny_folder), "--keep", keep)
    with served(folder, free_port(), *arguments, **watched) as server:
        yield server


def test_uploads_and_results_are_deleted_on_schedule(server):
    page = set(server.files())  # examples and the like, which are nobody's
    wait_for(server.ready)
    server.unswept.touch()
    pictures = [uploaded(server.url, png_bytes(noise(side))) for side in (64, 72)]
    uploaded(server.url, png_bytes(noise(80)))  # of which nothing is made
    answer = server.answer(server.call("reenact", pictures))
    assert "event: complete" in answer
    kept = {path.name for path in set(server.files()) - page}
    assert kept >= {"me.png", "result.png", "source_crop.png"}
    server.unswept.unlink()
    wait_for(lambda: set(server.files()) <= page)
    assert "event: error" in server.answer(server.call("reenact", pictures))
    assert "event: complete" in server.mix()


def test_files_of_the_machine_are_not_served(server):
    for path in ("/etc/passwd", f"{app.__file__}", "../../etc/passwd", str(server.gate)):
        answer = httpx.get(f"{server.url}/gradio_api/file={path}", **LOOPBACK)
        assert answer.status_code in (403, 404) and "root:" not in answer.text


def test_an_upload_of_more_than_40_mb_is_refused_and_leaves_nothing(server):
    files = {"files": ("big.png", bytes(42_000_000))}
    url = f"{server.url}/gradio_api/upload"
    answer = httpx.post(url, files=files, **LOOPBACK)
    assert answer.status_code == 413
    wait_for(lambda: not any(path.stat().st_size > 1_000_000 for path in server.files()))


def test_nothing_is_reported_to_anybody_and_nothing_is_left_after_sigterm(server):
    """The last that uses the process."""
    server.unswept.touch()
    uploaded(server.url, png_bytes(noise(96)))
    assert server.files()
    assert server.stop() == 0
    assert server.files() == []
    reached = server.folder.parent / "reached"
    assert not reached.exists(), reached.read_text()


@pytest.fixture(scope="module")
def demo(tiny_folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_HEARTBEAT_INTERVAL", "0.3")  # 15 s otherwise
        with running(tiny_folder) as demo:
            yield demo


@pytest.fixture
def remembered(demo):
    """How many searches and inversions of visitors' pictures are remembered."""
    return lambda: len(demo.handlers.photos)


@pytest.fixture
def faces(tmp_path):
    for side in (64, 72):
        noise(side).save(tmp_path / f"{side}.png")
    return [handle_file(tmp_path / f"{side}.png") for side in (64, 72)]


def test_inversions_are_forgotten_when_their_visitor_leaves(demo, remembered, faces):
    client = client_of(demo.local_url, download_files=False)
    wait_for(lambda: client.heartbeat.is_alive())
    client.predict(*faces, aligned=True, api_name="/reenact")
    assert remembered() == 2
    session = client.session_hash
    assert session in demo.app.state_holder.session_data
    client.close()
    wait_for(lambda: remembered() == 0)
    demo.line.queue.forget_closed(0)
    assert session not in demo.app.state_holder.session_data


def test_inversions_are_forgotten_by_age(demo, remembered, faces):
    client = client_of(demo.local_url, download_files=False)
    client.predict(*faces, aligned=True, api_name="/reenact")
    demo.handlers.photos.forget(3600)
    assert remembered() == 2
    demo.handlers.photos.forget(0)
    assert remembered() == 0
    client.predict(*faces, aligned=True, api_name="/reenact")  # and can be made anew
    client.close()
    wait_for(lambda: remembered() == 0)


def test_calls_without_a_session_leave_nothing_behind(demo, remembered):
    url = f"{demo.local_url}gradio_api"
    picture = uploaded(demo.local_url, png_bytes(noise(64)))
    for name, data in (("reenact", [picture, picture]), ("faces", [picture])):
        event = httpx.post(f"{url}/call/{name}", json={"data": data}, **LOOPBACK).json()
        answer = httpx.get(f"{url}/call/{name}/{event['event_id']}", **LOOPBACK)
        assert "event: complete" in answer.text
    assert remembered() == 0
    sessions = demo.app.state_holder.session_data
    tool(demo.local_url, "mix", source_seed=1, target_seed=2)
    assert event["event_id"] not in sessions, "a session is kept of a call that is done"


def test_pictures_sent_to_a_tool_are_used_and_not_remembered(demo, remembered):
    data = f"data:image/png;base64,{base64.b64encode(png_bytes(noise(64))).decode()}"
    answer = tool(demo.local_url, "reenact", source=data, target=data)
    assert not answer.isError, answer
    assert sum(part.type == "image" for part in answer.content) == 5
    assert remembered() == 0
