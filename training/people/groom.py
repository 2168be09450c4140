"""Scalp hair as chains of points, one groom for all poses and lights of a person.

Every root is a fixed place with fixed random numbers and a twin on the other side, so a groom is a
continuous function of the factors: hairline, baldness and length act on how long a strand is, not
on which strands there are.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch

from training.people.anatomy import (
    HEAD_CENTRE,
    HEAD_ELEVATIONS,
    HEAD_MAP,
    TORSO_CENTRE,
    TORSO_ELEVATIONS,
    TORSO_MAP,
    Places,
    smooth,
)
from training.people.basis import vertex_normals
from training.people.factors import Person
from training.people.head import HeadModel
from training.people.mirroring import mirrored, parted_left

STRANDS, POINTS = 4400, 12
GUIDES = 200  # strands that the others clump to
SEED = 7
WIDTH = 0.00135  # [m]
HAIRLINE = (  # lowest elevation [deg] of scalp hair by azimuth [deg], 0 is the front
    (0, 15, 30, 42, 52, 62, 70, 75, 80, 88, 105, 116, 125, 145, 180),
    (36, 36, 35, 32, 25, 14, 2, -10, -15, 2, 2, -12, -30, -42, -46),
)


class Strands(NamedTuple):
    """Strands.

    Args:
        points: float32 [N, K, 3], in the head frame.
        width: float32 [N, K] in metres.
        looks: float32 [N, 4]: random, tint, opacity, kind (0 hair, 1 brow, 2 lash, 3 beard).
    """

    points: np.ndarray
    width: np.ndarray
    looks: np.ndarray


class Groom(NamedTuple):
    """What of a person and of its mirror image does not depend on pose or light.

    Args:
        neutral: coarse vertices of the calm face.
        hair: on the scalp, parted on the image's right.
        scalp: [F] how hairy the skin under it looks, 0…1; below 0 the shade of a beard.
        centre: of the head [3].
    """

    neutral: np.ndarray
    hair: Strands
    scalp: np.ndarray
    centre: np.ndarray


def unit(a: np.ndarray) -> np.ndarray:
    """Unit vectors along the last axis."""
    return a / np.maximum(np.sqrt((a * a).sum(-1, keepdims=True)), 1e-9)


def hairline(azimuth: np.ndarray) -> np.ndarray:
    """Lowest elevation of scalp hair [deg]."""
    return np.interp(np.abs(azimuth), *HAIRLINE)


def receding(person: Mapping[str, Any], azimuth: Any) -> Any:
    """How much higher a person's hairline is than `hairline` [deg]; numbers, arrays or tensors."""
    a = np.abs(azimuth)
    temples = 26 * np.exp(-(((a - 36) / 17) ** 2)) + 9 * np.exp(-((a / 18) ** 2))
    crown = 36 * np.exp(-((a / 56) ** 4))
    low = 6 * smooth(70, 60, a)
    return person["recession"] * temples + person["bald"] * crown - person["hairline_low"] * low


def coverage(
    person: Person,
    azimuth: np.ndarray,
    elevation: np.ndarray,
    jitter: np.ndarray | float = 0.5,
) -> np.ndarray:
    """How much of its length hair keeps at places of the scalp, 0…1.

    Args:
        person: whose.
        azimuth: [deg], 0 is the front.
        elevation: [deg] as seen from the head's centre.
        jitter: 0…1, moves the border of a single strand.
    """
    a = np.abs(azimuth)
    score = elevation - hairline(azimuth)
    kept = smooth(-1, 7, score - receding(person.values, azimuth) + 6 * (jitter - 0.5))
    crown = 15 + 4 * np.cos(np.radians(azimuth)) + 10 * smooth(120, 180, a)
    above = elevation - crown - 60 * (1 - min(1.0, person["bald"])) + 6 * (jitter - 0.5)
    return kept * (1 - smooth(-4, 8, above) * smooth(0.0, 0.25, np.array(person["bald"])))


