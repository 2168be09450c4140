"""People: factors, exact points, mirror images, continuity."""

import itertools
import math

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from stylemask_core.errors import InvalidInputError, StyleMaskError
from training.people import basis, point_basis, points, world
from training.people.factors import PERSON, POSE, SCENE, Person, Pose, Scene
from training.people.mirroring import mirrored, mirrored_landmarks
from training.people.renderer import Renderer

INNER_RIGHT, OUTER_RIGHT = 39, 36
UPPER_LID, LOWER_LID = 37, 41
CALM = {"age": 1.0, "weight": 1.0, "gender": 0.5, "pupil": 0.4, "glasses": 0.0}
PLAIN = {"exposure": 1.0, "light_elevation": 0.5, "contrast": 0.3, "fill": 0.5}


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    try:
        return Renderer(64)
    except StyleMaskError as error:
        pytest.skip(str(error))


@pytest.fixture
def n() -> torch.Tensor:
    """Coordinates of four people."""
    return world.draw(21, 4)


def at(names: dict[str, float], rows: int = 1) -> torch.Tensor:
    """Mean coordinates but for those named."""
    n = torch.zeros(rows, world.K)
    for name, value in names.items():
        n[:, world.INDEX[name]] = value
    return n


def landmark(n: torch.Tensor, *numbers: int) -> torch.Tensor:
    return points.points(n)[:, list(numbers)]


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """Mean difference of two pictures in grey levels, seen at a quarter of their size."""
    small = [image.reshape(16, 4, 16, 4, 3).astype(np.float32).mean((1, 3)) for image in (a, b)]
    return float(np.abs(small[0] - small[1]).mean())


def test_coordinates_are_identity_then_pose_then_surroundings():
    groups = [c.group for c in world.COORDINATES]
    assert groups == sorted(groups, key=["identity", "pose", "surroundings"].index)
    assert len({c.name for c in world.COORDINATES}) == world.K == len(world.MIRROR)


@pytest.mark.parametrize("spread", [1, 4])
def test_factors_stay_in_their_ranges(spread):
    factors = world.from_normals(spread * world.draw(5, 3000))
    for table, values in zip((PERSON, POSE, SCENE), factors, strict=True):
        low, high = torch.tensor(list(table.ranges.values())).t()
        outside = (values < low - 1e-4) | (values > high + 1e-4)
        assert [table.names[i] for i in outside.any(0).nonzero()[:, 0]] == []


def test_all_kinds_of_people_are_drawn():
    person = PERSON.columns(world.from_normals(world.draw(6, 4000)).person)
    shares = {
        "children": person["age"] < 0.8,
        "old": person["age"] > 1.6,
        "women": person["gender"] < 0.3,
        "men": person["gender"] > 0.7,
        "dark skin": person["melanin"] > 0.6,
        "fair skin": person["melanin"] < 0.2,
        "hair to the shoulders": person["length_side"] > 0.18,
        "glasses": person["glasses"] > 0.9,
        "a beard": torch.maximum(person["beard"], person["goatee"]) > 0.5,
        "little hair": person["bald"] > 0.5,
    }
    assert {name: float(share.float().mean()) for name, share in shares.items()} == {
        name: pytest.approx(0.25, abs=0.24) for name in shares
    }


def test_people_of_a_seed_keep_their_identity_over_poses():
    n = world.draw(3, 2, 3).unflatten(0, (2, 3))
    assert torch.equal(n[:, 0, world.IDENTITY], n[:, 2, world.IDENTITY])
    assert not torch.equal(n[:, 0, world.POSE_SPAN], n[:, 1, world.POSE_SPAN])
    assert torch.equal(world.draw(3, 2, 3), world.draw(3, 2, 3))


def test_the_exact_answer_has_the_targets_pose_and_all_else_of_the_source(n):
    swapped = world.from_normals(world.swap_pose(n[:2], n[2:]))
    source, target = world.from_normals(n[:2]), world.from_normals(n[2:])
    assert torch.equal(swapped.person, source.person)
    assert torch.equal(swapped.scene, source.scene)
    assert torch.equal(swapped.pose, target.pose)


def test_mirrored_coordinates_name_the_mirrored_factors(n):
    for row, mirror in zip(n, world.mirror(n), strict=True):
        for one, other in zip(world.person_of(row), world.person_of(mirror), strict=True):
            assert mirrored(one).values == pytest.approx(other.values, abs=1e-6)


@pytest.mark.parametrize(
    ("kind", "values", "reason"),
    [
        (Person, {"age": 2.5}, "age is 2.5: it must be 0 to 2"),
        (Person, {"melanin": math.nan}, "melanin is nan"),
        (Pose, {"jawOpen": -0.5}, "jawOpen is -0.5: it must be 0 to 1"),
        (Scene, {"exposure": 9.0}, "exposure is 9"),
        (Pose, {"jawopen": 0.5}, "Pose has no factor jawopen"),
    ],
)
def test_factors_out_of_range_are_refused(kind, values, reason):
    with pytest.raises(InvalidInputError, match=reason):
        kind(**values)


