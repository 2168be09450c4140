"""How a head is turned, seen and cropped."""

from typing import NamedTuple

import numpy as np

DISTANCE = 1.25  # [m] of the camera from the head frame's origin
PIVOT = np.array([0.0, -0.060, -0.105])  # the head turns round it
BODY_SHARES = np.array([0.45, 0.15, 0.10])  # of yaw, pitch and roll that the shoulders follow


class View(NamedTuple):
    """A camera.

    Args:
        head: [3, 3] turns the head.
        body: [3, 3] turns the shoulders.
        frame: [2, 2] of the image plane (x/w, z/w) to −1…1, x right and y up.
        offset: [2].
    """

    head: np.ndarray
    body: np.ndarray
    frame: np.ndarray
    offset: np.ndarray

    def turned(self, points: np.ndarray, turn: np.ndarray) -> np.ndarray:
        """Points [P, 3] turned, each following the head by its share [P]."""
        share = turn[:, None]
        relative = points - PIVOT
        return (relative @ self.head.T) * share + (relative @ self.body.T) * (1 - share) + PIVOT

    def project(self, turned: np.ndarray) -> np.ndarray:
        """Turned points [P, 3] → −1…1 [P, 2], x right and y up."""
        plane = turned[:, [0, 2]] / (turned[:, 1:2] + DISTANCE)
        return plane @ self.frame.T + self.offset

    @property
    def scale(self) -> float:
        """Half crops in a metre at the head's depth."""
        return float(np.sqrt(np.linalg.det(self.frame)) / DISTANCE)


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Turns [3, 3] by yaw (to the image's right), pitch (up) and roll [rad]."""
    (cz, cx, cy) = np.cos([yaw, -pitch, roll])
    (sz, sx, sy) = np.sin([yaw, -pitch, roll])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    return about_z @ about_x @ about_y


def view(angles: tuple[float, float, float], anchors: np.ndarray) -> View:
    """The view whose crop FFHQ's rule sets.

    Args:
        angles: yaw, pitch and roll [rad].
        anchors: [4, 3] centres of the right and the left eye, mouth corners on the right and left,
            on the unturned head.
    """
    head = rotation(*angles)
    body = rotation(*(np.array(angles) * BODY_SHARES))
    turned = (anchors - PIVOT) @ head.T + PIVOT
    plane = turned[:, [0, 2]] / (turned[:, 1:2] + DISTANCE) * [1, -1]  # y down
    right, left, corner_right, corner_left = plane
    eyes, mouth = (right + left) / 2, (corner_right + corner_left) / 2
    across, down = left - right, mouth - eyes
    x = across - np.array([-down[1], down[0]])
    x /= np.linalg.norm(x)
    x *= max(np.linalg.norm(across) * 2.0, np.linalg.norm(down) * 1.8)
    y = np.array([-x[1], x[0]])
    centre = eyes + down * 0.1
    flip = np.diag([1.0, -1.0])
    frame = flip @ np.stack([x, y]) / (x @ x) @ flip
    return View(head, body, frame, -frame @ (centre * [1, -1]))
