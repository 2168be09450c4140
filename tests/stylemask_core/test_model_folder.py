"""Model folders: loading is strict, and saving happens whole or not at all."""

import os
import signal
import stat
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from stylemask.cli.main import main
from stylemask.cli.model_commands import Push
from stylemask_core import WeightsError
from stylemask_core.models import model_folder
from tests.support.helpers import change_config, change_tensors


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_sound_folder_loads_tensor_for_tensor(tiny_folder, tiny_model):
    loaded = model_folder.load_model(tiny_folder)
    assert (loaded.config, loaded.card) == (tiny_model.config, tiny_model.card)
    for part in model_folder.PARTS:
        expected = getattr(tiny_model, part).state_dict()
        found = getattr(loaded, part).state_dict()
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[name], expected[name]) for name in expected)
        assert not getattr(loaded, part).training
        assert not any(x.requires_grad for x in getattr(loaded, part).parameters())


def test_float16_on_disk_becomes_float32_in_memory(tiny_model, tmp_path):
    model_folder.save_model(tmp_path / "half", tiny_model, torch.float16)
    on_disk = load_file(tmp_path / "half" / "generator.safetensors")
    assert {x.dtype for x in on_disk.values()} == {torch.float16}
    loaded = model_folder.load_model(tmp_path / "half").generator.state_dict()
    assert {x.dtype for x in loaded.values()} == {torch.float32}
    torch.testing.assert_close(loaded["const"], on_disk["const"].float())


def test_a_model_card_is_not_needed_to_load(own_folder):
    (own_folder / "README.md").unlink()
    assert model_folder.load_model(own_folder).card == ""


@pytest.mark.parametrize("part", model_folder.PARTS)
@pytest.mark.parametrize("kept", [None, 0, 4, 100, -1])
def test_a_missing_or_truncated_file_is_named(own_folder, part, kept):
    path = own_folder / f"{part}.safetensors"
    content = path.read_bytes()
    path.unlink()
    if kept is not None:
        path.write_bytes(content[:kept])
    with pytest.raises(WeightsError, match=rf"{part}\.safetensors"):
        model_folder.load_model(own_folder)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "missing"),
        (torch.zeros(1, 12, 4, 3), r"shape \[1, 12, 4, 3\].*\[1, 12, 4, 4\]"),
        (torch.full((1, 12, 4, 4), float("nan")), "not finite"),
        (torch.full((1, 12, 4, 4), float("-inf"), dtype=torch.float16), "not finite"),
        (torch.zeros(1, 12, 4, 4, dtype=torch.int64), "floating point"),
    ],
)
def test_an_unusable_tensor_is_named_with_its_file(own_folder, value, message):
    change_tensors(own_folder, "generator", const=value)
    with pytest.raises(WeightsError, match=rf"generator\.safetensors.*const.*{message}"):
        model_folder.load_model(own_folder)


def test_an_extra_tensor_is_named_with_its_file(own_folder):
    change_tensors(own_folder, "mask_network", layers__b4_conv1__9=torch.zeros(1))
    with pytest.raises(WeightsError, match=r"mask_network\.safetensors.*layers\.b4_conv1\.9"):
        model_folder.load_model(own_folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"flavour": "sweet"}, "flavour"),
        ({"resolution": None}, "resolution"),
        ({"channels": {"4": 10**7, "8": 8, "16": 8}}, "channels"),
        ({"channels": {"4": 4096, "8": 4096, "16": 4096}}, "shape"),
        ({"noise": False}, "noise"),
        ({"masked_layers": 4}, "missing"),
        ({"masked_layers": 2}, "not part of the model"),
    ],
)
def test_a_config_that_does_not_fit_is_refused(own_folder, changes, message):
    change_config(own_folder, **changes)
    with pytest.raises(WeightsError, match=message):
        model_folder.load_model(own_folder)


def test_saving_replaces_a_model_and_leaves_nothing_else_behind(own_folder, tiny_model):
    (own_folder / "encoder.safetensors").write_bytes(b"old")
    model_folder.save_model(own_folder, tiny_model)
    assert model_folder.load_model(own_folder).config == tiny_model.config
    assert [path.name for path in own_folder.parent.iterdir()] == ["own"]


def test_a_saved_model_can_be_read_by_others(tiny_folder):
    for path in [tiny_folder, *tiny_folder.iterdir()]:
        assert path.stat().st_mode & stat.S_IROTH


def test_saving_into_an_empty_folder_or_a_new_one_within_new_ones_works(tiny_model, tmp_path):
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "new" / "within"):
        model_folder.save_model(folder, tiny_model)
        assert model_folder.load_model(folder).config == tiny_model.config


@pytest.mark.parametrize("interrupted", ["before", "after"])
@pytest.mark.parametrize("moved", ["own", "model"])
def test_an_interrupted_save_leaves_the_old_model_or_the_new_one(
    own_folder, tiny_model, monkeypatch, moved, interrupted
):
    replace = Path.replace
    (own_folder / "README.md").write_text("old")

    def interrupting(self, target):
        if self.name == moved and interrupted == "before":
            raise KeyboardInterrupt
        replace(self, target)
        if self.name == moved:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Path, "replace", interrupting)
        model_folder.save_model(own_folder, tiny_model)
    done = (moved, interrupted) == ("model", "after")
    assert model_folder.load_model(own_folder).card == (tiny_model.card if done else "old")
    assert [path.name for path in own_folder.parent.iterdir()] == ["own"]


