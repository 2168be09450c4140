"""What the name of a model stands for."""

import shutil
from pathlib import Path

import pytest

from stylemask_core import StyleMaskPipeline, WeightsError
from stylemask_core.models import cache, model_folder
from stylemask_core.models.model_source import locate


@pytest.fixture(autouse=True)
def empty_place(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


def refusal(model: str | Path | None, **options) -> str:
    with pytest.raises(WeightsError) as caught:
        locate(model, **options)
    return str(caught.value)


@pytest.mark.parametrize("model", [None, "embedded"])
def test_the_embedded_model_is_meant_by_its_name_and_by_none(model):
    found = locate(model)
    assert (found.folder, found.name, found.revision) == (
        model_folder.EMBEDDED_FOLDER,
        "embedded",
        "",
    )


def test_a_folder_is_found_by_name_and_path(tiny_folder):
    assert locate(tiny_folder).folder == tiny_folder
    assert (locate(str(tiny_folder)).name, locate(tiny_folder).revision) == (str(tiny_folder), "")


@pytest.mark.parametrize(
    "model", ["nowhere", "x" * 5000, "./a/b", "~/model", Path("a/b"), "/a/b", "a/b/c"]
)
def test_a_folder_that_is_not_there_is_told(hub_server, model):
    message = refusal(model)
    assert f"no model folder at '{model}'" in message
    assert "'embedded'" in message
    assert "user/repo" in message
    assert hub_server.requests == []


@pytest.mark.parametrize("model", [None, "embedded"])
def test_a_revision_goes_with_the_hub_alone(model, tiny_folder):
    assert "embedded is a folder" in refusal(model, revision="main")
    assert "is a folder" in refusal(tiny_folder, revision="main")


# ffhq


def test_ffhq_stands_for_the_repository_that_is_named_with_its_commit(
    hub_server, tiny_folder, monkeypatch
):
    sha = hub_server.add("someone/ffhq", tiny_folder)
    hub_server.add("someone/ffhq", model_folder.EMBEDDED_FOLDER)  # the branch has moved on
    monkeypatch.setenv("STYLEMASK_FFHQ_REPO", f"someone/ffhq@{sha}")
    loaded = StyleMaskPipeline.from_pretrained("ffhq", device="cpu")
    assert (loaded.name, loaded.revision, loaded.config.name) == ("ffhq", sha, "tiny")


@pytest.mark.parametrize(
    ("repo", "message"), [("ffhq", "is no Hub id"), ("someone/ffhq", "no such repository")]
)
def test_ffhq_of_a_repository_that_cannot_be_had_names_the_variable(
    hub_server, monkeypatch, repo, message
):
    monkeypatch.setenv("STYLEMASK_FFHQ_REPO", repo)
    assert f"STYLEMASK_FFHQ_REPO={repo}: " in refusal("ffhq")
    assert message in refusal("ffhq")


def test_ffhq_stands_for_the_fetched_folder_where_no_repository_is_named(hub_server, tiny_folder):
    shutil.copytree(tiny_folder, cache.default_ffhq_folder())
    found = locate("ffhq")
    assert (found.folder, found.name) == (cache.default_ffhq_folder(), "ffhq")
    cache.remember_ffhq_folder(tiny_folder)
    assert locate("ffhq").folder == tiny_folder
    assert "is a folder" in refusal("ffhq", revision="main")
    assert hub_server.requests == []


def test_this_projects_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("STYLEMASK_HOME", raising=False)
    assert cache.cache_folder() == tmp_path / "home/.cache/stylemask"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache.cache_folder() == tmp_path / "xdg/stylemask"
    monkeypatch.setenv("STYLEMASK_HOME", "~/own")
    assert cache.cache_folder() == tmp_path / "home/own"


def test_ffhq_is_the_converted_folder_of_that_name_where_nothing_else_is(
    tiny_folder, tmp_path, monkeypatch
):
    monkeypatch.setenv("STYLEMASK_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("STYLEMASK_FFHQ_REPO", raising=False)
    monkeypatch.chdir(tmp_path)
    assert "stylemask fetch ffhq" in refusal("ffhq")
    assert "STYLEMASK_FFHQ_REPO" in refusal("ffhq")
    shutil.copytree(tiny_folder, "ffhq")
    assert StyleMaskPipeline.from_pretrained("ffhq", device="cpu").config.name == "tiny"
