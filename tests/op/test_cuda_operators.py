"""The CUDA operators without a GPU: nvcc compiles them, and g++ what they compute.

The kernels' bodies are plain C++, and so is the way to them from Python: compiled for the host
they are held to the PyTorch operators value by value, their gradients to finite differences.
"""

import shutil
import subprocess

import pytest
import torch

from op import build, cuda_library, fused_bias_act, upfirdn2d
from op.library import Library, Recipe
from tests.support.helpers import PATIENCE

ARCHITECTURES = ["75", "80", "86", "89", "90"]  # Turing to Hopper
TOLERANCES = {
    torch.float32: {"rtol": 1e-5, "atol": 1e-5},
    torch.float16: {"rtol": 2e-3, "atol": 2e-3},
}


@pytest.fixture(scope="module")
def host_library(tmp_path_factory):
    """The CUDA sources, compiled by a C++ compiler."""
    if not shutil.which("g++"):
        pytest.skip("there is no g++")
    recipe = Recipe(
        sources=build.CUDA_SOURCES,
        headers=build.CUDA_HEADERS,
        command=lambda: [
            build.find_compiler("CXX", "g++"),
            *("-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"),
            *("-fsanitize=undefined", "-fno-sanitize-recover=undefined", "-x", "c++"),
        ],
        prepare=lambda library: cuda_library.prepare(library, "cpu"),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STYLEMASK_HOME", str(tmp_path_factory.mktemp("home")))
        patch.delenv("STYLEMASK_OPS", raising=False)
        library = Library("host", recipe)
        library.build(retry=False)
    return library


@pytest.fixture
def native(host_library, monkeypatch):
    """Let impl="native" serve tensors of the CPU."""
    monkeypatch.setitem(build.LIBRARIES, "cuda", host_library)
    monkeypatch.setattr(cuda_library, "serves", lambda x: x.dtype in cuda_library.DATA_TYPES)


def tensor(*shape: int, seed: int = 0, **options) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(**options)


def assert_equal(native: torch.Tensor, reference: torch.Tensor) -> None:
    torch.testing.assert_close(native, reference, **TOLERANCES[reference.dtype])


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("nvcc"), reason="there is no nvcc")
def test_nvcc_compiles_the_operators_for_every_architecture(tmp_path):
    command = build.cuda_command(ARCHITECTURES)
    for source in build.CUDA_SOURCES:
        target = tmp_path / f"{source.stem}.o"
        object_only = [option for option in command if option != "-shared"]
        done = subprocess.run(
            [*object_only, "-Werror", "all-warnings", "-c", "-o", target, source],
            capture_output=True,
            text=True,
            timeout=3 * PATIENCE,
        )
        assert done.returncode == 0, done.stderr
        content = target.read_bytes()
        assert all(f"sm_{name}".encode() in content for name in ARCHITECTURES)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("nvcc"), reason="there is no nvcc")
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU: see test_operators_gpu.py")
def test_what_nvcc_makes_can_be_loaded_and_says_that_there_is_no_gpu(tmp_path, monkeypatch):
    monkeypatch.setenv("STYLEMASK_HOME", str(tmp_path / "a home"))
    monkeypatch.delenv("STYLEMASK_OPS", raising=False)
    recipe = Recipe(
        sources=build.CUDA_SOURCES,
        headers=build.CUDA_HEADERS,
        command=lambda: build.cuda_command(["90"]),
        prepare=lambda library: cuda_library.prepare(library, "cpu"),
    )
    with pytest.raises(build.BuildError, match=r"fused_bias_act failed on cpu: .*CUDA"):
        Library("cuda", recipe).build(retry=False)
    assert len(list(tmp_path.rglob("cuda-*.so"))) == 1


