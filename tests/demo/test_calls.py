"""Calls that cannot be carried out, by every way: one sentence each, and nothing breaks."""

import base64
import json
from pathlib import Path

import httpx
import pytest
from gradio_client import handle_file

from tests.support.demo_server import client_of, file_data, tool, uploaded, with_tools
from tests.support.faulty_app import HELD, served
from tests.support.helpers import LOOPBACK, free_port, noise, png_bytes, wait_for

API = "/gradio_api"
WRONG = ("abc", {"a": 1}, [[]])  # nothing takes one of these
FLAT = 12_000_000  # [bytes] that hundreds of calls may add to the server
BODIES = [
    b"", b"{", b"null", b"7", b"[]", b'"data"', b"\xff\xfe\x00", b'{"data": {}}',
    b'{"data": 1}', b'{"data": [], "session_hash": 5}', b'{"data": [], "datta": 1}',
    b'{"\\ud800": 1}', b"[" * 5000, b'{"data": [' + b"9" * 5000 + b"]}",
]  # fmt: skip
KINDS = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]


@pytest.fixture(scope="module")
def server(tiny_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("calls")
    with served(folder, free_port(), "--model", str(tiny_folder)) as server:
        wait_for(server.ready)  # what is set up once is set up now
        yield server


@pytest.fixture(scope="module")
def http(server):
    with httpx.Client(base_url=server.url, **LOOPBACK) as client:
        yield client


@pytest.fixture(scope="module")
def picture(server):
    return uploaded(server.url, png_bytes(noise(64)))


@pytest.fixture(scope="module")
def endpoints(http, picture):
    """Arguments that can be used, by endpoint: those it needs, and the defaults of the others."""
    return {
        name: {
            x["parameter_name"]: x["parameter_default"]
            if x["parameter_has_default"]
            else picture
            if "filepath" in x["python_type"]["type"]
            else 1
            for x in endpoint["parameters"]
        }
        for name, endpoint in http.get(f"{API}/info").json()["named_endpoints"].items()
    }


def needed(name):
    return {"/mix": 2, "/reenact": 2, "/faces": 1, "/verify": 1}.get(name, 0)


def one_sentence(line):
    assert isinstance(line, str) and 5 < len(line) <= 300, line
    assert "\n" not in line and "Traceback" not in line and "verbose error" not in line
    return line


def refused(answer, *statuses):
    assert answer.status_code in (statuses or (422,)), answer.text
    assert answer.headers["content-type"] == "application/json"
    return one_sentence(answer.json()["detail"])


def names(line, argument):
    """Whether a sentence names an argument, in whatever words."""
    return all(part.rstrip("s") in line.lower() for part in argument.split("_"))


def misspelt(argument):
    return argument[:-2] + argument[-1] + argument[-2]


def by_name(http, endpoints):
    """Wrong calls over REST v2; returns how many."""
    count = 0
    for name, right in endpoints.items():
        url = f"{API}/call/v2{name}"
        for argument in list(right)[: needed(name)]:
            sent = {key: value for key, value in right.items() if key != argument}
            line = refused(http.post(url, json=sent))
            assert f"{name} needs {argument}" in line
            count += 1
        for argument in right:
            line = refused(http.post(url, json={**right, misspelt(argument): 1}))
            assert f"did you mean {argument}?" in line and all(other in line for other in right)
            for value in WRONG:
                line = refused(http.post(url, json={**right, argument: value}))
                assert names(line, argument), (argument, value, line)
            count += 1 + len(WRONG)
    return count


def in_order(http, endpoints):
    """Wrong calls over REST v1; returns how many."""
    count = 0
    for name, right in endpoints.items():
        url, values = f"{API}/call{name}", list(right.values())
        assert "takes up to" in refused(http.post(url, json={"data": [*values, None]}))
        for length in range(needed(name)):
            line = refused(http.post(url, json={"data": values[:length]}))
            assert f"{name} needs {list(right)[length]}" in line
        count += 1 + needed(name)
        for place, argument in enumerate(right):
            for value in WRONG:
                sent = [*values[:place], value, *values[place + 1 :]]
                line = refused(http.post(url, json={"data": sent}))
                assert names(line, argument), (argument, value, line)
            count += len(WRONG)
    return count


def shapeless(http):
    """Bodies that are no call, and calls of nothing; returns how many."""
    headers = {"content-type": "application/json"}
    for version in ("call", "call/v2"):
        url = f"{API}/{version}/mix"
        for body in BODIES:
            refused(http.post(url, content=body, headers=headers), 400, 422)
        for kind in KINDS:
            sent = http.post(url, content=b'{"data": [1, 2]}', headers={"content-type": kind})
            assert "application/json" in refused(sent, 415)
        for name, meant in (("mixx", "mix"), ("model-info", "model_info"), ("live", None)):
            line = refused(http.post(f"{API}/{version}/{name}", json={"data": []}), 404)
            assert "reenact" in line and (meant is None or f"did you mean {meant}?" in line)
            refused(http.get(f"{API}/{version}/mix/{name}"), 404)
    return 2 * (len(BODIES) + len(KINDS) + 6)


PNG = base64.b64encode(png_bytes(noise(64))).decode()
NO_PICTURES = {
    "a path": "/etc/hostname",
    "bare base64": PNG,
    "cut base64": f"data:image/png;base64,{PNG[:-3]}",
    "damaged base64": f"data:image/png;base64,{PNG[:100]}%{PNG[100:]}",
    "an empty one": "data:image/png;base64,",
    "words": "a woman who smiles",
    "another kind": "data:text/html;base64,aGVsbG8=",
    "no text": 5,
}
SENT = (PNG[:20], "hostname", "smiles", "aGVs")  # is not to be said back


def by_tools(server, endpoints):
    """Wrong calls over MCP, in one session; returns how many."""
    data = f"data:image/png;base64,{PNG}"

    async def ask(session):
        count = 0

        async def refusal(name, arguments):
            nonlocal count
            answer = await session.call_tool(name.removeprefix("/"), arguments)
            (part,) = answer.content
            assert answer.isError
            count += 1
            return one_sentence(part.text)

        assert "did you mean mix?" in await refusal("mixx", {})
        for name, right in endpoints.items():
            right = {key: data if isinstance(x, dict) else x for key, x in right.items()}
            for argument in list(right)[: needed(name)]:
                sent = {key: value for key, value in right.items() if key != argument}
                assert f"needs {argument}" in await refusal(name, sent)
            for argument in right:
                line = await refusal(name, {**right, misspelt(argument): 1})
                assert f"did you mean {argument}?" in line
                line = await refusal(name, {**right, argument: WRONG[1]})
                assert names(line, argument), (argument, line)
            for argument in right.keys() & {"source", "target", "picture"}:
                for value in NO_PICTURES.values():
                    line = await refusal(name, {**right, argument: value})
                    assert argument in line.lower() and not any(part in line for part in SENT)
        return count

    return with_tools(server.url, ask)


def by_client(server, endpoints, folder):
    """Wrong calls with gradio_client; returns how many."""
    client = client_of(server.url, download_files=False)
    (folder / "a.png").write_bytes(png_bytes(noise(64)))
    count = 0
    for name, right in endpoints.items():
        sent = {
            key: handle_file(folder / "a.png") if isinstance(x, dict) else x
            for key, x in right.items()
        }
        wrong = [(argument, {**sent, argument: WRONG[0]}) for argument in list(sent)[:3]]
        for argument, arguments in wrong:
            with pytest.raises(Exception) as caught:
                client.predict(**arguments, api_name=name)
            assert names(one_sentence(str(caught.value)), argument)
        with pytest.raises(Exception) as caught:
            client.predict(*sent.values(), 9, api_name=name)
        assert "takes up to" in one_sentence(str(caught.value))
        count += len(wrong) + 1
    client.close()
    return count


def memory(server):
    """What the server's process has in memory [bytes]."""
    pages = Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]
    return int(pages) * 4096


