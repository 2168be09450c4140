"""What all trainings share: exact resume, checkpoints that are refused, full disks, early stop."""

import argparse
import json
import math
import socket
import sys

import pytest
import torch
from torch import nn

from tests.support.training_fixtures import log
from training.checkpoint import BEST_FILE, STATE_FILE
from training.metrics import METRICS_FILE
from training.run import TrainingRun, averaged_weights, options, prepare


def linear_run(
    folder, arguments: tuple[str, ...] = (), patience: int = 0, frozen: nn.Module | None = None
) -> tuple[TrainingRun, nn.Linear]:
    torch.manual_seed(0)
    module = nn.Linear(3, 2)
    parser = options("", "unused", images=320, batch=16)
    args = parser.parse_args(["--log-every", "1", "--device", "cpu", "-o", str(folder), *arguments])
    groups = [{"params": list(module.parameters())}]
    networks = {"frozen": frozen} if frozen else {}
    run = TrainingRun(args, {"linear": module}, groups, 1e-2, frozen=networks, patience=patience)
    return run, module


def take_steps(run: TrainingRun, module: nn.Linear, stop_at: int) -> list[float]:
    losses = []
    for _ in run.steps():
        x = torch.randn(16, 3, generator=run.random)
        loss = (module(x) - x[:, :2].square()).square().mean()
        run.descend(loss)
        losses.append(loss.item())
        if run.step == stop_at:
            break
    return losses


def test_the_log_of_a_run_that_lost_steps_reads_as_if_it_had_not_been_cut(tmp_path):
    take_steps(*linear_run(tmp_path / "whole"), stop_at=20)
    first, module = linear_run(tmp_path / "cut", ("--save-every", "5"))
    take_steps(first, module, stop_at=8)  # what came after the fifth was never saved
    path = tmp_path / "cut" / METRICS_FILE
    path.write_text(path.read_text() + '{"step": 9, "lo')
    second, module = linear_run(tmp_path / "cut", ("--save-every", "5"))
    assert second.step == 5
    take_steps(second, module, stop_at=20)
    assert log(tmp_path / "cut") == log(tmp_path / "whole")
    assert [line["step"] for line in log(tmp_path / "cut")] == list(range(1, 21))


def test_a_run_records_arguments_versions_seed_and_configuration_beside_its_result(tmp_path):
    linear_run(tmp_path, ("--seed", "3"))
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["arguments"]["seed"] == record["configuration"]["seed"] == 3
    assert record["versions"]["torch"] == torch.__version__
    assert record["first_step"] == 0


def test_a_checkpoint_of_another_configuration_is_refused_naming_the_fields(tmp_path):
    linear_run(tmp_path)[0].save()
    before = (tmp_path / STATE_FILE).read_bytes()
    record = (tmp_path / "run.json").read_bytes()
    with pytest.raises(SystemExit) as caught:
        linear_run(tmp_path, ("--batch", "8", "--precision", "float32"))
    message = str(caught.value)
    assert "batch (16, not 8), precision (auto, not float32)" in message
    assert len(message.splitlines()) == 1
    assert (tmp_path / STATE_FILE).read_bytes() == before
    assert (tmp_path / "run.json").read_bytes() == record


def test_length_and_place_of_a_run_may_change(tmp_path):
    run, module = linear_run(tmp_path / "a", ("--images", "160"))
    take_steps(run, module, stop_at=10)
    run.save()
    (tmp_path / "a").rename(tmp_path / "b")
    longer, _ = linear_run(tmp_path / "b", ("--images", "320", "--minutes", "9", "--threads", "2"))
    assert longer.step == 10
    assert longer.fraction == 0.5


def test_other_weights_of_a_frozen_network_are_another_configuration(tmp_path):
    torch.manual_seed(1)
    frozen = nn.Linear(2, 2)
    linear_run(tmp_path, frozen=frozen)[0].save()
    assert linear_run(tmp_path, frozen=frozen)[0].step == 0
    with torch.no_grad():
        frozen.weight[0, 0] += 1e-6
    with pytest.raises(SystemExit, match="differs in frozen"):
        linear_run(tmp_path, frozen=frozen)


