"""The compiled operators on a GPU against PyTorch's."""

import pytest
import torch

from op import build, fused_bias_act, upfirdn2d

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU"),
]
TOLERANCES = {
    torch.float32: {"rtol": 1e-4, "atol": 1e-5},
    torch.float16: {"rtol": 4e-3, "atol": 4e-3},
}
LAYOUTS = [torch.contiguous_format, torch.channels_last]
GEOMETRIES = [
    # up, down, pad, kernel's shape
    (1, 1, (1, 1), (4, 4)),  # after an up-convolution
    (2, 1, (2, 1), (4, 4)),  # of the picture
    (1, 2, (1, 1), (4, 4)),
    (2, 3, (4, -3), (3, 5)),
    (2, 1, (6, 5), (12,)),
]


@pytest.fixture(scope="module", autouse=True)
def library():
    """Built with nvcc, unless it lies in the cache."""
    try:
        build.cuda_compiler()
    except build.BuildError as error:
        pytest.skip(str(error))
    build.build("cuda", retry=True)


def tensor(*shape: int, seed: int = 0, layout=torch.contiguous_format, dtype=torch.float32):
    values = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return values.to("cuda", dtype).to(memory_format=layout)


def filtered(x, up, down, pad, kernel_shape, impl):
    kernel = tensor(*kernel_shape, seed=1)
    return upfirdn2d(x, kernel / kernel.abs().sum(), up, down, pad, impl=impl)


def activated(x, impl, clamp=2.0):
    bias = tensor(x.shape[1], seed=2).requires_grad_()
    noise = tensor(1, 1, *x.shape[2:], seed=3).requires_grad_()
    y = fused_bias_act(x, bias, noise=noise, clamp=clamp, impl=impl)
    return y, (bias, noise)


def test_the_compiled_operators_are_what_auto_takes():
    assert build.status()["cuda"]["state"] == "native"
    assert build.load("cuda") is not None


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("channels", [3, 32])
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_upfirdn2d_equals_its_reference(dtype, layout, channels, geometry):
    x = tensor(2, channels, 67, 50, layout=layout, dtype=dtype)
    result = filtered(x, *geometry, "native")
    torch.testing.assert_close(result, filtered(x, *geometry, "reference"), **TOLERANCES[dtype])
    assert result.is_contiguous(memory_format=layout)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(2, 3, 67, 50), (2, 32, 64, 64)])
def test_fused_bias_act_equals_its_reference(dtype, layout, shape):
    x = tensor(*shape, layout=layout, dtype=dtype)
    result, reference = (activated(x, impl)[0] for impl in ("native", "reference"))
    torch.testing.assert_close(result, reference, **TOLERANCES[dtype])
    assert result.is_contiguous(memory_format=layout)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_upfirdn2d_has_its_references_gradients_of_first_and_second_order(layout, geometry):
    def gradients(impl):
        x = tensor(2, 8, 19, 17, layout=layout).requires_grad_()
        y = filtered(x, *geometry, impl)
        (first,) = torch.autograd.grad(y.pow(3).sum(), x, create_graph=True)
        return first, *torch.autograd.grad(first.pow(2).sum(), x)

    for ours, reference in zip(gradients("native"), gradients("reference"), strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_fused_bias_act_has_its_references_gradients_of_first_and_second_order(layout):
    def gradients(impl):
        x = tensor(2, 8, 19, 17, layout=layout).requires_grad_()
        y, others = activated(x, impl)
        first = torch.autograd.grad(y.pow(3).sum(), (x, *others), create_graph=True)
        curved = sum(gradient.pow(2).sum() for gradient in first)
        return *first, *torch.autograd.grad(curved, (x, *others))

    for ours, reference in zip(gradients("native"), gradients("reference"), strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-3, atol=1e-3)


@pytest.mark.filterwarnings("ignore:Input .* is not a double precision:UserWarning")
def test_gradients_are_those_of_finite_differences():
    # float32 allows few digits, so the values keep away from the bend and the clamp
    x = tensor(1, 2, 4, 3)
    x = (x + 0.2 * x.sign()).clamp(-2, 2).requires_grad_()
    kernel = tensor(3, 2, seed=1)
    tolerances = {"eps": 1e-2, "atol": 2e-2, "rtol": 2e-2}
    for operator in (
        lambda x: fused_bias_act(x, gain=1.5, clamp=4.0, impl="native"),
        lambda x: upfirdn2d(x, kernel, 2, 1, (1, 1), impl="native"),
    ):
        assert torch.autograd.gradcheck(operator, x, **tolerances)
        assert torch.autograd.gradgradcheck(operator, x, **tolerances)


@torch.no_grad()
def test_operators_run_on_the_current_stream_and_in_a_cuda_graph():
    x = tensor(1, 32, 64, 64, dtype=torch.float16, layout=torch.channels_last)
    kernel, bias = tensor(4, 4, seed=1), tensor(32, seed=2)

    def both():
        blurred = upfirdn2d(x, kernel, pad=(1, 1), impl="native")
        return fused_bias_act(blurred, bias, clamp=2.0, impl="native")

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


def test_more_elements_than_32_bits_can_count():
    channels, side = 8, 12000  # 1.15e9 float16: 2.3 GB
    if torch.cuda.mem_get_info()[0] < 12e9:
        pytest.skip("the GPU has too little memory")
    x = torch.zeros(1, channels, side, side, dtype=torch.float16, device="cuda")
    x = x.to(memory_format=torch.channels_last)
    x[0, -1, -1, -1] = 3.0
    y = fused_bias_act(x, gain=1.0, impl="native")
    assert y[0, -1, -1, -1] == 3.0
    assert y.count_nonzero() == 1
    blurred = upfirdn2d(x, torch.ones(2, 2, device="cuda"), pad=(1, 0), impl="native")
    assert blurred[0, -1, -1, -1] == 3.0