def test_hundreds_of_malformed_calls_are_refused_in_words_and_leave_nothing(
    server, http, endpoints, tmp_path
):
    log, files = (server.folder.parent / "log").read_text(), server.files()
    count = shapeless(http) + by_name(http, endpoints)  # once all code has run, nothing may grow
    before = memory(server)
    count += by_name(http, endpoints) + in_order(http, endpoints)
    assert memory(server) - before < FLAT
    assert server.files() == files
    count += by_tools(server, endpoints) + by_client(server, endpoints, tmp_path)
    assert count > 500
    assert (server.folder.parent / "log").read_text() == log, "the log tells of refused calls"
    assert "event: complete" in server.mix()


def test_an_answer_is_read_once_and_an_unknown_one_is_not_waited_for(server, http):
    where = server.call("mix", [1, 2])
    assert "event: complete" in http.get(where).text
    assert "read already" in refused(http.get(where), 404)
    lost = http.get(f"{API}/queue/data", params={"session_hash": "nobody"})
    assert json.loads(lost.text.removeprefix("data: "))["session_not_found"]
    assert "Traceback" not in (server.folder.parent / "log").read_text()


def test_nobody_gets_past_the_queue_or_calls_an_event_of_the_page(http):
    for route in ("run", "api"):
        assert "/call/" in refused(http.post(f"{API}/{route}/mix", json={"data": [1, 2]}), 404)
    events = {"data": [1], "session_hash": "x", "fn_index": 9999}
    assert "no such event" in refused(http.post(f"{API}/queue/join", json=events), 400)


