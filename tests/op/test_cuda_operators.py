"""The compiled CUDA operators against PyTorch's, with a GPU and without.

The kernels' bodies are plain C++, and so is the way to them from Python: compiled for the host
they are held to the PyTorch operators value by value. Float64 is PyTorch's everywhere: no library
serves it.
"""

import dataclasses
import shutil

import pytest
import torch

from op import build, cuda_library, fused_bias_act, upfirdn2d

ARCHITECTURES = ["75", "80", "86", "89", "90"]  # Turing to Hopper
TOLERANCES = {
    torch.float32: {"rtol": 1e-4, "atol": 1e-5},
    torch.float16: {"rtol": 2e-3, "atol": 2e-3},
}
LAYOUTS = [torch.contiguous_format, torch.channels_last]
GEOMETRIES = [
    # up, pad, kernel's shape
    (1, (1, 2), (4, 4)),  # the two that have kernels of their own
    (2, (2, 1), (4, 4)),
    (1, (0, 0), (1, 1)),
    (2, (5, 6), (2, 3)),
    (3, (2, 0), (5, 2)),
    (2, (-2, -1), (4, 3)),
    (2, (3, -2), (2, 4)),
    (4, (9, -3), (7, 7)),
]
GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU")
ON = ["host", pytest.param("cuda", marks=[pytest.mark.gpu, GPU])]


@pytest.fixture(scope="module")
def host_library(tmp_path_factory):
    """The CUDA sources, compiled by a C++ compiler."""
    if not shutil.which("g++"):
        pytest.skip("there is no g++")
    library = dataclasses.replace(
        build.LIBRARIES["cuda"],
        name="host",
        command=lambda: [
            build.find_compiler("CXX", "g++"),
            *("-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"),
            *("-fsanitize=undefined", "-fno-sanitize-recover=undefined", "-x", "c++"),
        ],
        unneeded=lambda: "",
        prepare=lambda library: cuda_library.prepare(library, "cpu"),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STYLEMASK_HOME", str(tmp_path_factory.mktemp("home")))
        patch.delenv("STYLEMASK_OPS", raising=False)
        library.build()
    return library


@pytest.fixture(params=ON)
def device(request, monkeypatch):
    """Where the compiled operators are in use."""
    if request.param == "cuda":
        build.LIBRARIES["cuda"].build(retry=True)
        assert build.load("cuda") is not None
        return "cuda"
    monkeypatch.setitem(build.LIBRARIES, "cuda", request.getfixturevalue("host_library"))
    monkeypatch.setattr(cuda_library, "serves", lambda x: x.dtype in cuda_library.DATA_TYPES)
    return "cpu"


def tensor(*shape: int, seed: int = 0, **options) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(**options)


def assert_equals_pytorchs(operator, x: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
    """Hold an operator to its float64 form, and its gradients in float32; return its result."""
    result = operator(x, *others)
    inputs = [value.double().requires_grad_() for value in (x, *others)]
    reference = operator(*inputs)
    torch.testing.assert_close(result, reference.to(x.dtype), **TOLERANCES[x.dtype])
    layout = torch.contiguous_format if x.is_contiguous() else torch.channels_last
    assert result.is_contiguous(memory_format=layout)
    if x.dtype == torch.float32 and x.numel():
        ours = [value.clone().requires_grad_() for value in (x, *others)]
        weights = tensor(*result.shape, seed=9, device=x.device)
        gradients = torch.autograd.grad((operator(*ours) * weights).sum(), ours)
        expected = torch.autograd.grad((reference * weights).sum(), inputs)
        for one, other in zip(gradients, expected, strict=True):
            torch.testing.assert_close(one, other.float(), rtol=1e-4, atol=1e-4)
    return result


def filtering(kernel: torch.Tensor, up: int = 1, pad: tuple[int, int] = (0, 0)):
    # the definition is float64 for float64: the kernel is not rounded for one of both only
    return lambda x: upfirdn2d(x, kernel.to(x.device, x.dtype).float(), up, pad)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("nvcc"), reason="there is no nvcc")
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU, which tells more")
def test_nvcc_compiles_for_every_architecture_what_says_that_there_is_no_gpu(tmp_path, monkeypatch):
    monkeypatch.setenv("STYLEMASK_HOME", str(tmp_path / "a home"))
    monkeypatch.delenv("STYLEMASK_OPS", raising=False)
    library = dataclasses.replace(
        build.LIBRARIES["cuda"],
        command=lambda: [*build.cuda_command(ARCHITECTURES), "-Werror", "all-warnings"],
        unneeded=lambda: "",
        prepare=lambda library: cuda_library.prepare(library, "cpu"),
    )
    with pytest.raises(build.BuildError, match=r"fused_bias_act failed on cpu: .*CUDA"):
        library.build()
    (path,) = tmp_path.rglob("cuda-*.so")
    assert all(f"sm_{name}".encode() in path.read_bytes() for name in ARCHITECTURES)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(1, 7, 6), (3, 7, 6), (8, 7, 6), (32, 35, 26)])  # 8: vectors
@pytest.mark.parametrize(("up", "pad", "kernel_shape"), GEOMETRIES)
def test_upfirdn2d_compiled_equals_pytorchs(device, dtype, layout, shape, up, pad, kernel_shape):
    x = tensor(2, *shape, device=device, dtype=dtype).to(memory_format=layout)
    kernel = tensor(*kernel_shape, seed=1)  # not symmetric: a correlation would show
    assert_equals_pytorchs(filtering(kernel / kernel.abs().sum(), up, pad), x)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("channels", [1, 3, 8])  # eight float16 or twice four float32 are one read
