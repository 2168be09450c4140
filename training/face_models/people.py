"""The face model of the synthetic people: what makes a face and moves it, read off its picture."""

from pathlib import Path

import torch

from training.face_models.interface import Coefficients, Geometry
from training.network_files import read_network
from training.people import points, world
from training.people.gestures import GESTURES, PITCH, ROLL, STEEPNESS, YAW, drive
from training.people.latents import coordinates
from training.picture_network import PictureNetwork
from training.worlds import World

INPUT_SIZE = 128  # [px] gaze moves an iris by a pixel or two
WEIGHTS_NAME = "people_estimator.safetensors"
ANGLES = ("yaw", "pitch", "roll")
ANGLE_UNIT = 30.0  # [deg] about what other coefficients are beside: 1
GAZE, LIDS = ("gaze_x", "gaze_y"), ("eyes_shut", "wink")
LEADS = ("smile_skew", "brow_skew")  # seen only where something else moves: not compared
_MOVES = tuple(g for g in GESTURES if g.name not in ANGLES + LEADS)
EXPRESSION = tuple(gesture.name for gesture in _MOVES)
# Of all that makes a person, what moves a point of the bare face.
SHAPE = tuple(
    c.name
    for c in world.COORDINATES
    if c.name in ("gender", "age", "weight", "african", "asian") or c.name.startswith("direction_")
)
COEFFICIENTS = (*SHAPE, *EXPRESSION, *ANGLES)
SHAPE_PLACES = [world.INDEX[name] for name in SHAPE]
EXPRESSION_PLACES = [world.INDEX[name] for name in EXPRESSION]
ANGLE_PLACES = [world.INDEX[name] for name in ANGLES]


def new_estimator() -> PictureNetwork:
    """An untrained estimator."""
    return PictureNetwork(len(COEFFICIENTS), INPUT_SIZE)


def known_coefficients(n: torch.Tensor) -> torch.Tensor:
    """COEFFICIENTS [B, C] of coordinates [B, K]: normals, how far gestures go (-1…1), degrees."""
    pose = world.from_normals(n).pose
    angles = torch.rad2deg(torch.stack([pose[:, world.POSE.index[x]] for x in ANGLES], 1))
    angles = angles * angles.new_tensor([1, 1, -1])  # roll there: positive to the picture's right
    limited = world.soft(n)
    moves = [_driven(limited[:, world.INDEX[g.name]], g.threshold, bool(g.up)) for g in _MOVES]
    return torch.cat([n[:, SHAPE_PLACES], torch.stack(moves, 1), angles], 1)


def _driven(n: torch.Tensor, threshold: float, gesture: bool) -> torch.Tensor:
    """How far a gesture goes, -1…1; of the gaze, which has no threshold, its draw."""
    return drive(n, threshold) - drive(-n, threshold) if gesture else torch.tanh(0.5 * n)


def _undriven(moves: torch.Tensor) -> torch.Tensor:
    """Softly limited normals [B, E] that drive the gestures so far."""
    columns = []
    for gesture, move in zip(_MOVES, moves.unbind(1), strict=True):
        far = move.abs().clamp(max=0.995)
        if gesture.up:
            pull = torch.atanh(far) / STEEPNESS
            beyond = (pull + (pull.square() + 4 * 0.35 * pull + 1e-12).sqrt()) / 2
            columns.append(move.sign() * (beyond + gesture.threshold))
        else:
            columns.append(2 * torch.atanh(far) * move.sign())
    return torch.stack(columns, 1)


def _unlimited(n: torch.Tensor) -> torch.Tensor:
    """What `world.soft` makes n of."""
    share = (n / world.SOFT_LIMIT).clamp(-0.995, 0.995)
    return world.SOFT_LIMIT * torch.atanh(share)


def coefficients(values: torch.Tensor) -> Coefficients:
    """Split values [B, len(COEFFICIENTS)] into shape, expression and pose."""
    shape, expression, angles = values.split([len(SHAPE), len(EXPRESSION), len(ANGLES)], 1)
    return Coefficients(shape=shape, expression=expression, pose=angles, angles=angles)


class PeopleFaceModel:
    """Reads coefficients off pictures of synthetic people, and places their points exactly.

    Args:
        network: [B, 3, R, R] → [B, len(COEFFICIENTS)], angles in ANGLE_UNIT.
    """

    name, domain, expression_names = "people", "synthetic people", EXPRESSION

    def __init__(self, network: PictureNetwork) -> None:
        self.network = network
        device = next(network.parameters()).device
        both = [2.0 if gesture.down or not gesture.up else 1.0 for gesture in _MOVES]
        self.expression_range = torch.tensor(both, device=device)
        self.compared = torch.arange(len(EXPRESSION), device=device)

    @classmethod
    def load(
        cls, device: torch.device | str = "cpu", folder: Path | None = None
    ) -> "PeopleFaceModel":
        """The shipped model, or one from another folder.

        Raises:
            WeightsError: the weights are missing, damaged or of another network.
        """
        path = (folder or Path(__file__).parent) / WEIGHTS_NAME
        return cls(read_network(new_estimator, path).to(device))

    def exact(self, z: torch.Tensor, _: World) -> Coefficients:
        """The coefficients of the people that latents z [B, 512] name."""
        return coefficients(known_coefficients(coordinates(z)))

    def estimate(self, images: torch.Tensor) -> Coefficients:
        """Coefficients of pictures [B, 3, R, R] in −1…1; differentiable."""
        values = self.network(images).float()
        rest, angles = values.split([len(SHAPE) + len(EXPRESSION), len(ANGLES)], 1)
        return coefficients(torch.cat([rest, ANGLE_UNIT * angles], 1))

    def decode(self, shape: torch.Tensor, expression: torch.Tensor, pose: torch.Tensor) -> Geometry:
        """The points of shape [B, S], expression [B, E] and pose [B, 3] [deg]; differentiable.

        The world knows where its points lie in the picture, not how far away: depths are 0.
        """
        n = shape.new_zeros(len(shape), world.K)
        n[:, SHAPE_PLACES] = shape
        radians = torch.deg2rad(pose * pose.new_tensor([1, 1, -1]))
        angles = radians / radians.new_tensor([YAW, PITCH, ROLL])
        n[:, EXPRESSION_PLACES + ANGLE_PLACES] = _unlimited(
            torch.cat([_undriven(expression), angles], 1)
        )
        places = points.points(n) / 2 + 0.5
        solid = torch.cat([places, torch.zeros_like(places[..., :1])], 2)
        landmarks = solid[:, points.LANDMARKS]
        return Geometry(solid, landmarks[..., :2], landmarks)
