"""fused_bias_act and upfirdn2d, PyTorch's and compiled, against what they are defined to compute.

The CUDA kernels' bodies are plain C++, and so is the way to them from Python: compiled for the host
they are tested on any machine. Float64 is PyTorch's everywhere: no library serves it.
"""

import dataclasses
import shutil

import numpy as np
import pytest
import torch

from op import build, cuda_library, fused_bias_act, upfirdn2d

ARCHITECTURES = ["75", "80", "86", "89", "90"]  # Turing to Hopper
TOLERANCES = {
    torch.float64: {"rtol": 0, "atol": 1e-12},
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
    (1, (-1, -2), (2, 2)),
    (2, (-2, -1), (4, 3)),
    (2, (3, -2), (2, 4)),
    (4, (9, -3), (7, 7)),
]
GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU")
COMPILED = ["host", pytest.param("cuda", marks=[pytest.mark.gpu, GPU])]


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


@pytest.fixture(params=["PyTorch", *COMPILED])
def device(request, monkeypatch):
    """Where tensors lie: PyTorch's operators are in use there, or the compiled ones."""
    if request.param == "cuda":
        build.LIBRARIES["cuda"].build(retry=True)
        assert build.load("cuda") is not None
        return "cuda"
    if request.param == "host":
        monkeypatch.setitem(build.LIBRARIES, "cuda", request.getfixturevalue("host_library"))
        monkeypatch.setattr(cuda_library, "serves", lambda x: x.dtype in cuda_library.DATA_TYPES)
    return "cpu"


compiled = pytest.mark.parametrize("device", COMPILED, indirect=True)


def tensor(*shape: int, seed: int = 0, **options) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(**options)


def plain_upfirdn2d(x: np.ndarray, kernel: np.ndarray, up: int, pad: tuple[int, int]):
    """Insert zeros, pad or crop, convolve: one step after the other."""
    batch, channels, height, width = x.shape
    spread = np.zeros((batch, channels, height * up, width * up))
    spread[:, :, ::up, ::up] = x
    spread = np.pad(spread, ((0, 0), (0, 0), *[[max(p, 0) for p in pad]] * 2))
    first, last = (max(-p, 0) for p in pad)
    spread = spread[:, :, first : spread.shape[2] - last, first : spread.shape[3] - last]
    windows = np.lib.stride_tricks.sliding_window_view(spread, kernel.shape, (2, 3))
    return np.einsum("bchwij,ij->bchw", windows, kernel[::-1, ::-1])


def plain_bias_act(x, bias, noise, slope, gain, clamp) -> np.ndarray:
    shifted = x + bias.reshape(1, -1, *[1] * (x.ndim - 2)) + noise
    return np.clip(gain * np.where(shifted < 0, slope * shifted, shifted), -clamp, clamp)


def assert_right(operator, x: torch.Tensor, expected: np.ndarray, *others: torch.Tensor) -> None:
    """Hold a result to its definition; float32's gradients to float64's."""
    result = operator(x, *others)
    assert result.dtype is x.dtype
    wanted = torch.from_numpy(np.ascontiguousarray(expected)).to(result)
    torch.testing.assert_close(result, wanted, **TOLERANCES[x.dtype])
    layout = torch.contiguous_format if x.is_contiguous() else torch.channels_last
    assert result.is_contiguous(memory_format=layout)
    if x.dtype is torch.float32:
        inputs = [value.double().requires_grad_() for value in (x, *others)]
        ours = [value.clone().requires_grad_() for value in (x, *others)]
        weights = tensor(*result.shape, seed=9, device=x.device)
        gradients = torch.autograd.grad((operator(*ours) * weights).sum(), ours)
        right = torch.autograd.grad((operator(*inputs) * weights).sum(), inputs)
        for one, other in zip(gradients, right, strict=True):
            torch.testing.assert_close(one, other.float(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(3, 7, 6), (8, 7, 6), (32, 35, 26)])  # 8: vectors are read
@pytest.mark.parametrize(("up", "pad", "kernel_shape"), GEOMETRIES)
def test_upfirdn2d_inserts_zeros_pads_and_convolves(
    device, dtype, layout, shape, up, pad, kernel_shape
):
    x = tensor(2, *shape, device=device, dtype=dtype).to(memory_format=layout)
    kernel = tensor(*kernel_shape, seed=1)  # not symmetric: a correlation would show
    kernel = (kernel / kernel.abs().sum()).to(device, dtype)
    values = kernel.cpu().double().numpy()
    expected = plain_upfirdn2d(x.cpu().double().numpy(), values, up, pad)
    assert_right(lambda x: upfirdn2d(x, kernel, up, pad), x, expected)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("channels", [1, 3, 8])  # eight float16 or twice four float32 are one read
@pytest.mark.parametrize("size", [(4, 4), (33, 25)])
@pytest.mark.parametrize(("noise_batch", "bias"), [(0, False), (0, True), (1, True), (2, False)])
def test_fused_bias_act_adds_noise_and_bias_bends_and_clamps(
    device, dtype, layout, channels, size, noise_batch, bias
):
    x = tensor(2, channels, *size, device=device, dtype=dtype).to(memory_format=layout)
    others = {"bias": tensor(channels, seed=1, device=device, dtype=dtype)} if bias else {}
    if noise_batch:
        others["noise"] = tensor(noise_batch, 1, *size, seed=2, device=device, dtype=dtype)
    arrays = {name: value.cpu().double().numpy() for name, value in others.items()}
    expected = plain_bias_act(
        x.cpu().double().numpy(),
        *(arrays.get("bias", np.zeros(1)), arrays.get("noise", 0)),
        *(0.3, 1.7, 1.5),
    )
    assert np.abs(expected).max() == 1.5  # something is clamped

    def operator(x, *values):
        options = dict(zip(others, values, strict=True))
        return fused_bias_act(x, **options, negative_slope=0.3, gain=1.7, clamp=1.5)

    assert_right(operator, x, expected, *others.values())


