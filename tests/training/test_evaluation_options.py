"""Evaluation: chosen methods, sharpness, and photos."""

import json

import torch
from PIL import Image

from tests.support.evaluation_fixtures import refused
from tests.support.helpers import face
from training import evaluate
from training.evaluation.measurement import gradient_energy

pytest_plugins = ["tests.support.evaluation_fixtures"]


def test_methods_that_are_named_are_measured_alone_and_an_unknown_one_is_refused(folders, capsys):
    evaluate.main([*folders, "--pairs", "2", "--json", "--methods", "stylemask"])
    figures = json.loads(capsys.readouterr().out)
    assert figures["baselines"] == {}
    assert "sweep" not in figures
    evaluate.main([*folders, "--pairs", "2", "--json", "--methods", "exact,stylemask"])
    assert set(json.loads(capsys.readouterr().out)["baselines"]) == {"exact"}
    line = refused(capsys, *folders, "--pairs", "2", "--methods", "exact,nothing")
    assert "there is no method 'nothing': choose among stylemask, source" in line


def test_sharpness_is_one_for_the_picture_itself_and_less_for_a_smooth_one():
    sharp = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.avg_pool2d(sharp, 3, 1, 1)
    ratio = gradient_energy(smooth).mean() / gradient_energy(sharp).mean()
    assert gradient_energy(torch.ones(1, 3, 8, 8)).max() == 0
    assert ratio < 0.3
    wedge = torch.arange(8.0).expand(1, 3, 8, 8)
    assert gradient_energy(wedge)[..., :-1].unique().tolist() == [1.0]


def test_inverted_photos_are_held_to_the_pose_of_a_reference(folders, tmp_path, capsys):
    photos, entries = tmp_path / "photos", {}
    photos.mkdir()
    for seed in range(4):
        face(photos / f"{seed}.png", seed, (64, 64))
        points = [[22.0, 26.0], [42.0, 26.0], [25.0, 45.0], [39.0, 45.0]]
        smaller = {"points": [[1, 1], [3, 1], [1, 3], [3, 3]], "yaw": 90, "pitch": 0}
        own = {"points": points, "yaw": 10.0 * seed, "pitch": 5.0}
        entries[f"{seed}.png"] = {"size": [64, 64], "faces": [own, smaller]}
    entries["gone.png"] = entries["0.png"]
    entries["empty.png"] = {"size": [64, 64], "faces": []}
    (photos / "faces.json").write_text(json.dumps(entries))
    evaluate.main([*folders, "--photos", str(photos), "-o", str(tmp_path / "out")])
    captured = capsys.readouterr()
    figures = json.loads(captured.out)
    assert (figures["photos"], figures["skipped"]) == (4, 1)
    assert "skipped gone.png" in captured.err
    assert figures["yaw_error_deg"] > 0
    assert -1 <= figures["yaw_correlation"] <= 1
    with Image.open(tmp_path / "out" / "photos.png") as sheet:
        assert sheet.size == (3 * 3 * 16, 2 * 16)
    (photos / "faces.json").write_text("[]")
    assert "cannot read" in refused(capsys, *folders, "--photos", photos)


def test_photos_are_paired_and_what_cannot_be_used_is_named(folders, short_fits, tmp_path, capsys):
    photos = tmp_path / "photos"
    for seed in range(3):
        face(photos / f"{seed}.png", seed)
    (photos / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n cut off")
    (photos / "notes.txt").write_text("no picture")
    evaluate.main([*folders, "--images", str(photos), "--json"])
    captured = capsys.readouterr()
    figures = json.loads(captured.out)
    assert (figures["photos"], figures["skipped"], figures["pairs"]) == (3, 2, 6)
    assert figures["csim"] <= 1
    assert figures["baselines"]["target"]["csim"] < 1
    assert "l1_ratio" not in figures
    assert set(figures["baselines"]) == {"source", "target", "w_plus_swap", "fewer_layers"}
    skipped = [line for line in captured.err.splitlines() if line.startswith("skipped")]
    assert [line.split(":")[0] for line in skipped] == ["skipped broken.png", "skipped notes.txt"]