@pytest.mark.parametrize("failing_part", model_folder.PARTS)
def test_a_save_that_fails_half_way_leaves_the_old_model(
    own_folder, tiny_model, monkeypatch, failing_part
):
    before = contents(own_folder)

    def full_disk(tensors, path, metadata):
        if failing_part in path.name:
            path.write_bytes(b"half")
            raise OSError(28, "No space left on device")
        save_file(tensors, path, metadata)

    monkeypatch.setattr(model_folder, "save_file", full_disk)
    with pytest.raises(WeightsError, match="No space left"):
        model_folder.save_model(own_folder, tiny_model)
    assert contents(own_folder) == before
    assert [path.name for path in own_folder.parent.iterdir()] == ["own"]


@pytest.mark.parametrize("name", ["holiday.jpg", "README.md", "config.json.bak"])
def test_saving_refuses_a_folder_that_is_no_model(tiny_model, tmp_path, name):
    (tmp_path / name).write_text("precious")
    with pytest.raises(WeightsError, match="no model folder"):
        model_folder.save_model(tmp_path, tiny_model)
    assert contents(tmp_path) == {name: b"precious"}


def test_saving_refuses_a_model_folder_that_holds_other_files_too(own_folder, tiny_model):
    (own_folder / "notes.txt").write_text("precious")
    with pytest.raises(WeightsError, match=r"notes\.txt"):
        model_folder.save_model(own_folder, tiny_model)
    assert (own_folder / "notes.txt").read_text() == "precious"


@pytest.mark.parametrize("below", ["file", "file/model"])
def test_saving_to_a_place_that_cannot_be_a_folder_is_refused(tiny_model, tmp_path, below):
    (tmp_path / "file").write_text("precious")
    with pytest.raises(WeightsError, match="cannot write"):
        model_folder.save_model(tmp_path / below, tiny_model)
    assert (tmp_path / "file").read_text() == "precious"


# a folder that is written part by part


@pytest.mark.parametrize("value", [70_000.0, float("nan")])
def test_values_that_the_chosen_type_cannot_hold_are_refused_by_name(tmp_path, value):
    with pytest.raises(WeightsError, match=r"generator\.safetensors: w .*not finite as float16"):
        model_folder.write_part(tmp_path, "generator", {"w": torch.tensor([value])}, torch.float16)
    assert list(tmp_path.iterdir()) == []


def aged(path: Path) -> Path:
    """Let a folder seem two hours old."""
    os.utime(path, (time.time() - 7200,) * 2)
    return path


def test_drafts_of_killed_writers_are_removed_by_the_next_one(tmp_path, tiny_model):
    (tmp_path / ".own-ab12_x9z" / "model").mkdir(parents=True)
    aged(tmp_path / ".own-ab12_x9z")
    model_folder.save_model(tmp_path / "own", tiny_model)
    assert [path.name for path in tmp_path.iterdir()] == ["own"]


@pytest.mark.parametrize(
    ("name", "content", "old"),
    [
        (".own-ab12_x9z", "model", False),  # somebody may be writing
        (".own-ab12_x9z", "photos", True),  # no draft
        (".own-too_long_to_be_one", "model", True),
        (".other-ab12_x9z", "model", True),
        (".own-ab12_x9z", "replaced", True),  # the only copy of a model that was being replaced
    ],
)
def test_nothing_else_is_removed(tmp_path, tiny_model, name, content, old):
    (tmp_path / name / content).mkdir(parents=True)
    if old:
        aged(tmp_path / name)
    model_folder.save_model(tmp_path / "own", tiny_model)
    assert (tmp_path / name / content).is_dir()


def test_a_terminated_command_leaves_no_draft_and_the_old_model(own_folder, monkeypatch):
    before = contents(own_folder)

    def run(command) -> int:
        """Take the place of a command."""
        with model_folder.new_model_folder(own_folder) as draft:
            (draft / "config.json").write_text("half")
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)
        return 0

    handler = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(Push, "run", run)
    with pytest.raises(SystemExit) as caught:
        main(["push", "folder", "user/repo"])
    assert caught.value.code == 143
    assert contents(own_folder) == before
    assert [path.name for path in own_folder.parent.iterdir()] == ["own"]
    assert signal.getsignal(signal.SIGTERM) == handler


def test_a_save_that_fails_at_the_last_step_leaves_the_old_model(
    own_folder, tiny_model, monkeypatch
):
    before, replace = contents(own_folder), Path.replace

    def failing(self, target):
        if self.name == "model":
            raise OSError(5, "Input/output error")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(WeightsError, match="Input/output"):
        model_folder.save_model(own_folder, tiny_model)
    assert contents(own_folder) == before
