"""The operators in PyTorch against what their definitions say, written out in loops."""

import numpy as np
import pytest
import torch

from op import fused_bias_act, upfirdn2d


def plain_upfirdn2d(x: np.ndarray, kernel: np.ndarray, up: int, pad: tuple[int, int]):
    """Insert zeros, pad or crop, convolve: one step after the other."""
    batch, channels, height, width = x.shape
    spread = np.zeros((batch, channels, height * up, width * up))
    spread[:, :, ::up, ::up] = x
    spread = np.pad(spread, ((0, 0), (0, 0), *[[max(p, 0) for p in pad]] * 2))
    first, last = (max(-p, 0) for p in pad)
    spread = spread[:, :, first : spread.shape[2] - last, first : spread.shape[3] - last]
    rows = spread.shape[2] - kernel.shape[0] + 1
    columns = spread.shape[3] - kernel.shape[1] + 1
    filtered = np.zeros((batch, channels, rows, columns))
    for i in range(rows):
        for j in range(columns):
            window = spread[:, :, i : i + kernel.shape[0], j : j + kernel.shape[1]]
            filtered[:, :, i, j] = (window * kernel[::-1, ::-1]).sum((2, 3))
    return filtered


@pytest.mark.parametrize(
    ("up", "pad", "kernel_shape"),
    [
        (1, (0, 0), (1, 1)),
        (1, (1, 2), (4, 4)),
        (2, (2, 1), (4, 4)),
        (2, (0, 0), (3, 5)),
        (2, (5, 6), (2, 3)),
        (3, (2, 0), (5, 2)),
        (1, (-1, -2), (2, 2)),
        (2, (-2, -1), (4, 3)),
        (2, (3, -2), (2, 4)),
    ],
)
def test_upfirdn2d_equals_zero_insertion_padding_and_convolution(up, pad, kernel_shape):
    random = np.random.default_rng(0)
    x = random.standard_normal((2, 3, 6, 5))
    kernel = random.standard_normal(kernel_shape)  # not symmetric: a correlation would show
    result = upfirdn2d(torch.from_numpy(x), torch.from_numpy(kernel), up, pad)
    # float64 throughout: a kernel rounded to float32 on the way would show too
    np.testing.assert_allclose(result, plain_upfirdn2d(x, kernel, up, pad), atol=1e-12)


@pytest.mark.parametrize(("up", "pad"), [(1, (1, 2)), (2, (2, 1)), (2, (1, -1))])
def test_upfirdn2d_has_the_gradients_finite_differences_have(up, pad):
    torch.manual_seed(0)
    x = torch.randn(1, 2, 4, 3, dtype=torch.float64, requires_grad=True)
    kernel = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, k: upfirdn2d(x, k, up, pad), (x, kernel))


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


@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 5), (2, 3, 4, 5)])
@pytest.mark.parametrize(("slope", "gain"), [(0.2, 2**0.5), (0.0, 1.0), (1.0, 3.0)])
def test_fused_bias_act_equals_its_definition(shape, slope, gain):
    random = np.random.default_rng(0)
    x, bias = random.standard_normal(shape), random.standard_normal(3)
    shifted = x + bias.reshape(1, 3, *[1] * (len(shape) - 2))
    expected = gain * np.where(shifted < 0, slope * shifted, shifted)
    result = fused_bias_act(torch.from_numpy(x), torch.from_numpy(bias), slope, gain)
    np.testing.assert_allclose(result, expected, atol=1e-12)


@pytest.mark.parametrize("noise_batch", [1, 2])
def test_fused_bias_act_adds_noise_and_clamps(noise_batch):
    random = np.random.default_rng(0)
    x, bias = random.standard_normal((2, 3, 4, 5)), random.standard_normal(3)
    noise = random.standard_normal((noise_batch, 1, 4, 5))
    shifted = x + noise + bias.reshape(1, 3, 1, 1)
    expected = np.clip(2.0 * np.where(shifted < 0, 0.2 * shifted, shifted), -1.5, 1.5)
    x, bias, noise = map(torch.from_numpy, (x, bias, noise))
    result = fused_bias_act(x, bias, gain=2.0, noise=noise, clamp=1.5)
    np.testing.assert_allclose(result, expected, atol=1e-12)
    assert result.abs().max() == 1.5


def test_fused_bias_act_by_default_is_the_generators_activation():
    x = torch.tensor([[-1.0, 2.0]])
    expected = torch.tensor([[-0.2, 2.0]]) * 2**0.5
    torch.testing.assert_close(fused_bias_act(x), expected)


def test_fused_bias_act_has_the_gradients_finite_differences_have():
    torch.manual_seed(0)
    x = torch.randn(2, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(fused_bias_act, (x, bias))


def test_operators_return_the_dtype_of_their_input():
    x = torch.ones(1, 2, 4, 4, dtype=torch.float16)
    assert fused_bias_act(x, torch.ones(2)).dtype is torch.float16
    assert upfirdn2d(x, torch.ones(2, 2), pad=(1, 0)).dtype is torch.float16


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((2, 3, 4), {"bias": torch.ones(4)}),
        ((2, 3), {"bias": torch.ones(1)}),
        ((3,), {"bias": torch.ones(3)}),
        *(
            ((2, 2, 4, 4), {"noise": torch.ones(noise)})
            for noise in [(3, 1, 4, 4), (1, 2, 4, 4), (1, 1, 4, 3), (4, 4)]
        ),
    ],
)
def test_fused_bias_act_refuses_a_bias_or_noise_of_another_shape(shape, options):
    with pytest.raises(ValueError, match=next(iter(options))):
        fused_bias_act(torch.ones(shape), **options)