def test_a_loss_that_is_not_finite_stops_the_run_and_names_step_and_term(tmp_path):
    run, module = linear_run(tmp_path, ("--log-every", "50"))
    with pytest.raises(SystemExit, match="step 6: the eye loss is nan") as caught:
        for _ in run.steps():
            shape = module(torch.randn(16, 3, generator=run.random)).square().mean()
            eye = shape * (math.nan if run.step == 5 else 1.0)
            run.descend({"shape": shape, "eye": eye})
            if run.step == 4:
                run.save()
    assert len(str(caught.value).splitlines()) == 1
    assert linear_run(tmp_path)[0].step == 4
    weights = averaged_weights(tmp_path, "linear")
    assert all(x.isfinite().all() for x in weights.values())


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    run, module = linear_run(tmp_path)
    take_steps(run, module, stop_at=3)
    run.save()
    with torch.no_grad():
        module.bias[0] = math.inf
    with pytest.raises(SystemExit, match="step 3: module/linear/bias has values that are not"):
        run.save()
    assert averaged_weights(tmp_path, "linear")["bias"].isfinite().all()


def test_a_full_disk_keeps_the_previous_checkpoint_and_leaves_no_part_file(tmp_path):
    run, module = linear_run(tmp_path)
    take_steps(run, module, stop_at=3)
    run.save()
    before = (tmp_path / STATE_FILE).read_bytes()
    part = (tmp_path / STATE_FILE).with_suffix(".part")
    part.symlink_to("/dev/full")  # whatever is written there meets a full disk
    with pytest.raises(SystemExit, match="No space left on device; what was there is kept"):
        take_steps(run, module, stop_at=21)
    assert (tmp_path / STATE_FILE).read_bytes() == before
    assert not part.is_symlink()
    assert linear_run(tmp_path)[0].step == 3


def test_a_damaged_checkpoint_and_one_of_other_networks_are_refused_in_one_line(tmp_path):
    run, _ = linear_run(tmp_path)
    run.save()
    run.modules["linear"], run.averages["linear"] = nn.Linear(5, 5), nn.Linear(5, 5)
    run.save()
    with pytest.raises(SystemExit, match="checkpoint of other networks"):
        linear_run(tmp_path)
    (tmp_path / STATE_FILE).write_bytes(b"\x08" + bytes(40))
    with pytest.raises(SystemExit, match="is no checkpoint, or is damaged"):
        linear_run(tmp_path)


def test_validations_without_improvement_stop_the_run_and_the_best_weights_stay(tmp_path):
    scores = iter([3.0, 2.0, 2.5, 2.0, 9.0])
    run, module = linear_run(tmp_path, patience=2)
    for _ in run.steps():
        run.descend(module(torch.randn(16, 3, generator=run.random)).square().mean())
        run.judge(score := next(scores), {"validation": score})
        if run.step == 2:
            best = run.averages["linear"].weight.clone()
    assert run.step == 4
    assert torch.equal(averaged_weights(tmp_path, "linear", BEST_FILE)["weight"], best)
    assert not torch.equal(averaged_weights(tmp_path, "linear")["weight"], best)
    assert [line["validation"] for line in log(tmp_path) if "validation" in line] == [
        3,
        2,
        2.5,
        2,
    ]
    again, _ = linear_run(tmp_path, patience=2)
    assert list(again.steps()) == []
    assert again.best == 2.0


def test_a_missing_run_or_network_is_named_in_one_line(tmp_path):
    with pytest.raises(SystemExit, match="holds no training run"):
        averaged_weights(tmp_path, "generator")
    linear_run(tmp_path)[0].save()
    with pytest.raises(SystemExit, match="not one of generator"):
        averaged_weights(tmp_path, "generator")