GEOMETRIES = [
    # up, down, pad, kernel's shape
    (1, 1, (1, 2), (4, 4)),  # the three that have kernels of their own
    (2, 1, (2, 1), (4, 4)),
    (1, 2, (1, 1), (4, 4)),
    (1, 1, (0, 0), (1, 1)),
    (2, 1, (5, 6), (2, 3)),
    (3, 1, (2, 0), (5, 2)),
    (1, 3, (2, 3), (2, 5)),
    (2, 3, (4, 3), (3, 4)),
    (3, 2, (1, 1), (1, 6)),
    (1, 2, (-1, 3), (3, 3)),
    (2, 1, (-2, -1), (4, 3)),
    (2, 2, (3, -2), (2, 4)),
    (4, 3, (9, -3), (7, 7)),
    (2, 1, (5, 4), (6,)),  # separable
    (1, 2, (4, 5), (7,)),
]
LAYOUTS = [torch.contiguous_format, torch.channels_last]
CHANNELS = [1, 3, 8]  # eight float16 or twice four float32 are read as one


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize(("up", "down", "pad", "kernel_shape"), GEOMETRIES)
def test_upfirdn2d_compiled_equals_its_reference(
    native, dtype, layout, channels, up, down, pad, kernel_shape
):
    x = tensor(2, channels, 7, 6, dtype=dtype).to(memory_format=layout)
    kernel = tensor(*kernel_shape, seed=1)  # not symmetric: a correlation would show
    kernel = kernel / kernel.abs().sum()
    result = upfirdn2d(x, kernel, up, down, pad, impl="native")
    assert_equal(result, upfirdn2d(x, kernel, up, down, pad, impl="reference"))
    assert result.is_contiguous(memory_format=layout)


@pytest.mark.parametrize(("up", "down", "pad", "kernel_shape"), GEOMETRIES)
def test_upfirdn2d_compiled_has_its_references_gradients(native, up, down, pad, kernel_shape):
    kernel = tensor(*kernel_shape, seed=1)
    x = tensor(2, 3, 7, 6).requires_grad_()

    def gradients(impl):
        y = upfirdn2d(x, kernel, up, down, pad, impl=impl)
        (first,) = torch.autograd.grad((y * tensor(*y.shape, seed=2)).sum(), x, retain_graph=True)
        (curved,) = torch.autograd.grad(y.pow(3).sum(), x, create_graph=True)
        (second,) = torch.autograd.grad((curved * tensor(*x.shape, seed=3)).sum(), x)
        return first, second

    for ours, reference in zip(gradients("native"), gradients("reference"), strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("size", [(4, 4), (3, 5)])
@pytest.mark.parametrize("noise_batch", [0, 1, 2])
@pytest.mark.parametrize("with_bias", [False, True])
def test_fused_bias_act_compiled_equals_its_reference(
    native, dtype, layout, channels, size, noise_batch, with_bias
):
    x = tensor(2, channels, *size, dtype=dtype).to(memory_format=layout)
    options = {
        "bias": tensor(channels, seed=1) if with_bias else None,
        "noise": tensor(noise_batch, 1, *size, seed=2) if noise_batch else None,
        "negative_slope": 0.3,
        "gain": 1.7,
        "clamp": 1.5,
    }
    result = fused_bias_act(x, **options, impl="native")
    assert_equal(result, fused_bias_act(x, **options, impl="reference"))
    assert result.is_contiguous(memory_format=layout)
    assert result.abs().max() == 1.5  # something was clamped


@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 5), (2, 3, 2, 4, 4)])
def test_fused_bias_act_compiled_takes_any_number_of_axes(native, shape):
    x, bias = tensor(*shape), tensor(3, seed=1)
    assert_equal(fused_bias_act(x, bias, impl="native"), fused_bias_act(x, bias, impl="reference"))


def test_tensors_that_are_not_dense_or_not_aligned_are_served_too(native):
    whole = tensor(2, 8, 9, 8)
    kernel, bias = tensor(4, 4, seed=1), tensor(8, seed=2)
    flat = tensor(8 * 8 * 8 + 1)[1:].view(1, 8, 8, 8)  # begins 4 bytes beside an alignment
    for x in (whole[:, :, ::2], whole.transpose(2, 3), whole[:, :, :, 1:], flat):
        for impl_of in (
            lambda impl, x=x: upfirdn2d(x, kernel, pad=(2, 1), impl=impl),
            lambda impl, x=x: fused_bias_act(x, bias, impl=impl),
        ):
            assert_equal(impl_of("native"), impl_of("reference"))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("clamp", [None, 1.0])
