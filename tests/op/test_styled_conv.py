"""The compiled CPU operator, for every instruction set, against the generator's own layer."""

import ctypes
import platform
import subprocess

import pytest
import torch

from op import build
from op.fused_bias_act import SQRT2
from op.styled_conv import pack, prepare, styled_conv
from stylemask_core.networks.generator import EPSILON, StyledConv

INSTRUCTION_SETS = {
    "native": ["-march=native"],
    "avx2": ["-march=x86-64", "-mavx2", "-mfma"],
    "plain": ["-march=x86-64"],
}
SHAPES = [  # in, out, height, width
    (1, 1, 1, 1),
    (1, 3, 6, 6),
    (3, 1, 5, 7),
    (16, 32, 12, 18),
    (17, 33, 13, 22),
    (40, 70, 43, 25),
    (130, 20, 50, 49),  # more tiles than a block has
]


def compile_library(folder, flags: list[str], source: str = "") -> ctypes.CDLL:
    """Compile the operator, or a changed source of it."""
    path = build.CSRC / "styled_conv.cpp"
    if source:
        path = folder / "styled_conv.cpp"
        path.write_text(source, encoding="utf-8")
    try:
        command = [flag for flag in build.cpu_command() if not flag.startswith("-march")]
    except build.BuildError as error:
        pytest.skip(str(error))
    subprocess.run([*command, *flags, "-o", folder / "library.so", path], check=True)
    return ctypes.CDLL(str(folder / "library.so"))


@pytest.fixture(scope="module", params=INSTRUCTION_SETS)
def library(request, tmp_path_factory):
    if request.param != "native" and platform.machine() != "x86_64":
        pytest.skip("these flags are those of x86-64")
    if request.param == "avx2" and "AVX" not in torch.backends.cpu.get_cpu_capability():
        pytest.skip("the CPU has no AVX2")
    library = compile_library(
        tmp_path_factory.mktemp(request.param), INSTRUCTION_SETS[request.param]
    )
    prepare(library)
    return library


def random_layer(shape, up: bool, noise: bool):
    """x, weight, the other arguments of styled_conv; and what the generator's layer gives."""
    in_channels, out_channels, height, width = shape
    torch.manual_seed(sum(shape))
    layer = StyledConv(in_channels, out_channels, 4, None, up=up).double()
    torch.nn.init.normal_(layer.bias)
    x = torch.randn(1, in_channels, height, width).contiguous(memory_format=torch.channels_last)
    style = torch.randn(in_channels)
    if noise:
        layer.noise = torch.randn(1, 1, height * (1 + up), width * (1 + up))
        layer.noise_strength = 0.3
    with torch.no_grad():
        expected = layer(x.double(), style.double()[None])
        weight = (layer.weight * layer.weight_gain).float()
        demodulation = torch.rsqrt(style.square() @ weight.square().sum((2, 3)).t() + EPSILON)
    rest = [style, demodulation, 0.3 * layer.noise[0, 0] if noise else None, layer.bias.float()]
    rest = [tensor if tensor is None else tensor.detach() for tensor in rest]
    return x, weight, [*rest, 0.2, SQRT2], expected