def test_points_are_where_the_renderer_sees_them(renderer):
    n = world.draw(33, 6)
    computed = (points.points(n)[:, points.LANDMARKS] + 1) / 2 * renderer.size
    for row, expected in zip(n, computed, strict=True):
        found = renderer.render_normals(row).landmarks
        assert np.abs(found - expected.numpy()).max() < 0.1


def test_points_are_named_finite_and_differentiable(n):
    n.requires_grad_()
    found = points.points(n)
    assert found.shape == (4, len(points.NAMES), 2)
    assert torch.isfinite(found).all()
    found.square().sum().backward()
    moved = (n.grad.abs().sum(0) > 0).tolist()
    for name in ("yaw", "smile", "gender", "hair_length", "glasses_size", "brow_arch", "gaze_x"):
        assert moved[world.INDEX[name]], name
    assert not any(moved[world.SURROUNDINGS])
    assert point_basis.POINTS_FILE.stat().st_size < 2**21


def test_mirrored_people_have_mirrored_landmarks(n):
    found = points.points(n)[:, points.LANDMARKS].numpy()
    other = points.points(world.mirror(n))[:, points.LANDMARKS].numpy()
    for one, two in zip(found, other, strict=True):
        assert mirrored_landmarks(one, 0) == pytest.approx(two, abs=2e-3)


def test_blinks_close_whatever_the_eyes():
    n = world.draw(9, 64)
    n[:, world.POSE_SPAN] = 0
    opened = landmark(n, UPPER_LID, LOWER_LID)
    n[:, world.INDEX["eyes_shut"]] = 2.6
    shut = landmark(n, UPPER_LID, LOWER_LID)
    gap, left = ((p[:, 1] - p[:, 0])[:, 1] for p in (opened, shut))
    assert float((left / gap).abs().max()) < 0.25
    assert float((left / gap).abs().mean()) < 0.1


def test_eyes_turn_and_lids_follow():
    calm, aside, down = (
        points.points(at(names))[0] for names in ({}, {"gaze_x": 2.0}, {"gaze_y": -2.0})
    )
    iris = points.NAMES.index("iris_right_0")
    eye = float(calm[INNER_RIGHT, 0] - calm[OUTER_RIGHT, 0])
    assert 0.2 < float(aside[iris, 0] - calm[iris, 0]) / eye < 0.45
    assert 0.05 < float(down[UPPER_LID, 1] - calm[UPPER_LID, 1]) / eye < 0.35
    assert abs(float(down[LOWER_LID, 1] - calm[LOWER_LID, 1])) < 0.1 * eye


def test_lips_meet_when_an_open_jaw_is_corrected():
    calm = {"age": 0.1}

    def opening(**actions: float) -> float:
        factors = world.from_normals(at(calm))
        pose = factors.pose.clone()
        for name, value in actions.items():
            pose[:, POSE.index[name]] = value
        found = points.points_of(factors._replace(pose=pose))[0]
        return float(found[66, 1] - found[62, 1])

    wide = opening(jawOpen=0.5)
    assert opening(jawOpen=0.5, mouthClose=0.5) - opening() < 0.15 * (wide - opening())


def test_mirrored_factors_give_the_mirrored_picture_to_the_last_bit(renderer):
    n = world.draw(12, 5)
    for row, mirror in zip(n, world.mirror(n), strict=True):
        one, other = renderer.render_normals(row), renderer.render_normals(mirror)
        assert np.array_equal(one.image[:, ::-1], other.image)
        expected = mirrored_landmarks(one.landmarks, renderer.size)
        assert other.landmarks == pytest.approx(expected, abs=1e-4)


def test_nothing_jumps_where_the_head_faces_forward(renderer, n):
    left, right = n.clone(), n.clone()
    left[:, world.INDEX["yaw"]], right[:, world.INDEX["yaw"]] = -1e-4, 1e-4
    for one, other in zip(left, right, strict=True):
        a, b = (renderer.render_normals(row).image.astype(float) for row in (one, other))
        assert np.abs(a - b).mean() < 0.6


def test_a_small_step_between_two_people_is_a_small_change(renderer):
    n = world.draw(40, 4)
    shares = []
    for one, other in itertools.pairwise(n):
        images = [
            renderer.render_normals(one.lerp(other, t)).image for t in (0.0, 0.001, 0.01, 0.1, 1.0)
        ]
        whole = distance(images[0], images[-1])
        shares.append([distance(images[0], image) / whole for image in images[1:-1]])
    smallest, small, large = np.mean(shares, 0)
    assert smallest < 0.006
    assert small < 0.03
    assert large < 0.25


def test_a_cached_groom_draws_the_same_picture_of_a_person_and_its_mirror_image(renderer, n):
    for row in (n[0], world.mirror(n)[0]):
        person, pose, scene = world.person_of(row)
        groom = renderer.groom(world.person_of(n[0])[0])
        with_it = renderer.render(person, pose, scene, groom)
        assert np.array_equal(with_it.image, renderer.render(person, pose, scene).image)


