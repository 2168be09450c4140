"""Fetching the official checkpoints: from a Hub and a file host on loopback, with their clients."""

import dataclasses
import random
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import gdown  # noqa: F401 (its modules are changed below)
import pytest
import torch
from filelock import FileLock
from huggingface_hub import constants, file_download

from stylemask.convert import checkpoints, fetch
from stylemask_core import StyleMaskPipeline, WeightsError
from stylemask_core.models import cache, model_folder
from tests.support.checkpoints import write_checkpoints

ZIP = b"PK\x03\x04"
PAGE = b"<!DOCTYPE html><html>Google Drive - Quota exceeded</html>"
CHUNK = 1000  # [B] what a cut download keeps is a multiple of it
FETCH = ("fetch", "ffhq")


class Official:
    """The three files as their hosts hold them, and what was converted."""

    def __init__(self, server, monkeypatch, contents: dict[str, bytes]) -> None:
        self.server, self.contents = server, contents
        self.converted: list[torch.dtype] = []
        for part in ("generator", "encoder"):
            file = getattr(fetch, part.upper())
            known = dataclasses.replace(file, size=len(contents[part]))
            monkeypatch.setattr(fetch, part.upper(), known)
            server.hold(file.repo_id, {file.path: contents[part], "large.bin": bytes(10)})
        server.drive["mask.pt"] = contents["mask_network"]
        size = len(contents["mask_network"])
        known = dataclasses.replace(
            fetch.MASK_NETWORK, url=f"{server.url}/drive/mask.pt", sizes=(size - 100, size + 100)
        )
        monkeypatch.setattr(fetch, "MASK_NETWORK", known)

    def asked(self, host: str) -> list[str | None]:
        """The ranges of the downloads from a host ("cdn" or "drive"); None for a whole file."""
        return [
            request.range
            for request in self.server.requests
            if request.method == "GET" and request.path.startswith(f"/{host}/")
        ]


@pytest.fixture
def official(hub_server, monkeypatch, tiny_model):
    """Random bytes in place of the checkpoints, and a tiny model in place of their conversion."""
    numbers = random.Random(0)
    parts = ("generator", "mask_network", "encoder")
    found = Official(
        hub_server, monkeypatch, {part: ZIP + numbers.randbytes(20 * CHUNK) for part in parts}
    )

    def fake(generator, mask_network, encoder, folder, dtype, on_step):
        given = {"generator": generator, "mask_network": mask_network, "encoder": encoder}
        assert {part: path.read_bytes() for part, path in given.items()} == found.contents
        on_step("converting")
        found.converted.append(dtype)
        model_folder.save_model(folder, tiny_model, dtype)

    monkeypatch.setattr(checkpoints, "convert", fake)
    monkeypatch.setattr(file_download, "time", SimpleNamespace(sleep=lambda seconds: None))
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", CHUNK)
    monkeypatch.setattr(sys.modules["gdown.download"], "CHUNK_SIZE", CHUNK)
    monkeypatch.setattr(sys.modules["gdown.download"], "_wait_or_cancel", lambda **_: None)
    return found


def kept() -> list[str]:
    downloads = fetch.downloads_folder()
    files = {path.relative_to(downloads) for path in downloads.rglob("*") if path.is_file()}
    return sorted(path.name for path in files if path.parts[0] not in (".lock", ".cache"))


def refusal(**options) -> str:
    with pytest.raises(WeightsError) as caught:
        fetch.fetch_ffhq(**options)
    return str(caught.value)


# a fetch that succeeds


def test_fetch_writes_the_model_that_ffhq_names_and_deletes_what_it_downloaded(official, stylemask):
    code, out, err = stylemask(*FETCH)
    folder = cache.default_ffhq_folder()
    assert (code, out) == (0, "")
    told = [f"downloading {fetch.MASK_NETWORK.name} from Google Drive"]
    for file in (fetch.GENERATOR, fetch.ENCODER):
        commit = official.server.repositories[file.repo_id].refs["main"]
        told.append(f"downloading {file.name} from {file.repo_id} at commit {commit}")
    told += ["converting", f"wrote {folder}, use it with --model ffhq"]
    assert err.splitlines() == [f"stylemask: {line}" for line in told]
    assert kept() == []
    loaded = StyleMaskPipeline.from_pretrained("ffhq", device="cpu")
    assert (loaded.name, loaded.config.name, loaded.revision) == ("ffhq", "tiny", "")