@pytest.mark.parametrize("noise", [False, True], ids=["no noise", "noise"])
@pytest.mark.parametrize("up", [False, True], ids=["same size", "up"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_layer_gives_what_the_generator_gives(library, shape, up, noise):
    x, weight, rest, expected = random_layer(shape, up, noise)
    y = styled_conv(x, pack(library, weight, up), *rest)
    assert y.dtype == torch.float32 and y.shape == expected.shape
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert (y - expected).abs().max() < 3e-5 * expected.abs().max()


def test_slope_and_gain_are_those_asked_for(library):
    x, weight, rest, expected = random_layer((5, 4, 9, 9), False, True)
    y = styled_conv(x, pack(library, weight), *rest[:4], -1.5, -2.0)
    linear = torch.where(expected > 0, expected, expected / 0.2) / SQRT2
    assert torch.allclose(y, torch.where(linear > 0, -2 * linear, 3 * linear).float(), atol=1e-4)


@pytest.mark.parametrize("shape", [(8, 8, 70, 70), (70, 200, 9, 9)], ids=["large", "deep"])
@pytest.mark.parametrize("up", [False, True], ids=["same size", "up"])
def test_the_number_of_threads_changes_no_bit(library, shape, up):
    x, weight, rest, _ = random_layer(shape, up, True)
    packed, before = pack(library, weight, up), torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            results.append(styled_conv(x, packed, *rest))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(results[0], results[1]) and torch.equal(results[0], results[2])


def test_the_layout_of_the_arguments_does_not_matter(library):
    x, weight, rest, _ = random_layer((6, 5, 11, 8), False, True)
    expected = styled_conv(x, pack(library, weight, False), *rest)
    gaps = [torch.stack((tensor, tensor), dim=-1)[..., 0] for tensor in rest[:4]]
    assert not any(tensor.is_contiguous() for tensor in gaps)
    upside_down = weight.flip(2).contiguous().flip(2).transpose(0, 1).contiguous().transpose(0, 1)
    for other in (x.contiguous(), torch.cat((x, x), 3)[..., :8], torch.cat((x, x), 1)[:, :6]):
        y = styled_conv(other, pack(library, upside_down, False), *gaps, 0.2, SQRT2)
        assert torch.allclose(y, expected, atol=1e-6)


def test_the_arguments_are_left_as_they_are(library):
    x, weight, rest, _ = random_layer((6, 5, 11, 8), True, True)
    tensors = (x, weight, *rest[:4])
    before = [tensor.clone() for tensor in tensors]
    styled_conv(x, pack(library, weight, True), *rest)
    assert all(map(torch.equal, before, tensors))


@pytest.mark.parametrize(
    ("argument", "value", "problem"),
    [
        ("x", torch.zeros(1, 5, 9, 8), r"x \[1, 5, 9, 8\] must be \[1, 4, H, W\]"),
        ("x", torch.zeros(2, 4, 9, 8), "x "),
        ("x", torch.zeros(1, 4, 0, 8), "x "),
        ("x", torch.zeros(4, 9, 8), "x "),
        ("x", torch.zeros(1, 4, 9, 8, dtype=torch.float64), "x .*float64.* float32 on the CPU"),
        ("x", torch.zeros(1, 4, 9, 8, device="meta"), "x .*meta"),
        ("style", torch.zeros(3), r"style \[3\] must be \[4\]"),
        ("style", torch.zeros(1, 4), "style"),
        ("demodulation", torch.zeros(4), r"demodulation \[4\] must be \[3\]"),
        ("noise", torch.zeros(9, 8), r"noise \[9, 8\] must be \[18, 16\]"),
        ("noise", torch.zeros(18, 16, dtype=torch.float16), "noise .*float16"),
        ("bias", torch.zeros(1), r"bias \[1\] must be \[3\]"),
        ("bias", torch.zeros(3, requires_grad=True), "bias wants a gradient"),
    ],
)
def test_wrong_arguments_are_refused(library, argument, value, problem):
    arguments = {
        "x": torch.zeros(1, 4, 9, 8),
        "style": torch.zeros(4),
        "demodulation": torch.zeros(3),
        "noise": torch.zeros(18, 16),
        "bias": torch.zeros(3),
        "packed": pack(library, torch.zeros(3, 4, 3, 3), True),
        "negative_slope": 0.2,
        "gain": 1.0,
    }
    styled_conv(**arguments)
    with pytest.raises(ValueError, match=problem):
        styled_conv(**arguments | {argument: value})


@pytest.mark.parametrize(
    "weight",
    [
        torch.zeros(3, 4, 1, 1),
        torch.zeros(3, 4, 3),
        torch.zeros(0, 4, 3, 3),
        torch.zeros(3, 4, 3, 3, dtype=torch.float64),
    ],
)
def test_wrong_weights_are_refused(library, weight):
    with pytest.raises(ValueError, match="weight"):
        pack(library, weight)


def test_a_library_that_computes_nonsense_is_refused(tmp_path):
    source = (build.CSRC / "styled_conv.cpp").read_text(encoding="utf-8")
    assert source.count("5.25f") == 2
    library = compile_library(tmp_path, ["-march=native"], source.replace("5.25f", "5.5f"))
    with pytest.raises(RuntimeError, match="wrong result"):
        prepare(library)
