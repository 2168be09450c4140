"""Models from the Hub: the real huggingface_hub client against a Hub on loopback."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from huggingface_hub import constants, file_download

from stylemask_core import StyleMaskPipeline, WeightsError
from stylemask_core.config import CONFIG_NAME
from stylemask_core.models import model_folder
from tests.support.helpers import PATIENCE, change_config, change_tensors

REPO = "user/tiny"

REQUIRED = [CONFIG_NAME, *(f"{part}.safetensors" for part in model_folder.PARTS)]


def load(model: str = REPO, **options) -> StyleMaskPipeline:
    return StyleMaskPipeline.from_pretrained(model, device="cpu", **options)


def refusal(model: str = REPO, **options) -> str:
    with pytest.raises(WeightsError) as caught:
        load(model, **options)
    return str(caught.value)


def cached_file(name: str) -> Path:
    return next(Path(constants.HF_HUB_CACHE).glob(f"models--user--tiny/snapshots/*/{name}"))


@pytest.fixture
def sha(hub_server, tiny_folder) -> str:
    return hub_server.add(REPO, tiny_folder)


@pytest.fixture
def patient(monkeypatch):
    """Retries come at once."""
    monkeypatch.setattr(file_download, "time", SimpleNamespace(sleep=lambda seconds: None))


# downloads


def test_a_repository_loads_tensor_for_tensor_and_shows_its_commit(sha, tiny_model):
    loaded = load()
    assert (loaded.name, loaded.revision, loaded.model.card) == (REPO, sha, tiny_model.card)
    for part in model_folder.PARTS:
        expected = getattr(tiny_model, part).state_dict()
        found = getattr(loaded.model, part).state_dict()
        assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_only_the_files_of_a_model_are_downloaded_and_none_of_them_twice(hub_server, own_folder):
    for name in ("training.pt", "picture.png", "extra.safetensors"):
        (own_folder / name).write_bytes(bytes(100))
    sha = hub_server.add(REPO, own_folder)
    load()
    assert sorted(hub_server.downloads()) == sorted([model_folder.CARD_NAME, *REQUIRED])
    hub_server.requests.clear()
    assert load().revision == sha
    assert [request.path for request in hub_server.requests] == [f"/api/models/{REPO}"]


def test_a_pinned_commit_that_is_cached_asks_nobody(hub_server, sha):
    load(f"{REPO}@{sha}")
    hub_server.requests.clear()
    assert load(REPO, revision=sha).revision == sha
    assert hub_server.requests == []


def test_a_revision_stays_what_it_was_when_the_branch_moves_on(hub_server, sha, own_folder):
    hub_server.repositories[REPO].refs["v1"] = sha
    change_config(own_folder, domain="something newer")
    newer = hub_server.add(REPO, own_folder)
    assert (load().revision, load().config.domain) == (newer, "something newer")
    for asked in (f"{REPO}@v1", f"{REPO}@{sha}"):
        assert (load(asked).revision, load(asked).config.domain) == (sha, "")


def test_a_repository_without_a_model_card_loads_and_is_cached(hub_server, own_folder):
    (own_folder / "README.md").unlink()
    hub_server.add(REPO, own_folder)
    load()
    hub_server.requests.clear()
    assert load().model.card == ""
    assert hub_server.downloads() == []


def test_progress_tells_of_the_weights_up_to_their_last_byte(sha, tiny_folder):
    told = []
    load(progress=lambda *step: told.append(step))
    total = sum(path.stat().st_size for path in tiny_folder.glob("*.safetensors"))
    assert {(what, size) for what, _, size in told} == {(REPO, total)}
    assert max(done for _, done, _ in told) == total


def test_a_folder_goes_before_a_repository_of_the_same_name(
    hub_server, sha, tiny_folder, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_folder, REPO)
    assert load().revision == ""
    assert hub_server.requests == []
    assert "is a folder" in refusal(revision="main")


# downloads that go wrong


@pytest.mark.parametrize("name", REQUIRED)
def test_wrong_bytes_from_the_server_are_noticed_and_not_kept(hub_server, sha, own_folder, name):
    content = bytearray((own_folder / name).read_bytes())
    content[-2] ^= 1  # still a valid file, were it not for its checksum
    hub_server.forged[name] = bytes(content)
    assert f"{name} arrived damaged" in refusal()
    hub_server.forged.clear()
    assert load().revision == sha


def test_a_disk_that_fills_up_while_downloading_is_told_and_leaves_nothing(
    hub_server, sha, monkeypatch
):
    download = file_download.http_get

    def full_disk(url, temp_file, **options):
        temp_file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(file_download, "http_get", full_disk)
    message = refusal()
    assert "the disk is full" in message
    assert "HF_HOME" in message
    monkeypatch.setattr(file_download, "http_get", download)
    assert load().revision == sha


def test_a_disk_that_is_too_small_is_told_before_the_weights_are_downloaded(
    hub_server, sha, monkeypatch
):
    usage = SimpleNamespace(total=10**9, used=10**9, free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    assert "needs 0.0 GB, the disk has 0.0 GB left" in refusal()
    assert sorted(hub_server.downloads()) == ["README.md", "config.json"]


# repositories that hold something else


@pytest.mark.parametrize("name", REQUIRED)
def test_a_repository_that_lacks_a_file_is_refused_without_a_download(hub_server, own_folder, name):
    (own_folder / name).unlink()
    hub_server.add(REPO, own_folder)
    assert f"is no StyleMask model: it has no {name}" in refusal()
    assert hub_server.downloads() == []


def test_another_models_config_is_refused_before_the_weights_are_downloaded(hub_server, own_folder):
    (own_folder / "config.json").write_text('{"model_type": "bert"}')
    hub_server.add(REPO, own_folder)
    assert "config.json has unknown fields: model_type" in refusal()
    assert "generator.safetensors" not in hub_server.downloads()


def test_weights_of_another_size_than_the_config_promises_are_not_downloaded(
    hub_server, own_folder
):
    change_config(own_folder, channels={"4": 512, "8": 512, "16": 512})
    hub_server.add(REPO, own_folder)
    assert "generator.safetensors has" in refusal()
    assert "generator.safetensors" not in hub_server.downloads()


def test_a_config_or_card_of_absurd_size_is_not_downloaded(hub_server, own_folder):
    (own_folder / "README.md").write_bytes(bytes(2**20 + 1))
    hub_server.add(REPO, own_folder)
    assert "README.md has 1,048,577 bytes" in refusal()
    assert hub_server.downloads() == []


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (torch.full((1, 12, 4, 4), float("nan")), "const has values that are not finite"),
        (torch.zeros(1, 12, 4, 3), "const has shape"),
    ],
)
def test_tensors_that_cannot_be_used_are_named(hub_server, own_folder, value, message):
    change_tensors(own_folder, "generator", const=value)
    hub_server.add(REPO, own_folder)
    assert message in refusal()


@pytest.mark.parametrize("part", model_folder.PARTS)
def test_a_file_that_was_damaged_in_the_cache_is_named_with_what_to_delete(hub_server, sha, part):
    load()
    blob = cached_file(f"{part}.safetensors").resolve()
    blob.write_bytes(blob.read_bytes()[:-100])
    message = refusal()
    assert f"{part}.safetensors" in message
    folder = Path(constants.HF_HUB_CACHE) / "models--user--tiny"
    assert f"delete {folder} and load it again" in message
    shutil.rmtree(folder)
    assert load().revision == sha


# who may see what


def test_a_private_repository_needs_the_token(hub_server, sha, monkeypatch):
    hub_server.repositories[REPO].private = True
    message = refusal()
    assert "no such repository" in message
    assert "HF_TOKEN" in message
    monkeypatch.setenv("HF_TOKEN", hub_server.token)
    assert load().revision == sha


def test_a_gated_repository_says_where_to_accept_its_terms(hub_server, sha, monkeypatch):
    hub_server.repositories[REPO].gated = True
    message = refusal()
    assert f"accept its terms at {hub_server.url}/{REPO}" in message
    assert "HF_TOKEN" in message
    monkeypatch.setenv("HF_TOKEN", hub_server.token)
    assert load().revision == sha


def test_the_token_goes_to_the_hub_alone_and_into_no_message(hub_server, sha, monkeypatch):
    hub_server.repositories[REPO].private = True
    monkeypatch.setenv("HF_TOKEN", hub_server.token)
    load()
    shown = {
        request.authorization for request in hub_server.requests if "/resolve/" in request.path
    }
    assert shown == {f"Bearer {hub_server.token}"}
    elsewhere = [r.authorization for r in hub_server.requests if r.path.startswith("/cdn/")]
    assert len(elsewhere) == 3
    assert set(elsewhere) == {None}
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(WeightsError) as caught:
        load("user/elsewhere")
    assert "hf_wrong" not in f"{caught.value} {caught.value.__cause__}"


# names


def test_a_repository_that_is_not_there_is_told(hub_server):
    message = refusal("user/nothing")
    assert "no folder 'user/nothing' here, and no such repository" in message


def test_a_revision_that_is_not_there_is_told(sha):
    for asked in (f"{REPO}@v9", f"{REPO}@{'0' * 40}"):
        assert f"{asked} has no such revision" in refusal(asked)


@pytest.mark.parametrize("name", ["us er/repo", "user/re--po", "user/repo.git", "user/ünï"])
def test_a_name_that_can_be_no_repository_is_refused_without_a_request(hub_server, name):
    assert f"{name!r} is no Hub id" in refusal(name)
    assert hub_server.requests == []


@pytest.mark.parametrize(
    "revision", ["../../etc/passwd", "a b", "/main", "a//b", "-f", "main/", ""]
)
def test_a_text_that_can_be_no_revision_is_refused_without_a_request(hub_server, sha, revision):
    assert f"{revision!r} is no revision" in refusal(f"{REPO}@{revision}")
    assert hub_server.requests == []


def test_a_revision_is_given_once(hub_server, sha):
    assert "once" in refusal(f"{REPO}@main", revision="v1")


# without the Hub


def test_offline_a_cached_model_loads_and_another_says_what_to_do(hub_server, sha, monkeypatch):
    load()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub_server.requests.clear()
    assert load().revision == sha
    message = refusal("user/other")
    assert "user/other is not in the cache and HF_HUB_OFFLINE is set" in message
    assert hub_server.requests == []


def test_local_files_only_asks_nobody(hub_server, sha):
    assert "not in the cache" in refusal(local_files_only=True)
    assert "not in the cache" in refusal(f"{REPO}@{sha}", local_files_only=True)
    assert hub_server.requests == []
    load()
    hub_server.requests.clear()
    assert load(local_files_only=True).revision == sha
    assert hub_server.requests == []


def test_without_a_connection_a_cached_model_loads_and_another_names_the_endpoint(
    hub_server, sha, monkeypatch
):
    load()
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    assert load().revision == sha
    message = refusal("user/other")
    assert "http://127.0.0.1:9 cannot be reached" in message
    assert "HF_ENDPOINT" in message


@pytest.mark.parametrize(("status", "words"), [(0, "cannot be reached"), (403, "forbids this")])
def test_a_hub_lost_between_two_files_is_not_taken_for_a_repository_that_lacks_one(
    hub_server, sha, patient, status, words
):
    hub_server.heads["generator.safetensors"] = status
    message = refusal()
    assert words in message
    assert "lacks" not in message
    hub_server.heads.clear()
    assert load().revision == sha


# a process of its own, which reads the environment


@pytest.mark.slow
def test_the_environment_names_endpoint_home_and_token_and_switches_off(hub_server, sha, tmp_path):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "STYLEMASK_"))}
    own = {"HF_ENDPOINT": hub_server.url, "HF_HOME": str(tmp_path / "home")}
    own |= dict.fromkeys(("HF_HUB_DOWNLOAD_TIMEOUT", "HF_HUB_ETAG_TIMEOUT"), f"{PATIENCE:.0f}")
    command = [sys.executable, "-m", "stylemask", "info", "--json", "--model", REPO]

    def info(**variables: str) -> subprocess.CompletedProcess:
        environment = {**clean, **own, "HF_HUB_DISABLE_XET": "1", **variables}
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=PATIENCE
        )

    hub_server.repositories[REPO].private = True
    assert sha in info(HF_TOKEN=hub_server.token).stdout
    assert (tmp_path / "home" / "hub" / "models--user--tiny").is_dir()
    hub_server.requests.clear()
    assert sha in info(HF_HUB_OFFLINE="1").stdout
    assert hub_server.requests == []
    done = info(HF_HUB_OFFLINE="1", HF_HOME=str(tmp_path / "empty"))
    assert done.returncode == 1
    assert done.stderr.startswith("stylemask: error: user/tiny is not in the cache")
    assert done.stderr.count("\n") == 1
