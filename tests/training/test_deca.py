"""DECA: its official files' conversion, its encoder, its faces; what is refused."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from stylemask_core.errors import InvalidInputError, WeightsError
from tests.support.official_files import (
    chumpy_pickle,
    deca_shapes,
    flame_arrays,
    landmark_arrays,
    random_state,
    write_deca_files,
)
from training import network_files
from training.convert_deca import convert_encoder, main, read_flame, read_landmarks
from training.face_models import load_face_model
from training.face_models.deca import CoarseEncoder, DecaFaceModel, to_picture
from training.face_models.rotations import angles_from_matrix, matrix_from_axis_angle


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    return write_deca_files(tmp_path_factory.mktemp("official"))


@pytest.fixture(scope="module")
def folder(files, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("converted") / "deca"
    main([*options(files), "-o", str(folder)])
    return folder


def options(files: dict[str, Path]) -> list[str]:
    return [text for part, path in files.items() for text in (f"--{part}", str(path))]


@pytest.fixture
def refused(files, tmp_path):
    """Convert with one file changed; return the one line that says why not."""

    def convert(**changed: Path) -> str:
        with pytest.raises(SystemExit) as caught:
            main([*options(files | changed), "-o", str(tmp_path / "deca")])
        message = str(caught.value)
        assert message.startswith("error: ")
        assert "\n" not in message
        assert not (tmp_path / "deca").exists()
        assert not list(tmp_path.glob(".*"))
        return message

    return convert


def reference_encoder(state: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """ResNet-50 in evaluation, its normalisations apart, by the checkpoint's names."""

    def layer(x: torch.Tensor, conv: str, norm: str, **how: int) -> torch.Tensor:
        x = F.conv2d(x, state[f"encoder.{conv}.weight"], **how)
        parts = ("running_mean", "running_var", "weight", "bias")
        return F.batch_norm(x, *(state[f"encoder.{norm}.{part}"] for part in parts))

    x = F.max_pool2d(layer(x, "conv1", "bn1", stride=2, padding=3).relu(), 3, 2, 1)
    for stage, blocks in enumerate((3, 4, 6, 3), 1):
        for block in range(blocks):
            name, stride = f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
            out = layer(x, f"{name}.conv1", f"{name}.bn1").relu()
            out = layer(out, f"{name}.conv2", f"{name}.bn2", stride=stride, padding=1).relu()
            out = layer(out, f"{name}.conv3", f"{name}.bn3")
            if block == 0:
                x = layer(x, f"{name}.downsample.0", f"{name}.downsample.1", stride=stride)
            x = (x + out).relu()
    x = F.linear(x.mean((2, 3)), state["layers.0.weight"], state["layers.0.bias"]).relu()
    return F.linear(x, state["layers.2.weight"], state["layers.2.bias"])


def test_the_converted_encoder_computes_what_the_checkpoints_does():
    state = random_state(deca_shapes())
    state = {name: x for name, x in state.items() if x.dim()}
    images = torch.rand(2, 3, 32, 32)
    with torch.device("meta"):
        encoder = CoarseEncoder()
    with torch.no_grad():
        expected = reference_encoder(state, images)
        encoder.load_state_dict(convert_encoder(state), assign=True)
        found = encoder(images)
    assert not state  # every tensor was used
    assert found.shape == (2, 236)
    scale = expected.abs().max().item()
    torch.testing.assert_close(found, expected, atol=1e-4 * scale, rtol=1e-3)


def test_a_converted_folder_gives_flames_arrays_back(folder):
    flame = DecaFaceModel.load(folder).flame
    arrays, places = flame_arrays(), landmark_arrays()

    def same(found: torch.Tensor, expected: np.ndarray) -> None:
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6, atol=0)

    same(flame.template, arrays["v_template"])
    same(flame.directions[..., :100], arrays["shapedirs"][..., :100])
    same(flame.directions[..., 100:], arrays["shapedirs"][..., 300:350])
    same(flame.pose_directions, arrays["posedirs"])
    same(flame.joint_regressor, arrays["J_regressor"].toarray())
    same(flame.skinning, arrays["weights"])
    same(flame.contours.triangles, arrays["f"][places["dynamic_lmk_faces_idx"].numpy()])
    same(flame.contours.weights, places["dynamic_lmk_bary_coords"].numpy())
    same(flame.inner.triangles, arrays["f"][places["static_lmk_faces_idx"]])
    same(flame.fixed.weights, places["full_lmk_bary_coords"][0])