def test_darker_skin_is_drawn_darker(renderer):
    scene = Scene(**PLAIN)
    lights = [
        renderer.render(Person(**CALM, melanin=melanin), Pose(), scene).image[30:36, 28:36].mean()
        for melanin in (0.1, 0.4, 0.7, 1.0)
    ]
    assert lights == sorted(lights, reverse=True)
    assert lights[0] > 2 * lights[-1]


def test_a_factor_at_its_end_is_drawn(renderer):
    for end in (0, 1):
        kinds = (Person, Pose, Scene)
        factors = [
            kind(
                **{name: span[end] for name, span in kind.table.ranges.items() if "dir" not in name}
            )
            for kind in kinds
        ]
        assert renderer.render(*factors).image.std() > 3


@pytest.mark.parametrize("make", [basis.Basis, points.PointModel])
def test_a_basis_of_another_version_is_refused(make, tmp_path):
    shipped = basis.BASIS_FILE if make is basis.Basis else point_basis.POINTS_FILE
    path = tmp_path / "old.safetensors"
    save_file(load_file(shipped), path, {"version": "0"})
    with pytest.raises(
        InvalidInputError, match=r"version.*make it with python -m training\.people"
    ):
        make(path)


def test_a_file_that_is_no_basis_is_refused(tmp_path):
    path = tmp_path / "basis.safetensors"
    for content in (None, b"nonsense"):
        if content:
            path.write_bytes(content)
        with pytest.raises(InvalidInputError, match="is no basis of people"):
            basis.Basis(path)


def test_a_machine_without_egl_is_told_what_to_install(monkeypatch):
    monkeypatch.setenv("GLCONTEXT_LINUX_LIBEGL", "libno-such-thing.so")
    with pytest.raises(StyleMaskError, match=r"no EGL on this machine.*install libegl1"):
        Renderer(64)


@pytest.mark.parametrize(("size", "samples"), [(8, 2), (4096, 2), (64, 0), (64, 9)])
def test_sizes_that_cannot_be_are_refused(size, samples):
    with pytest.raises(InvalidInputError, match=f"size {size} must be 16 to 1024"):
        Renderer(size, samples)


def test_at_most_one_thing_is_done_by_a_mouth_and_a_shut_eye_is_not_wide():
    pose = POSE.columns(world.from_normals(world.draw(8, 3000)).pose)
    assert float((pose["eyeBlinkLeft"] * pose["eyeWideLeft"]).max()) < 0.26
    assert float((pose["jawOpen"] * pose["mouthPressLeft"]).max()) < 0.2
    assert float((pose["mouthClose"] - pose["jawOpen"]).max()) <= 0
    assert float(torch.stack([pose["eyeBlinkLeft"], pose["mouthSmileLeft"]]).max()) > 0.95


def test_factors_and_their_vector_are_the_same():
    pose = Pose(yaw=0.2, jawOpen=0.5)
    assert Pose.from_vector(pose.vector()).values == pytest.approx(pose.values)
    with pytest.raises(InvalidInputError, match="has 55 factors"):
        Pose.from_vector(torch.zeros(3))


def test_brow_landmarks_follow_the_style():
    flat, arched = landmark(at({"brow_arch": -2.0}), 19), landmark(at({"brow_arch": 2.0}), 19)
    assert float(flat[0, 0, 1] - arched[0, 0, 1]) > 0.01


def test_inner_eye_corners_are_where_the_lids_meet():
    ring = [points.NAMES.index(f"lid_right_{i}") for i in range(16)]
    places = points.points(at({}))[0]
    assert float(places[INNER_RIGHT, 0] - places[ring, 0].max()) > 0.005


def test_glasses_grow_in(renderer, n):
    row = n[0].clone()
    row[world.POSE_SPAN] = 0
    images = []
    for step in np.linspace(0.9, 1.7, 17):
        row[world.INDEX["glasses"]] = float(step)
        row[world.INDEX["age"]] = -0.5
        images.append(renderer.render_normals(row).image)
    whole = distance(images[0], images[-1])
    steps = [distance(a, b) for a, b in itertools.pairwise(images)]
    assert whole > 0.5
    assert max(steps) < 0.35 * whole


def test_jaw_landmarks_lie_on_the_faces_border(renderer):
    person = Person(**CALM, melanin=0.2)
    scene = Scene(**PLAIN, background_blue=1.0, second_blue=1.0)
    drawn = Renderer(256).render(person, Pose(yaw=0.65), scene)
    image = drawn.image.astype(int)
    for x, y in drawn.landmarks[11:15]:  # the far cheek
        row = image[round(float(y))]
        face = np.flatnonzero(row[:, 2] < row[:, 0] + 40)
        assert abs(face.max() + 1 - x) < 5


def test_the_shipped_basis_is_small_and_names_its_source():
    assert basis.BASIS_FILE.stat().st_size < 8 * 2**20
    assert "CC0" in basis.SOURCE