@pytest.mark.parametrize("size", [(4, 4), (33, 25)])
@pytest.mark.parametrize(
    ("noise_batch", "with_bias"), [(0, False), (0, True), (1, True), (2, False)]
)
def test_fused_bias_act_compiled_equals_pytorchs(
    device, dtype, layout, channels, size, noise_batch, with_bias
):
    x = tensor(2, channels, *size, device=device, dtype=dtype).to(memory_format=layout)
    others = {}
    if with_bias:
        others["bias"] = tensor(channels, seed=1, device=device)
    if noise_batch:
        others["noise"] = tensor(noise_batch, 1, *size, seed=2, device=device)

    def operator(x, *values):
        options = dict(zip(others, values, strict=True))
        return fused_bias_act(x, **options, negative_slope=0.3, gain=1.7, clamp=1.5)

    result = assert_equals_pytorchs(operator, x, *others.values())
    assert result.abs().max() == 1.5  # something was clamped


@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 5), (2, 3, 2, 4, 4), (0, 3, 4, 4)])
def test_fused_bias_act_compiled_takes_any_number_of_axes(device, shape):
    bias = tensor(3, seed=1, device=device)
    assert_equals_pytorchs(fused_bias_act, tensor(*shape, device=device), bias)


def test_tensors_that_are_not_dense_or_not_aligned_are_served_too(device):
    whole = tensor(2, 8, 9, 8, device=device)
    kernel, bias = tensor(4, 4, seed=1), tensor(8, seed=2, device=device)
    # the last begins 4 bytes beside an alignment
    flat = tensor(8 * 8 * 8 + 1, device=device)[1:].view(1, 8, 8, 8)
    for x in (whole[:, :, ::2], whole.transpose(2, 3), whole[:, :, :, 1:], flat):
        for operator in (filtering(kernel, pad=(2, 1)), lambda x: fused_bias_act(x, bias)):
            expected = operator(x.double()).float()
            torch.testing.assert_close(operator(x), expected, **TOLERANCES[torch.float32])


def test_second_derivatives_are_refused(device):
    x = tensor(1, 2, 4, 4, device=device).requires_grad_()
    for operator in (filtering(torch.ones(2, 2)), fused_bias_act):
        (first,) = torch.autograd.grad(operator(x).pow(3).sum(), x, create_graph=True)
        with pytest.raises(RuntimeError, match="once_differentiable"):
            first.sum().backward()


def test_float16_is_summed_and_clamped_in_float32(device):
    x = torch.full((1, 1, 64, 64), 60000.0, dtype=torch.float16, device=device)
    mean = torch.full((4, 4), 1 / 16, device=device)
    assert upfirdn2d(x, mean).eq(60000).all()
    assert fused_bias_act(x, gain=4.0, clamp=256.0).eq(256).all()


def test_values_that_are_no_numbers_stay_what_they_are(device):
    x = torch.tensor([[float("nan"), float("inf"), -float("inf")]], device=device)
    torch.testing.assert_close(fused_bias_act(x), x, equal_nan=True)
    clamped = torch.tensor([[float("nan"), 1.0, -1.0]], device=device)
    torch.testing.assert_close(fused_bias_act(x, clamp=1.0), clamped, equal_nan=True)


def test_a_library_that_computes_nonsense_is_noticed_in_the_trial_run(host_library, monkeypatch):
    monkeypatch.setattr(cuda_library, "fused_bias_act", lambda library, x, *_: x + 1)
    with pytest.raises(RuntimeError, match="wrong result"):
        cuda_library.prepare(host_library.handle, "cpu")


def test_pytorch_serves_what_the_library_does_not(device):
    kernel = torch.ones(2, 2, device=device, requires_grad=True)
    upfirdn2d(torch.ones(1, 1, 4, 4, device=device), kernel).sum().backward()
    assert kernel.grad is not None
    x = tensor(2, 3, device=device)
    torch.testing.assert_close(fused_bias_act(x, gain=-1.0), -fused_bias_act(x, gain=1.0))


@pytest.mark.gpu
@GPU
@torch.no_grad()
def test_operators_run_on_the_current_stream_and_in_a_cuda_graph():
    build.LIBRARIES["cuda"].build()
    x = tensor(1, 32, 64, 64, dtype=torch.float16).cuda().to(memory_format=torch.channels_last)
    kernel, bias = tensor(4, 4, seed=1).cuda(), tensor(32, seed=2).cuda()

    def both():
        return fused_bias_act(upfirdn2d(x, kernel, pad=(1, 1)), bias, clamp=2.0)

    expected = both()
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        beside = both()
    torch.cuda.current_stream().wait_stream(stream)
    torch.testing.assert_close(beside, expected, rtol=0, atol=0)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = both()
    x.mul_(0.5)
    graph.replay()
    torch.testing.assert_close(result, both(), rtol=0, atol=0)
    assert not torch.equal(result, expected)


@pytest.mark.gpu
@GPU
def test_more_elements_than_32_bits_can_count():
    build.LIBRARIES["cuda"].build()
    channels, side = 8, 12000  # 1.15e9 float16: 2.3 GB
    if torch.cuda.mem_get_info()[0] < 12e9:
        pytest.skip("the GPU has too little memory")
    x = torch.zeros(1, channels, side, side, dtype=torch.float16, device="cuda")
    x = x.to(memory_format=torch.channels_last)
    x[0, -1, -1, -1] = 3.0
    y = fused_bias_act(x, gain=1.0)
    assert y[0, -1, -1, -1] == 3.0
    assert y.count_nonzero() == 1
    blurred = upfirdn2d(x, torch.ones(2, 2, device="cuda"), pad=(1, 0))
    assert blurred[0, -1, -1, -1] == 3.0