@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 5), (2, 3, 2, 4, 4), (0, 3, 4, 4)])
def test_fused_bias_act_takes_any_number_of_axes_and_is_the_generators_activation(device, shape):
    x, bias = tensor(*shape, device=device), tensor(3, seed=1, device=device)
    arrays = x.cpu().double().numpy(), bias.cpu().double().numpy()
    assert_right(fused_bias_act, x, plain_bias_act(*arrays, 0, 0.2, 2**0.5, np.inf), bias)


def test_tensors_that_are_not_dense_or_not_aligned_are_served_too(device):
    whole = tensor(2, 8, 9, 8, device=device)
    kernel, bias = tensor(4, 4, seed=1), tensor(8, seed=2, device=device)
    # the last begins 4 bytes beside an alignment
    flat = tensor(8 * 8 * 8 + 1, device=device)[1:].view(1, 8, 8, 8)
    for x in (whole[:, :, ::2], whole.transpose(2, 3), whole[:, :, :, 1:], flat):
        for operator in (
            lambda x: upfirdn2d(x, kernel.to(x), pad=(2, 1)),
            lambda x: fused_bias_act(x, bias),
        ):
            expected = operator(x.double()).float()
            torch.testing.assert_close(operator(x), expected, **TOLERANCES[torch.float32])


def test_gradients_are_those_of_finite_differences():
    torch.manual_seed(0)
    x, kernel, bias = (
        torch.randn(shape, dtype=torch.float64, requires_grad=True)
        for shape in ((1, 2, 4, 3), (3, 2), (2,))
    )
    assert torch.autograd.gradcheck(fused_bias_act, (x, bias))
    for up, pad in ((1, (1, 2)), (2, (2, 1)), (2, (1, -1))):
        operator = lambda x, kernel, up=up, pad=pad: upfirdn2d(x, kernel, up, pad)  # noqa: E731
        assert torch.autograd.gradcheck(operator, (x, kernel))


@compiled
def test_second_derivatives_are_refused(device):
    x = tensor(1, 2, 4, 4, device=device).requires_grad_()
    for operator in (lambda x: upfirdn2d(x, torch.ones(2, 2).to(x)), fused_bias_act):
        (first,) = torch.autograd.grad(operator(x).pow(3).sum(), x, create_graph=True)
        with pytest.raises(RuntimeError, match="once_differentiable"):
            first.sum().backward()


@compiled
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


@compiled
def test_pytorch_serves_what_the_library_does_not(device):
    kernel = torch.ones(2, 2, device=device, requires_grad=True)
    upfirdn2d(torch.ones(1, 1, 4, 4, device=device), kernel).sum().backward()
    assert kernel.grad is not None
    x = tensor(2, 3, device=device)
    torch.testing.assert_close(fused_bias_act(x, gain=-1.0), -fused_bias_act(x, gain=1.0))


@pytest.mark.parametrize(
    ("x_shape", "kernel_shape", "options"),
    [
        ((3, 4, 4), (2, 2), {}),
        ((1, 3, 4, 4), (2, 2, 2), {}),
        ((1, 3, 4, 4), (2,), {}),
        ((1, 3, 4, 4), (2, 2), {"up": 0}),
        ((1, 3, 4, 4), (5, 2), {}),
        ((1, 3, 4, 4), (2, 7), {"pad": (1, 1)}),
        ((1, 3, 4, 4), (2, 2), {"pad": (-2, -1)}),
    ],
)
def test_upfirdn2d_refuses_what_has_no_result(x_shape, kernel_shape, options):
    with pytest.raises(ValueError):
        upfirdn2d(torch.ones(x_shape), torch.ones(kernel_shape), **options)


@pytest.mark.parametrize(
    ("shape", "name", "wrong"),
    [
        *(((2, 3, 4), "bias", (4,)), ((2, 3), "bias", (1,)), ((3,), "bias", (3,))),
        *(((2, 2, 4, 4), "noise", (3, 1, 4, 4)), ((2, 2, 4, 4), "noise", (1, 2, 4, 4))),
        *(((2, 2, 4, 4), "noise", (1, 1, 4, 3)), ((2, 2, 4, 4), "noise", (4, 4))),
    ],
)
def test_fused_bias_act_refuses_a_bias_or_noise_of_another_shape(shape, name, wrong):
    with pytest.raises(ValueError, match=name):
        fused_bias_act(torch.ones(shape), **{name: torch.ones(wrong)})


def test_a_library_that_computes_nonsense_is_noticed_in_the_trial_run(host_library, monkeypatch):
    monkeypatch.setattr(cuda_library, "fused_bias_act", lambda library, x, *_: x + 1)
    with pytest.raises(RuntimeError, match="wrong result"):
        cuda_library.prepare(host_library.handle, "cpu")


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
