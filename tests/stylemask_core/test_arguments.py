"""One idea of what a number is, wherever one is passed; and which devices can be had."""

import logging

import numpy as np
import pytest
import torch

from stylemask.inspect.mask_edit import MaskEdit
from stylemask.refinement import refine_inversion
from stylemask_core import InvalidInputError, checks

NUMPY_SCALARS = [np.float16, np.float32, np.float64, np.int8, np.int64, np.uint8]
NO_NUMBERS = ["1", True, False, np.True_, None, [1], 1j, np.complex64(1), torch.tensor(1.0)]


@pytest.fixture(scope="module")
def code(tiny_pipeline):
    return tiny_pipeline.sample(1)


@pytest.fixture(scope="module")
def calls(tiny_pipeline, code):
    """Every call that takes a number, by the number's name; 1 is in the range of all."""
    pipe, z = tiny_pipeline, np.zeros(tiny_pipeline.config.latent_dim)
    inversion = pipe.invert(pipe.synthesize(code).image, align="none")
    return {
        "strength": lambda x: pipe.reenact(code, code, strength=x),
        "truncation of a seed": lambda x: pipe.sample(1, truncation=x),
        "truncation of a code": lambda x: pipe.code(z=z, truncation=x),
        "truncation of an inversion": lambda x: pipe.invert(
            inversion.crop, align="none", truncation=x
        ),
        "seed": lambda x: pipe.sample(x),
        "seconds": lambda x: refine_inversion(
            pipe, inversion, seconds=0 * x if isinstance(x, np.number) else x
        ),
        "threshold": lambda x: MaskEdit(threshold=x),
        "scale": lambda x: MaskEdit(scale={"coarse": x}),
    }


def test_numpys_scalars_are_numbers_and_true_texts_and_containers_are_none(calls):
    for name, call in calls.items():
        for kind in NUMPY_SCALARS:
            call(kind(1))
        for value in NO_NUMBERS:
            if name == "truncation of a seed" and value is None:
                continue  # the model's own
            with pytest.raises(InvalidInputError, match=r"\A.*give .*\Z"):  # in one line
                call(value)


def test_a_face_is_chosen_by_any_whole_number(tiny_pipeline):
    picture = tiny_pipeline.synthesize(tiny_pipeline.sample(1)).image
    for face in (0, 0.0, np.int32(0), np.float32(0)):
        tiny_pipeline.frame(picture, face=face)
    for face in (True, "0", 0.5, -1, None):
        with pytest.raises(InvalidInputError, match="face"):
            tiny_pipeline.frame(picture, face=face)


def test_layers_scales_and_masks_that_are_none_of_the_model_are_refused(tiny_pipeline, code):
    for layers in (5, [1], [["coarse"]], [None], [b"coarse"], True):
        with pytest.raises(InvalidInputError, match="names"):
            tiny_pipeline.reenact(code, code, layers=layers)
    for scale in (0.5, "coarse=0", ["coarse"], None):
        with pytest.raises(InvalidInputError, match="scale"):
            MaskEdit(scale=scale)
    masks = tiny_pipeline.masks(code, code)
    for bad in (1, "masks", [1, 2, 3], masks[:-1], torch.cat(masks, 1), [x[0] for x in masks]):
        with pytest.raises(InvalidInputError, match="masks must be"):
            tiny_pipeline.reenact(code, code, masks=bad)


def test_what_is_no_code_or_one_of_another_model_is_refused(tiny_pipeline, pipeline, code):
    for bad in (1, "seed:1", code.w_plus, pipeline.sample(1)):
        for call in (
            lambda bad=bad: tiny_pipeline.synthesize(bad),
            lambda bad=bad: tiny_pipeline.masks(code, bad),
            lambda bad=bad: tiny_pipeline.reenact(bad, code),
        ):
            with pytest.raises(InvalidInputError, match="code"):
                call()


@pytest.mark.parametrize("device", ["mps", "gpu", "xpu", "cuda:x", "CPU", "", "cuda:-1", 0, None])
def test_a_device_that_is_not_supported_gets_one_short_sentence(device):
    with pytest.raises(InvalidInputError) as error:
        checks.pick_device(device)
    assert str(error.value) == f"device {str(device)!r} is not supported: choose auto, cpu or cuda"
    assert checks.pick_device(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_told_in_one_short_sentence():
    for device in ("cuda", "cuda:1"):
        with pytest.raises(InvalidInputError) as error:
            checks.pick_device(device)
        assert f"{device!r} cannot be used, PyTorch " in str(error.value)
        assert str(error.value).endswith(": choose auto or cpu")
        assert "\n" not in str(error.value) and len(str(error.value)) < 150


@pytest.fixture
def old_gpu(monkeypatch):
    """A GPU that PyTorch sees and has no machine code for, as its wheels are without old ones'."""

    def ones(*size, device):
        raise RuntimeError(
            "CUDA error: no kernel image is available for execution on the device\n"
            "CUDA kernel errors might be asynchronously reported at some other API call."
        )

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (6, 1))
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_75", "sm_90"])
    monkeypatch.setattr(torch, "ones", ones)


def test_a_gpu_without_machine_code_is_named_with_what_there_is(old_gpu):
    with pytest.raises(InvalidInputError, match=r"built for sm_75, sm_90 .* sm_61: choose auto"):
        checks.pick_device("cuda")
    with pytest.raises(InvalidInputError, match="the last GPU here is cuda:0"):
        checks.pick_device("cuda:1")


def test_auto_falls_back_from_a_gpu_that_cannot_be_used_and_says_so_once(old_gpu, caplog):
    with caplog.at_level(logging.WARNING):
        assert [checks.pick_device("auto").type for _ in range(3)] == ["cpu"] * 3
    (line,) = caplog.messages
    assert "sm_61" in line and "the CPU does its work" in line
