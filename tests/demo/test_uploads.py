"""A picture argument stands for an upload and for nothing else of the server's machine."""

import json
import os
from pathlib import Path

import gradio as gr
import httpx
import pytest

from demo.server.arguments import path_of
from demo.server.uploads import NOT_UPLOADED
from stylemask_core import InvalidInputError
from tests.support.demo_server import running, tool
from tests.support.helpers import LOOPBACK, noise, png_bytes

META = {"meta": {"_type": "gradio.FileData"}}
REFUSED = NOT_UPLOADED[0].upper() + NOT_UPLOADED[1:]
# What stands for a path in an argument.
SHAPES = {
    "a path": lambda path: {"path": path},
    "a file of Gradio's": lambda path: {"path": path, **META},
    "an address beside it": lambda path: {"path": path, "url": f"/gradio_api/file={path}", **META},
    "a stream": lambda path: {"path": path, "is_stream": True, **META},
    "an address of the disk": lambda path: {"path": f"file://{path}", **META},
    "a file of another kind": lambda path: {"path": path, "meta": {"_type": "other"}},
    "within a list": lambda path: [{"path": path}],
    "within another": lambda path: {"path": {"path": path}},
    "beside another": lambda path: {"path": None, "url": None, "other": {"path": path}},
    "text": lambda path: path,
    "an address alone": lambda path: {"path": None, "url": f"file://{path}", **META},
}
# Endpoints and their pictures, with what else has to be said.
ENDPOINTS = {
    "faces": (["picture"], {"model": None}),
    "verify": (["picture"], {}),
    "reenact": (["source", "target"], {}),
    "inspect": (["source", "target"], {"source_seed": 1, "target_seed": 2}),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the server keeps uploads."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("server")
        patch.setenv("GRADIO_TEMP_DIR", str(folder))
        yield folder


@pytest.fixture(scope="module")
def demo(tiny_folder, folder):
    with running(tiny_folder) as demo:
        yield demo


@pytest.fixture(scope="module")
def api(demo):
    return f"{demo.local_url}gradio_api"


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    """A picture of the machine that nobody uploaded."""
    path = tmp_path_factory.mktemp("private") / "photo.png"
    noise(64).save(path)
    return path


@pytest.fixture(scope="module")
def pairs(photo, folder):
    """Ways to name that picture and, likewise, one that is not there."""
    links = folder / "links"
    links.mkdir()
    missing = photo.with_name("other.png")
    for name, target in (("a.png", photo), ("b.png", missing)):
        (links / name).symlink_to(target)
    (links / "c").symlink_to(photo.parent)
    return {
        "as it is": (photo, missing),
        "out of the folder": tuple(
            folder / os.path.relpath(path, folder) for path in (photo, missing)
        ),
        "from where the server runs": (os.path.relpath(photo), os.path.relpath(missing)),
        "by a link": (links / "a.png", links / "b.png"),
        "by a link to its folder": (links / "c" / photo.name, links / "c" / missing.name),
    }


def answer(where, event):
    """The last event of an answer."""
    text = httpx.get(f"{where}/{event}", **LOOPBACK).text
    return text.split("event: ")[-1].strip()


def called(api, name, arguments, version=""):
    """What an endpoint answers over plain HTTP, by place or by name."""
    body = arguments if version else {"data": list(arguments.values())}
    begun = httpx.post(f"{api}/call{version}/{name}", json=body, **LOOPBACK)
    if begun.is_client_error:
        return f"error, data: {json.dumps({'error': begun.json()['detail']})}"
    return answer(f"{api}/call/{name}", begun.json()["event_id"])


def arguments_of(demo, name):
    """All arguments of an endpoint with their defaults, in order."""
    fn = next(fn for fn in demo.fns.values() if fn.api_name == name)
    return {block.label: block.value for block in fn.inputs}


@pytest.mark.parametrize("name", ENDPOINTS)
@pytest.mark.parametrize("version", ["", "/v2"])
def test_no_endpoint_opens_a_file_that_was_not_uploaded(demo, api, photo, pairs, name, version):
    pictures, others = ENDPOINTS[name]
    for shape, made in SHAPES.items():
        for way, paths in pairs.items():
            if shape != "a path" and way not in ("as it is", "by a link"):
                continue
            answers = set()
            for path in paths:
                sent = arguments_of(demo, name) | others
                sent |= dict.fromkeys(pictures, made(str(path)))
                answers.add(called(api, name, sent, version).replace(str(path), "PATH"))
            (told,) = answers  # whether the file is there or not
            assert told.startswith("error"), (shape, way, told)
            line = json.loads(told.partition("data: ")[2])["error"]
            assert line.endswith(NOT_UPLOADED) or line.startswith("Give a "), (shape, way)


def test_no_event_of_the_page_does(demo, api, pairs):
    events = [
        fn
        for fn in demo.fns.values()
        if fn.fn is not None and any(isinstance(block, gr.Image) for block in fn.inputs)
    ]
    assert len(events) > 10 and any(fn.api_visibility == "private" for fn in events)
    for fn in events:
        for paths in (pairs["as it is"], pairs["by a link"]):
            lines = set()
            for path in paths:
                data = [
                    {"path": str(path)}
                    if isinstance(block, gr.Image)
                    else getattr(block, "value", None)
                    for block in fn.inputs
                ]
                session = {"session_hash": "page"}
                body = {"data": data, "fn_index": fn._id, **session}
                httpx.post(f"{api}/queue/join", json=body, **LOOPBACK).raise_for_status()
                events = httpx.get(f"{api}/queue/data", params=session, **LOOPBACK).text
                done = [json.loads(line[6:]) for line in events.splitlines() if "data: " in line]
                (last,) = [event for event in done if event["msg"] == "process_completed"]
                lines.add((last["success"], last["output"]["error"]))
            ((success, line),) = lines
            assert not success and line.lower().endswith(NOT_UPLOADED.lower()), fn.name


@pytest.mark.parametrize("name", ENDPOINTS)
def test_no_tool_does(demo, pairs, name):
    pictures, _ = ENDPOINTS[name]

    for shape in ("a path", "a file of Gradio's", "an address of the disk", "text"):
        told = set()
        for path in pairs["as it is"]:
            answer = tool(demo.local_url, name, **dict.fromkeys(pictures, SHAPES[shape](str(path))))
            assert answer.isError, (shape, answer)
            told.add(answer.content[0].text.replace(str(path), "PATH"))
        assert len(told) == 1, (shape, told)


def test_an_upload_and_an_example_are_opened(api, photo):
    files = {"files": ("photo.png", photo.read_bytes())}
    (path,) = httpx.post(f"{api}/upload", files=files, **LOOPBACK).json()
    for sent in ({"path": path}, {"path": path, **META}):
        assert called(api, "verify", {"picture": sent}).startswith("complete")


@pytest.mark.parametrize("path", ["", "a\0b", "x" * 5000, "/" * 5000, 5, ["a"], True, "\ud800"])
def test_what_is_no_path_is_refused_likewise(folder, path):
    for sent in ({"path": path}, {"path": f"{folder}/{path}"}):
        with pytest.raises(InvalidInputError):
            path_of(sent, "source")


def test_an_upload_that_is_gone_is_asked_for_again(folder):
    (folder / "x").mkdir()
    path = folder / "x" / "photo.png"
    path.write_bytes(png_bytes(noise(64)))
    assert path_of({"path": str(path)}, "source") == str(path.resolve())
    path.unlink()
    with pytest.raises(InvalidInputError, match="no longer kept: upload it"):
        path_of({"path": str(path)}, "source")


def test_the_folder_itself_may_be_a_link(tmp_path, monkeypatch):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "photo.png").touch()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "link"))
    for folder in ("real", "link"):
        assert path_of({"path": str(tmp_path / folder / "photo.png")}, "x").endswith("photo.png")


def test_a_link_to_a_file_of_the_machine_is_not_served(api, pairs):
    for paths in pairs.values():
        answers = {
            (reply.status_code, reply.text.replace(Path(path).name, "NAME"))
            for path in paths
            for reply in [httpx.get(f"{api}/file={path}", **LOOPBACK)]
        }
        ((code, _),) = answers
        assert code in (403, 404)


def test_nothing_is_fetched_for_others(api):
    for address in ("http://example.org/x.png", "HTTPS://example.org/x.png"):
        reply = httpx.get(f"{api}/file={address}", **LOOPBACK)
        assert (reply.status_code, reply.json()) == (
            403, {"detail": "Only files of this server are served."}
        )  # fmt: skip