class RayMap:
    """How far skin is from a centre in every direction."""

    def __init__(self, places: Places, shape: tuple[int, int], span: tuple[float, float]) -> None:
        self._places, self._shape, self._span = places, shape, span

    def distances(self, vertices: np.ndarray, centre: np.ndarray) -> np.ndarray:
        """A map [elevations, azimuths] of a head's vertices [F, 3]."""
        at = self._places.of(vertices) - centre
        return np.sqrt((at * at).sum(1)).reshape(self._shape).astype(np.float32)

    def look_up(self, distances: np.ndarray, offset: np.ndarray) -> np.ndarray:
        """Distances in the directions of offsets [N, 3]."""
        rows, columns = self._shape
        low, high = self._span
        flat = np.hypot(offset[:, 0], offset[:, 1])
        elevation = np.degrees(np.arctan2(offset[:, 2], flat))
        azimuth = np.degrees(np.arctan2(offset[:, 0], -offset[:, 1]))
        row = np.clip((elevation - low) / (high - low) * (rows - 1), 0, rows - 1.001)
        column = (azimuth + 180) / 360 * columns
        i, j = row.astype(np.int64), np.floor(column).astype(np.int64)
        f, g = row - i, column - j
        j0, j1 = j % columns, (j + 1) % columns
        lower = distances[i, j0] * (1 - g) + distances[i, j1] * g
        upper = distances[i + 1, j0] * (1 - g) + distances[i + 1, j1] * g
        return lower * (1 - f) + upper * f


