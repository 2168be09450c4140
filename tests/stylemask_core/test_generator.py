"""The generator against the paper's formulation, written out one picture at a time."""

import math

import pytest
import torch
import torch.nn.functional as F

from stylemask_core import ModelConfig
from stylemask_core.networks.generator import Generator, ModulatedConv
from tests.support.helpers import FFHQ


def random_generator(seed: int = 0, **changes) -> Generator:
    """A float64 generator with nothing at its initial value."""
    config = ModelConfig("random", 32, {4: 16, 8: 14, 16: 12, 32: 8}, 5, 16, 3, 0.1, **changes)
    generator = Generator(config).double().requires_grad_(False)
    source = torch.Generator().manual_seed(seed)
    for tensor in generator.state_dict().values():
        tensor.copy_(torch.randn(tensor.shape, generator=source, dtype=torch.float64))
    return generator


def random_codes(generator: Generator, batch: int = 1) -> torch.Tensor:
    shape = (batch, generator.config.num_latents, generator.config.latent_dim)
    source = torch.Generator().manual_seed(7)
    return torch.randn(shape, generator=source, dtype=torch.float64)


def spread(x: torch.Tensor) -> torch.Tensor:
    """Insert a zero after every sample, also after the last."""
    wide = x.new_zeros(*x.shape[:2], 2 * x.shape[2], 2 * x.shape[3])
    wide[:, :, ::2, ::2] = x
    return wide


def blur(x: torch.Tensor, pad: tuple[int, int]) -> torch.Tensor:
    """[1, 3, 3, 1] in both directions, with the gain 4 that zero insertion takes away."""
    taps = torch.tensor([1, 3, 3, 1], dtype=x.dtype) / 8
    kernel = 4 * torch.outer(taps, taps)
    return F.conv2d(F.pad(x, (*pad, *pad)), kernel.expand(x.shape[1], 1, 4, 4), groups=x.shape[1])