def test_pictures_become_coefficients_and_faces_gradients_flow_back(folder):
    model = load_face_model("deca", folder=folder)
    images = torch.rand(1, 3, 64, 64).requires_grad_()
    found = model.estimate(images)
    shapes = [tuple(x.shape) for x in (found.shape, found.expression, found.pose, found.angles)]
    assert shapes == [(1, 100), (1, 53), (1, 3), (1, 3)]
    assert model.expression_range.shape == (53,)
    assert model.compared.tolist() == [0, *range(3, 23)]
    torch.testing.assert_close(found.angles, angles_from_matrix(matrix_from_axis_angle(found.pose)))
    geometry = model.decode(found.shape, found.expression, found.pose)
    assert geometry.vertices.shape == (1, 5023, 3)
    assert geometry.landmarks_2d.shape == (1, 68, 2)
    assert geometry.landmarks_3d.shape == (1, 68, 3)
    (geometry.vertices.sum() + geometry.landmarks_2d.sum()).backward()
    assert images.grad is not None
    assert images.grad.isfinite().all()


def test_the_jaw_is_the_expressions_first_part_and_the_pose_turns_all(folder):
    model = load_face_model("deca", folder=folder)
    shape, expression, pose = torch.zeros(1, 100), torch.zeros(1, 53), torch.zeros(1, 3)
    resting = model.decode(shape, expression, pose).vertices
    jaw = expression.clone()
    jaw[0, 0] = 0.3
    opened = model.decode(shape, jaw, pose).vertices
    joints = torch.zeros(1, 5, 3)
    joints[0, 2, 0] = 0.3
    expected = to_picture(model.flame(shape, expression[:, 3:], joints))
    torch.testing.assert_close(opened, expected)
    assert (opened - resting).abs().max() > 1e-4


def test_a_point_to_the_right_above_and_near_is_so_in_the_picture():
    middle, point = to_picture(torch.tensor([[[0.0, 0.0, 0.0], [0.05, 0.03, 0.02]]]))[0]
    assert point[0] > middle[0]
    assert point[1] < middle[1]
    assert point[2] > middle[2]


def saved(path: Path, **changes: object) -> Path:
    content = {**flame_arrays(), **changes}
    path.write_bytes(pickle.dumps({k: v for k, v in content.items() if v is not None}, protocol=2))
    return path


@pytest.mark.parametrize("name", ["flame2023.pkl", "FLAME2019/generic_model.pkl", "x_no_jaw.pkl"])
def test_a_flame_file_of_another_version_is_refused_by_name(name, refused, files, tmp_path):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(files["flame"].read_bytes())
    message = refused(flame=path)
    assert str(path) in message
    assert "FLAME 2020's generic_model.pkl" in message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"v_template": np.zeros((6890, 3))}, "v_template has shape [6890, 3], not [5023, 3]"),
        ({"shapedirs": np.zeros((5023, 3, 150))}, "shapedirs has shape [5023, 3, 150]"),
        ({"weights": np.zeros((5023, 4))}, "weights has shape [5023, 4], not [5023, 5]"),
        ({"posedirs": None}, "has no posedirs (only J, J_regressor"),
        ({"f": np.full((9976, 3), 5023)}, "f points outside the 5023"),
        ({"v_template": np.full((5023, 3), np.nan)}, "v_template has values that are not finite"),
        ({"v_template": "text"}, "v_template is no array"),
        (
            {"kintree_table": np.array([[0, 0, 0, 1, 1], range(5)])},
            "parents are [0, 0, 1, 1], not [0, 1, 1, 1]",
        ),
    ],
)
def test_flame_arrays_that_do_not_fit_name_what_was_found_and_wanted(changes, words, tmp_path):
    path = saved(tmp_path / "generic_model.pkl", **changes)
    with pytest.raises(WeightsError) as caught:
        read_flame(path)
    assert str(path) in str(caught.value)
    assert words in str(caught.value)