def test_what_needs_no_model_and_what_is_wrong_do_not_wait_for_a_picture_being_made(
    server, http, picture
):
    server.gate.touch()
    try:
        running = server.call("mix", [HELD, 2])
        assert (
            "strength"
            in refused(http.post(f"{API}/call/mix", json={"data": [1, 2, 0.7, 9]})).lower()
        )
        line = refused(http.post(f"{API}/call/v2/reenact", json={
            "source": picture, "target": picture, "layers": ["nonsense"], "refine_seconds": 5,
        }))  # fmt: skip
        assert "unknown layer 'nonsense'" in line.lower()
        for name, data in (("model_info", []), ("faces", [picture]), ("verify", [picture])):
            assert "event: complete" in server.answer(server.call(name, data))
    finally:
        server.gate.unlink()
    assert "event: complete" in server.answer(running)


def test_tools_take_pictures_of_up_to_40_mb(server):
    """Padded behind the picture's end: what counts is what is sent."""

    def padded(size):
        whole = png_bytes(noise(64))
        data = base64.b64encode(whole + bytes(size - len(whole))).decode()
        return tool(server.url, "verify", picture=f"data:image/png;base64,{data}")

    answer = padded(39_900_000)
    assert not answer.isError, answer.content[0].text[:300]
    assert "nothing found" in answer.content[0].text
    answer = padded(41_000_000)
    assert answer.isError and one_sentence(answer.content[0].text).endswith("may have 40 MB")


def test_a_link_into_the_servers_own_network_is_not_followed_and_not_repeated(server, http):
    link = "http://127.0.0.1:9/private.png"
    answer = tool(server.url, "verify", picture=link)
    assert answer.isError
    for line in (answer.content[0].text, server.answer(server.call("verify", [file_data(link)]))):
        assert "public addresses" in line and "127.0.0.1" not in line and "private" not in line


def test_tools_answer_a_null_as_an_argument_left_out(server):
    answer = tool(server.url, "model_info", model=None)
    assert not answer.isError and "'tiny'" in answer.content[0].text


def test_an_upload_without_a_file_is_refused(server, http):
    """`curl -F files=photo.png` without its @, another field, no field at all."""
    content = png_bytes(noise(64))
    for files in ({"files": (None, b"photo.png")}, {"file": ("a.png", content)}):
        line = refused(http.post(f"{API}/upload", files=files))
        assert "curl -F files=@photo.png" in line
    assert http.post(f"{API}/upload", files={"files": ("a.png", content)}).status_code == 200
    assert "Traceback" not in (server.folder.parent / "log").read_text()


def test_an_empty_session_is_refused(server, http):
    call = {"data": [1, 2], "session_hash": ""}
    assert "session_hash" in refused(http.post(f"{API}/call/mix", json=call))
    mix = next(x["id"] for x in http.get("/config").json()["dependencies"] if x["queue"])
    assert "session_hash" in refused(http.post(f"{API}/queue/join", json={**call, "fn_index": mix}))
    assert "event: complete" in server.mix()
    assert "Traceback" not in (server.folder.parent / "log").read_text()


