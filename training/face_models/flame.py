"""FLAME (Li et al. 2017): a head's mesh from shape, expression and the rotations of its joints.

Linear blend skinning as in SMPL (Loper et al. 2015): the template is deformed by shape, expression
and what each joint's rotation does to its surroundings, then every vertex follows its joints.
"""

import torch
from torch import nn

from training.face_models.rotations import matrix_from_axis_angle

VERTICES, FACES = 5023, 9976
SHAPE_COUNT, EXPRESSION_COUNT = 100, 50  # what DECA uses of the 300 and 100
PARENTS = (-1, 0, 1, 1, 1)  # of the joints
ROOT, NECK, JAW, LEFT_EYE, RIGHT_EYE = range(5)
CONTOUR_LANDMARKS, INNER_LANDMARKS = 17, 51
CONTOUR_ANGLES = 79  # contours at yaw 0 to 39°, then −1° to −39°
LARGEST_CONTOUR_ANGLE = 39  # [deg]


class Landmarks(nn.Module):
    """Places on the mesh: triangles, and where in them.

    Args:
        shape: of the set of places.
    """

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.register_buffer("triangles", torch.zeros(*shape, 3, dtype=torch.int64))
        self.register_buffer("weights", torch.zeros(*shape, 3))
        self.triangles: torch.Tensor
        self.weights: torch.Tensor

    def forward(self, vertices: torch.Tensor) -> torch.Tensor:
        """Places [B, K, 3] of the vertices [B, V, 3]."""
        return (vertices[:, self.triangles] * self.weights[..., None]).sum(-2)

    def select(self, vertices: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """The same where each face of the batch has its own row [B] of places."""
        batch = torch.arange(len(vertices), device=vertices.device)[:, None, None]
        return (vertices[batch, self.triangles[rows]] * self.weights[rows][..., None]).sum(-2)


class Flame(nn.Module):
    """The model's arrays and what they compute; eyes and neck at rest unless told otherwise."""

    def __init__(self, vertices: int = VERTICES) -> None:
        super().__init__()
        joints, blends = len(PARENTS), SHAPE_COUNT + EXPRESSION_COUNT
        self.register_buffer("template", torch.zeros(vertices, 3))
        self.register_buffer("directions", torch.zeros(vertices, 3, blends))
        self.register_buffer("pose_directions", torch.zeros(vertices, 3, 9 * (joints - 1)))
        self.register_buffer("joint_regressor", torch.zeros(joints, vertices))
        self.register_buffer("skinning", torch.zeros(vertices, joints))
        self.template: torch.Tensor
        self.directions: torch.Tensor
        self.pose_directions: torch.Tensor
        self.joint_regressor: torch.Tensor
        self.skinning: torch.Tensor
        self.inner = Landmarks(INNER_LANDMARKS)
        self.contours = Landmarks(CONTOUR_ANGLES, CONTOUR_LANDMARKS)
        self.fixed = Landmarks(CONTOUR_LANDMARKS + INNER_LANDMARKS)

    def forward(
        self, shape: torch.Tensor, expression: torch.Tensor, pose: torch.Tensor
    ) -> torch.Tensor:
        """Vertices of faces.

        Args:
            shape: [B, 100].
            expression: [B, 50].
            pose: [B, 5, 3] axis times angle [rad] of root, neck, jaw and both eyes.

        Returns:
            [B, V, 3] in metres: x to the picture's right, y up, z out of the face.
        """
        weights = torch.cat([shape, expression], 1)
        resting = self.template + torch.einsum("vcd,bd->bvc", self.directions, weights)
        joints = torch.einsum("jv,bvc->bjc", self.joint_regressor, resting)
        rotations = matrix_from_axis_angle(pose)
        eye = torch.eye(3, dtype=pose.dtype, device=pose.device)
        bend = (rotations[:, 1:] - eye).flatten(1)
        bent = resting + torch.einsum("vcd,bd->bvc", self.pose_directions, bend)
        turns, shifts = _chain(rotations, joints)
        turn = torch.einsum("vj,bjrc->bvrc", self.skinning, turns)
        shift = torch.einsum("vj,bjr->bvr", self.skinning, shifts)
        return torch.einsum("bvrc,bvc->bvr", turn, bent) + shift

    def landmarks_2d(self, vertices: torch.Tensor, pose: torch.Tensor) -> torch.Tensor:
        """The 68 landmarks as a picture shows them, the contour where the face ends.

        Args:
            vertices: [B, V, 3].
            pose: [B, 5, 3] they were made with.

        Returns:
            [B, 68, 3].
        """
        contour = self.contours.select(vertices, contour_row(pose))
        return torch.cat([contour, self.inner(vertices)], 1)

    def landmarks_3d(self, vertices: torch.Tensor) -> torch.Tensor:
        """The 68 landmarks at fixed places of the face, [B, 68, 3]."""
        places: torch.Tensor = self.fixed(vertices)
        return places


def contour_row(pose: torch.Tensor) -> torch.Tensor:
    """Which of the 79 contours shows at a pose [B, 5, 3]: one a degree of yaw, [B]."""
    with torch.no_grad():
        turned = matrix_from_axis_angle(pose[:, ROOT]) @ matrix_from_axis_angle(pose[:, NECK])
        # about the vertical axis, however the head leans
        side = (turned[:, 0, 0].square() + turned[:, 1, 0].square()).sqrt()
        yaw = torch.atan2(-turned[:, 2, 0], side).rad2deg().round().long()
        yaw = yaw.clamp(-LARGEST_CONTOUR_ANGLE, LARGEST_CONTOUR_ANGLE)
        return torch.where(yaw < 0, LARGEST_CONTOUR_ANGLE - yaw, yaw)


def _chain(rotations: torch.Tensor, joints: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Rotation [B, J, 3, 3] and shift [B, J, 3] that each joint gives the points around it."""
    turns, places = [rotations[:, ROOT]], [joints[:, ROOT]]
    for joint in range(1, len(PARENTS)):
        parent = PARENTS[joint]
        bone = joints[:, joint] - joints[:, parent]
        places.append(places[parent] + (turns[parent] @ bone[..., None])[..., 0])
        turns.append(turns[parent] @ rotations[:, joint])
    turn, place = torch.stack(turns, 1), torch.stack(places, 1)
    return turn, place - (turn @ joints[..., None])[..., 0]
