"""Which people there are: how a vector of standard normals names a person, a pose and surroundings.

Every coordinate is the draw of one factor; correlated factors (hair, beard, glasses with gender and
age) are smooth functions of several. Sided things are one signed coordinate each, so a mirrored
picture is named by the coordinates × MIRROR.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch

from training.people import gestures, styles
from training.people.factors import DIRECTIONS, PERSON, POSE, SCENE, Person, Pose, Scene

SOFT_LIMIT = 2.6  # a coordinate approaches this and never reaches it


@dataclass(frozen=True)
class Coordinate:
    """One coordinate.

    Args:
        name: what it draws.
        group: "identity", "pose" or "surroundings".
        signed: negated in the mirror.
    """

    name: str
    group: str
    signed: bool = False


def _group(group: str, names: str) -> tuple[Coordinate, ...]:
    """Coordinates of a group; a name that begins with ± is signed."""
    return tuple(
        Coordinate(name.removeprefix("±"), group, name.startswith("±")) for name in names.split()
    )


IDENTITY_NAMES = (
    "gender age weight african asian "
    + " ".join(f"direction_{i}" for i in range(DIRECTIONS))
    + " melanin redness undertone freckles oil lines under_eye lip_red makeup tooth_shade"
    " iris_light iris_green pupil hair_dark hair_red hair_gray hair_tip"
    " hair_length hair_sides hair_lift hair_curl hair_curl_size hair_back ±hair_parting fringe"
    " ±fringe_sweep hair_tied hair_volume recession hair_mess hair_shine"
    " brow_thickness brow_arch brow_tilt brow_density brow_height lashes"
    " beard beard_shape moustache beard_length"
    " glasses glasses_square glasses_size glasses_rim glasses_dark glasses_hue"
    " cloth_light cloth_hue_x cloth_hue_y cloth_saturation neckline neck_v collar"
)
POSE_NAMES = " ".join(("±" if g.signed else "") + g.name for g in gestures.GESTURES)
SURROUNDING_NAMES = (
    "±light_side light_height light_warmth light_contrast light_soft rim fill ±rim_side exposure"
    " background_light background_hue_x background_hue_y background_saturation"
    " second_light second_hue_x second_hue_y ±background_turn horizon bokeh bokeh_size"
    " windows ±pan"
)
COORDINATES = (
    *_group("identity", IDENTITY_NAMES),
    *_group("pose", POSE_NAMES),
    *_group("surroundings", SURROUNDING_NAMES),
)
K = len(COORDINATES)
INDEX = {c.name: i for i, c in enumerate(COORDINATES)}
MIRROR = torch.tensor([-1.0 if c.signed else 1.0 for c in COORDINATES])


def _span(group: str) -> slice:
    at = [i for i, c in enumerate(COORDINATES) if c.group == group]
    return slice(at[0], at[-1] + 1)


IDENTITY, POSE_SPAN, SURROUNDINGS = (_span(g) for g in ("identity", "pose", "surroundings"))


class Factors(NamedTuple):
    """Factors in their natural units; names of the columns are in `factors`.

    Args:
        person: [B, len(PERSON)].
        pose: [B, len(POSE)].
        scene: [B, len(SCENE)].
    """

    person: torch.Tensor
    pose: torch.Tensor
    scene: torch.Tensor


def mirror(n: torch.Tensor) -> torch.Tensor:
    """Coordinates [B, K] of the mirrored pictures."""
    return n * MIRROR.to(n)


def swap_pose(n_source: torch.Tensor, n_target: torch.Tensor) -> torch.Tensor:
    """Coordinates [B, K] of the exact answer to a reenactment: all of the source but the pose."""
    swapped = n_source.clone()
    swapped[:, POSE_SPAN] = n_target[:, POSE_SPAN]
    return swapped


def draw(seed: int, people: int, poses: int = 1) -> torch.Tensor:
    """Normals [people × poses, K] of a seed; poses of a person share its identity coordinates."""
    random = torch.Generator().manual_seed(seed)
    n = torch.randn(people, poses, K, generator=random)
    n[:, :, IDENTITY] = n[:, :1, IDENTITY]
    return n.flatten(0, 1)


def soft(n: torch.Tensor) -> torch.Tensor:
    """Normals that saturate softly."""
    return SOFT_LIMIT * torch.tanh(n / SOFT_LIMIT)


def share(n: torch.Tensor) -> torch.Tensor:
    """The normals' distribution function, 0…1."""
    return 0.5 * (1 + torch.erf(n / math.sqrt(2)))