def test_fused_bias_act_compiled_has_its_references_gradients(native, layout, clamp):
    x = tensor(2, 4, 3, 4).to(memory_format=layout).requires_grad_()
    bias, noise = tensor(4, seed=1).requires_grad_(), tensor(1, 1, 3, 4, seed=2).requires_grad_()

    def gradients(impl):
        y = fused_bias_act(x, bias, noise=noise, clamp=clamp, impl=impl)
        first = torch.autograd.grad(y.pow(3).sum(), (x, bias, noise), create_graph=True)
        curved = sum((g * tensor(*g.shape, seed=3)).sum() for g in first)
        return *first, *torch.autograd.grad(curved, (x, bias, noise))

    for ours, reference in zip(gradients("native"), gradients("reference"), strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-4, atol=1e-4)


@pytest.mark.filterwarnings("ignore:Input .* is not a double precision:UserWarning")
def test_fused_bias_act_compiled_has_the_gradients_finite_differences_have(native):
    # float32 allows few digits, so the values keep away from the bend and the clamp
    x = tensor(2, 3, 2, 2)
    x = (x + 0.2 * x.sign()).clamp(-2, 2).requires_grad_()

    def act(x):
        return fused_bias_act(x, negative_slope=0.2, gain=1.5, clamp=4.0, impl="native")

    tolerances = {"eps": 1e-2, "atol": 1e-2, "rtol": 1e-2}
    assert torch.autograd.gradcheck(act, x, **tolerances)
    assert torch.autograd.gradgradcheck(act, x, **tolerances)


def test_float16_is_summed_and_clamped_in_float32(native):
    x = torch.full((1, 1, 64, 64), 60000.0, dtype=torch.float16)
    mean = torch.full((4, 4), 1 / 16)
    assert upfirdn2d(x, mean, impl="native").eq(60000).all()
    assert fused_bias_act(x, gain=4.0, clamp=256.0, impl="native").eq(256).all()


def test_values_that_are_no_numbers_stay_what_they_are(native):
    x = torch.tensor([[float("nan"), float("inf"), -float("inf")]])
    torch.testing.assert_close(fused_bias_act(x, impl="native"), x, equal_nan=True)
    clamped = fused_bias_act(x, clamp=1.0, impl="native")
    torch.testing.assert_close(clamped, torch.tensor([[float("nan"), 1.0, -1.0]]), equal_nan=True)


def test_a_library_that_computes_nonsense_is_found_out_by_the_trial_run(native, monkeypatch):
    def nonsense(library, x, *_):
        return x + 1

    monkeypatch.setattr(cuda_library, "fused_bias_act", nonsense)
    with pytest.raises(RuntimeError, match="wrong result"):
        cuda_library.prepare(build.LIBRARIES["cuda"].handle, "cpu")


def test_a_batch_of_nothing_has_a_result_of_nothing(native):
    x = torch.ones(0, 3, 4, 4)
    assert fused_bias_act(x, impl="native").shape == x.shape
    assert upfirdn2d(x, torch.ones(2, 2), up=2, impl="native").shape == (0, 3, 7, 7)


def test_auto_takes_pytorchs_path_for_what_the_library_does_not_serve(native):
    kernel = torch.ones(2, 2, requires_grad=True)
    upfirdn2d(torch.ones(1, 1, 4, 4), kernel).sum().backward()
    assert kernel.grad is not None
    assert fused_bias_act(torch.ones(1, 2, dtype=torch.float64)).dtype is torch.float64
    x = tensor(2, 3)
    assert_equal(fused_bias_act(x, gain=-1.0), -fused_bias_act(x, gain=1.0))


@pytest.mark.parametrize(
    "call",
    [
        lambda impl: fused_bias_act(torch.ones(1, 2), impl=impl),
        lambda impl: upfirdn2d(torch.ones(1, 1, 4, 4), torch.ones(2, 2), impl=impl),
    ],
)
def test_native_is_refused_for_tensors_of_the_cpu_and_so_is_what_is_unknown(call):
    with pytest.raises(ValueError, match="do not serve"):
        call("native")
    with pytest.raises(ValueError, match="'fast' is not known"):
        call("fast")
