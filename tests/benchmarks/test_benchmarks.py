import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks import __main__ as command
from benchmarks import inputs, models, plot, report
from benchmarks.arithmetic import encode_macs, synthesis_layers, synthesis_macs
from benchmarks.ours import Ours
from benchmarks.process import OURS, OURS_ALONE, BenchmarkError, Worker, clean_environment
from benchmarks.reference import Reference
from benchmarks.reference_encoder import Encoder, unfolded
from benchmarks.report import Figure, Report
from stylemask_core import ENVIRONMENT, ModelConfig
from stylemask_core.pictures.images import to_tensor

TOLERANCE = 1e-5  # of the largest value: float32, sums in another order
SMALL = ModelConfig(
    name="small",
    resolution=32,
    channels={4: 16, 8: 16, 16: 12, 32: 8},
    masked_layers=5,
    latent_dim=24,
    mapping_layers=3,
)


@pytest.fixture(scope="module")
def small_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("benchmarks") / "small"
    models.write_random_model(folder, SMALL)
    return folder


@pytest.fixture(scope="module")
def sides(small_folder):
    return Ours(small_folder), Reference(small_folder, encoder=False)


@pytest.fixture
def benchmark(capsys, monkeypatch, small_folder, tmp_path):
    """Run a command line on the small model: (exit code, stdout, stderr)."""
    monkeypatch.setenv("STYLEMASK_OPS", "reference")
    monkeypatch.setenv("STYLEMASK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    def run(name, *arguments):
        code = command.main([name, "--model", str(small_folder), *map(str, arguments)])
        return code, *capsys.readouterr()

    return run


def assert_equal(ours, reference):
    assert ours.shape == reference.shape
    assert float((ours - reference).abs().max() / reference.abs().max()) < TOLERANCE


def z(seed):
    return inputs.latent(seed, SMALL.latent_dim)


def test_the_reference_synthesizes_what_the_pipeline_does(sides):
    codes = [side.code(np.concatenate([z(0), z(1), z(2)])) for side in sides]
    pictures = [side.synthesize(code) for side, code in zip(sides, codes, strict=True)]
    assert pictures[0].shape == (3, 3, 32, 32)
    assert_equal(*pictures)


def test_the_reference_reenacts_a_random_pair_as_the_pipeline_does(sides):
    assert_equal(*(side.random_pair(z(1), z(2)) for side in sides))


def test_the_reference_of_a_model_without_noise_equals_the_pipeline_too(tmp_path):
    config = ModelConfig(**{**SMALL.__dict__, "noise": False})
    models.write_random_model(tmp_path / "model", config)
    sides = Ours(tmp_path / "model"), Reference(tmp_path / "model", encoder=False)
    assert_equal(*(side.random_pair(z(1), z(2)) for side in sides))


@pytest.mark.slow
def test_the_reference_encodes_what_the_projects_encoder_does():
    config = ModelConfig(**{**SMALL.__dict__, "latent_dim": 512, "encoder": "e4e"})
    ours = models.random_network("encoder", config)
    reference = Encoder(config.num_latents)
    reference.load_state_dict(unfolded(ours.state_dict()))
    batch = torch.cat([to_tensor(inputs.picture(seed)) for seed in (0, 1)])
    with torch.inference_mode():
        codes = ours(batch)
        assert_equal(codes, torch.cat([reference.eval()(one) for one in batch.split(1)]))
    assert float((codes[0] - codes[1]).abs().max()) > 0.1  # the pictures matter


def test_the_reference_synthesizes_and_encodes_as_often_as_the_authors_do(
    monkeypatch, small_folder
):
    reference, calls = Reference(small_folder, encoder=False), []
    synthesize = reference.generator.synthesize

    def counted(*arguments):
        calls.append("synthesis")
        return synthesize(*arguments)

    def encoder(x):
        calls.append("encode")
        return x.mean() + torch.zeros(1, SMALL.num_latents, SMALL.latent_dim)

    monkeypatch.setattr(reference.generator, "synthesize", counted)
    reference.encoder = encoder
    for work, syntheses, encodes in (
        (lambda: reference.random_pair(z(0), z(1)), 3, 0),
        (lambda: reference.photo_pair(inputs.picture(0), inputs.picture(1)), 5, 2),
        (lambda: reference.driven_frame(reference.code(z(0)), inputs.picture(1)), 4, 1),
    ):
        calls.clear()
        work()
        assert (calls.count("synthesis"), calls.count("encode")) == (syntheses, encodes)


def test_none_of_the_projects_settings_applies_to_the_reference():
    code = (
        "import sys, benchmarks.worker, benchmarks.reference, benchmarks.reference_ops\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('stylemask_core', 'op')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_workers_do_not_inherit_what_the_product_sets_for_itself(monkeypatch):
    assert OURS_ALONE and set(OURS_ALONE) == set(ENVIRONMENT)
    for name in OURS_ALONE:
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert not {*OURS_ALONE} & clean_environment(threads=3).keys()
    assert clean_environment(threads=3)["OMP_NUM_THREADS"] == "3"
    assert "OMP_NUM_THREADS" not in clean_environment(threads=None)


def test_a_worker_that_fails_is_quoted(tmp_path):
    (tmp_path / "config.json").write_text('{"latent_dim": 1}')
    with (
        Worker(OURS, tmp_path, "cpu", threads=1) as worker,
        pytest.raises(BenchmarkError, match=r"ours.*config\.json"),
    ):
        worker.ask("load", encoder=False)


def test_the_arithmetic_of_the_ffhq_model_is_what_is_known_of_it():
    giga = {
        kind: sum(cost.direct for cost in synthesis_layers(models.FFHQ) if cost.name.endswith(kind))
        for kind in ("conv0", "conv1", "blur", "torgb")
    }
    rounded = {kind: round(macs / 1e9, 2) for kind, macs in giga.items()}
    assert rounded == {"conv0": 22.54, "conv1": 51.53, "blur": 1.05, "torgb": 0.2}
    macs = synthesis_macs(models.FFHQ)
    assert macs["bound"] == sum(giga.values())
    # of 36 outputs 64 products; an up-convolution is four convolutions of its input's size
    fewer = (giga["conv1"] + 4 * giga["conv0"]) * 64 / (36 * 9) + giga["torgb"]
    assert macs["winograd"] == pytest.approx(fewer)
    assert 70e9 < encode_macs(models.FFHQ) < 75e9


def test_a_random_model_is_written_once_and_again_when_it_does_not_fit(monkeypatch, tmp_path):
    monkeypatch.setenv("STYLEMASK_HOME", str(tmp_path))
    weights = models.random_model(SMALL) / "generator.safetensors"
    written, values = weights.stat().st_mtime_ns, weights.read_bytes()
    assert models.random_model(SMALL) == weights.parent
    assert weights.stat().st_mtime_ns == written
    weights.write_bytes(b"damaged")
    models.random_model(SMALL)
    assert weights.read_bytes() == values


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        (
            "pair",
            ["--quick"],
            {
                *(f"random_pair{x}" for x in ("", ".reference", ".wall", ".bound", ".winograd")),
                *("synthesis", "synthesis.deviation"),
                *("peak_memory", "peak_memory.reference", "peak_memory_random_pair"),
            },
        ),
        (
            "synthesis",
            ["--runs", 1],
            {"synthesis", "synthesis@8px", "synthesis@16px.bound", "synthesis@batch4.reference"},
        ),
        ("threads", ["--quick"], {"small_random_pair_busy", "small_random_pair_busy.default"}),
        ("load", ["--quick"], {"generator_and_masks", "first_random_pair"}),
        ("ops", ["--quick"], {"fused_bias_act", "upfirdn2d", "b32_conv0", "b32_conv1.winograd"}),
    ],
)
def test_json_holds_figures_with_unit_and_ratio(benchmark, name, arguments, expected):
    code, out, _ = benchmark(name, "--json", *arguments)
    assert code == 0
    found = json.loads(out)
    assert found.keys() == {"benchmark", "machine", "figures"}
    assert found["benchmark"] == name
    assert found["machine"]["threads"] == 1
    figures = found["figures"]
    assert expected <= figures.keys()
    for key, figure in figures.items():
        assert figure.keys() == {"value", "unit", "ratio"}
        assert figure["value"] >= 0
        if key.endswith(".reference"):
            ours = figures[key.removesuffix(".reference")]
            assert figure["ratio"] == pytest.approx(1)
            assert ours["ratio"] == pytest.approx(figure["value"] / ours["value"])
        elif key.endswith(".deviation"):
            assert figure["ratio"] is None