def plain_conv(x, weight, style, up=False, demodulate=True):
    """Modulate and demodulate the weights, then convolve (StyleGAN2, equations 1 and 3)."""
    weight = weight / math.sqrt(weight[0].numel()) * style[None, :, None, None]
    if demodulate:
        weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
    if not up:
        return F.conv2d(x, weight, padding=weight.shape[-1] // 2)
    x = F.pad(spread(x)[:, :, :-1, :-1], (2, 2, 2, 2))
    return blur(F.conv2d(x, weight.flip((2, 3))), (1, 1))


def plain_pictures(generator: Generator, w_plus: torch.Tensor) -> list[torch.Tensor]:
    """The picture of one code [L, latent_dim] after every block, 4×4 first."""
    tensors, pictures = generator.state_dict(), []
    x, latent = tensors["const"], 0

    def style(name, w):
        weight, bias = tensors[f"{name}.affine.weight"], tensors[f"{name}.affine.bias"]
        return weight @ w / math.sqrt(len(w)) + bias

    for resolution in generator.config.resolutions:
        for conv in ["conv1"] if resolution == 4 else ["conv0", "conv1"]:
            name = f"blocks.b{resolution}.convs.{conv}"
            x = plain_conv(
                x, tensors[f"{name}.weight"], style(name, w_plus[latent]), up=conv == "conv0"
            )
            if generator.config.noise:
                x = x + tensors[f"{name}.noise"] * tensors[f"{name}.noise_strength"]
            x = x + tensors[f"{name}.bias"][None, :, None, None]
            x = torch.where(x < 0, 0.2 * x, x) * math.sqrt(2)
            latent += 1
        # toRGB reads the w after its block's last convolution
        name = f"blocks.b{resolution}.torgb"
        rgb = plain_conv(
            x, tensors[f"{name}.weight"], style(name, w_plus[latent]), demodulate=False
        )
        rgb = rgb + tensors[f"{name}.bias"][None, :, None, None]
        pictures.append(rgb + blur(spread(pictures[-1]), (2, 1)) if pictures else rgb)
    return pictures


@pytest.mark.parametrize("noise", [True, False])
def test_the_generator_equals_the_papers_formulation_at_every_resolution(noise):
    generator = random_generator(noise=noise)
    w_plus = random_codes(generator, batch=2)
    assert torch.equal(generator(w_plus), generator(w_plus, resolution=32))
    plain = zip(*(plain_pictures(generator, code) for code in w_plus), strict=True)
    for resolution, pictures in zip(generator.config.resolutions, plain, strict=True):
        expected = torch.cat(pictures)
        assert expected.shape == (2, 3, resolution, resolution)
        torch.testing.assert_close(generator(w_plus, resolution=resolution), expected)


@pytest.mark.parametrize("demodulate", [False, True])
@pytest.mark.parametrize(("up", "kernel_size"), [(False, 1), (False, 3), (True, 3)])
def test_scaling_the_activations_equals_scaling_the_weights(up, kernel_size, demodulate):
    torch.manual_seed(0)
    conv = ModulatedConv(5, 4, kernel_size, 8, up, demodulate).double().requires_grad_(False)
    x = torch.randn(3, 5, 6, 6, dtype=torch.float64)
    styles = torch.randn(3, 5, dtype=torch.float64)
    expected = [plain_conv(x[i : i + 1], conv.weight, styles[i], up, demodulate) for i in range(3)]
    torch.testing.assert_close(conv(x, styles), torch.cat(expected))


def test_the_mapping_network_equals_its_definition():
    generator = random_generator()
    tensors = generator.mapping.state_dict()
    z = torch.randn(4, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    x = z / (z.square().mean(1, keepdim=True) + 1e-8).sqrt()
    for k in range(3):
        weight, bias = tensors[f"layers.{k}.weight"], tensors[f"layers.{k}.bias"]
        x = x @ weight.t() * 0.1 / math.sqrt(16) + bias * 0.1
        x = torch.where(x < 0, 0.2 * x, x) * math.sqrt(2)
    torch.testing.assert_close(generator.mapping(z), x)


def test_noise_moves_the_picture_by_its_strength_and_not_without():
    generator = random_generator()
    silent = random_generator(noise=False)
    tensors = generator.state_dict()
    silent.load_state_dict({k: v for k, v in tensors.items() if "noise" not in k})
    w_plus = random_codes(generator)
    assert not torch.allclose(generator(w_plus), silent(w_plus), atol=1e-3)
    for name, tensor in tensors.items():
        if name.endswith("noise_strength"):
            tensor.zero_()
    torch.testing.assert_close(generator(w_plus), silent(w_plus))


def test_each_w_of_a_code_reaches_the_layers_it_should():
    generator = random_generator()
    w_plus = random_codes(generator)
    styles, rgb_styles = generator.styles(w_plus), generator.rgb_styles(w_plus)
    for k in range(generator.config.num_latents):
        changed = w_plus.clone()
        changed[:, k] += 1
        after, rgb_after = generator.styles(changed), generator.rgb_styles(changed)
        touched = [i for i, x in enumerate(styles) if not torch.equal(x, after[i])]
        rgb_touched = [j for j, x in enumerate(rgb_styles) if not torch.equal(x, rgb_after[j])]
        assert touched == ([k] if k < generator.config.conv_layers else [])
        assert rgb_touched == ([k // 2] if k % 2 else [])


def test_the_photoreal_config_builds_the_published_generator():
    with torch.device("meta"):
        generator = Generator(FFHQ)
        picture = generator(torch.empty(2, 18, 512))
        styles = generator.styles(torch.empty(2, 18, 512))
    assert picture.shape == (2, 3, 1024, 1024)
    assert [style.shape[1] for style in styles] == [x.dim for x in generator.space.layers]
    assert len(generator.rgb_styles(torch.empty(1, 18, 512, device="meta"))) == 9
