"""ArcFace: the converted network against the checkpoint's own layers, its crop, what is refused."""

import pytest
import torch
import torch.nn.functional as F

from stylemask_core.errors import InvalidInputError, WeightsError
from tests.support.official_files import arcface_shapes, flat_state, random_state
from training.convert_arcface import main, read_network
from training.identity_models import load_identity_model
from training.identity_models.arcface import ArcFace, ArcFaceModel, crop


def reference(state: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """IR-SE50 in evaluation, its normalisations apart, by the checkpoint's names."""

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        parts = ("running_mean", "running_var", "weight", "bias")
        return F.batch_norm(x, *(state[f"{name}.{part}"] for part in parts))

    def conv(x: torch.Tensor, name: str, stride: int = 1) -> torch.Tensor:
        weight = state[f"{name}.weight"]
        return F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)

    x = F.prelu(norm(conv(x, "input_layer.0"), "input_layer.1"), state["input_layer.2.weight"])
    unit = 0
    for count in (3, 4, 14, 3):
        for index in range(count):
            name, stride = f"body.{unit}", 2 if index == 0 else 1
            out = conv(norm(x, f"{name}.res_layer.0"), f"{name}.res_layer.1")
            out = F.prelu(out, state[f"{name}.res_layer.2.weight"])
            out = norm(conv(out, f"{name}.res_layer.3", stride), f"{name}.res_layer.4")
            share = conv(out.mean((2, 3), keepdim=True), f"{name}.res_layer.5.fc1").relu()
            out = out * conv(share, f"{name}.res_layer.5.fc2").sigmoid()
            if f"{name}.shortcut_layer.0.weight" in state:
                shortcut = conv(x, f"{name}.shortcut_layer.0", stride)
                x = norm(shortcut, f"{name}.shortcut_layer.1") + out
            else:
                x = F.max_pool2d(x, 1, stride) + out
            unit += 1
    x = norm(x, "output_layer.0").flatten(1)
    x = F.linear(x, state["output_layer.3.weight"], state["output_layer.3.bias"])
    return F.normalize(norm(x, "output_layer.4"))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("arcface") / "model_ir_se50.pth"
    state = random_state(arcface_shapes())
    torch.save(state, path)
    return path, state


@torch.no_grad()
def test_a_converted_folder_embeds_as_the_checkpoints_layers_do(checkpoint, tmp_path):
    path, state = checkpoint
    main(["--arcface", str(path), "-o", str(tmp_path / "arcface")])
    model = load_identity_model("arcface", folder=tmp_path / "arcface")
    images = torch.rand(2, 3, 256, 256) * 2 - 1
    found = model.embed(images)
    assert found.shape == (2, 512)
    faces = F.adaptive_avg_pool2d(images[:, :, 35:223, 32:220], 112)
    expected = reference(state, faces)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)
    assert (found[0] - found[1]).abs().max() > 1e-3


def test_the_crop_is_taken_in_the_frame_of_256_whatever_the_size():
    images = torch.rand(1, 3, 256, 256)
    doubled = images.repeat_interleave(2, 2).repeat_interleave(2, 3)
    torch.testing.assert_close(crop(doubled), crop(images))
    assert crop(torch.rand(1, 3, 64, 64)).shape == (1, 3, 112, 112)


def test_gradients_reach_the_picture():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = ArcFaceModel(ArcFace().eval().requires_grad_(False))
    image = torch.zeros(1, 3, 64, 64, requires_grad=True)
    model.embed(image)[0, 0].backward()
    assert image.grad is not None
    assert image.grad.isfinite().all()
    assert image.grad.abs().max() > 0


def test_other_checkpoints_are_refused_in_one_line(tmp_path):
    path = tmp_path / "model_ir_se50.pth"
    state = flat_state(arcface_shapes())

    def refused(state: dict[str, torch.Tensor]) -> str:
        torch.save(state, path)
        with pytest.raises(WeightsError) as caught:
            read_network(path)
        return str(caught.value)

    missing = {name: x for name, x in state.items() if name != "body.7.res_layer.1.weight"}
    assert "body.7.res_layer.1.weight is missing" in refused(missing)
    assert "body.24.x has no place" in refused(state | {"body.24.x": torch.zeros(1)})
    other = state | {"output_layer.3.weight": torch.zeros(128, 25088)}
    assert "other shapes" in refused(other)
    path.write_bytes(b"<html>quota</html>")
    with pytest.raises(SystemExit, match="web page"):
        main(["--arcface", str(path), "-o", str(tmp_path / "arcface")])
    assert not (tmp_path / "arcface").exists()


def test_an_identity_model_without_a_folder_or_of_no_known_name_says_what_to_do():
    with pytest.raises(InvalidInputError, match="convert_arcface"):
        load_identity_model("arcface")
    with pytest.raises(InvalidInputError, match="choose one of heads, people, arcface"):
        load_identity_model("facenet")