@pytest.mark.slow
def test_many_clients_are_served_and_the_server_is_gone_afterwards(benchmark):
    pytest.importorskip("gradio")
    code, out, _ = benchmark("serve", "--json", "--clients", 2, "--requests", 8)
    assert code == 0
    figures = json.loads(out)["figures"]
    names = {"p50_ms", "p95_ms", "errors", "memory_growth", "requests_per_second"}
    assert figures.keys() == names
    assert abs(figures["memory_growth"]["value"]) < 0.5
    assert all(figure["ratio"] is None for figure in figures.values())
    assert figures["errors"]["value"] == 0
    assert 0 < figures["p50_ms"]["value"] <= figures["p95_ms"]["value"]
    running = Path("/proc").glob("[0-9]*/cmdline")
    assert not any(
        b"app.py" in line.read_bytes() and b"small" in line.read_bytes() for line in running
    )


def test_a_table_is_printed_for_people(capsys, monkeypatch, small_folder):
    monkeypatch.setenv("STYLEMASK_OPS", "reference")
    monkeypatch.setattr("benchmarks.load.run", lambda settings: sides_of("all", 2.0, bound=True))
    assert command.main(["load", "--model", str(small_folder)]) == 0
    heading, _, row = capsys.readouterr().out.splitlines()
    assert heading.replace(" ", "") == "|load|ours|reference|bound|"
    assert row.replace(" ", "") == "|all|2CPUs(3.00×)|6CPUs|1CPUs(6.00×)|"