def ramp(x: torch.Tensor, low: float, high: float) -> torch.Tensor:
    """Smoothstep from low to high."""
    t = ((x - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)


class Draws:
    """Named columns of normals [B, K]: softly limited, or their distribution function."""

    def __init__(self, n: torch.Tensor) -> None:
        self._soft = soft(n)
        self._share = share(n)

    def normal(self, name: str) -> torch.Tensor:
        """[B], within ±2.6."""
        return self._soft[:, INDEX[name]]

    def uniform(self, name: str) -> torch.Tensor:
        """[B], 0…1."""
        return self._share[:, INDEX[name]]


def from_normals(n: torch.Tensor) -> Factors:
    """Factors of people, poses and surroundings.

    Args:
        n: [B, K] standard normal.
    """
    d = Draws(n)
    shape = _shape(d)
    person = shape | _skin(d, shape) | _eyes(d, shape)
    person |= styles.hair(d, person) | styles.brows(d, person) | styles.beard(d, person)
    person |= _glasses(d, person) | _clothes(d)
    poses = gestures.pose(d)
    scene = _scene(d)
    return Factors(
        torch.stack([person[name] for name in PERSON.names], 1),
        torch.stack([poses[name] for name in POSE.names], 1),
        torch.stack([scene[name] for name in SCENE.names], 1),
    )


Columns = dict[str, torch.Tensor]


def _shape(d: Draws) -> Columns:
    gender = torch.sigmoid(3.4 * d.normal("gender"))
    years = d.uniform("age")
    # one in eight a child, one in five beyond 50
    age = torch.where(
        years < 0.13, 0.25 + 0.75 * years / 0.13, 1 + 0.97 * ((years - 0.13) / 0.87) ** 2.0
    )
    weight = 1 + 0.42 * d.normal("weight") + 0.1 * (age - 1).clamp(min=0)
    african, asian = 2.3 * d.normal("african") - 0.5, 2.3 * d.normal("asian") - 0.5
    shares = torch.softmax(torch.stack([african, asian, torch.zeros_like(asian)], 1), 1)
    shape = {
        "gender": gender,
        "age": age,
        "weight": weight.clamp(0, 2),
        "african": shares[:, 0],
        "asian": shares[:, 1],
    }
    calm = 0.95 - 0.25 * (1 - age).clamp(min=0)
    for i in range(DIRECTIONS):
        shape[f"direction_{i}"] = calm * d.normal(f"direction_{i}")
    return shape


def _skin(d: Draws, shape: Columns) -> Columns:
    # melanin follows ancestry, with a wide spread of its own
    european = 1 - shape["african"] - shape["asian"]
    mean = 0.70 * shape["african"] + 0.27 * shape["asian"] + 0.17 * european
    spread = 0.10 + 0.04 * (1 - european)
    age, gender = shape["age"], shape["gender"]
    melanin = (mean + spread * d.normal("melanin")).clamp(min=0.0)
    old = (age - 1).clamp(min=0)
    woman = (1 - gender) * ramp(age, 0.75, 1.05)
    return {
        "melanin": melanin.clamp(0, 1),
        "redness": d.uniform("redness"),
        "undertone": d.uniform("undertone"),
        "freckles": ramp(d.normal("freckles"), 0.7, 2.2) * (1 - ramp(melanin, 0.2, 0.5)),
        "oil": d.uniform("oil"),
        "lines": (old * 1.05 + 0.12 * d.normal("lines") * (0.2 + old)).clamp(0, 1.1),
        "under_eye": 0.15 + 0.45 * d.uniform("under_eye") * (0.6 + 0.4 * old),
        "lip_red": d.uniform("lip_red") * (1 - 0.35 * gender),
        "makeup": ramp(d.normal("makeup"), -0.4, 1.6) * woman,
        "tooth_shade": (d.uniform("tooth_shade") - 0.4 * old).clamp(0, 1),
    }


def _eyes(d: Draws, shape: Columns) -> Columns:
    european = 1 - shape["african"] - shape["asian"]
    light = ramp(d.normal("iris_light"), -0.8, 1.0) * ramp(european, 0.35, 0.85)
    return {
        "iris_light": light,
        "iris_green": d.uniform("iris_green"),
        "pupil": 0.40 + 0.035 * d.normal("pupil"),
    }


def _glasses(d: Draws, person: Columns) -> Columns:
    old = (person["age"] - 1).clamp(min=0)
    grown = ramp(d.normal("glasses") + 0.8 * old, 1.05, 1.45)
    bright = d.uniform("glasses_dark") ** 2
    hue = d.normal("glasses_hue")
    return {
        "glasses": grown,
        "glasses_square": d.uniform("glasses_square"),
        "glasses_size": d.uniform("glasses_size"),
        "glasses_rim": d.uniform("glasses_rim"),
        "glasses_red": (0.02 + 0.22 * bright) * (1 + 0.25 * hue).clamp(0.4, 1.6),
        "glasses_green": 0.02 + 0.16 * bright,
        "glasses_blue": (0.02 + 0.16 * bright) * (1 - 0.25 * hue).clamp(0.4, 1.6),
    }


def colour(
    light: torch.Tensor, saturation: torch.Tensor, x: torch.Tensor, y: torch.Tensor
) -> torch.Tensor:
    """Linear colours [B, 3] around grey.

    Args:
        light: [B] mean brightness, 0…1.
        saturation: [B], 0 grey … 1.
        x: [B] towards red.
        y: [B] towards green, against blue.
    """
    tilt = torch.stack([x, -0.45 * x + 0.55 * y, -0.45 * x - 0.75 * y], 1)
    return light[:, None] * torch.exp(0.75 * saturation[:, None] * tilt)


def _clothes(d: Draws) -> Columns:
    light = 0.015 + 0.62 * d.uniform("cloth_light") ** 2.6
    saturation = d.uniform("cloth_saturation") ** 1.5 * 0.9
    red, green, blue = colour(
        light, saturation, d.normal("cloth_hue_x"), d.normal("cloth_hue_y")
    ).unbind(1)
    return {
        "cloth_red": red.clamp(max=0.8),
        "cloth_green": green.clamp(max=0.8),
        "cloth_blue": blue.clamp(max=0.8),
        "neckline": (0.44 + 0.19 * d.normal("neckline")).clamp(0, 1),
        "neck_v": ramp(d.normal("neck_v"), 0.2, 1.8),
        "collar": ramp(d.normal("collar"), 0.2, 1.2),
    }


def _scene(d: Draws) -> Columns:
    first = colour(
        0.02 + 0.55 * d.uniform("background_light") ** 1.8,
        0.05 + 0.36 * d.uniform("background_saturation") ** 2,
        d.normal("background_hue_x"),
        d.normal("background_hue_y"),
    )
    second = colour(
        0.02 + 0.70 * d.uniform("second_light") ** 1.8,
        0.05 + 0.36 * d.uniform("background_saturation") ** 2,
        d.normal("second_hue_x"),
        d.normal("second_hue_y"),
    )
    scene = {
        "light_azimuth": 0.62 * d.normal("light_side"),
        "light_elevation": 0.55 + 0.22 * d.normal("light_height"),
        "warmth": 0.5 * d.normal("light_warmth"),
        "contrast": 0.15 + 0.85 * d.uniform("light_contrast"),
        "softness": d.uniform("light_soft"),
        "rim": ramp(d.normal("rim"), -0.6, 2.2),
        "fill": d.uniform("fill"),
        "rim_azimuth": 0.8 * torch.tanh(1.5 * d.normal("rim_side")),
        "exposure": torch.exp(0.14 * d.normal("exposure")),
        "background_turn": 0.9 * d.normal("background_turn"),
        "horizon": d.normal("horizon"),
        "bokeh": ramp(d.normal("bokeh"), 0.0, 1.8),
        "bokeh_size": 0.5 + 0.18 * d.normal("bokeh_size"),
        "windows": ramp(d.normal("windows"), 0.0, 1.6),
        "pan": 0.5 * d.normal("pan"),
    }
    for i, name in enumerate(("red", "green", "blue")):
        scene[f"background_{name}"] = first[:, i].clamp(max=1.0)
        scene[f"second_{name}"] = second[:, i].clamp(max=1.0)
    return scene


def person_of(n: torch.Tensor) -> tuple[Person, Pose, Scene]:
    """The person, pose and surroundings that one vector of normals [K] names."""
    factors = from_normals(n[None])
    return (
        Person.from_vector(factors.person[0]),
        Pose.from_vector(factors.pose[0]),
        Scene.from_vector(factors.scene[0]),
    )
