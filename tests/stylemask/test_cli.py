"""The command line: what it writes where, and one clear line for everything that cannot be."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from stylemask.cli import photos, report_commands
from stylemask_core import StyleMaskPipeline
from stylemask_core.pictures import images
from tests.support.helpers import MIX, TINY_NOTE, array, face, pixels, published


def names(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


# mix


def test_mix_writes_what_the_pipeline_gives(stylemask, tiny_pipeline):
    code, out, err = stylemask(*MIX, "-o", "out.png")
    assert (code, out, err) == (0, "", f"stylemask: wrote out.png{TINY_NOTE}\n")
    source, target = tiny_pipeline.sample(1), tiny_pipeline.sample(2)
    expected = tiny_pipeline.reenact(source, target).image
    np.testing.assert_array_equal(pixels("out.png"), published(expected))


def test_mix_hands_on_truncation_strength_and_layers(stylemask, tiny_pipeline):
    options = ("--truncation", 0.4, "--strength", 1.5, "--layers", "b4.conv1, b8.conv1")
    assert stylemask(*MIX, *options, "-o", "out.png")[0] == 0
    source, target = (tiny_pipeline.sample(seed, truncation=0.4) for seed in (1, 2))
    expected = tiny_pipeline.reenact(source, target, 1.5, ["b4.conv1", "b8.conv1"]).image
    np.testing.assert_array_equal(pixels("out.png"), published(expected))


def test_layers_none_leaves_the_source(stylemask, tiny_pipeline):
    assert stylemask(*MIX, "--layers", "none", "-o", "out.png")[0] == 0
    expected = tiny_pipeline.synthesize(tiny_pipeline.sample(1)).image
    np.testing.assert_array_equal(pixels("out.png"), published(expected))


def test_a_grid_shows_source_target_and_result(stylemask, tiny_pipeline):
    stylemask(*MIX, "--grid", "-o", "grid.png")
    codes = [tiny_pipeline.sample(seed) for seed in (1, 2)]
    panels = [tiny_pipeline.synthesize(code).image for code in codes]
    panels.append(tiny_pipeline.reenact(*codes).image)
    row = images.side_by_side([images.enlarged(panel) for panel in panels])
    np.testing.assert_array_equal(pixels("grid.png"), published(row))


def test_size_sets_the_side_of_every_panel(stylemask):
    stylemask(*MIX, "--grid", "--size", 32, "-o", "grid.png")
    stylemask(*MIX, "--size", 48, "-o", "single.png")
    assert pixels("grid.png").shape == (32, 96, 3)
    assert pixels("single.png").shape == (48, 48, 3)


@pytest.mark.parametrize(
    ("name", "kind"), [("a.png", "PNG"), ("a.JPG", "JPEG"), ("a.jpeg", "JPEG"), ("a.webp", "WEBP")]
)
def test_the_suffix_names_the_format(stylemask, name, kind):
    assert stylemask(*MIX, "-o", name)[0] == 0
    with Image.open(name) as picture:
        assert (picture.format, picture.size) == (kind, (512, 512))


def test_parents_are_made_and_nothing_but_the_picture_is_left(stylemask):
    assert stylemask(*MIX, "-o", "new/within/out.png")[0] == 0
    assert [path.name for path in Path("new/within").iterdir()] == ["out.png"]


# reenact, one pair


def test_reenact_takes_pictures_and_never_truncates_them(stylemask, tiny_pipeline):
    source, target = face("source.png", 1), face("target.jpg", 2)
    codes = [tiny_pipeline.invert(Image.open(path)) for path in (source, target)]
    expected = tiny_pipeline.reenact(*codes).image
    assert stylemask("reenact", source, target, "--truncation", 0.1, "-o", "out.png")[0] == 0
    np.testing.assert_array_equal(pixels("out.png"), published(expected))


def test_reenact_truncates_z_arrays_and_leaves_w_plus_arrays_alone(stylemask, tiny_pipeline):
    z, w_plus = array("z.npy", 1, 16), array("w.npy", 6, 16, seed=1)
    for options, psi in [((), 0.7), (("--truncation", 0.2), 0.2)]:
        assert stylemask("reenact", "z.npy", "w.npy", *options, "-o", "out.png")[0] == 0
        codes = tiny_pipeline.code(z=z, truncation=psi), tiny_pipeline.code(w_plus=w_plus)
        expected = tiny_pipeline.reenact(*codes).image
        np.testing.assert_array_equal(pixels("out.png"), published(expected))


@pytest.mark.parametrize("dtype", ["float64", "float16", ">f4", "int32"])
def test_an_array_of_any_number_type_is_taken(stylemask, dtype):
    np.save("w.npy", np.ones((1, 6, 16), dtype))
    np.save("same.npy", np.ones((6, 16), np.float32))
    for name in ("w", "same"):
        assert stylemask("reenact", f"{name}.npy", "seed:2", "-o", f"{name}.png")[0] == 0
    np.testing.assert_array_equal(pixels("w.png"), pixels("same.png"))


# reenact, folders


def test_folders_are_paired_by_sorted_name(stylemask):
    for seed, stem in enumerate(("b", "a.m", "a", "c")):
        face(f"sources/{stem}.png", seed)
        face(f"targets/{stem}.jpg", seed + 10)
    Path("sources/notes.txt").write_text("no picture")
    Path("targets/.hidden.png").write_text("no picture")
    code, out, err = stylemask("reenact", "sources", "targets", "-o", "out")
    assert (code, out) == (0, "")
    assert f"stylemask: wrote 4 of 4 pictures to out{TINY_NOTE}\n" in err
    assert "skipped, not being pictures: sources/notes.txt\n" in err
    assert ".hidden" not in err
    assert names("out") == ["a.m.png", "a.png", "b.png", "c.png"]
    for stem in ("a", "a.m", "b", "c"):
        stylemask("reenact", f"sources/{stem}.png", f"targets/{stem}.jpg", "-o", "one.png")
        np.testing.assert_array_equal(pixels(f"out/{stem}.png"), pixels("one.png"))


def test_a_single_input_goes_with_every_file_of_a_folder(stylemask):
    face("faces/a.png", 1)
    array("faces/b.npy", 6, 16)
    assert stylemask("reenact", "faces", "seed:3", "-o", "after")[0] == 0
    assert stylemask("reenact", "seed:3", "faces", "-o", "before")[0] == 0
    stylemask("reenact", "faces/a.png", "seed:3", "-o", "after.png")
    stylemask("reenact", "seed:3", "faces/b.npy", "-o", "before.png")
    np.testing.assert_array_equal(pixels("after/a.png"), pixels("after.png"))
    np.testing.assert_array_equal(pixels("before/b.png"), pixels("before.png"))


def test_two_pictures_are_encoded_as_one_batch_and_a_single_one_once_for_a_folder(
    stylemask, monkeypatch
):
    encode, batches = StyleMaskPipeline.encode, []

    def counted(self, batch):
        batches.append(len(batch))
        return encode(self, batch)

    monkeypatch.setattr(StyleMaskPipeline, "encode", counted)
    face("a/1.png"), face("a/2.png", seed=1), face("b/1.png", seed=2), face("b/2.png", seed=3)
    for source, target, expected in (
        ("a/1.png", "b/1.png", [2]),
        ("a", "b", [2, 2]),
        ("a", "b/1.png", [1, 1, 1]),
    ):
        batches.clear()
        assert stylemask("reenact", source, target, "-o", f"out{len(expected)}/")[0] == 0
        assert batches == expected


def test_one_bad_file_never_stops_the_rest(stylemask):
    for name in "abcde":
        face(f"faces/{name}.png")
    Path("faces/b.png").write_bytes(Path("faces/b.png").read_bytes()[:100])
    Path("faces/c.png").write_text("no picture\n")
    array("faces/f.npy", 3, 3)
    code, out, err = stylemask("reenact", "faces", "seed:1", "-o", "out")
    assert (code, out) == (1, "")
    assert names("out") == ["a.png", "d.png", "e.png"]
    lines = err.splitlines()
    errors = [line for line in lines if line.startswith("stylemask: error: ")]
    for line, name in zip(errors, ("b.png", "c.png", "f.npy"), strict=True):
        assert name in line
    assert f"stylemask: wrote 3 of 6 pictures to out{TINY_NOTE}" in lines
    assert "stylemask: failed: b.png + seed:1, c.png + seed:1, f.npy + seed:1" in lines


def test_an_unexpected_error_of_one_pair_never_stops_the_rest(stylemask, monkeypatch):
    for name in "abc":
        face(f"faces/{name}.png")
    read_photo, arguments = images.read_photo, ("reenact", "faces", "seed:1", "-o", "out")

    def out_of_memory(path):
        if path.name == "b.png":
            raise torch.OutOfMemoryError("CUDA out\nof memory")
        return read_photo(path)

    monkeypatch.setattr(photos, "read_photo", out_of_memory)
    code, out, err = stylemask(*arguments)
    assert (code, out) == (1, "")
    assert names("out") == ["a.png", "c.png"]
    assert "error: b.png + seed:1: unexpected OutOfMemoryError: CUDA out of memory" in err
    assert "wrote 2 of 3 pictures to out" in err
    assert "failed: b.png + seed:1\n" in err
    assert "Traceback" in stylemask(*arguments, "--verbose")[2]


def test_a_bad_single_input_ends_the_work_before_it_starts(refused):
    face("faces/a.png")
    Path("bad.png").touch()
    assert "bad.png is empty" in refused(1, "reenact", "faces", "bad.png", "-o", "out")


@pytest.mark.parametrize(
    ("files", "target", "words"),
    [
        (("sources/b.png", "targets/a.png"), "targets", "sources has 2 files and targets has 1"),
        (("sources/a.jpg",), "seed:1", "both be written to out/a.png"),
        (("targets/notes.txt",), "targets", "targets has no pictures"),
    ],
)
def test_folders_that_cannot_be_paired_are_refused(refused, files, target, words):
    for name in ("sources/a.png", *files):
        face("picture.png"), Path(name).parent.mkdir(exist_ok=True)
        Path("picture.png").rename(name)
    assert words in refused(2, "reenact", "sources", target, "-o", "out")


@pytest.mark.parametrize("output", ["faces", "../{}/faces", "link"])
def test_inputs_are_never_overwritten_by_the_results_of_a_folder(refused, output, tmp_path):
    content = face("faces/a.png").read_bytes()
    Path("link").symlink_to("faces")
    refused(2, "reenact", "faces", "seed:1", "-o", output.format(tmp_path.name))
    assert Path("faces/a.png").read_bytes() == content


def test_an_input_is_never_overwritten_by_its_result(refused):
    content = face("a.png").read_bytes()
    assert "also an input" in refused(2, "reenact", "a.png", "seed:1", "-o", "a.png")
    assert Path("a.png").read_bytes() == content
    face("folder/mask.png")
    assert "also an input" in refused(2, "inspect", "folder/mask.png", "seed:1", "-o", "folder")


# inspect and info


def test_inspect_writes_pictures_masks_and_the_table(stylemask, tiny_pipeline):
    code, out, _ = stylemask("inspect", "seed:1", "seed:2", "-o", "look")
    assert (code, out) == (0, "")
    assert names("look") == sorted(report_commands.FILES)
    result = tiny_pipeline.reenact(tiny_pipeline.sample(1), tiny_pipeline.sample(2))
    np.testing.assert_array_equal(pixels("look/result.png"), published(result.image))
    for name in ("layer_means.png", "mask.png", "effects.png"):
        assert pixels(f"look/{name}").std() > 0
    with np.load("look/mask.npz") as archive:
        np.testing.assert_allclose(archive["mask/b4.conv1"], result.mask[0, :12], rtol=1e-6)
        np.testing.assert_allclose(archive["style/b16.conv1"], result.styles[-1][0], rtol=1e-6)
    with Path("look/mask.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    shifts = [abs(float(row["shift"])) for row in rows]
    assert len(rows) == result.mask.shape[1]
    assert shifts == sorted(shifts, reverse=True)


def test_inspect_json_is_all_that_goes_to_stdout(stylemask):
    code, out, err = stylemask("inspect", "seed:1", "seed:2", "--json")
    figures = json.loads(out)
    assert (code, err) == (0, "")
    assert list(figures["layer_means"]) == ["b4.conv1", "b8.conv0", "b8.conv1"]
    assert list(figures["group_effects"]) == ["coarse"]
    assert len(figures["strongest_channels"]) == 20
    assert json.loads(stylemask("inspect", "seed:1", "seed:2", "--json", "-o", "x")[1]) == figures


def test_info_describes_a_model(stylemask, tiny_folder):
    code, out, err = stylemask("info")
    assert (code, err) == (0, "")
    assert "tiny" in out and "16×16 px" in out
    figures = json.loads(stylemask("info", tiny_folder, "--json")[1])
    assert figures["name"] == "tiny"
    assert (figures["style_channels"], figures["masked_channels"]) == (52, 34)
    assert figures["parameters"]["generator"] > 1000


def test_the_model_comes_from_the_argument_then_the_variable_then_is_the_embedded_one(
    stylemask, own_folder, monkeypatch
):
    config = json.loads((own_folder / "config.json").read_text())
    (own_folder / "config.json").write_text(json.dumps(config | {"name": "own"}))

    def name(*arguments: object) -> str:
        return json.loads(stylemask("info", "--json", *arguments)[1])["name"]

    assert name("--model", own_folder) == name(own_folder) == "own"
    assert name() == "tiny"
    monkeypatch.delenv("STYLEMASK_MODEL")
    assert name() == "heads"
