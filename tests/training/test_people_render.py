"""Rendering people into a folder."""

import argparse
import json
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

from stylemask_core.errors import InvalidInputError, StyleMaskError
from tests.support.helpers import wait_for
from training.people import bake, render, world
from training.people.render import Request, read_shards, render_folder, shard_path
from training.people.renderer import Renderer, create_context

REQUEST = Request(seed=4, count=14, poses_per_person=3, size=16, samples=1, people_per_shard=2)


@pytest.fixture(scope="module", autouse=True)
def egl():
    try:
        create_context()
    except StyleMaskError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A complete folder."""
    folder = tmp_path_factory.mktemp("people")
    render_folder(folder, REQUEST)
    return folder


def contents(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_folder_holds_all_pictures_with_what_names_them(folder):
    shards = list(read_shards(folder))
    assert [len(shard.images) for shard in shards] == [6, 6, 2]
    normals = np.concatenate([shard.normals for shard in shards])
    identity = normals[:12, world.IDENTITY].reshape(4, 3, -1)
    assert np.array_equal(identity[:, 0], identity[:, 2])
    assert len(np.unique(identity[:, 0], axis=0)) == 4
    last = shards[-1]
    again = Renderer(16, 1).render_normals(torch.from_numpy(last.normals[1]))
    assert np.array_equal(again.image, last.images[1])
    assert last.landmarks[1] == pytest.approx(again.landmarks)


def test_processes_that_share_a_folder_draw_what_one_would(folder, tmp_path):
    for text in ("1/2", "0/2"):
        render_folder(tmp_path, REQUEST, render.parse_part(text))
    assert contents(tmp_path) == contents(folder)
    for text in ("2/2", "-1/2", "1", "a/b"):
        with pytest.raises(argparse.ArgumentTypeError, match="is no part: give 0/4 to 3/4"):
            render.parse_part(text)


def test_a_killed_render_goes_on_and_ends_in_the_same_bytes(folder, tmp_path):
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in REQUEST._asdict().items()]
    command = [sys.executable, "-m", "training.people.render", "-o", str(tmp_path), *arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_for(shard_path(tmp_path, 0).exists)
        process.send_signal(signal.SIGKILL)
        process.wait()
    (tmp_path / "shard_00001.part").write_bytes(b"cut")
    render_folder(tmp_path, REQUEST)
    assert contents(tmp_path) == contents(folder)


def test_shards_are_read_while_later_ones_are_missing(folder, tmp_path):
    for name in ("world.json", "shard_00000.npz"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    assert len(list(read_shards(tmp_path))) == 1
    assert list(read_shards(tmp_path, first=1)) == []


def test_a_folder_of_other_pictures_is_left_alone(folder):
    before = contents(folder)
    with pytest.raises(InvalidInputError, match="holds other pictures: name another folder"):
        render_folder(folder, REQUEST._replace(size=32))
    assert contents(folder) == before


def test_pictures_of_another_world_are_not_read(folder, tmp_path):
    described = json.loads((folder / "world.json").read_text())
    described["coordinates"].pop()
    (tmp_path / "world.json").write_text(json.dumps(described))
    with pytest.raises(InvalidInputError, match="rendered of another world"):
        list(read_shards(tmp_path))
    with pytest.raises(InvalidInputError, match="holds no rendered people"):
        list(read_shards(tmp_path / "nothing"))


@pytest.mark.parametrize("change", [{"seed": -1}, {"count": 0}, {"poses_per_person": 0}])
def test_requests_that_cannot_be_met_are_refused_before_anything_is_written(change, tmp_path):
    with pytest.raises(InvalidInputError, match="must be at least 0"):
        render_folder(tmp_path / "new", REQUEST._replace(**change))
    assert not (tmp_path / "new").exists()


def test_the_command_says_what_is_wrong_in_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        render.main(["-o", str(tmp_path), "--size", "5000"])
    assert str(caught.value) == "error: size 5000 must be 16 to 1024 and samples 2 1 to 4"


@pytest.mark.parametrize(
    ("module", "start", "expected"),
    [
        ("moderngl", lambda folder: render.main(["-o", str(folder)]), r"stylemask\[training\]"),
        ("anny", lambda folder: bake.main([]), r"stylemask\[bake\]"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(module, start, expected, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, "training.people.renderer")
    with pytest.raises(SystemExit, match=rf"^error: .*{module}.*{expected}"):
        start(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_the_benchmark_measures_both_rates():
    said = render.benchmark(16, 1, people=2)
    assert "new people and" in said
    assert "a second of processor time" in said
