"""Converting the authors' checkpoints, on a small model; test_parity.py does it with real sizes."""

import itertools
import pickle
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from stylemask.convert.checkpoints import MEAN_SAMPLES, convert
from stylemask.convert.tensor_names import generator_names
from stylemask_core import WeightsError
from stylemask_core.files import sha256
from stylemask_core.models import model_folder
from tests.support.checkpoints import (
    BUILDERS,
    SMALL,
    encoder_checkpoint,
    generator_checkpoint,
    mask_network_checkpoint,
    write_checkpoints,
)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Good checkpoints; not to be changed."""
    return write_checkpoints(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture(scope="module")
def converted(files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("converted") / "small"
    convert(**files, folder=folder, dtype=torch.float16)
    return folder


def refused(files, folder: Path, **changed: Path) -> str:
    """Convert what must be refused; return the message."""
    with pytest.raises(WeightsError) as error:
        convert(**{**files, **changed}, folder=folder)
    assert not folder.exists()
    assert list(folder.parent.glob(f".{folder.name}*")) == []
    assert "\n" not in str(error.value)
    return str(error.value)


def saved(checkpoint: object, path: Path, **options: bool) -> Path:
    torch.save(checkpoint, path, **options)
    return path


def test_a_converted_model_has_the_values_of_the_checkpoints(files, tmp_path):
    folder = tmp_path / "float32"
    config = convert(**files, folder=folder)
    model = model_folder.load_model(folder)
    assert model.config == config
    assert replace(config, name="small", domain="", licence="") == SMALL
    source, state = generator_checkpoint(), model.generator.state_dict()
    for theirs, ours in generator_names(config).items():
        assert torch.equal(source["g_ema"][theirs].flatten(), state[ours].flatten())
    assert torch.equal(model.generator.mapping.mean, source["latent_avg"])
    assert torch.equal(model.encoder.latent_avg, encoder_checkpoint()["latent_avg"])
    weight = mask_network_checkpoint()["mask_net"]["network_01.masknet.2.weight"]
    assert torch.equal(model.mask_network.layers["b8_conv0"][2].weight, weight)


def test_files_of_the_older_format_convert_to_the_same_model(converted, tmp_path):
    old = write_checkpoints(tmp_path / "old", legacy=True)
    assert not any(path.read_bytes().startswith(b"PK") for path in old.values())
    convert(**old, folder=tmp_path / "model", dtype=torch.float16)
    for part in model_folder.PARTS:
        name = f"{part}.safetensors"
        assert (tmp_path / "model" / name).read_bytes() == (converted / name).read_bytes()


def test_the_decoder_in_the_encoder_file_is_left_out(converted):
    with safe_open(converted / "encoder.safetensors", "pt") as file:
        names = list(file.keys())
        assert {file.get_slice(name).get_dtype() for name in names} == {"F16"}
    assert not any("decoder" in name or "tracked" in name for name in names)


def test_the_card_tells_licence_and_source_hashes(converted, files):
    card = (converted / "README.md").read_text()
    assert "license_name: nvidia-source-code-license-nc" in card
    assert "No commercial use" in card
    for path in files.values():
        assert f"{sha256(path)}  {path.name}" in card


def test_a_missing_mean_latent_is_computed_and_the_same_every_time(files, tmp_path):
    checkpoint = generator_checkpoint()
    del checkpoint["latent_avg"]
    path = saved(checkpoint, tmp_path / "G.pt")
    means = []
    for name in ("first", "second"):
        convert(**{**files, "generator": path}, folder=tmp_path / name)
        mapping = model_folder.load_model(tmp_path / name).generator.mapping
        means.append(mapping.mean)
    assert torch.equal(*means)
    assert torch.equal(means[0], mapping.sample(MEAN_SAMPLES).mean(0))
    assert means[0].abs().max() > 0


def test_one_mean_latent_serves_all_layers_of_the_encoder(files, tmp_path):
    checkpoint = encoder_checkpoint()
    checkpoint["latent_avg"] = checkpoint["latent_avg"][:1]
    convert(
        **{**files, "encoder": saved(checkpoint, tmp_path / "E.pt")},
        folder=tmp_path / "model",
        dtype=torch.float16,
    )
    mean = model_folder.load_model(tmp_path / "model").encoder.latent_avg
    assert mean.shape == (SMALL.num_latents, 512)
    assert (mean == mean[0]).all()


@pytest.mark.parametrize(
    ("given", "held"), list(itertools.permutations(("generator", "mask_network", "encoder"), 2))
)
def test_swapped_files_are_named(given, held, files, tmp_path):
    message = refused(files, tmp_path / "model", **{given: files[held]})
    assert f"holds a {held.replace('_', ' ')}" in message
    assert f"give it as --{held.replace('_', '-')}" in message


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("share", [0.001, 0.5, 0.99])
def test_a_truncated_file_is_reported_as_damaged(legacy, share, files, tmp_path):
    path = write_checkpoints(tmp_path / "whole", legacy)["generator"]
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert "download" in refused(files, tmp_path / "model", generator=path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<!DOCTYPE html><html>Quota exceeded</html>", "is a web page"),
        (b"\n\n <html>Quota exceeded</html>", "is a web page"),
        (b"", "damaged or cut short"),
        (bytes(range(1, 256)) * 16, "refused"),
        (b"PK\x03\x04" + bytes(4096), "damaged or cut short"),
    ],
    ids=["page", "page after blanks", "empty", "no pickle", "broken zip"],
)
def test_files_that_are_no_checkpoints_say_so(content, words, files, tmp_path):
    path = tmp_path / "G.pt"
    path.write_bytes(content)
    assert words in refused(files, tmp_path / "model", generator=path)


def test_a_checkpoint_that_is_no_dictionary_is_refused(files, tmp_path):
    path = saved([torch.zeros(1)], tmp_path / "G.pt")
    assert "no dictionary" in refused(files, tmp_path / "model", generator=path)


def test_a_missing_file_and_a_folder_say_so(files, tmp_path):
    assert "No such file" in refused(files, tmp_path / "model", encoder=tmp_path / "none.pt")
    assert "directory" in refused(files, tmp_path / "model", encoder=tmp_path)


class Attack:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("form", ["zip", "legacy", "plain pickle"])
def test_code_in_a_pickle_never_runs(form, files, tmp_path):
    touched = tmp_path / "touched"
    content = {"g_ema": generator_checkpoint()["g_ema"], "x": Attack(touched)}
    path = tmp_path / "G.pt"
    if form == "plain pickle":
        path.write_bytes(pickle.dumps(content))
    else:
        saved(content, path, _use_new_zipfile_serialization=form == "zip")
    assert "could run code" in refused(files, tmp_path / "model", generator=path)
    assert not touched.exists()


def test_a_generator_of_another_resolution_is_refused(files, tmp_path):
    larger = replace(SMALL, resolution=16, channels={4: 8, 8: 8, 16: 8})
    path = saved(generator_checkpoint(larger), tmp_path / "G.pt")
    message = refused(files, tmp_path / "model", generator=path)
    assert "codes of 4 latents, this generator takes 6" in message


def test_mask_networks_that_do_not_fit_are_refused(files, tmp_path):
    larger = replace(SMALL, resolution=16, channels={4: 8, 8: 8, 16: 8}, masked_layers=5)
    path = saved(mask_network_checkpoint(larger), tmp_path / "M.pt")
    message = refused(files, tmp_path / "model", mask_network=path)
    assert "5 mask networks" in message
    assert "do not belong together" in message

    wider = replace(SMALL, channels={4: 16, 8: 16})
    path = saved(mask_network_checkpoint(wider), tmp_path / "M.pt")
    assert "another architecture" in refused(files, tmp_path / "model", mask_network=path)

    fewer = mask_network_checkpoint() | {"num_layers_control": 12}
    path = saved(fewer, tmp_path / "M.pt")
    message = refused(files, tmp_path / "model", mask_network=path)
    assert "says 12 mask networks and holds 2" in message


@pytest.mark.parametrize(
    ("part", "change", "words"),
    [
        ("generator", lambda c: c["g_ema"].pop("convs.0.noise.weight"), "is missing"),
        ("generator", lambda c: c["g_ema"].pop("noises.noise_0"), "is missing"),
        ("generator", lambda c: c["g_ema"].pop("conv1.conv.weight"), "no StyleGAN2 generator"),
        ("generator", lambda c: c["g_ema"].update(x=torch.zeros(1)), "is not part of the model"),
        ("generator", lambda c: c["g_ema"].update(x="text"), "no named tensor"),
        ("generator", lambda c: c["g_ema"]["conv1.conv.weight"].fill_(torch.nan), "not finite"),
        ("generator", lambda c: c.update(latent_avg=torch.zeros(3)), "latent_avg"),
        (
            "generator",
            lambda c: c["g_ema"].update({"convs.0.conv.blur.kernel": torch.ones(4, 4)}),
            "filter",
        ),
        (
            "generator",
            lambda c: c["g_ema"].update({"convs.0.conv.blur.kernel": torch.ones(3, 3)}),
            "filter",
        ),
        ("mask_network", lambda c: c.update(num_layers_control=torch.ones(2)), "no whole number"),
        ("mask_network", lambda c: c.update(num_layers_control="2"), "no whole number"),
        ("mask_network", lambda c: c["mask_net"].clear(), "holds 0"),
        ("encoder", lambda c: c.pop("latent_avg"), "no latent_avg"),
        ("encoder", lambda c: c["opts"].update(encoder_type="GradualStyleEncoder"), "of type"),
        ("encoder", lambda c: c["state_dict"].pop("encoder.latlayer1.bias"), "is missing"),
    ],
)
def test_a_checkpoint_with_a_fault_names_file_and_fault(part, change, words, files, tmp_path):
    checkpoint = BUILDERS[part]()
    change(checkpoint)
    path = saved(checkpoint, tmp_path / "odd.pt")
    message = refused(files, tmp_path / "model", **{part: path})
    assert words in message


def test_a_killed_conversion_leaves_no_half_folder(files, tmp_path):
    script = """
import sys, os, signal
from pathlib import Path
from stylemask.convert.checkpoints import convert
g, m, e, folder = map(Path, sys.argv[1:])
die = lambda step: os.kill(os.getpid(), signal.SIGKILL) if "encoder" in step else None
convert(g, m, e, folder, on_step=die)
"""
    folder = tmp_path / "model"
    command = [sys.executable, "-c", script, *map(str, files.values()), str(folder)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert not folder.exists()
    convert(**files, folder=folder, dtype=torch.float16)  # the killed one is not in the way
    model_folder.load_model(folder)
