"""FLAME's faces against plain NumPy, its landmarks, and rotations three ways."""

import numpy as np
import pytest
import torch

from training.face_models.flame import (
    EXPRESSION_COUNT,
    JAW,
    NECK,
    PARENTS,
    ROOT,
    SHAPE_COUNT,
    Flame,
    contour_row,
)
from training.face_models.rotations import (
    angles_from_matrix,
    axis_angle_from_matrix,
    matrix_from_angles,
    matrix_from_axis_angle,
)
from training.heads.camera import head_rotation
from training.heads.factors import POSE_FACTORS

VERTICES = 40


@pytest.fixture(scope="module")
def flame() -> Flame:
    """A mesh of random arrays; skinning and joint weights sum to one, as FLAME's do."""
    random = torch.Generator().manual_seed(0)
    model = Flame(VERTICES).double()
    for name, buffer in model.named_buffers():
        if name.endswith("triangles"):
            buffer.copy_(torch.randint(VERTICES, buffer.shape, generator=random))
        else:
            buffer.copy_(torch.rand(buffer.shape, generator=random))
        if name in ("skinning", "joint_regressor") or name.endswith("weights"):
            buffer /= buffer.sum(-1, keepdim=True)
    return model


def faces(count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(1)
    shapes = ((SHAPE_COUNT,), (EXPRESSION_COUNT,), (len(PARENTS), 3))
    return tuple(torch.randn(count, *s, generator=random, dtype=torch.float64) for s in shapes)


def numpy_rotation(rotation: np.ndarray) -> np.ndarray:
    """The exponential of the cross product's matrix, by its series."""
    x, y, z = rotation
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    matrix, term = np.eye(3), np.eye(3)
    for order in range(1, 40):
        term = term @ cross / order
        matrix = matrix + term
    return matrix


def numpy_skinning(model: Flame, shape, expression, pose) -> np.ndarray:
    """One face, a vertex at a time, by homogeneous transforms (Loper et al. 2015, section 3)."""
    arrays = {name: buffer.numpy() for name, buffer in model.named_buffers()}
    rotations = [numpy_rotation(rotation) for rotation in pose]
    resting = arrays["template"].copy()
    for index, weight in enumerate([*shape, *expression]):
        resting += weight * arrays["directions"][:, :, index]
    joints = arrays["joint_regressor"] @ resting
    bend = np.concatenate([(rotation - np.eye(3)).reshape(-1) for rotation in rotations[1:]])
    bent = resting + arrays["pose_directions"] @ bend
    transforms = []
    for joint, parent in enumerate(PARENTS):
        local = np.eye(4)
        local[:3, :3] = rotations[joint]
        local[:3, 3] = joints[joint] - (joints[parent] if parent >= 0 else 0)
        transforms.append(local if parent < 0 else transforms[parent] @ local)
    for joint, transform in enumerate(transforms):
        away = np.eye(4)
        away[:3, 3] = -joints[joint]
        transforms[joint] = transform @ away
    placed = []
    for vertex, weights in zip(bent, arrays["skinning"], strict=True):
        transform = sum(w * t for w, t in zip(weights, transforms, strict=True))
        placed.append((transform @ np.append(vertex, 1))[:3])
    return np.array(placed)


def test_faces_are_those_of_linear_blend_skinning_in_numpy(flame):
    shape, expression, pose = faces(3)
    found = flame(shape, expression, pose)
    for index in range(3):
        expected = numpy_skinning(flame, *(x[index].numpy() for x in (shape, expression, pose)))
        np.testing.assert_allclose(found[index].numpy(), expected, atol=1e-9)


def test_a_face_at_rest_is_the_template_and_turning_the_root_turns_it_whole(flame):
    shape, expression, pose = (torch.zeros_like(x) for x in faces(1))
    resting = flame(shape, expression, pose)
    torch.testing.assert_close(resting[0], flame.template, atol=1e-9, rtol=0)
    pose[:, ROOT] = torch.tensor([0.3, -0.5, 0.2])
    turned = flame(shape, expression, pose)
    joint = flame.joint_regressor[ROOT] @ flame.template
    rotation = matrix_from_axis_angle(pose[:, ROOT])[0]
    expected = (flame.template - joint) @ rotation.t() + joint
    torch.testing.assert_close(turned[0], expected, atol=1e-9, rtol=0)


def test_faces_are_differentiable_even_at_rest(flame):
    inputs = [torch.zeros_like(x).requires_grad_() for x in faces(1)]
    flame(*inputs).square().sum().backward()
    for gradient in (x.grad for x in inputs):
        assert gradient.isfinite().all()
        assert gradient.abs().max() > 0


def yaw_pose(*degrees: float, joint: int = ROOT) -> torch.Tensor:
    pose = torch.zeros(len(degrees), len(PARENTS), 3)
    pose[:, joint, 1] = torch.tensor(degrees).deg2rad()
    return pose


@pytest.mark.parametrize("joint", [ROOT, NECK])
def test_each_degree_of_yaw_has_its_own_contour_up_to_39(joint):
    pose = yaw_pose(0, 0.4, 1, 20.6, 39, 60, -0.4, -1, -20, -38.6, -80, joint=joint)
    assert contour_row(pose).tolist() == [0, 0, 1, 21, 39, 39, 0, 40, 59, 78, 78]


def test_pitch_roll_and_an_open_jaw_do_not_choose_another_contour():
    pose = yaw_pose(12, 12, 12)
    pose[0, JAW, 0] = 0.6
    for row, turn in (
        (1, matrix_from_angles(torch.tensor([0.0, 0.0, 25.0]))),
        (2, matrix_from_angles(torch.tensor([0.0, 0.0, -10.0]))),
    ):
        turned = turn @ matrix_from_axis_angle(pose[row, ROOT])
        pose[row, ROOT] = axis_angle_from_matrix(turned)
    assert contour_row(pose).tolist() == [12, 12, 12]


def test_landmarks_are_blends_of_their_triangles_the_contour_chosen_face_by_face(flame):
    vertices = torch.rand(2, VERTICES, 3, dtype=torch.float64)
    pose = yaw_pose(5, -7)
    found = flame.landmarks_2d(vertices, pose)
    assert found.shape == (2, 68, 3)
    contours = flame.contours
    for face, row in enumerate((5, 46)):
        for place in range(17):
            corners = vertices[face, contours.triangles[row, place]]
            expected = contours.weights[row, place] @ corners
            torch.testing.assert_close(found[face, place], expected)
    inner = flame.inner
    expected = inner.weights[10] @ vertices[1, inner.triangles[10]]
    torch.testing.assert_close(found[1, 27], expected)
    fixed = flame.fixed
    expected = fixed.weights[3] @ vertices[0, fixed.triangles[3]]
    torch.testing.assert_close(flame.landmarks_3d(vertices)[0, 3], expected)


def test_rotations_survive_the_way_through_matrices_and_back():
    random = torch.Generator().manual_seed(2)
    axis = torch.nn.functional.normalize(torch.randn(60, 3, generator=random).double(), dim=1)
    angle = torch.linspace(0, 3.14159, 60, dtype=torch.float64)[:, None]
    angle[1] = 1e-9
    rotation = axis * angle
    matrix = matrix_from_axis_angle(rotation)
    torch.testing.assert_close(matrix @ matrix.mT, torch.eye(3).double().expand_as(matrix))
    torch.testing.assert_close(axis_angle_from_matrix(matrix), rotation, atol=1e-6, rtol=0)


def test_angles_survive_the_way_through_matrices_and_back():
    random = torch.Generator().manual_seed(3)
    angles = (torch.rand(50, 3, generator=random).double() * 2 - 1) * torch.tensor([170, 85, 170])
    found = angles_from_matrix(matrix_from_angles(angles))
    torch.testing.assert_close(found, angles, atol=1e-5, rtol=0)


def test_angles_mean_what_they_mean_for_the_synthetic_heads():
    motion = torch.zeros(1, len(POSE_FACTORS))
    motion[0, :3] = torch.tensor([31.0, -17.0, 6.0])
    assert list(POSE_FACTORS.index)[:3] == ["yaw", "pitch", "roll"]
    rotation = head_rotation(motion)
    torch.testing.assert_close(matrix_from_angles(motion[:, :3]), rotation, atol=1e-6, rtol=0)
    nose = rotation[0] @ torch.tensor([0.0, 0.0, 1.0])
    assert nose[0] > 0.4  # turned to the picture's right
    assert nose[1] < -0.15  # looks down