def scatter(
    points: np.ndarray,
    triangles: np.ndarray,
    density: np.ndarray,
    count: int,
    random: np.random.Generator,
) -> Places:
    """Places spread over triangles [T, 3], as dense as density [T] says."""
    corners = points[triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    share = np.linalg.norm(normal, axis=1) * density
    # stratified: evenly spaced quantiles of the area, so roots neither crowd nor leave gaps
    at = (np.arange(count) + random.random(count)) / count
    chosen = np.searchsorted(np.cumsum(share / share.sum()), at).clip(max=len(triangles) - 1)
    chosen = random.permutation(chosen)
    root, v = np.sqrt(random.random(count)), random.random(count)
    weights = np.stack([1 - root, root * (1 - v), root * v], 1)
    return Places(triangles[chosen], weights.astype(np.float32))


def with_twins(places: Places, twins: np.ndarray) -> Places:
    """The places and, after them, their mirror images."""
    return Places(
        np.concatenate([places.triangles, twins[places.triangles]]),
        np.concatenate([places.weights, places.weights]),
    )


class Groomer:
    """Grows scalp hair."""

    def __init__(self, head: HeadModel) -> None:
        self.head = head
        points = head.basis.fine_template.astype(np.float64)
        self.twins = head.basis.tensors["fine_twins"].astype(np.int64)
        triangles = head.basis.triangles
        normals = vertex_normals(points, head.basis.fine_quads)
        offset = points - HEAD_CENTRE
        self.azimuth = np.degrees(np.arctan2(offset[:, 0], -offset[:, 1]))
        flat = np.hypot(offset[:, 0], offset[:, 1])
        self.elevation = np.degrees(np.arctan2(offset[:, 2], flat))
        ears, inside = head.masks[:, 2], head.masks[:, 3]
        self.scalp = (offset[:, 2] > -0.115) & (ears < 0.25) & (inside < 0.1)
        self.scalp &= (offset * normals).sum(1) > 0
        score = self.elevation - hairline(self.azimuth)
        right = (points[triangles][:, :, 0] < 1e-6).all(1)
        hairy = ((score > -7) & self.scalp)[triangles].all(1) & right
        random = np.random.default_rng(SEED)
        density = 1 + 1.6 * smooth(14, 2, score)[triangles[hairy]].mean(1)
        roots = scatter(points, triangles[hairy], density, STRANDS // 2, random)
        self.roots = with_twins(roots, self.twins)
        chance = random.random((STRANDS // 2, 6)).astype(np.float32)
        flipped = chance.copy()
        flipped[:, 2] = 1 - flipped[:, 2]  # the sideways one
        self.chance = np.concatenate([chance, flipped])
        at = self.roots.of(offset)
        self.root_azimuth = np.degrees(np.arctan2(at[:, 0], -at[:, 1]))
        self.root_elevation = np.degrees(np.arctan2(at[:, 2], np.hypot(at[:, 0], at[:, 1])))
        self.root_score = self.root_elevation - hairline(self.root_azimuth)
        half = STRANDS // 2
        places = torch.from_numpy(self.roots.of(points)[:half])
        guide = torch.cdist(places, places[: GUIDES // 2]).argmin(1).numpy()
        self.guide = np.concatenate([guide, guide + half])
        self.head_map = RayMap(head.places("head_map"), HEAD_MAP, HEAD_ELEVATIONS)
        self.torso_map = RayMap(head.places("torso_map"), TORSO_MAP, TORSO_ELEVATIONS)
        self._crown = points[:, 2] > 0.03

    def groom(self, person: Person, beard_shade: np.ndarray) -> Groom:
        """The groom of a person and of its mirror image.

        Args:
            person: whose.
            beard_shade: [F] how much the skin shows of a beard's roots, 0…1.
        """
        person = mirrored(person) if parted_left(person) else person
        neutral = self.head.neutral(person)
        vertices = self.head.basis.refine(neutral)
        template = self.head.basis.fine_template
        moved = vertices[self._crown].mean(0) - template[self._crown].mean(0)
        centre = (HEAD_CENTRE + moved * [0, 1, 1]).astype(np.float32)
        hair = self._grow(person, vertices, centre)
        kept = coverage(person, self.azimuth, self.elevation)
        longest = max(person["length_top"], person["length_side"])
        kept = np.where(self.scalp, kept, 0) * min(longest / 0.006, 1.0)
        return Groom(neutral, hair, np.where(kept > 0.01, kept, -beard_shade), centre)

    def _directions(
        self, s: Person, root: np.ndarray, normal: np.ndarray, centre: np.ndarray
    ) -> tuple[np.ndarray, ...]:
        """First direction [N, 3], length, share in the fringe, side of the parting and opacity."""
        chance, azimuth = self.chance, self.root_azimuth
        facing = 8 * np.cos(np.radians(azimuth))
        top = smooth(18, 48, self.root_elevation + facing)
        back = smooth(95, 135, np.abs(azimuth)) * (1 - top)
        length = top * s["length_top"] + (1 - top - back) * s["length_side"]
        length = length + back * s["length_back"]
        x, part = root[:, 0] - centre[0], 0.045 * s["part_x"]
        away = np.tanh((x - part) / 0.004)
        front = smooth(46, 24, np.abs(azimuth)) * smooth(46, 16, self.root_score)
        # first cut, then combed down: no long strands hang over the face in between
        cut = front * smooth(0.0, 0.3, np.array(s["fringe"]))
        fringe = front * smooth(0.2, 1.0, np.array(s["fringe"]))
        length = length * (1 - cut) + cut * (0.048 + 0.028 * s["fringe_length"])
        kept = coverage(s, azimuth, self.root_elevation, chance[:, 0])
        burns = smooth(58, 64, np.abs(azimuth)) * smooth(100, 88, np.abs(azimuth))
        burns = burns * smooth(24, 8, self.root_elevation)
        seen = smooth(0.02, 0.55, kept)
        length = length * kept * (0.70 + 0.30 * chance[:, 1])
        length = length * (1 - burns * smooth(0.05, 0.09, np.array(s["length_side"])))
        whorl = unit(np.array([0.0, 0.5, 0.75], np.float32))
        lateral = away[:, None] * np.array([1.0, 0, 0])
        backwards, down = np.array([0, 1.0, 0]), np.array([0, 0, -1.0])
        d = 0.55 * unit(root - (centre + whorl * 0.11)) * (1 - 0.7 * s["comb_back"])
        d = d + s["comb_back"] * backwards + s["part"] * lateral * (0.2 + 0.8 * top[:, None])
        d = d + 0.4 * down * (1 - 0.6 * top[:, None])
        forwards = np.array([0, -1.0, -0.35]) + 0.5 * s["sweep"] * np.array([1.0, 0, 0])
        d = d * (1 - fringe[:, None]) + fringe[:, None] * forwards
        d = d * (1 - s["tied"]) + 1.2 * s["tied"] * unit(self._knot(centre) - root)
        d = d + (chance[:, 2:5] - 0.5) * s["mess"]
        d = d - (d * normal).sum(1, keepdims=True) * normal
        step = length / (POINTS - 1)
        calm = np.clip(0.009 / np.maximum(step, 1e-4), 0.3, 1)
        parted = np.exp(-(((x - part) / 0.014) ** 2)) * smooth(0.2, 0.4, top)
        calm = calm * (1 - 0.75 * min(1.0, s["part"]) * parted)
        lift = s["lift"] * (0.6 + 0.8 * chance[:, 5:6]) * (1 - 0.8 * s["tied"])
        d = unit(unit(d) + lift * normal * calm[:, None])
        return d.astype(np.float32), length.astype(np.float32), fringe, away, seen

    def _knot(self, centre: np.ndarray) -> np.ndarray:
        return centre + 0.108 * np.array([0, np.cos(0.45), np.sin(0.45)])

    def _grow(self, s: Person, vertices: np.ndarray, centre: np.ndarray) -> Strands:
        n, k, chance = STRANDS, POINTS, self.chance
        root = self.roots.of(vertices)
        normal = unit(root - centre).astype(np.float32)
        d, length, fringe, away, seen = self._directions(s, root, normal, centre)
        skull = self.head_map.distances(vertices, centre)
        torso = self.torso_map.distances(vertices, TORSO_CENTRE)
        knot = self._knot(centre).astype(np.float32)
        step = (length / (k - 1))[:, None]
        points = np.empty((n, k, 3), np.float32)
        points[:, 0] = root - 0.001 * normal
        rise = 0.45 + 0.75 * smooth(-10, 60, self.root_elevation)
        base = 0.0012 + s["volume"] * (0.25 + 0.75 * chance[:, 5]) * rise * (1 - 0.8 * s["tied"])
        base = base.astype(np.float32)
        fall = s["gravity"] * step / 0.012
        pull = np.array([0, 0, -1.0], np.float32)
        for i in range(1, k):
            q = points[:, i - 1] + d * step
            q = self._outside_skull(s, q, skull, centre, base * min(1.0, 3.2 * i / (k - 1)))
            if s["face_clear"] > 0:
                q = self._beside_face(s, q, centre, away, fringe)
            q = self._outside_torso(q, torso, 0.004 + 0.6 * base)
            hold = np.zeros((1, 1), np.float32)
            if s["tied"] > 0:
                towards = knot - q
                far = smooth(0.0, 0.03, np.sqrt((towards**2).sum(1)))[:, None]
                hold = (s["tied"] * far).astype(np.float32)
            moved = unit(q - points[:, i - 1])
            points[:, i] = points[:, i - 1] + moved * step
            d = moved + fall * pull * (1 - hold)
            if s["tied"] > 0:
                d = unit(d) * (1 - 0.5 * hold) + 0.5 * hold * unit(knot - q)
            d = unit(d)
        points = self._clumped(s, points, length)
        points = self._curled(s, points, length, centre)
        taper = np.interp(np.linspace(0, 1, k), [0, 0.15, 0.6, 1], [0.75, 1, 0.8, 0.2])
        width = taper[None] * (WIDTH * (0.7 + 0.3 * smooth(0.02, 0.10, length)))[:, None]
        grown = smooth(0.0003, 0.0035, length) * seen
        looks = np.stack([chance[:, 1], chance[self.guide, 0], grown, 0 * grown], 1)
        return Strands(points, width.astype(np.float32), looks.astype(np.float32))

    def _outside_skull(
        self,
        s: Person,
        q: np.ndarray,
        skull: np.ndarray,
        centre: np.ndarray,
        clearance: np.ndarray,
    ) -> np.ndarray:
        offset = q - centre
        distance = np.sqrt((offset * offset).sum(1))
        height = offset[:, 2]
        azimuth = np.abs(np.degrees(np.arctan2(offset[:, 0], -offset[:, 1])))
        ear = np.exp(-(((azimuth - 94) / 30) ** 2)) * smooth(0.085, 0.0, height)
        ear = 0.011 * s["face_clear"] * ear * smooth(-0.15, -0.08, height)
        limit = self.head_map.look_up(skull, offset) + clearance + ear
        near = smooth(-0.105, -0.06, height)
        push = np.maximum(limit - distance, 0) * near
        hug = (
            np.maximum(distance - limit, 0)
            * 0.14
            * near
            * (1 - smooth(0.6, 1.5, np.array(s["lift"])))
        )
        return (q + offset / distance[:, None] * (push - hug)[:, None]).astype(np.float32)

    def _outside_torso(self, q: np.ndarray, torso: np.ndarray, clearance: np.ndarray) -> np.ndarray:
        offset = q - TORSO_CENTRE
        distance = np.sqrt((offset * offset).sum(1))
        limit = self.torso_map.look_up(torso, offset) + clearance
        low = smooth(-0.085, -0.115, q[:, 2])
        push = np.maximum(limit - distance, 0) * low
        return (q + offset / distance[:, None] * push[:, None]).astype(np.float32)

    def _beside_face(
        self,
        s: Person,
        q: np.ndarray,
        centre: np.ndarray,
        away: np.ndarray,
        fringe: np.ndarray,
    ) -> np.ndarray:
        x, y, height = q[:, 0], q[:, 1] - centre[1], q[:, 2] - centre[2]
        azimuth, radius = np.arctan2(x, -y), np.hypot(x, y)
        beside = np.radians(48 + 12 * smooth(0.02, -0.06, height))
        beside = beside * smooth(0.088, 0.045, height) * s["face_clear"]
        beside = beside * (1 - smooth(0.2, 0.6, fringe))
        side = np.tanh(azimuth / 0.15 + 2 * away * smooth(0.2, 0.0, np.abs(azimuth)))
        side = np.where(side == 0, 1, np.sign(side))
        turned = side * np.maximum(np.abs(azimuth), beside)
        radius = np.maximum(radius, 0.080 * smooth(-0.03, -0.10, height) * s["face_clear"])
        moved = np.stack([radius * np.sin(turned), centre[1] - radius * np.cos(turned), q[:, 2]], 1)
        return np.where((height < 0.088)[:, None], moved, q).astype(np.float32)

    def _clumped(self, s: Person, points: np.ndarray, length: np.ndarray) -> np.ndarray:
        t = np.linspace(0, 1, POINTS, dtype=np.float32)[None, :, None]
        guide = points[self.guide]
        start = points[:, :1] - guide[:, :1]
        gathered = guide + start * (1 - s["clump"] * t)
        apart = np.sqrt(((points[:, -1] - guide[:, -1]) ** 2).sum(1))
        same = np.exp(-((apart / 0.045) ** 2)) * smooth(
            0.2, 0.5, length[self.guide] / (length + 1e-6)
        )
        share = (s["clump"] * same)[:, None, None] * smooth(0.05, 0.7, t)
        return (points + share * (gathered - points)).astype(np.float32)

    def _curled(
        self, s: Person, points: np.ndarray, length: np.ndarray, centre: np.ndarray
    ) -> np.ndarray:
        arc = np.linspace(0, 1, POINTS, dtype=np.float32)[None] * length[:, None]
        chance, guide = self.chance, self.guide
        along = unit(np.gradient(points, axis=1))
        first = unit(np.cross(along, unit(points - centre)))
        second = np.cross(first, along)
        # at most so many turns as the points of a strand can draw
        rate = np.minimum(s["curl_rate"] * (0.85 + 0.3 * chance[guide, 2]), 3.4 / (length + 1e-3))
        side = np.sign(self.root_azimuth)
        phase = 2 * np.pi * (arc * rate[:, None] + chance[guide, 3:4] + 0.12 * chance[:, 4:5])
        size = s["curl"] * smooth(0.0, 0.035, arc) * (0.6 + 0.8 * chance[guide, 4:5])
        wave = (np.cos(phase) * side[:, None])[..., None] * first
        points = points + size[..., None] * (wave + 0.7 * np.sin(phase)[..., None] * second)
        rates = arc[..., None] * (150 + 90 * chance[:, None, [0, 3, 4]])
        wobble = np.sin(rates + 6.28 * chance[:, None, [1, 4, 5]])
        wobble[..., 0] *= side[:, None]
        return (points + s["frizz"] * wobble * smooth(0, 0.02, arc)[..., None]).astype(np.float32)
