"""The pipeline on a GPU: float16, recorded as CUDA graphs, against float32 on the CPU."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from stylemask_core import ModelConfig, StyleMaskPipeline
from stylemask_core.models import model_folder
from stylemask_core.networks.encoder import build_encoder
from stylemask_core.networks.generator import Generator
from stylemask_core.networks.mask_network import MaskNetwork
from stylemask_core.networks.synthesis import KEPT_GRAPHS, Recorded

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU"),
]

CHANNELS = {4: 64, 8: 64, 16: 32, 32: 32, 64: 16}
CONFIG = ModelConfig("small", 64, CHANNELS, masked_layers=6, mapping_layers=2, encoder="e4e")


def random_model() -> model_folder.Model:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        generator, masks, encoder = Generator(CONFIG), MaskNetwork(CONFIG), build_encoder(CONFIG)
        for name, tensor in generator.state_dict().items():
            if name.endswith(("noise_strength", "bias")):
                tensor.copy_(0.1 * torch.randn_like(tensor))
    for network in (generator, masks, encoder):
        network.eval().requires_grad_(False)
    return model_folder.Model(CONFIG, generator, masks, lambda: encoder, card="")


@pytest.fixture(scope="module")
def cpu() -> StyleMaskPipeline:
    return StyleMaskPipeline(random_model(), device="cpu")


@pytest.fixture(scope="module")
def gpu() -> StyleMaskPipeline:
    return StyleMaskPipeline(random_model(), device="cuda")


def picture(pipeline: StyleMaskPipeline, seed: int) -> torch.Tensor:
    return pipeline.reenact(pipeline.sample(seed), pipeline.sample(seed + 100)).tensor.cpu()


def near(found: torch.Tensor, expected: torch.Tensor, tolerance: float) -> bool:
    return bool((found - expected).abs().max() < tolerance * expected.abs().max())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_pictures_in_half_precision_are_near_those_of_the_cpu(cpu, gpu, seed):
    assert gpu.dtype == torch.float16
    assert near(picture(gpu, seed), picture(cpu, seed), 0.02)


def test_pictures_in_full_precision_equal_those_of_the_cpu(cpu):
    gpu = StyleMaskPipeline(random_model(), device="cuda", dtype="float32")
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        assert near(picture(gpu, 1), picture(cpu, 1), 1e-4)
    finally:
        torch.backends.cudnn.allow_tf32 = before


@pytest.mark.parametrize("count", [1, 2, 3])
def test_codes_in_half_precision_are_near_those_of_the_cpu(cpu, gpu, count):
    batch = torch.rand(count, 3, 256, 256) * 2 - 1
    codes = gpu.encode(batch)
    assert codes.dtype == torch.float32
    assert near(codes.cpu(), cpu.encode(batch), 0.02)


def test_a_recorded_picture_does_not_depend_on_those_before_it(gpu):
    first = picture(gpu, 5)
    assert not torch.equal(picture(gpu, 6), first)
    assert torch.equal(picture(gpu, 5), first)


def test_threads_on_streams_of_their_own_get_the_pictures_one_thread_gets(gpu):
    alone = {seed: picture(gpu, seed) for seed in range(8)}

    def on_its_own_stream(seed: int) -> torch.Tensor:
        with torch.cuda.stream(torch.cuda.Stream()):
            return picture(gpu, seed)

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(on_its_own_stream, [*alone] * 4))
    for seed, tensor in zip([*alone] * 4, found, strict=True):
        assert torch.equal(tensor, alone[seed])


def test_two_threads_may_come_first(cpu):
    gpu = StyleMaskPipeline(random_model(), device="cuda")
    batch = torch.rand(1, 3, 256, 256)
    with ThreadPoolExecutor(2) as threads:
        made = threads.submit(picture, gpu, 1)
        codes = threads.submit(gpu.encode, batch)
    assert near(made.result(), picture(cpu, 1), 0.02)
    assert near(codes.result().cpu(), cpu.encode(batch), 0.02)


def test_a_function_is_recorded_anew_when_its_version_changes_and_old_graphs_go():
    factor = torch.ones(1, device="cuda")
    version = [0]
    recorded = Recorded(lambda inputs: inputs[0] * factor, version=lambda: version[0])
    x = torch.arange(4.0, device="cuda")
    assert torch.equal(recorded(x), x)
    factor = torch.full((1,), 2.0, device="cuda")
    version[0] = 1
    assert torch.equal(recorded(x), 2 * x)
    for count in range(1, 20):
        recorded(torch.ones(count, device="cuda"))
    assert len(recorded.graphs) == KEPT_GRAPHS


def test_a_model_keeps_its_precision_when_its_encoder_runs_in_half(gpu):
    gpu.encode(torch.zeros(1, 3, 256, 256))
    assert {x.dtype for x in gpu.model.encoder.state_dict().values()} == {torch.float32}
