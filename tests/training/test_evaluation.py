"""Evaluation: bootstrap, matched identity, methods and baselines, what programs and people read."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from stylemask_core.errors import WeightsError
from stylemask_core.models import model_folder
from stylemask_core.networks.generator import Generator
from stylemask_core.networks.mask_network import MaskNetwork
from tests.support.helpers import face
from tests.support.training_fixtures import refused
from training import evaluate
from training.evaluation import fitting, methods
from training.evaluation.bootstrap import interval, resample_weights
from training.evaluation.figures import Columns
from training.evaluation.fitting import best_constant_mask, best_swap
from training.evaluation.judge import Judge
from training.evaluation.mask_files import load_masks, save_masks
from training.evaluation.matched import Curve, compare, error_at_identity
from training.evaluation.measurement import Measured, gradient_energy, measure
from training.evaluation.pairs import PhotoPairs, RandomPairs
from training.evaluation.results import evaluate as run
from training.heads.answers import SMALL_HEADS, HeadsWorld
from training.heads.factors import IDENTITY_FACTORS
from training.heads.portraits import neutral
from training.heads.world import SMALL, factors, latents
from training.views import SURROUNDINGS

pytest_plugins = ["tests.support.training_fixtures"]
FIGURES = {
    "l1_ratio",
    "l1_ratio_renderer",
    "pose_error_deg",
    "expression_error",
    "expression_error_ratio",
    "gaze_error_ratio",
    "lids_error_ratio",
    "csim",
    "identity_retrieval",
    "shape_error",
}
MODEL_FIGURES = {"psnr_db", "inversion_psnr_db", "sharpness", "sharpness_face"}
READ = ("csim", "pose", "expression")  # columns of which curves are made


def test_bootstrap_intervals_hold_the_true_mean_about_as_often_as_they_say():
    random = np.random.default_rng(0)
    held = 0
    for repetition in range(250):
        sample = random.normal(3.0, 2.0, 200)
        low, high = interval(resample_weights(200, 300, seed=repetition) @ sample)
        held += low <= 3.0 <= high
    assert 0.91 <= held / 250 <= 0.975


@pytest.mark.parametrize(
    ("identity", "error", "level", "expected"),
    [
        ([1.0, 0.8, 0.6], [10.0, 6.0, 2.0], 0.75, 5.0),  # crossed between two strengths
        ([1.0, 0.9, 0.6], [10.0, 6.0, 2.0], 0.9, 6.0),  # met at one
        ([1.0, 0.9, 0.8], [10.0, 6.0, 7.0], 0.7, 6.0),  # never that low: the best of all
        ([1.0, 0.9, 0.6], [10.0, 3.0, 9.0], 0.7, 3.0),  # better before the crossing than at it
        ([1.0, 0.6, 0.9], [10.0, 6.0, 0.0], 0.8, 8.0),  # what lies beyond does not count
    ],
)
def test_a_methods_error_at_an_identity_is_read_off_its_curve(identity, error, level, expected):
    assert error_at_identity(np.array(identity), np.array(error), level) == pytest.approx(expected)


def test_a_method_below_the_identity_from_the_start_has_no_error_there():
    assert np.isnan(error_at_identity(np.array([0.3]), np.array([1.0]), 0.5))


def made_up(identity: list[float], error: list[float], strengths: tuple[float, ...]) -> Curve:
    """A curve of which two resamples say the same."""
    columns = {"csim": identity, "pose_error_deg": error, "expression_error": error}
    return Curve(strengths, {k: np.repeat(np.array(v)[:, None], 3, 1) for k, v in columns.items()})


def test_methods_are_compared_at_the_identity_that_the_reference_keeps():
    strengths = (0.0, 0.5, 1.0)
    reference = made_up([1.0, 0.95, 0.9], [10.0, 5.0, 2.0], strengths)
    others = {
        "worse": made_up([1.0, 0.9, 0.8], [10.0, 7.0, 4.0], strengths),
        "better": made_up([1.0, 0.99, 0.95], [10.0, 5.0, 1.0], strengths),
        "stranger": made_up([0.2], [0.0], (1.0,)),
    }
    found = compare(reference, others)
    assert found["level"] == 0.9
    assert found["pose_error_deg"] == 2.0
    rows = found["methods"]
    assert {name: row["pose_error_deg"] for name, row in rows.items()} == {
        "worse": pytest.approx(7.0),
        "better": pytest.approx(1.0),
        "stranger": None,
    }
    assert {name: row["ahead"]["pose_error_deg"] for name, row in rows.items()} == {
        "worse": True,
        "better": False,
        "stranger": True,
    }
    assert rows["worse"]["difference"]["pose_error_deg"] == pytest.approx([5.0, 5.0])


def test_the_source_keeps_its_identity_and_the_target_has_no_error(tiny_pipeline, judges):
    pairs = RandomPairs(tiny_pipeline, 5, seed=1)
    measured = measure(pairs, Judge(*judges, pairs), methods.unchanged(), quiet=True)
    source, target = (measured.methods[name][1.0] for name in ("source", "target"))
    assert source["csim"] == pytest.approx(1.0)
    assert target["csim"].max() < 1
    assert target["pose"].max() == pytest.approx(0.0, abs=1e-4)
    assert target["expression"].max() == pytest.approx(0.0, abs=1e-5)
    assert source["shape"].max() == pytest.approx(0.0, abs=1e-5)
    assert source["pose"].min() > 1e-3


def test_every_method_is_the_source_at_strength_0_and_what_it_says_at_1(heads_pipeline):
    (batch,) = RandomPairs(heads_pipeline, 2, seed=1)
    network, layers = heads_pipeline.mask_network, heads_pipeline.space.masked_layers
    ones = [torch.ones(layer.dim) for layer in layers]
    whole = heads_pipeline.config.num_latents
    swept = {
        "stylemask": methods.masked(network, "", answer=True),
        "constant": methods.constant_mask(ones, ""),
        "swap": methods.coarse_swap(3),
    }
    source, target = batch.source.picture, batch.target.picture
    for method in swept.values():
        assert torch.allclose(method.draw(batch, 0.0), source, atol=1e-5)
        assert not torch.allclose(method.draw(batch, 1.0), source, atol=1e-2)
    assert torch.allclose(methods.coarse_swap(whole).draw(batch, 1.0), target, atol=1e-5)
    none = methods.masked(network, "", answer=True, layers=0)
    assert torch.allclose(none.draw(batch, 1.0), source, atol=1e-5)


def test_the_constant_mask_comes_nearer_to_the_answers_than_where_it_began(
    heads_pipeline, monkeypatch
):
    monkeypatch.setattr(HeadsWorld, "keypoints", lambda _, z: torch.full((len(z), 3, 2), 0.5))
    network = heads_pipeline.mask_network
    errors = []
    for count in (0, 640):
        monkeypatch.setattr(fitting, "MASK_PAIRS", max(count, 1))
        monkeypatch.setattr(fitting, "MASK_LEARNING_RATE", 0.05 if count else 0.0)
        fitted = best_constant_mask(RandomPairs(heads_pipeline, 1, 0), network)
        batch = next(iter(RandomPairs(heads_pipeline, 16, seed=1)))
        errors.append(float((fitted.method.draw(batch, 1.0) - batch.exact.picture).abs().mean()))
    assert errors[1] < 0.97 * errors[0]
    assert fitted.cost["parameters"] == heads_pipeline.space.masked_dim


def test_portraits_are_frontal_and_neutral_and_change_nothing_but_surroundings():
    z = latents(3, 6)
    portraits = neutral(z, torch.Generator().manual_seed(0))
    (before, _), (after, pose) = factors(z), factors(portraits)
    assert pose.abs().max() < 1e-3
    changed = {
        name
        for name, column in IDENTITY_FACTORS.index.items()
        if (before[:, column] - after[:, column]).abs().max() > 1e-3
    }
    assert changed == set(SURROUNDINGS) - set(SMALL.fixed)


def test_an_evaluation_prints_the_contract_as_json_and_nothing_else(
    folders, heads_pipeline, short_fits, tmp_path, capsys
):
    masks = tmp_path / "masks.safetensors"
    save_masks(masks, heads_pipeline.mask_network, heads_pipeline.generator)
    options = ["--pairs", "3", "--json", "-o", str(tmp_path / "out"), "--masks", f"paper={masks}"]
    evaluate.main([*folders, *options])
    figures = json.loads(capsys.readouterr().out)
    assert set(figures) >= FIGURES | MODEL_FIGURES
    for name in FIGURES | MODEL_FIGURES:
        low, high = figures["intervals"][name]
        assert low <= figures[name] + 1e-6
        assert figures[name] <= high + 1e-6
    rows = figures["baselines"]
    assert set(rows) == {
        *("source", "target", "w_plus_swap", "constant_mask", "fewer_layers", "paper", "exact")
    }
    for row in rows.values():
        assert set(row) >= FIGURES
        assert set(row["intervals"]) == FIGURES
    assert rows["source"]["csim"] == pytest.approx(1.0)
    assert rows["source"]["l1_ratio"] == rows["source"]["expression_error_ratio"] == 1.0
    assert rows["exact"]["l1_ratio"] == 0.0
    assert not rows["paper"]["given_the_answer"]
    assert rows["constant_mask"]["given_the_answer"]
    # the same masks, rounded: the same figures, nearly
    assert rows["paper"]["l1_ratio"] == pytest.approx(figures["l1_ratio"], rel=0.01)
    assert figures["strengths"] == [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5]
    assert {len(x) for swept in figures["sweep"].values() for x in swept.values()} == {7}
    matched = figures["matched_identity"]
    assert matched["level"] == pytest.approx(figures["csim"])
    assert set(matched["methods"]) == set(rows) - {"exact"}
    assert isinstance(matched["ahead_of_all_not_given_the_answer"], bool)
    assert set(figures["expression_errors"]) == {
        *("jaw_open", "smile", "brow_raise", "eyes_closed", "gaze_x", "gaze_y")
    }
    page = (tmp_path / "out" / "results.md").read_text(encoding="utf-8")
    assert "| `constant_mask`† |" in page
    for name in ("heads_pairs.png", "methods.png"):
        assert f"]({name})" in page
        assert (tmp_path / "out" / name).stat().st_size > 500


def test_without_baselines_the_table_goes_to_the_card_and_leaves_the_rest_of_it(
    folders, heads_pipeline, tmp_path, capsys
):
    folder = tmp_path / "model"
    model_folder.save_model(folder, heads_pipeline.model)
    card = folder / model_folder.CARD_NAME
    card.write_text("# Mine\n\n## Measured\n\nNothing yet.\n", encoding="utf-8")
    arguments = ["--pairs", "2", "--no-baselines", "--card", *folders, "--model", str(folder)]
    evaluate.main(arguments)
    assert "pose_error_deg" in capsys.readouterr().out
    text = card.read_text(encoding="utf-8")
    assert text.startswith("# Mine\n\n## Measured\n\nModel ")
    assert "Nothing yet" not in text
    assert "| `identity_retrieval` |" in text


def test_a_folder_without_two_photos_is_refused(folders, tmp_path, capsys):
    face(tmp_path / "photos" / "one.png")
    line = refused(capsys, *folders, "--images", tmp_path / "photos")
    assert "1 usable" in line
    assert "at least two" in line
    assert "no such folder" in refused(capsys, *folders, "--images", tmp_path / "nowhere")


def test_no_photo_is_paired_with_itself_and_no_pair_comes_twice(tiny_pipeline, tmp_path):
    framed = [
        tiny_pipeline.frame(Image.open(face(tmp_path / f"{seed}.png", seed))) for seed in range(4)
    ]
    pairs = PhotoPairs(tiny_pipeline, framed, pairs=100, seed=1)
    chosen = set(zip(pairs.source.tolist(), pairs.target.tolist(), strict=True))
    assert len(pairs) == len(chosen) == 12
    assert all(source != target for source, target in chosen)
    assert sum(len(batch) for batch in pairs) == 12


def test_an_evaluation_comes_out_the_same_again(heads_pipeline, judges):
    def once() -> dict:
        pairs = RandomPairs(heads_pipeline, 3, seed=4)
        found = run(pairs, Judge(*judges, pairs, seed=4), baselines=False, quiet=True).figures
        return {name: x for name, x in found.items() if name != "costs"}

    assert once() == once()


def test_models_without_exact_answers_are_told_what_they_need(tiny_folder, capsys):
    line = refused(capsys, "--model", tiny_folder)
    assert "--face-model deca" in line
    assert "--identity-model arcface" in line


def test_bad_options_are_refused_in_one_line(folders, capsys, tmp_path):
    assert "1 or more" in refused(capsys, "--pairs", 0)
    assert "--seed" in refused(capsys, "--seed", -1)
    assert "nowhere" in refused(capsys, "--model", "nowhere")
    assert "NAME=PATH" in refused(capsys, "--masks", "paper")
    assert "cannot read masks" in refused(capsys, *folders, "--masks", f"paper={tmp_path}")
    assert "training.convert_deca" in refused(capsys, *folders[:2], "--face-model", "deca")


def test_masks_come_back_from_their_file_and_only_for_their_generator(heads_pipeline, tmp_path):
    path, generator = tmp_path / "masks.safetensors", heads_pipeline.generator
    save_masks(path, heads_pipeline.mask_network, generator)
    back, original = (
        network.state_dict()
        for network in (load_masks(path, generator), heads_pipeline.mask_network)
    )
    assert back.keys() == original.keys()
    assert all(torch.allclose(back[name], original[name], atol=1e-3) for name in back)
    other = Generator(generator.config)
    with pytest.raises(WeightsError, match="another generator"):
        load_masks(path, other)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(WeightsError, match="cannot read masks"):
        load_masks(path, generator)


def test_masks_of_fewer_layers_fit_and_those_of_another_style_space_do_not(
    heads_pipeline, tiny_model, tmp_path
):
    generator = heads_pipeline.generator
    fewer = MaskNetwork(SMALL_HEADS.config({4: 8, 8: 8}))
    save_masks(tmp_path / "fewer.safetensors", fewer, generator)
    assert len(load_masks(tmp_path / "fewer.safetensors", generator).layers) == 3
    save_masks(tmp_path / "other.safetensors", tiny_model.mask_network, generator)
    with pytest.raises(WeightsError, match="do not fit"):
        load_masks(tmp_path / "other.safetensors", generator)


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


def test_the_swap_is_cut_where_it_does_best_while_keeping_stylemasks_identity(
    heads_pipeline, judges, monkeypatch
):
    def points(csim: float, error: float) -> Columns:
        return {name: np.array([x]) for name, x in zip(READ, (csim, error, error), strict=True)}

    errors = {1: (0.99, 9.0), 2: (0.9, 4.0), 3: (0.5, 1.0), 4: (0.2, 0.0), 5: (0.2, 0.0)}
    made_up = {"source": {1.0: points(1.0, 10.0)}, "stylemask": {1.0: points(0.88, 3.0)}}
    for cut, (csim, error) in errors.items():
        halfway = points((1 + csim) / 2, (10 + error) / 2)
        made_up[str(cut)] = {0.5: halfway, 1.0: points(csim, error)}
    monkeypatch.setattr(fitting, "measure", lambda *_, **__: Measured(made_up))
    pairs = RandomPairs(heads_pipeline, 1, 0)
    found = best_swap(pairs, Judge(*judges, pairs), methods.unchanged()["source"])
    assert found.cost["cut"] == 2
