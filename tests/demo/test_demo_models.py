"""Several models behind one page."""

import threading

import numpy as np
import pytest
from PIL import Image

from demo.server.models import Models
from stylemask_core import InvalidInputError, StyleMaskPipeline, WeightsError
from tests.support.demo_server import client_of, photo_model, refusal, running
from tests.support.helpers import PATIENCE


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the client keeps files."""
    return tmp_path_factory.mktemp("client")


@pytest.fixture(scope="module")
def client(tiny_folder, folder):
    with running("embedded", photo_model(tiny_folder, folder), folder / "gone") as demo:
        yield client_of(demo.local_url, download_files=folder)


class Loader:
    """Stands in for from_pretrained: holds every load until it is told how to end."""

    def __init__(self, pipeline):
        self.pipeline, self.asked, self.errors = pipeline, [], []
        self.go_on = threading.Event()
        self.go_on.set()

    def __call__(self, name, device="auto", progress=None):
        self.asked.append(name)
        if name != "first":
            progress("generator.safetensors", 3, 10)
        assert self.go_on.wait(PATIENCE)
        if self.errors:
            raise self.errors.pop()
        return StyleMaskPipeline(self.pipeline.model, device=device, name=name)


@pytest.fixture
def loader(tiny_pipeline, monkeypatch):
    loader = Loader(tiny_pipeline)
    monkeypatch.setattr(StyleMaskPipeline, "from_pretrained", loader)
    return loader


def test_a_relative_folder_of_two_parts_is_called_by_its_last(own_folder, loader, monkeypatch):
    monkeypatch.chdir(own_folder.parent.parent)
    folder = f"{own_folder.parent.name}/{own_folder.name}"
    assert Models([folder, "user/repo"], device="cpu").labels == [own_folder.name, "user/repo"]


def test_the_first_model_is_loaded_at_once_and_the_others_when_they_are_asked_for(loader):
    models = Models(["first", "user/repo"], device="cpu")
    assert loader.asked == ["first"]
    assert models.get() is models.get("first")
    assert models.get("user/repo") is models.get("user/repo") is not models.get()
    assert loader.asked == ["first", "user/repo"]


def test_threads_that_ask_for_one_model_wait_for_one_load_and_all_hear_of_its_progress(loader):
    models = Models(["first", "user/repo"], device="cpu")
    loader.go_on.clear()
    heard, found = [set() for _ in range(4)], []

    def ask(mine):
        def report(*state):
            mine.add(state)
            if all(heard):
                loader.go_on.set()

        found.append(models.get("user/repo", report))

    threads = [threading.Thread(target=ask, args=(mine,)) for mine in heard]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert loader.asked == ["first", "user/repo"]
    assert len(found) == 4 and len(set(map(id, found))) == 1
    assert heard == [{("generator.safetensors", 3, 10)}] * 4


def test_a_load_that_fails_is_told_and_tried_again_at_the_next_call(loader):
    models = Models(["first", "user/repo"], device="cpu")
    loader.errors.append(WeightsError("user/repo: the Hub cannot be reached"))
    with pytest.raises(WeightsError, match="cannot be reached"):
        models.get("user/repo")
    assert models.get().name == "first"
    assert models.get("user/repo").name == "user/repo"


def test_who_is_in_a_hurry_is_told_that_the_model_is_being_loaded(loader):
    models = Models(["first", "user/repo"], device="cpu")
    loader.go_on.clear()
    with pytest.raises(InvalidInputError, match="'user/repo' is being loaded: try again"):
        models.get("user/repo", patience=0)
    loader.go_on.set()
    assert models.get("user/repo").name == "user/repo"


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["first", "/srv/models/faces", "./heads/"], ["first", "faces", "heads"]),
        (["first", "user/repo@0123abc", "user/other"], ["first", "user/repo", "user/other"]),
        (["first", "/a/faces", "/b/faces"], ["first", "/a/faces", "/b/faces"]),
        (["first", "user/repo@1", "user/repo@2"], ["first", "user/repo@1", "user/repo@2"]),
        (["first", "user/repo", "first"], ["first", "user/repo"]),
    ],
)
def test_labels_are_short_and_tell_the_models_apart(loader, names, labels):
    assert Models(names, device="cpu").labels == labels


def test_an_error_names_no_folder_of_the_server(loader):
    models = Models(["first", "/srv/models/faces"], device="cpu")
    loader.errors.append(WeightsError("cannot read /srv/models/faces/config.json"))
    with pytest.raises(WeightsError) as caught:
        models.get("faces")
    assert str(caught.value) == "cannot read faces/config.json"


def test_every_endpoint_takes_a_model(client):
    info = client.predict(model="photos", api_name="/model_info")
    assert (info["model"], info["resolution"]) == ("photos", 16)
    assert info["models"] == ["embedded", "photos", "gone"]
    first, second = (
        np.asarray(Image.open(client.predict(1, 2, model=model, api_name="/mix")[2]))
        for model in ("embedded", "photos")
    )
    assert first.shape == second.shape == (512, 512, 3) and (first != second).any()
    summary = client.predict(1, 2, model="photos", api_name="/inspect")[0]
    assert list(summary["layer_means"]) == ["b4.conv1", "b8.conv0", "b8.conv1"]


def test_programs_are_not_bound_to_the_layers_of_the_first_model(client):
    described = client.view_api(print_info=False, return_format="dict")["named_endpoints"]
    kinds = {x["label"]: x["python_type"]["type"] for x in described["/mix"]["parameters"]}
    assert kinds["layers"] == "list[str]"
    summary = client.predict(1, 2, model="photos", api_name="/inspect")[0]
    for layer in summary["layer_means"]:
        assert len(client.predict(1, 2, layers=[layer], model="photos", api_name="/mix")) == 3


def test_a_model_that_is_not_configured_is_refused(client):
    for model in ("ffhq", "user/repo", "../photos", "/etc"):
        line = refusal(client, model=model, api_name="/model_info")
        assert line.startswith("Model ") and "choose embedded or photos or gone" in line


def test_a_configured_model_that_cannot_be_loaded_is_refused_in_one_line(client, folder):
    for _ in range(2):
        line = refusal(client, source_seed=1, target_seed=2, model="gone", api_name="/mix")
        assert line.startswith("No model folder at 'gone'") and str(folder) not in line