def test_encoders_other_than_e4e_are_not_compared(benchmark):
    code, out, err = benchmark("encode", "--json")
    assert (code, out) == (1, "")
    assert err == err.strip() + "\n" and "e4e" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["pair", "--runs", "0"],
        ["pair", "--threads", "many"],
        ["pair", "--device", "abacus"],
        ["pair", "--record", "../escape"],
        ["pair", "--clients", "2"],
        ["serve", "--clients", "-1"],
        ["speed"],
        [],
    ],
)
def test_bad_arguments_are_bad_usage(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        command.main(arguments)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["pair", "--model", "no/such/folder"], ["plot", "never-recorded"]]
)
def test_what_is_not_there_ends_with_one_line(arguments, capsys, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert command.main(arguments) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("benchmarks: error: ") and err.count("\n") == 1


def sides_of(name, value, bound=False):
    figures = {
        name: Figure(value, "CPU s", 3.0),
        f"{name}.reference": Figure(3 * value, "CPU s", 1),
    }
    return figures | ({f"{name}.bound": Figure(value / 2, "CPU s", 6.0)} if bound else {})


def test_recorded_reports_are_kept_side_by_side_and_drawn(monkeypatch, tmp_path):
    monkeypatch.setattr(plot, "RESULTS", tmp_path)
    monkeypatch.setattr(plot, "FOLDER", tmp_path / "plots")
    machine = {"cpu": "abacus", "cores": 1, "threads": 1, "torch": "2"}
    figures = {
        "pair": sides_of("random_pair", 2.0, bound=True) | sides_of("random_pair@2x", 4.0),
        "synthesis": sides_of("synthesis", 1.0, bound=True) | sides_of("synthesis@512px", 0.3),
        "encode": sides_of("encode", 1.0, bound=True) | sides_of("encode@batch2", 2.0),
        "load": sides_of("generator_and_masks", 0.5) | sides_of("first_random_pair", 3.0),
        "serve": {"p50_ms": Figure(10.0, "ms"), "p95_ms": Figure(20.0, "ms")},
        "threads": sides_of("embedded_photo_pair_quota", 0.2) | sides_of("ffhq_encode_busy", 0.9),
        "page": {"first_result_s": Figure(1.0, "s"), "first_result_worst_s": Figure(1.2, "s")},
        "watermark": {"model_found_all": Figure(99.0, "%"), "photo_found_all": Figure(98.0, "%")},
        "ops": sides_of("fused_bias_act", 0.1) | sides_of("b64_conv1", 0.2, bound=True),
    }
    assert figures.keys() == set(command.BENCHMARKS)
    for name, values in figures.items():
        path = report.record(Report(name, machine, values), "abacus", tmp_path)
    assert {found.benchmark: found.figures for found in report.recorded(path)} == figures
    page, *pictures = plot.draw("abacus")
    assert all(f"]({picture.name})" in page.read_text("utf-8") for picture in pictures)
    assert "| random_pair " in page.read_text("utf-8")
    for picture in pictures:
        with Image.open(picture) as image:
            assert len(image.convert("L").getcolors()) > 50
    assert {picture.name for picture in pictures} == {
        f"abacus-{name}.png" for name in command.BENCHMARKS
    }