def test_an_entry_for_one_process_refuses_several(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    args = argparse.Namespace(device="cpu", threads=1, seed=0)
    with pytest.raises(SystemExit, match="one process"):
        prepare(args)


def test_trackio_keeps_the_figures_on_this_machine(tmp_path, monkeypatch):
    def no_network(self: socket.socket, address: object) -> None:
        raise AssertionError(f"a connection to {address}")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    folder = tmp_path / "my_run"
    run, module = linear_run(folder, ("--trackio", "--images", "32"))
    losses = take_steps(run, module, stop_at=2)
    list(run.steps())  # ends the run
    from trackio.sqlite_storage import SQLiteStorage

    assert [entry["loss"] for entry in SQLiteStorage.get_logs("stylemask", "my_run")] == losses
    assert [line["loss"] for line in log(folder)] == losses


def test_trackio_that_is_missing_is_named_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "trackio", None)
    with pytest.raises(SystemExit, match=r"pip install 'stylemask\[training\]'"):
        linear_run(tmp_path, ("--trackio",))


def test_a_run_planned_in_minutes_counts_those_of_earlier_sittings(tmp_path, monkeypatch):
    module = nn.Linear(3, 2)

    def sitting() -> TrainingRun:
        parser = options("", "unused", images=1, batch=1)
        args = parser.parse_args(["--schedule-minutes", "10", "-o", str(tmp_path)])
        return TrainingRun(args, {"linear": module}, [{"params": module.parameters()}], 1e-2)

    first = sitting()
    monkeypatch.setattr(TrainingRun, "elapsed_minutes", lambda _: 4.0)
    first.save()
    assert first.fraction == pytest.approx(0.4)
    monkeypatch.setattr(TrainingRun, "elapsed_minutes", lambda _: 3.5)
    second = sitting()
    assert second.fraction == pytest.approx(0.75)
    monkeypatch.setattr(TrainingRun, "elapsed_minutes", lambda _: 6.0)
    assert second.fraction == 1
    assert list(second.steps()) == []


def test_the_rate_is_held_and_only_then_falls(tmp_path):
    module = nn.Linear(1, 1)
    parser = options("", "unused", images=400, batch=1)
    args = parser.parse_args(["--log-every", "1", "--device", "cpu", "-o", str(tmp_path)])
    groups = [{"params": list(module.parameters())}]
    run = TrainingRun(args, {"linear": module}, groups, 1e-2, hold=0.75)
    for _ in run.steps():
        run.descend(module(torch.ones(1, 1)).square().mean())
    rates = [line["learning_rate"] for line in log(tmp_path)]
    assert rates[100:300] == pytest.approx([1e-2] * 200)
    assert rates[301:] == sorted(rates[301:], reverse=True)
    assert rates[-1] == pytest.approx(3e-4, rel=0.05)


def test_a_run_that_was_cut_goes_on_with_the_same_losses_to_the_last_digit(tmp_path):
    whole = take_steps(*linear_run(tmp_path / "whole"), stop_at=20)
    first, module = linear_run(tmp_path / "cut")
    before = take_steps(first, module, stop_at=7)
    first.save()
    after = take_steps(*linear_run(tmp_path / "cut"), stop_at=20)
    assert len(whole) == 20
    assert before + after == whole


def test_the_weight_average_lags_behind_and_is_what_a_run_hands_on(tmp_path):
    run, module = linear_run(tmp_path)
    take_steps(run, module, stop_at=20)
    run.save()
    averaged = averaged_weights(tmp_path, "linear")
    assert set(averaged) == {"weight", "bias"}
    assert torch.equal(averaged["weight"], run.averages["linear"].weight)
    assert not torch.equal(averaged["weight"], module.weight)


def test_a_state_without_a_configuration_is_one_of_an_earlier_version_and_goes_on(
    tmp_path, monkeypatch
):
    run, module = linear_run(tmp_path)
    take_steps(run, module, stop_at=4)
    run.configuration = {}
    run.save()
    assert linear_run(tmp_path, ("--batch", "8"))[0].step == 4