class Attack:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_code_in_a_pickle_never_runs_and_is_named(refused, tmp_path):
    touched = tmp_path / "touched"
    path = saved(tmp_path / "generic_model.pkl", J=Attack(touched))
    assert "nothing of it was run: it asks for " in refused(flame=path)
    array = np.array({**landmark_arrays(), "x": Attack(touched)}, dtype=object)
    np.save(tmp_path / "landmarks.npy", array, allow_pickle=True)
    assert "nothing of it was run: it asks for " in refused(landmarks=tmp_path / "landmarks.npy")
    assert not touched.exists()
    path.write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    assert "it asks for os.system" in refused(flame=path)


def test_an_unknown_kind_of_chumpy_array_is_refused_only_where_it_is_needed(tmp_path):
    path = tmp_path / "generic_model.pkl"
    path.write_bytes(chumpy_pickle(flame_arrays(), ("v_template",)))
    np.testing.assert_allclose(read_flame(path)["template"], flame_arrays()["v_template"], 1e-6)
    odd = path.read_bytes().replace(b"X\x01\x00\x00\x00x", b"X\x01\x00\x00\x00y")
    path.write_bytes(odd)
    with pytest.raises(WeightsError, match="v_template is no array"):
        read_flame(path)


def test_other_embeddings_of_landmarks_are_refused(refused, tmp_path):
    path = tmp_path / "landmarks.npy"
    content = landmark_arrays()
    del content["dynamic_lmk_faces_idx"]
    np.save(path, np.array(content, dtype=object), allow_pickle=True)
    assert "has no dynamic_lmk_faces_idx" in refused(landmarks=path)
    np.save(path, np.zeros((68, 3)))
    assert "it holds no dictionary" in refused(landmarks=path)
    content = landmark_arrays() | {"static_lmk_faces_idx": np.full(51, 9976)}
    np.save(path, np.array(content, dtype=object), allow_pickle=True)
    with pytest.raises(WeightsError, match="points outside the 9976"):
        read_landmarks(path, torch.zeros(9976, 3, dtype=torch.int64))


def test_other_checkpoints_and_damaged_files_are_refused(refused, files, tmp_path):
    path = tmp_path / "deca_model.tar"
    torch.save({"state_dict": {}}, path)
    assert "holds state_dict and no E_flame" in refused(deca=path)
    state = torch.load(files["deca"], weights_only=True)["E_flame"]
    whole = dict(state)
    del state["encoder.layer3.5.conv2.weight"]
    torch.save({"E_flame": state}, path)
    assert "E_flame.encoder.layer3.5.conv2.weight is missing" in refused(deca=path)
    torch.save({"E_flame": whole | {"layers.2.weight": torch.zeros(150, 1024)}}, path)
    assert "[150, 1024], [236, 1024] was expected" in refused(deca=path)
    path.write_bytes(files["flame"].read_bytes()[:50_000])
    assert "damaged" in refused(flame=path)
    assert "No such file" in refused(flame=tmp_path / "none.pkl")


def test_a_folder_with_something_in_it_is_left_alone(files, tmp_path):
    (tmp_path / "deca").mkdir()
    (tmp_path / "deca" / "thesis.txt").write_text("mine")
    with pytest.raises(SystemExit, match="exists and is not empty"):
        main([*options(files), "-o", str(tmp_path / "deca")])
    assert [path.name for path in (tmp_path / "deca").iterdir()] == ["thesis.txt"]


def test_deca_without_a_folder_or_in_a_wrong_one_says_what_to_do(tmp_path):
    with pytest.raises(InvalidInputError, match="python -m"):
        load_face_model("deca")
    with pytest.raises(WeightsError, match=r"config\.json"):
        load_face_model("deca", folder=tmp_path)
    with pytest.raises(InvalidInputError, match="choose one of heads, people, deca"):
        load_face_model("flame")


def test_a_full_disk_leaves_no_half_folder(files, tmp_path, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(network_files, "save_file", full)
    with pytest.raises(SystemExit, match="No space left"):
        main([*options(files), "-o", str(tmp_path / "deca")])
    assert not list(tmp_path.iterdir())