def test_ffhq_is_found_where_it_was_last_written(official, stylemask, tmp_path):
    assert "stylemask fetch ffhq" in stylemask("info", "--model", "ffhq")[2]
    for folder, dtype in (("mine", "float32"), ("other", "float16")):
        stylemask(*FETCH, "-o", f"models/{folder}", "--dtype", dtype)
        assert official.converted[-1] == getattr(torch, dtype)
        assert cache.ffhq_folder() == tmp_path / "models" / folder
        assert stylemask("info", "--model", "ffhq")[0] == 0
    stylemask(*FETCH)
    assert cache.ffhq_folder() == cache.default_ffhq_folder()


def test_a_mask_network_that_is_given_is_not_asked_for_and_not_deleted(
    official, stylemask, tmp_path
):
    own = tmp_path / "own.pt"
    own.write_bytes(official.contents["mask_network"])
    assert stylemask(*FETCH, "--mask-network", own)[0] == 0
    assert official.asked("drive") == []
    assert own.is_file()


def test_files_that_are_kept_are_not_downloaded_again(official, stylemask):
    assert "the downloaded files are in" in stylemask(*FETCH, "--keep")[2]
    names = [fetch.GENERATOR.name, fetch.ENCODER.name, fetch.MASK_NETWORK.name]
    assert kept() == sorted(names)
    official.server.requests.clear()
    assert stylemask(*FETCH)[0] == 0
    assert official.server.requests == []
    assert kept() == []


def test_progress_tells_of_every_file_up_to_its_last_byte(official):
    told = {}
    fetch.fetch_ffhq(progress=lambda what, done, total: told.update({what: (done, total)}))
    files = {"generator": fetch.GENERATOR, "encoder": fetch.ENCODER}
    files["mask_network"] = fetch.MASK_NETWORK
    for part, file in files.items():
        assert told[file.name] == (len(official.contents[part]),) * 2


def test_small_checkpoints_in_the_authors_format_are_fetched_and_converted(
    hub_server, monkeypatch, tmp_path
):
    paths = write_checkpoints(tmp_path / "checkpoints")
    Official(hub_server, monkeypatch, {part: path.read_bytes() for part, path in paths.items()})
    fetch.fetch_ffhq(dtype=torch.float16)
    loaded = StyleMaskPipeline.from_pretrained("ffhq", device="cpu")
    assert (loaded.config.encoder, loaded.config.resolution) == ("e4e", 8)


# downloads that stop half-way


def test_a_hub_download_that_was_cut_goes_on_where_it_stopped(official):
    official.server.cuts[fetch.ENCODER.path] = [5 * CHUNK, 3 * CHUNK]
    fetch.fetch_ffhq()
    assert official.asked("cdn") == [None, None, f"bytes={5 * CHUNK}-", f"bytes={8 * CHUNK}-"]


def test_after_a_hub_download_that_failed_what_arrived_whole_is_kept(official):
    official.server.cuts[fetch.ENCODER.path] = [5 * CHUNK] + 5 * [0]
    assert "cannot be reached" in refusal()
    assert kept() == sorted([fetch.GENERATOR.name, fetch.MASK_NETWORK.name])
    assert not cache.default_ffhq_folder().exists()
    official.server.requests.clear()
    fetch.fetch_ffhq()
    assert official.asked("cdn") == [None]
    assert len(official.converted) == 1


def test_a_drive_download_that_was_cut_goes_on_in_the_next_call(official):
    official.server.cuts["mask.pt"] = [5 * CHUNK] + 3 * [0]
    assert "Google Drive refuses mask_network_1024.pt" in refusal()
    official.server.requests.clear()
    fetch.fetch_ffhq()
    assert official.asked("drive")[-1] == f"bytes={5 * CHUNK}-"
    assert len(official.converted) == 1


def test_a_disk_that_fills_up_is_told_and_what_has_arrived_is_kept_but_not_used(
    official, monkeypatch
):
    download = file_download.http_get

    def full_disk(url, temp_file, **options):
        temp_file.write(official.contents["generator"][: 3 * CHUNK])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(file_download, "http_get", full_disk)
    message = refusal()
    assert "the disk is full" in message
    assert "STYLEMASK_HOME" in message
    assert official.converted == []
    monkeypatch.setattr(file_download, "http_get", download)
    official.server.requests.clear()
    fetch.fetch_ffhq()
    assert official.asked("cdn") == [None, None]
    assert official.asked("drive") == []


