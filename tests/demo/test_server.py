"""What a served demo survives, and how it ends: a real process, asked over loopback."""

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from demo.page import QUEUE_SIZE
from stylemask_core import StyleMaskPipeline
from tests.support.demo_server import file_data, running
from tests.support.faulty_app import BROKEN, HELD, served
from tests.support.helpers import LOOPBACK, PATIENCE, free_port, wait_for

UPLOADS = 200


@pytest.fixture(scope="module")
def server(tiny_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    with served(folder, free_port(), "--model", str(tiny_folder)) as server:
        wait_for(server.ready)
        yield server


@pytest.fixture
def closed_gate(server):
    server.gate.touch()
    yield server.gate
    server.gate.unlink(missing_ok=True)


def fine(answer):
    return "event: complete" in answer


def error(answer):
    """The words of a refusal."""
    assert "event: error" in answer, answer
    return json.loads(answer.split("event: error\ndata: ")[1])["error"]


def test_an_error_of_the_model_is_one_line_and_the_next_call_is_answered(server):
    assert error(server.mix(source=BROKEN)).startswith("Something went wrong on the server")
    assert fine(server.mix())


def test_a_client_that_leaves_while_its_picture_is_made_holds_nobody_up(server, closed_gate):
    where = server.call("mix", [HELD, 2])
    with httpx.stream("GET", where, **LOOPBACK):
        pass  # it is gone before anything came
    threads = [threading.Thread(target=server.mix) for _ in range(3)]
    for thread in threads:
        thread.start()
    closed_gate.unlink()
    for thread in threads:
        thread.join(PATIENCE)
    assert fine(server.mix())


def test_who_waits_longer_than_the_server_can_is_told_so(tiny_folder, tmp_path, monkeypatch):
    gate, sample = threading.Event(), StyleMaskPipeline.sample
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    monkeypatch.setattr(
        StyleMaskPipeline, "sample", lambda *given: gate.wait(PATIENCE) and sample(*given)
    )
    with running(tiny_folder) as demo, ThreadPoolExecutor() as pool:
        url = f"{demo.local_url}gradio_api/call/mix"
        event = httpx.post(url, json={"data": [1, 2]}, **LOOPBACK).json()["event_id"]
        answer = pool.submit(httpx.get, f"{url}/{event}", **LOOPBACK)
        wait_for(lambda: demo.line.queue.busy)
        assert not demo.line.drain(0.1)
        assert "about to stop" in error(answer.result().text)
        gate.set()


def malformed(number):
    """Headers and body of an upload that nobody's browser would send."""
    part = b'--x\r\nContent-Disposition: form-data; name="files"; filename="%s"\r\n\r\n'
    multipart = {"content-type": "multipart/form-data; boundary=x"}
    kinds = [
        ({"content-type": "multipart/form-data"}, b"no boundary"),
        (multipart, b"no part"),
        (multipart, part % b"cut.png" + b"\x89PNG"),
        (multipart, part % b"../../../etc/passwd" + b"root\r\n--x--\r\n"),
        (multipart, part % b"" + b"\r\n--x--\r\n"),
        (multipart, b"--x\r\n" * 500),
        ({"content-type": "application/json"}, b'{"data": [' * 500),
        (multipart, b"\x00" * 5000),
    ]
    return kinds[number % len(kinds)]


def test_200_malformed_uploads_break_nothing(server):
    with httpx.Client(base_url=server.url, **LOOPBACK) as client:
        for number in range(UPLOADS):
            headers, body = malformed(number)
            answer = client.post("/gradio_api/upload", headers=headers, content=body)
            if answer.status_code == 200:  # stored under its own name and inside the folder
                for path in answer.json():
                    assert path.startswith(str(server.folder)) and ".." not in path
                    where = server.call("reenact", [file_data(path)] * 2)
                    assert error(server.answer(where)).startswith("The source file")
    assert fine(server.mix())


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(server):
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), PATIENCE) as connection:
        head = "POST /gradio_api/call/mix HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999\r\n\r\n"
        connection.sendall(head.encode())
        assert b"413" in connection.recv(100)
    chunks = (b" " * 1_000_000 for _ in range(70))  # without a length
    headers = {"content-type": "application/json"}
    url = f"{server.url}/gradio_api/call/mix"
    answer = httpx.post(url, content=chunks, headers=headers, **LOOPBACK)
    assert answer.status_code == 413 and "64 MB" in answer.text
    assert fine(server.mix())


def test_a_full_queue_says_so_with_the_position_and_all_who_wait_are_served(server, closed_gate):
    running = server.call("mix", [HELD, 2])
    status = f"{server.url}/gradio_api/queue/status"
    wait_for(lambda: httpx.get(status, **LOOPBACK).json()["queue_size"] == 0)
    seeds = [1, *[BROKEN] * (QUEUE_SIZE - 2), 1]  # soon answered, but for the first and the last
    waiting = [server.call("mix", [seed, 2]) for seed in seeds]
    refused = error(server.mix())
    assert f"{QUEUE_SIZE} others are waiting" in refused
    assert f"number {QUEUE_SIZE + 1}" in refused
    closed_gate.unlink()
    # they are served in their order: who has the last answer knows of all the others
    assert all(fine(server.answer(where)) for where in (running, waiting[0], waiting[-1]))
    assert fine(server.mix())


def test_sigterm_finishes_what_is_running_and_turns_the_others_away(server, closed_gate):
    """The last of this module: the server is gone then."""
    running = server.call("mix", [HELD, 2])
    codes = []
    stopping = threading.Thread(target=lambda: codes.append(server.stop()))
    stopping.start()
    wait_for(lambda: "about to stop" in server.mix())
    closed_gate.unlink()
    answer = server.answer(running)
    assert fine(answer)
    pictures = json.loads(answer.split("data: ")[-1])
    assert httpx.get(pictures[2]["url"], **LOOPBACK).content.startswith(b"\x89PNG")
    stopping.join(PATIENCE)
    assert codes == [0]
    assert server.files() == [], "pictures were left behind"
