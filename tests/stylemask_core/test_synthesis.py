"""Synthesis for inference against the generator's plain one."""

import dataclasses
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from op import build
from stylemask_core.config import ModelConfig
from stylemask_core.networks import synthesis
from stylemask_core.networks.generator import Generator
from stylemask_core.networks.synthesis import CompiledConv, SynthesisNetwork

ODD = ModelConfig("odd", 32, {4: 7, 8: 12, 16: 5, 32: 3}, 3, latent_dim=9, mapping_layers=2)


def random_generator(config: ModelConfig) -> Generator:
    generator = Generator(config).eval().requires_grad_(False)
    random = torch.Generator().manual_seed(0)
    for tensor in generator.state_dict().values():
        tensor.copy_(torch.randn(tensor.shape, generator=random))
    return generator


@pytest.fixture(scope="module", params=[True, False], ids=["noise", "no noise"])
def generator(request):
    return random_generator(dataclasses.replace(ODD, noise=request.param))


def styles_of(generator: Generator, count: int) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Styles of all convolutions and of all toRGB layers, of random codes."""
    random = torch.Generator().manual_seed(1)
    w_plus = torch.randn(count, ODD.num_latents, ODD.latent_dim, generator=random)
    return generator.styles(w_plus), generator.rgb_styles(w_plus)


def near(pictures: torch.Tensor, expected: torch.Tensor, tolerance: float) -> bool:
    return bool((pictures - expected).abs().max() < tolerance * expected.abs().max())


def compiled(network: SynthesisNetwork) -> set[bool]:
    return {isinstance(conv, CompiledConv) for convs, _ in network.blocks for conv in convs}


@pytest.mark.parametrize("fused", [None, False, True])
def test_pictures_are_those_of_the_plain_generator(generator, fused):
    styles = styles_of(generator, 3)
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    pictures = SynthesisNetwork(generator, fused=fused)(*styles)
    assert pictures.shape == (3, 3, 32, 32)
    assert near(pictures, generator.synthesize(*styles), 1e-5)
    for name, tensor in generator.state_dict().items():
        assert torch.equal(tensor, before[name])  # preparing leaves the generator as it was


@pytest.fixture
def compiled_everywhere(monkeypatch):
    """Have the compiled operator for CPUs at hand, for layers of every size."""
    if shutil.which("g++") is None:
        pytest.skip("there is no C++ compiler")
    monkeypatch.setenv("STYLEMASK_OPS", "auto")
    library = dataclasses.replace(build.LIBRARIES["cpu"])  # that has not read the variable yet
    monkeypatch.setitem(build.LIBRARIES, "cpu", library)
    library.build()
    monkeypatch.setattr(synthesis, "COMPILED_FROM", 4)
    monkeypatch.setattr(synthesis, "COMPILED_UP_FROM", 4)


def test_the_compiled_operator_gives_the_same_pictures_and_is_taken_up_when_it_is_there(
    generator, compiled_everywhere, monkeypatch
):
    styles = styles_of(generator, 2)
    network, load = SynthesisNetwork(generator), build.load
    monkeypatch.setattr(build, "load", lambda name: None)
    before = network(*styles)
    assert compiled(network) == {False}
    monkeypatch.setattr(build, "load", load)
    after = network(*styles)
    assert compiled(network) == {True}
    assert near(before, generator.synthesize(*styles), 1e-5) and near(after, before, 1e-4)


@pytest.mark.parametrize("fused", [False, True])
def test_half_precision_stays_near_the_full_one_and_within_its_range(generator, fused):
    styles, rgb_styles = styles_of(generator, 2)
    network = SynthesisNetwork(generator, half=True, fused=fused)
    expected = SynthesisNetwork(generator)(styles, rgb_styles)
    pictures = network(styles, rgb_styles)
    assert pictures.dtype == torch.float32
    assert near(pictures, expected, 0.01) and not torch.equal(pictures, expected)
    large = network([1e4 * style for style in styles], [1e3 * style for style in rgb_styles])
    assert large.isfinite().all()


def test_a_picture_does_not_depend_on_those_before_it(generator):
    network, (styles, rgb_styles) = SynthesisNetwork(generator), styles_of(generator, 1)
    first = network(styles, rgb_styles)
    network([2 * style for style in styles], rgb_styles)
    assert torch.equal(network(styles, rgb_styles), first)


def test_large_features_lie_in_huge_pages_where_linux_gives_them():
    setting = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    if not setting.exists() or "[never]" in setting.read_text():
        pytest.skip("there are no huge pages")
    script = """
import stylemask_core, torch
features = torch.ones(64 * 2**20)
print([line for line in open("/proc/self/smaps_rollup") if line.startswith("AnonHugePages")][0])
"""
    run = {"capture_output": True, "text": True, "check": True}
    output = subprocess.run([sys.executable, "-c", script], **run).stdout
    assert int(output.split()[1]) > 200 * 1024  # [kB], of 256 MB