def test_what_the_page_runs_in_the_browser_or_in_the_queue_is_not_called_at_once(server, http):
    events = http.get("/config").json()["dependencies"]
    numbers = [x["id"] for x in events if x["queue"] or not x["backend_fn"]]
    assert len(numbers) > 20
    for number in [*numbers, [1], "1", None]:
        call = {"data": [1, 2], "fn_index": number, "session_hash": "page"}
        refused(http.post(f"{API}/run/predict", json=call), 404)
    assert "Traceback" not in (server.folder.parent / "log").read_text()


def test_a_picture_argument_needs_a_path_that_a_disk_takes(server, http, picture):
    address = {"url": "https://example.org/a.png", "meta": picture["meta"]}
    long = {**picture, "path": f"{Path(picture['path']).parent}/{'a' * 5000}"}
    for sent in (address, long):
        line = refused(http.post(f"{API}/call/verify", json={"data": [sent]}))
        assert line.startswith("Picture: this is no picture that was uploaded")


def test_a_number_that_is_a_long_list_is_said_back_in_short(http):
    for data in ([list(range(100)), 2], [1, 2, list(range(100))]):
        line = refused(http.post(f"{API}/call/mix", json={"data": data}))
        assert "[0, 1, 2, 3, 4, 5, ...]" in line and ": give" in line


def test_what_contradicts_or_lacks_a_face_is_told_before_the_call_waits(http, picture):
    asked = f"{API}/call/v2/inspect"
    line = refused(http.post(asked, json={"source_seed": 1}))
    assert line == "Give a target seed or a target picture"
    assert "a source seed or" in refused(http.post(asked, json={"target": picture}))
    pair = {"source": picture, "target": picture}
    marks = {"target_landmarks": [9, 9, 30, 9, 12, 40, 28, 40]}
    for name in ("inspect", "reenact"):
        for choice in ({"target_face": 2, **marks}, {"aligned": True, **marks}):
            line = refused(http.post(f"{API}/call/v2/{name}", json={**pair, **choice}))
            assert line.startswith("Target picture: choose one: a face by number")


def test_what_is_no_request_of_a_tool_is_not_written_to_the_log(server, http):
    """The library of MCP would: pages of text, with what was sent."""
    log = server.folder.parent / "log"
    before = log.read_text()
    headers = {"accept": "application/json, text/event-stream"}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
    for wrong in ({"params": {"name": "mix", "arguments": ["secret"]}}, {"method": "secret"}):
        reply = http.post(f"{API}/mcp/", json={**call, **wrong}, headers=headers)
        assert "Invalid request parameters" in reply.text
    assert log.read_text() == before


GARBAGE = (None, "x", -1, {}, [[]], {"key": 1, "path": 5})


def test_events_of_the_page_fed_by_hand_are_refused_in_one_line_each(server, http):
    """With too few values, too many and senseless ones, at once and over the queue."""
    log = server.folder.parent / "log"
    count = 0
    for event in http.get("/config").json()["dependencies"]:
        if not event["backend_fn"] or event["api_visibility"] != "private":
            continue
        number = len(event["inputs"])
        for values in ([], *([x] * number for x in GARBAGE), [1] * (number + 1)):
            call = {"data": values, "fn_index": event["id"], "session_hash": "by hand"}
            if event["queue"]:
                http.post(f"{API}/queue/join", json=call).raise_for_status()
                told = http.get(f"{API}/queue/data", params={"session_hash": "by hand"}).text
                done = list(map(json.loads, told.split("data: ")[1:]))
                (last,) = [x for x in done if x["msg"] == "process_completed"]
                error = None if last["success"] else last["output"]["error"]
            else:
                answer = http.post(f"{API}/run/predict", json=call)
                assert answer.status_code in (200, 422), (event, values, answer.text)
                error = answer.json().get("error")
            if error is not None:
                one_sentence(error)
                count += 1
    assert count > 100
    assert "Traceback" not in log.read_text()
    assert "event: complete" in server.mix()
