import csv
import json
from pathlib import Path

import gradio as gr
import httpx
import numpy as np
import pytest
from gradio_client import handle_file
from PIL import Image

from demo.server.sentences import guarded
from demo.server.storage import file_of, picture_file
from demo.tabs.reenact_examples import example_pairs
from stylemask.provenance import stamps
from stylemask.provenance.stamps import Origin, Stamp
from stylemask_core.pictures.images import area_average
from tests.support.demo_server import client_of, refusal, running
from tests.support.helpers import LOOPBACK, noise, published


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the client keeps files."""
    return tmp_path_factory.mktemp("client")


@pytest.fixture(scope="module")
def demo():
    with running("embedded") as demo:
        yield demo


@pytest.fixture(scope="module")
def client(demo, folder):
    return client_of(demo.local_url, download_files=folder)


@pytest.fixture(scope="module")
def heads(pipeline, folder):
    """Two picture files, as a program would send them."""
    paths = [folder / f"head_{seed}.png" for seed in (1, 2)]
    for seed, path in enumerate(paths, 1):
        area_average(pipeline.synthesize(pipeline.sample(seed)).image, 300).save(path)
    return [handle_file(path) for path in paths]


def pixels(path):
    return np.asarray(Image.open(path))


def posted(demo, name, data):
    """What an endpoint answers over plain HTTP."""
    url = f"{demo.local_url}gradio_api/call/{name}"
    started = httpx.post(url, json={"data": data}, **LOOPBACK)
    if started.is_client_error:
        return started.json()["detail"]
    return httpx.get(f"{url}/{started.json()['event_id']}", **LOOPBACK).text


def test_mix_answers_with_three_pictures_and_the_same_pixels_each_time(client, pipeline):
    first = client.predict(source_seed=1, target_seed=2, api_name="/mix")
    again = client.predict(1, 2, 0.7, 1.0, ["all"], api_name="/mix")
    assert [Image.open(path).size for path in first] == [(512, 512)] * 3
    assert all((pixels(a) == pixels(b)).all() for a, b in zip(first, again, strict=True))
    pair = pipeline.sample(1, 0.7), pipeline.sample(2, 0.7)
    assert (pixels(first[2]) == published(pipeline.reenact(*pair).image)).all()


def test_strength_zero_and_an_empty_choice_of_layers_leave_the_source(client):
    for arguments in ({"strength": 0}, {"layers": []}):
        source, target, result = client.predict(1, 2, api_name="/mix", **arguments)
        assert (pixels(source) == pixels(result)).all()
        assert (pixels(target) != pixels(result)).any()


def test_layers_may_be_groups_and_single_layers(client):
    results = [
        pixels(client.predict(1, 2, layers=layers, api_name="/mix")[2])
        for layers in (["all"], ["coarse"], ["b8.conv0"])
    ]
    assert (results[0] != results[1]).any() and (results[1] != results[2]).any()


def test_reenact_answers_with_crops_inversions_and_result(client, heads):
    answer = client.predict(*heads, api_name="/reenact")
    assert [Image.open(path).size for path in answer[:5]] == [(512, 512)] * 5
    again = client.predict(*heads, api_name="/reenact")
    assert (pixels(answer[4]) == pixels(again[4])).all()
    unchanged = client.predict(*heads, strength=0.0, api_name="/reenact")
    assert (pixels(unchanged[4]) == pixels(unchanged[1])).all()


def test_inspect_answers_with_summary_figures_and_files(client, pipeline):
    summary, *figures, npz, table = client.predict(1, 2, api_name="/inspect")
    layers = [layer.name for layer in pipeline.space.masked_layers]
    assert list(summary["layer_means"]) == layers
    assert list(summary["group_effects"]) == list(pipeline.space.groups())
    assert all(Image.open(path).width >= 1000 for path in figures)
    assert {f"mask/{name}" for name in layers} <= set(np.load(npz))
    rows = list(csv.DictReader(Path(table).read_text().splitlines()))
    assert len(rows) == pipeline.space.masked_dim


def test_inspect_takes_pictures_in_place_of_seeds(client, heads):
    by_seed = client.predict(1, 2, api_name="/inspect")[0]
    mixed = client.predict(source_seed=1, target=heads[1], api_name="/inspect")[0]
    assert by_seed["layer_means"].keys() == mixed["layer_means"].keys()
    assert by_seed != mixed


def test_every_picture_that_leaves_is_marked_and_verify_reads_the_marks(client, heads):
    """Pictures of seeds and of photos, figures, crops, faces drawn into a photo."""
    by_seed = client.predict(1, 2, api_name="/mix")
    by_seed += client.predict(1, 2, api_name="/inspect")[1:4]
    *by_photo, _ = client.predict(*heads, paste_back=True, api_name="/reenact")
    by_photo += client.predict(heads[0], api_name="/faces")[1:]
    by_photo += client.predict(source_seed=1, target=heads[1], api_name="/inspect")[1:4]
    for origin, paths in ((Origin.RANDOM, by_seed), (Origin.PHOTO, by_photo)):
        for path in paths:
            found = stamps.read(path)
            assert found.xmp["digital_source_type"] == origin.uri
            assert found.xmp["model"] == "heads"
            assert Image.open(path).width < 512 or found.watermark.found, path
    found = client.predict(handle_file(by_seed[0]), api_name="/verify")
    assert found == stamps.read(by_seed[0]).to_dict() and found["verdict"] == "marked"
    assert client.predict(heads[0], api_name="/verify")["verdict"] == "nothing found"


def test_verify_refuses_what_is_no_picture(client, folder):
    (folder / "words.png").write_text("not a picture")
    line = refusal(client, picture=handle_file(folder / "words.png"), api_name="/verify")
    assert line.startswith("The file is not a picture")
    assert refusal(client, picture=None, api_name="/verify") == "Give a picture"


def test_model_info_describes_the_model(client, pipeline):
    info = client.predict(api_name="/model_info")
    assert info["resolution"] == pipeline.config.resolution
    assert [layer["name"] for layer in info["layers"]] == [x.name for x in pipeline.space.layers]
    assert info["groups"] == pipeline.space.groups()
    assert (info["device"], info["domain"], info["licence"]) == (
        "cpu",
        pipeline.config.domain,
        pipeline.config.licence,
    )
    assert (info["model"], info["models"]) == ("embedded", ["embedded"])
    assert set(info["versions"]) == {"stylemask", "torch", "gradio"}


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_does_not_know_are_refused(demo, value):
    url = f"{demo.local_url}gradio_api/call/mix"
    for data in (
        f"[{value}, 2, 0.7, 1, []]",
        f"[1, 2, {value}, 1, []]",
        f"[1, 2, 0.7, {value}, []]",
    ):
        body = {"content": f'{{"data": {data}}}', "headers": {"content-type": "application/json"}}
        assert "give " in httpx.post(url, **body, **LOOPBACK).json()["detail"]


def bad_pictures(folder):
    """File and what its refusal says."""
    limit = Image.MAX_IMAGE_PIXELS
    Image.new("1", (20000, 20000)).save(folder / "huge.png")
    assert limit == Image.MAX_IMAGE_PIXELS
    Image.new("RGB", (1, 1)).save(folder / "dot.png")
    (folder / "text.png").write_text("not a picture")
    (folder / "empty.png").touch()
    (folder / "drawing.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    whole = (folder / "head_1.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    return {
        "huge.png": "64 megapixels",
        "dot.png": "1×1 px",
        "text.png": "not a picture",
        "empty.png": "empty",
        "drawing.svg": "SVG, a drawing",
        "cut.png": "damaged",
    }


def test_bad_pictures_are_refused_without_naming_a_path_of_the_server(client, heads, folder):
    for name, reason in bad_pictures(folder).items():
        bad = handle_file(folder / name)
        for arguments in ({"source": bad, "target": heads[0]}, {"source": heads[0], "target": bad}):
            line = refusal(client, **arguments, api_name="/reenact")
            role = "source" if arguments["source"] is bad else "target"
            assert reason in line and f"The {role} file" in line and "/" not in line.split(":")[0]


def test_the_last_arguments_may_be_left_out_over_plain_http(demo, client):
    short, whole = (
        json.loads(posted(demo, "mix", data).split("data: ")[1])
        for data in ([1, 2], [1, 2, 0.7, 1.0, ["all"], None])
    )
    assert [file["path"] for file in short] == [file["path"] for file in whole]


def test_an_unforeseen_error_is_logged_and_its_words_stay_on_the_server(caplog):
    @guarded
    def broken():
        raise RuntimeError("secret")

    with pytest.raises(gr.Error) as caught:
        broken()
    assert "secret" not in caught.value.message and "secret" in caplog.text


def test_a_file_that_a_browser_may_be_loading_is_not_written_again(monkeypatch, tmp_path):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    first = Path(file_of(b"content", "a.csv"))
    inode, changed = first.stat().st_ino, first.stat().st_ctime_ns
    assert Path(file_of(b"content", "a.csv")) == first and first.read_bytes() == b"content"
    assert first.stat().st_ino == inode and first.stat().st_ctime_ns > changed
    assert file_of(b"other", "a.csv") != str(first)
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 2


@pytest.mark.parametrize(("side", "sent"), [(16, 512), (512, 512), (1024, 1024)])
def test_small_pictures_are_enlarged_and_large_ones_leave_as_they_are(
    side, sent, monkeypatch, tmp_path
):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    picture = noise(side)
    path = picture_file(picture, "a", Stamp(Origin.RANDOM, "noise"))
    assert Image.open(path).size == (sent, sent)
    assert (pixels(path) == published(picture)).all()


def test_example_pairs_are_pictures_and_missing_files_are_left_out(monkeypatch, tmp_path):
    assert len(example_pairs()) >= 2
    monkeypatch.setattr("demo.tabs.reenact_examples.EXAMPLES", tmp_path)
    assert example_pairs() == []


def test_every_event_on_the_model_waits_its_turn(demo):
    calls = [fn for fn in demo.fns.values() if fn.queue and fn.fn]
    # one of Gradio's own, for examples, reads what was computed for the first who chose one; the
    # other is no job but the end of a visit
    free = ("load_example_output", "forget_visitor")
    calls = [fn for fn in calls if fn.fn.__name__ not in free]
    queues = [(fn.concurrency_id, fn.concurrency_limit) for fn in calls]
    assert queues.count(("model", 1)) >= 12
    # a photo is searched, and a model loaded, while the model in use is at work
    assert set(queues) == {("model", 1), ("faces", 1), ("load", 8), ("info", 1), ("verify", 1)}
