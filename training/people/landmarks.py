"""The 68 landmarks of iBUG's scheme on a head's surface, where the eye sees them."""

import numpy as np
import torch

from training.people.anatomy import BROW_GRID, FACE_CENTRE, JAW, JAW_STEPS, RING
from training.people.camera import Views
from training.people.facial_hair import brow_curve, on_grid
from training.people.factors import Person
from training.people.head import HeadModel

OUTER_LIPS = (180, 145, 112, 90, 68, 35, 0, -38, -65, -90, -115, -142)  # [deg] on the contour
INNER_LIPS = (180, 125, 90, 55, 0, -55, -90, -125)
LID_THIRDS = (0.33, 0.67)  # of the eye's width from the outer corner
BROW_PLACES = (0.97, 0.76, 0.52, 0.27, 0.04)  # along the brow, from its tail
CANTHUS = 0.10  # of the eye's width that the lids reach beyond the ball towards the nose
SLIDE = 90.0  # how sharply a jaw point takes the outermost candidate [1/half crops]


def jaw_directions() -> np.ndarray:
    """Outwards in the picture, y up [17, 2], for every point of the jaw."""
    right = np.array([(-x, z - FACE_CENTRE[2]) for x, _, z in JAW[::-1]])
    whole = np.concatenate([right, right[7::-1] * [-1, 1]])
    return whole / np.linalg.norm(whole, axis=1, keepdims=True)


def ring_index(degrees: float) -> int:
    """Place on a ring nearest to an angle."""
    return round(degrees / 360 * RING) % RING


class Landmarks:
    """Finds them on a head."""

    def __init__(self, head: HeadModel) -> None:
        self.head = head
        self.jaw, self.nose = head.places("jaw"), head.places("nose")
        self.outer, self.inner = head.places("lips_outer"), head.places("lips_inner")
        self.brows = (head.places("brow_right"), head.places("brow_left"))
        ring = head.lids[0].of(head.basis.fine_template)
        half = RING // 2
        outermost, innermost = int(ring[:, 0].argmin()), int(ring[:, 0].argmax())
        across = (ring[:, 0] - ring[outermost, 0]) / (ring[innermost, 0] - ring[outermost, 0])
        upper = [2 + int(np.abs(across[2 : half - 1] - f).argmin()) for f in LID_THIRDS]
        lower = [half + 2 + int(np.abs(across[half + 2 : -1] - f).argmin()) for f in LID_THIRDS]
        self.eye = (outermost, *upper, innermost, *lower[::-1])  # places on a lid's ring
        self._turn_jaw = self.jaw.of(head.turn)

    def eye_points(self, vertices: np.ndarray, k: int) -> np.ndarray:
        """Corners and lids of the right (0) or left eye (1) [6, 3], from the outer corner upwards.

        The corner by the nose lies where the lids meet, beyond the ball.
        """
        points = self.head.lids[k].of(vertices)[list(self.eye)]
        points[3] += CANTHUS * (points[3] - points[0])
        return points

    def anchors(self, vertices: np.ndarray) -> np.ndarray:
        """Centres of the right and left eye and the mouth's corners on the image's left and right
        [4, 3].
        """
        eyes = [self.eye_points(vertices, k).mean(0) for k in range(2)]
        outer = self.outer.of(vertices)
        return np.stack([*eyes, outer[RING // 2], outer[0]])

    def on_head(self, vertices: np.ndarray, person: Person) -> np.ndarray:
        """Landmarks 17 to 67 [51, 3] on the unturned head."""
        tail_first = np.array(BROW_PLACES)
        x, middle, _ = brow_curve(person.values, tail_first)
        right, left = (
            on_grid(places.of(vertices).reshape(*BROW_GRID, 3), x, middle) for places in self.brows
        )
        eyes = [self.eye_points(vertices, k) for k in range(2)]
        mirrored = eyes[1][[3, 2, 1, 0, 5, 4]]
        outer = self.outer.of(vertices)[[ring_index(a) for a in OUTER_LIPS]]
        inner = self.inner.of(vertices)[[ring_index(a) for a in INNER_LIPS]]
        nose = self.nose.of(vertices)
        return np.concatenate([right, left[::-1], nose, eyes[0], mirrored, outer, inner])

    def picture(self, vertices: np.ndarray, person: Person, views: Views) -> np.ndarray:
        """All 68 in the picture [68, 2], −1…1, x right and y up."""
        head = torch.from_numpy(self.on_head(vertices, person)).float()
        jaw = torch.from_numpy(self.jaw.of(vertices)).float()
        turn = torch.from_numpy(self._turn_jaw).float()
        slid = slide(views.project(jaw[None], turn))
        return torch.cat([slid, views.project(head[None])], 1)[0].numpy()


def slide(jaw: torch.Tensor) -> torch.Tensor:
    """Projected candidates [B, 17 × JAW_STEPS, 2] → the outermost, the jaw's landmarks
    [B, 17, 2].
    """
    candidates = jaw.unflatten(1, (17, JAW_STEPS))
    outwards = torch.from_numpy(jaw_directions()).to(jaw)
    share = torch.softmax((candidates * outwards[:, None]).sum(3) * SLIDE, 2)
    return (candidates * share[..., None]).sum(2)
