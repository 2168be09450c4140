"""Training of masks: supervision, kills, several processes, validation, what is refused."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from stylemask_core.models import model_folder
from tests.support.helpers import PATIENCE, ROOT
from tests.support.training_fixtures import log
from training import mask
from training.checkpoint import BEST_FILE, STATE_FILE

pytest_plugins = ["tests.support.training_fixtures"]
pytestmark = pytest.mark.usefixtures("own_settings")

# Ends the process within the step after a number, as a machine that loses its power would.
CUT_OFF = """
import os, signal, sys
from torch.optim import Adam
from training import mask
steps, step = [], Adam.step
def counted(*values, **named):
    steps.append(1)
    if len(steps) > int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)
    return step(*values, **named)
Adam.step = counted
mask.main(sys.argv[2:])
"""
SHORT = ["--images", "20", "--batch", "4", "--log-every", "1"]  # five steps
SHORT += ["--validate-every", "3", "--validation-pairs", "4"]


def command(model: Path, output: Path, *more: str) -> list[str]:
    return ["--model", str(model), "-o", str(output), "--device", "cpu", *SHORT, *more]


def test_a_killed_training_goes_on_with_the_same_losses_to_the_last_digit(heads_folder, tmp_path):
    longer = ["--images", "40", "--validate-every", "4"]
    mask.main(command(heads_folder, tmp_path / "whole", *longer))
    cut = command(heads_folder, tmp_path / "cut", *longer, "--save-every", "3")
    killed = subprocess.run([sys.executable, "-c", CUT_OFF, "5", *cut], cwd=ROOT, timeout=PATIENCE)
    assert killed.returncode == -signal.SIGKILL
    assert log(tmp_path / "cut")[-1]["step"] == 5
    mask.main(cut)
    record = json.loads((tmp_path / "cut" / "run.json").read_text())
    assert record["first_step"] == 3
    assert log(tmp_path / "cut") == log(tmp_path / "whole")
    first, second = (load_file(tmp_path / name / STATE_FILE) for name in ("whole", "cut"))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_two_processes_take_the_steps_of_one_with_the_doubled_batch(heads_folder, tmp_path):
    mask.main(command(heads_folder, tmp_path / "one"))
    launch = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    launch += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"]
    launch += ["--main_process_port", "0", "-m", "training.mask"]
    arguments = command(heads_folder, tmp_path / "two", "--batch", "2")
    done = subprocess.run(
        [sys.executable, *launch, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "two" / "run.json").read_text())["processes"] == 2
    one, two = log(tmp_path / "one"), log(tmp_path / "two")
    assert [line.keys() for line in one] == [line.keys() for line in two]
    for a, b in zip(one, two, strict=True):
        assert list(b.values()) == pytest.approx(list(a.values()), rel=1e-5)
    first, second = (load_file(tmp_path / name / STATE_FILE) for name in ("one", "two"))
    for name in (name for name in first if name.startswith("module/")):
        torch.testing.assert_close(second[name], first[name], rtol=1e-5, atol=1e-6)


def test_every_validation_leaves_figures_and_a_grid_of_pictures(heads_folder, tmp_path):
    mask.main(command(heads_folder, tmp_path))
    steps = [line["step"] for line in log(tmp_path) if "validation/l1_ratio" in line]
    assert steps == [3, 5]
    grids = sorted((tmp_path / "validation").iterdir())
    assert [grid.name for grid in grids] == ["0000003.png", "0000005.png"]
    with Image.open(grids[0]) as grid:  # source | target | reenacted | exact, four pairs
        assert grid.size == (4 * 16, 4 * 16)
    assert (tmp_path / BEST_FILE).exists()


def test_fewer_masked_layers_from_the_models_own_masks_make_a_model_folder_that_works(
    heads_folder, tmp_path
):
    more = ["--masked-layers", "3", "--init", "model", "--lr", "1e-9"]
    mask.main(command(heads_folder, tmp_path / "run", *more, "--export", str(tmp_path / "model")))
    model, before = (
        model_folder.load_model(tmp_path / "model"),
        model_folder.load_model(heads_folder),
    )
    assert model.config.masked_layers == 3
    assert before.config.masked_layers == 5
    weights, own = (x.mask_network.state_dict() for x in (model, before))
    assert set(weights) == {name for name in own if "b16" not in name}
    for name, tensor in weights.items():
        torch.testing.assert_close(tensor, own[name], rtol=0, atol=1e-6)
    assert torch.equal(model.generator.const, before.generator.const)
    again = mask.best_masks(tmp_path / "run").state_dict()
    assert all(torch.equal(again[name], weights[name]) for name in weights)


def test_another_models_run_is_not_gone_on_with(heads_folder, own_folder, tmp_path):
    mask.main(command(heads_folder, tmp_path / "run", "--images", "4"))
    other = model_folder.load_model(heads_folder)
    with torch.no_grad():
        other.generator.const.add_(0.01)
    model_folder.save_model(tmp_path / "other", other)
    with pytest.raises(SystemExit, match=r"differs in generator \(\w{12}, not \w{12}\)"):
        mask.main(command(tmp_path / "other", tmp_path / "run", "--images", "4"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--stages", "32:1"], "draws at 4, 8, 16 px, not at 32"),
        (["--init", "nowhere"], "nowhere holds no training run"),
        (["--masked-layers", "9"], "masked_layers must lie in 1…5"),
        (["--model", "nowhere"], "no model folder at 'nowhere'"),
    ],
)
def test_options_that_do_not_fit_the_model_end_with_one_line(
    heads_folder, tmp_path, arguments, words
):
    with pytest.raises(SystemExit) as caught:
        mask.main(command(heads_folder, tmp_path, *arguments))
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert not (tmp_path / STATE_FILE).exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--generator", "runs/generator"], "not allowed with argument --model"),
        (["--truncation", "0.7"], "without truncation alone"),
        (["--face-model", "deca"], "compared without one"),
        (["--batch", "0"], "--batch must be 1 or more"),
    ],
)
def test_options_that_contradict_each_other_end_with_one_line(
    heads_folder, tmp_path, capsys, arguments, words
):
    with pytest.raises(SystemExit) as caught:
        mask.main(command(heads_folder, tmp_path, *arguments))
    assert caught.value.code == 2
    assert words in capsys.readouterr().err.splitlines()[-1]


def test_of_other_models_than_heads_no_exact_answer_is_known(tiny_folder, tmp_path):
    with pytest.raises(SystemExit, match="not synthetic heads: of that no exact answers are known"):
        mask.main(command(tiny_folder, tmp_path))
    more = ["--supervision", "paper", "--face-model", "heads"]
    with pytest.raises(SystemExit, match="read synthetic heads alone"):
        mask.main(command(tiny_folder, tmp_path, *more))
    with pytest.raises(SystemExit, match="deca: name the folder"):
        mask.main(command(tiny_folder, tmp_path, "--supervision", "paper"))