def test_only_one_process_fetches_at_a_time(official):
    fetch.downloads_folder().mkdir(parents=True)
    with FileLock(fetch.downloads_folder() / ".lock"):
        assert "fetched already" in refusal()
    fetch.fetch_ffhq()


# files that are not what they should be


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (PAGE, "mask_network_1024.pt is a web page"),
        (b"\n  " + PAGE, "mask_network_1024.pt is a web page"),
        (ZIP + bytes(10), "arrived with 14 bytes"),
        (None, "Google Drive refuses mask_network_1024.pt (404"),
    ],
)
def test_what_drive_sends_instead_is_told_with_the_way_out(official, content, message):
    if content is None:
        official.server.drive.clear()
    else:
        official.server.forged["mask.pt"] = content
    line = refusal()
    assert message in line
    by_hand = f"in a browser from {fetch.MASK_NETWORK.url} and give it as --mask-network FILE"
    assert by_hand in line
    assert kept() == []
    assert official.asked("cdn") == []  # the small file comes first


def test_without_gdown_the_ways_out_are_told(official, monkeypatch):
    monkeypatch.setitem(sys.modules, "gdown", None)
    message = refusal()
    assert "pip install 'stylemask[fetch]'" in message
    assert "--mask-network FILE" in message


def test_a_hub_file_of_another_size_than_the_official_one_is_not_downloaded(official, monkeypatch):
    other = dataclasses.replace(fetch.GENERATOR, size=fetch.GENERATOR.size + 1)
    monkeypatch.setattr(fetch, "GENERATOR", other)
    assert "the official file 20,005" in refusal()
    assert official.asked("cdn") == []


def test_wrong_bytes_from_the_hub_are_noticed_and_not_kept(official):
    content = bytearray(official.contents["generator"])
    content[500] ^= 1
    official.server.forged[fetch.GENERATOR.name] = bytes(content)
    assert "arrived damaged" in refusal()
    assert kept() == [fetch.MASK_NETWORK.name]
    official.server.forged.clear()
    fetch.fetch_ffhq()


def test_a_conversion_that_fails_keeps_what_the_hub_vouches_for(official, monkeypatch):
    def failing(*_):
        raise WeightsError("not usable")

    working = checkpoints.convert
    monkeypatch.setattr(checkpoints, "convert", failing)
    assert refusal() == "not usable"
    assert kept() == sorted([fetch.GENERATOR.name, fetch.ENCODER.name])
    monkeypatch.setattr(checkpoints, "convert", working)
    official.server.requests.clear()
    fetch.fetch_ffhq()
    assert official.asked("cdn") == []


# what is told before anything is downloaded


def test_a_folder_that_holds_something_else_is_refused_first(official, refused):
    Path("photos").mkdir()
    Path("photos/a.jpg").write_text("precious")
    assert "no model folder" in refused(1, *FETCH, "-o", "photos")
    assert official.server.requests == []


@pytest.mark.parametrize(
    ("content", "message"),
    [(PAGE, "is a web page"), (b"hello", "is something else"), (None, "cannot read own.pt")],
)
def test_a_mask_network_that_is_no_checkpoint_is_refused_first(official, refused, content, message):
    if content is not None:
        Path("own.pt").write_bytes(content)
    assert message in refused(1, *FETCH, "--mask-network", "own.pt")
    assert official.server.requests == []


def test_a_disk_that_is_too_small_is_refused_first(official, refused, monkeypatch):
    usage = SimpleNamespace(total=2 * 10**9, used=10**9, free=10**9)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    line = refused(1, *FETCH)
    assert "1.3 GB are needed in" in line
    assert "1.0 GB are free" in line
    assert official.server.requests == []
    stale = "fetch of half the size fits"
    assert fetch.MODEL_SIZES[torch.float16] + fetch.SPARE < usage.free, stale
    fetch.fetch_ffhq(dtype=torch.float16)


def test_a_cache_that_cannot_be_written_is_refused_first(official, refused, monkeypatch):
    Path("file").write_text("precious")
    monkeypatch.setenv("STYLEMASK_HOME", "file")
    assert "set STYLEMASK_HOME to another" in refused(1, *FETCH)
    assert official.server.requests == []


@pytest.mark.parametrize("arguments", [(), ("celeba",), ("ffhq", "--dtype", "int8")])
def test_what_cannot_be_fetched_is_bad_usage(refused, arguments):
    refused(2, "fetch", *arguments)
