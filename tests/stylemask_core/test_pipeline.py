"""The pipeline's promises: the same picture for the same words, and clear refusals."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from stylemask.inspect.inspection import inspect
from stylemask_core import Inversion, LatentCode, StyleMaskPipeline
from stylemask_core.errors import InvalidInputError, WeightsError
from stylemask_core.models import model_folder
from stylemask_core.networks.synthesis import SynthesisNetwork


def gradient(mode: str = "RGB", size: tuple[int, int] = (40, 30)) -> Image.Image:
    """A picture with something in every corner."""
    values = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    return Image.fromarray(values).convert(mode)


def test_a_seed_draws_the_same_numbers_on_every_machine(pipeline):
    random = np.random.Generator(np.random.Philox(key=1))
    z = random.standard_normal((1, pipeline.config.latent_dim), dtype=np.float32)
    # pinned: a change of numpy's stream would rename every face
    np.testing.assert_allclose(z[0, :3], [1.09168911, 0.4558267, 0.70178974], rtol=1e-6)
    expected = pipeline.code(z=z, truncation=0.6).w_plus
    assert torch.equal(pipeline.sample(1, truncation=0.6).w_plus, expected)
    own = pipeline.sample(1, truncation=pipeline.config.default_truncation)
    assert torch.equal(pipeline.sample(1).w_plus, own.w_plus)


def test_different_seeds_give_different_faces_and_one_the_same_every_time(pipeline):
    pictures = [pipeline.synthesize(pipeline.sample(seed)).image.tobytes() for seed in (1, 2, 3, 1)]
    assert len({*pictures}) == 3 and pictures[0] == pictures[3]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("seed", [-1, 2**32, 1.5, float("nan"), float("inf")]),
        ("truncation", [-0.1, 1.01, float("nan")]),
    ],
)
def test_a_number_out_of_range_is_refused_by_name(tiny_pipeline, name, values):
    for value in values:
        with pytest.raises(InvalidInputError, match=name):
            tiny_pipeline.sample(**{"seed": 1, name: value})


def test_truncation_nought_is_the_mean_face_for_every_seed(tiny_pipeline):
    mean = tiny_pipeline.generator.mapping.mean
    for seed in (0, 2**32 - 1):
        code = tiny_pipeline.sample(seed, truncation=0).w_plus
        assert code.shape == (1, 6, 16)
        torch.testing.assert_close(code, mean.expand(1, 6, -1))


def test_whole_numbers_of_any_type_are_the_same_seed(tiny_pipeline):
    codes = [tiny_pipeline.sample(seed).w_plus for seed in (7, 7.0, np.int64(7), np.uint8(7))]
    assert all(torch.equal(code, codes[0]) for code in codes)


@pytest.mark.parametrize("make", [np.asarray, torch.as_tensor, np.ndarray.tolist])
def test_codes_come_from_arrays_tensors_and_lists_with_or_without_a_batch(tiny_pipeline, make):
    w_plus = np.random.default_rng(0).standard_normal((1, 6, 16)).astype(np.float32)
    for values in (w_plus, w_plus[0]):
        code = tiny_pipeline.code(w_plus=make(values))
        np.testing.assert_array_equal(code.w_plus, w_plus)
    z = w_plus[:, 0]
    batched, single = (tiny_pipeline.code(z=make(values)).w_plus for values in (z, z[0]))
    assert torch.equal(batched, single)
    mean, exact = tiny_pipeline.generator.mapping.mean, torch.from_numpy(w_plus)
    truncated = tiny_pipeline.code(w_plus=make(w_plus), truncation=0.25).w_plus
    torch.testing.assert_close(truncated, mean + 0.25 * (exact - mean))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "exactly one"),
        ({"z": np.zeros((1, 16)), "w_plus": np.zeros((1, 6, 16))}, "exactly one"),
        ({"z": np.zeros((2, 16))}, r"shape \[2, 16\].*\[1, 16\]"),
        *(({"w_plus": np.zeros(shape)}, "shape") for shape in ((1, 5, 16), (6, 16, 1))),
        *(({"z": np.full((1, 16), value)}, "not finite") for value in (np.nan, 1e300)),
        ({"w_plus": np.full((1, 6, 16), np.inf)}, "not finite"),
        *(({"z": np.array([[value] * 16])}, "numbers") for value in ("a", None, 1j)),
        ({"z": "seed:7"}, "numbers"),
    ],
)
def test_an_array_that_is_no_code_is_refused(tiny_pipeline, arrays, message):
    with pytest.raises(InvalidInputError, match=message):
        tiny_pipeline.code(**arrays)


@pytest.mark.parametrize("nothing", [{"strength": 0.0}, {"layers": []}])
def test_taking_nothing_from_the_target_gives_the_sources_own_picture(pipeline, nothing):
    source, target = pipeline.sample(1), pipeline.sample(2)
    own = pipeline.synthesize(source).tensor
    assert torch.equal(pipeline.reenact(source, target, **nothing).tensor, own)
    torch.testing.assert_close(pipeline.reenact(source, source).tensor, own)


def test_a_reenactment_carries_mask_styles_and_a_picture_of_the_same_values(tiny_pipeline):
    result = tiny_pipeline.reenact(tiny_pipeline.sample(1), tiny_pipeline.sample(2))
    assert result.mask.shape == (1, 12 + 12 + 10)  # b4.conv1, b8.conv0, b8.conv1
    assert 0 <= result.mask.min() < result.mask.max() <= 1
    assert [x.shape for x in result.styles] == [(1, 12), (1, 12), (1, 10), (1, 10), (1, 8)]
    expected = ((result.tensor[0].clamp(-1, 1) + 1) * 127.5).permute(1, 2, 0)
    np.testing.assert_allclose(np.asarray(result.image), expected, atol=0.51)


def test_the_colour_layers_keep_the_sources_styles(tiny_pipeline):
    source, target = tiny_pipeline.sample(1), tiny_pipeline.sample(2)
    result = tiny_pipeline.reenact(source, target)
    rgb_styles = tiny_pipeline.generator.rgb_styles(source.w_plus)
    expected = tiny_pipeline.generator.synthesize(result.styles, rgb_styles)
    torch.testing.assert_close(result.tensor, expected)


def test_a_reenactment_costs_one_synthesis(tiny_pipeline, monkeypatch):
    call, calls = SynthesisNetwork.__call__, []
    source, target = tiny_pipeline.sample(1), tiny_pipeline.sample(2)
    monkeypatch.setattr(SynthesisNetwork, "__call__", lambda *a: calls.append(a) or call(*a))
    _ = tiny_pipeline.reenact(source, target).image
    assert len(calls) == 1


def test_threads_sharing_a_pipeline_get_the_pictures_one_thread_gets(pipeline):
    def picture(seed: int) -> bytes:
        source, target = pipeline.sample(seed), pipeline.sample(seed + 100)
        return pipeline.reenact(source, target).image.tobytes()

    alone = [picture(seed) for seed in range(6)]
    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(picture, [*range(6)] * 2)) == alone * 2


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I", "F"])
def test_invert_takes_pictures_of_every_mode(tiny_pipeline, mode):
    inversion = tiny_pipeline.invert(gradient(mode))
    assert inversion.w_plus.shape == (1, 6, 16)
    assert torch.isfinite(inversion.w_plus).all()
    assert (inversion.crop.mode, inversion.crop.size) == ("RGB", (16, 16))


def test_invert_reads_the_centred_square_and_nothing_far_from_it(tiny_pipeline):
    picture, aside, inside = (gradient(size=(60, 30)) for _ in range(3))
    aside.paste("red", (0, 0, 10, 30))  # the square is columns 15…44
    aside.paste("blue", (50, 0, 60, 30))
    inside.paste("red", (15, 0, 20, 30))
    code, same, other = (tiny_pipeline.invert(x).w_plus for x in (picture, aside, inside))
    assert torch.equal(code, same)
    assert not torch.allclose(code, other, atol=1e-3)


@pytest.mark.parametrize(
    ("picture", "align", "message"),
    [
        (Image.new("RGB", (1, 1)), "auto", "1×1"),
        (Image.new("1", (20_000, 20_000)), "auto", "megapixels"),
        (gradient(size=(30, 40)), "none", "square"),
        (gradient(), "sideways", "sideways"),
    ],
)
def test_invert_refuses_what_it_cannot_use(tiny_pipeline, picture, align, message):
    with pytest.raises(InvalidInputError, match=message):
        tiny_pipeline.invert(picture, align=align)


def test_inversions_and_codes_can_be_mixed_freely(tiny_pipeline):
    code, inversion = tiny_pipeline.sample(1), tiny_pipeline.invert(gradient())
    assert isinstance(code, LatentCode)
    assert isinstance(inversion, Inversion)
    result = tiny_pipeline.reenact(code, inversion)
    expected = tiny_pipeline.reenact(code, LatentCode(inversion.w_plus))
    assert torch.equal(result.tensor, expected.tensor)


def test_a_saved_model_gives_the_same_picture_when_loaded(tiny_pipeline, tmp_path):
    tiny_pipeline.save_pretrained(tmp_path / "model")
    loaded = StyleMaskPipeline.from_pretrained(tmp_path / "model", device="cpu")
    assert loaded.config == tiny_pipeline.config
    pictures = [
        pipe.reenact(pipe.sample(1), pipe.invert(gradient())).image.tobytes()
        for pipe in (tiny_pipeline, loaded)
    ]
    assert pictures[0] == pictures[1]


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_a_saved_model_keeps_the_type_of_its_numbers(tiny_model, tmp_path, dtype):
    model_folder.save_model(tmp_path / "first", tiny_model, dtype)
    StyleMaskPipeline.from_pretrained(tmp_path / "first").save_pretrained(tmp_path / "second")
    for part in model_folder.PARTS:
        first, second = (tmp_path / x / f"{part}.safetensors" for x in ("first", "second"))
        assert {tensor.dtype for tensor in load_file(second).values()} == {dtype}
        assert first.read_bytes() == second.read_bytes()


def test_results_with_the_same_values_are_equal_and_others_are_not(tiny_pipeline):
    def results(seed):
        code = tiny_pipeline.sample(seed)
        picture = tiny_pipeline.synthesize(code)
        inversion = tiny_pipeline.invert(picture.image)
        mixed = tiny_pipeline.reenact(code, tiny_pipeline.sample(3))
        framed = tiny_pipeline.frame(picture.image)
        return code, picture, inversion, mixed, framed, inspect(tiny_pipeline, code, code)

    for one, same, other in zip(results(1), results(1), results(2), strict=True):
        assert one == same and hash(one) == hash(same)
        assert one != other and one != 1
    assert len({tiny_pipeline.sample(seed) for seed in (1, 2, 1)}) == 2


def test_a_model_or_a_type_that_is_not_there_is_refused_by_name(tiny_folder):
    for model in ("/nowhere/model", "user/repo/that-is-no-folder"):
        with pytest.raises(WeightsError, match=model):
            StyleMaskPipeline.from_pretrained(model)
    for dtype, words in (("float16", "needs a CUDA GPU"), ("int8", "unknown")):
        with pytest.raises(InvalidInputError, match=words):
            StyleMaskPipeline.from_pretrained(tiny_folder, device="cpu", dtype=dtype)


def test_the_encoder_is_loaded_when_a_picture_comes_and_not_before(own_folder):
    pipeline = StyleMaskPipeline.from_pretrained(own_folder, device="cpu")
    (own_folder / "encoder.safetensors").unlink()
    pipeline.reenact(pipeline.sample(1), pipeline.sample(2))
    with pytest.raises(WeightsError, match="encoder"):
        pipeline.invert(gradient("RGB"))


def test_a_network_that_lacks_tensors_is_refused_at_once_even_if_it_is_not_needed_yet(own_folder):
    save_file({"other": torch.zeros(1)}, own_folder / "encoder.safetensors")
    with pytest.raises(WeightsError, match=r"encoder\.safetensors.*is missing"):
        StyleMaskPipeline.from_pretrained(own_folder, device="cpu")


def test_an_encoder_can_be_copied_to_another_precision_with_its_mean_kept(tiny_model):
    encoder = tiny_model.encoder_on(torch.device("cpu"), torch.bfloat16)
    dtypes = {name: tensor.dtype for name, tensor in encoder.state_dict().items()}
    assert dtypes.pop("latent_avg") == torch.float32
    assert set(dtypes.values()) == {torch.bfloat16}
    assert {x.dtype for x in tiny_model.encoder.state_dict().values()} == {torch.float32}
    batch = torch.rand(2, 3, 256, 256) * 2 - 1
    expected = tiny_model.encoder(batch)
    codes = encoder(batch.bfloat16()).float()
    assert (codes - expected).abs().max() < 0.05 * expected.abs().max()


def test_an_encoder_loaded_while_encoding_can_still_take_part_in_a_gradient(own_folder):
    pipeline = StyleMaskPipeline.from_pretrained(own_folder, device="cpu")
    batch = torch.rand(1, 3, 64, 64)
    pipeline.encode(batch)
    batch.requires_grad_()
    pipeline.encoder(batch).sum().backward()
    assert batch.grad.abs().sum() > 0
