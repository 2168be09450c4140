"""Brows, lashes and beards as strands; they follow the face as it moves."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from training.people.anatomy import BROW_GRID, RING, smooth
from training.people.factors import Person
from training.people.groom import Strands, scatter, unit, with_twins
from training.people.head import HeadModel, Surfaces

BROW_STRANDS, BROW_POINTS = 260, 5
BEARD_STRANDS, BEARD_POINTS = 3000, 5
LASH_POINTS = 5
UPPER_LASHES, LOWER_LASHES = 34, 18
GRID_X, GRID_Z = (0.002, 0.066), (0.002, 0.050)  # [m] what the brow grid spans
# Along a brow, inner to outer end, 0…1
MIDDLE = ((0, 0.25, 0.6, 0.8, 1), (0.0185, 0.0212, 0.0236, 0.0228, 0.0186))
THICKNESS = ((0, 0.15, 0.5, 0.8, 1), (0.0034, 0.0044, 0.0039, 0.0028, 0.0014))
ANGLE = ((0, 0.12, 0.35, 0.7, 1), (82, 60, 32, 8, -16))


def brow_curve(person: Mapping[str, Any], along: Any) -> tuple[Any, Any, Any]:
    """A brow on its grid: abscissa, height of the middle and half thickness [m].

    Args:
        person: a brow's factors by name, numbers or tensors.
        along: 0 the inner end … 1 the tail; an array only with numbers.
    """
    bump = 0.0035 * np.exp(-(((along - 0.62) / 0.25) ** 2))
    middle = person["brow_arch"] * bump + person["brow_tilt"] * (0.004 * (along - 0.4))
    middle = middle + person["brow_height"] * 0.003 + np.interp(along, *MIDDLE)
    thickness = (0.50 + 0.85 * person["brow_thickness"]) * np.interp(along, *THICKNESS)
    return 0.0102 + along * 0.0428, middle, thickness


def on_grid(grid: np.ndarray, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Points [N, 3] of a brow grid [X, Z, 3] under abscissas and heights [N]."""
    columns, rows = grid.shape[:2]
    a = np.clip((x - GRID_X[0]) / (GRID_X[1] - GRID_X[0]) * (columns - 1), 0, columns - 1.001)
    b = np.clip((z - GRID_Z[0]) / (GRID_Z[1] - GRID_Z[0]) * (rows - 1), 0, rows - 1.001)
    i, j = a.astype(np.int64), b.astype(np.int64)
    f, g = (a - i)[..., None], (b - j)[..., None]
    lower = grid[i, j] * (1 - f) + grid[i + 1, j] * f
    upper = grid[i, j + 1] * (1 - f) + grid[i + 1, j + 1] * f
    return lower * (1 - g) + upper * g


class FacialHair:
    """Grows it on a head's surfaces."""

    def __init__(self, head: HeadModel, seed: int = 11) -> None:
        self.head = head
        random = np.random.default_rng(seed)
        self.chance = random.random((BROW_STRANDS, 5))
        self.chance[:, 0] = (np.arange(BROW_STRANDS) + self.chance[:, 0]) / BROW_STRANDS
        self.grids = (head.places("brow_right"), head.places("brow_left"))
        points = head.basis.fine_template.astype(np.float64)
        twins = head.basis.tensors["fine_twins"].astype(np.int64)
        triangles = head.basis.triangles
        right = (points[triangles][:, :, 0] < 1e-6).all(1)
        weight = head.regions["beard"] + head.regions["moustache"]
        bearded = right & (weight[triangles].max(1) > 0.05)
        density = np.ones(int(bearded.sum()))
        roots = scatter(points, triangles[bearded], density, BEARD_STRANDS // 2, random)
        self.beard_roots = with_twins(roots, twins)
        chance = random.random((BEARD_STRANDS // 2, 4))
        flipped = chance.copy()
        flipped[:, 1] = 1 - flipped[:, 1]
        self.beard_chance = np.concatenate([chance, flipped])
        self.beard_regions = [
            self.beard_roots.of(head.regions[name]) for name in ("beard", "moustache", "goatee")
        ]

    def brows(self, surfaces: Surfaces, person: Person) -> Strands:
        """Both brows."""
        r = self.chance
        u = r[:, 0] ** 0.92
        x, middle, thickness = brow_curve(person.values, u)
        across = 2 * r[:, 1] - 1
        x = x + 0.0006 * (r[:, 3] - 0.5)
        z = middle + thickness * across * 0.85
        # opaque in the middle, thinning towards the borders and the inner end
        thick = smooth(0, 0.16, u) * 0.55 + 0.45
        seen = smooth(
            -0.25, 0.25, person["brow_density"] * thick * (1.15 - 0.35 * across**2) - r[:, 2]
        )
        angle = np.radians(np.interp(u, *ANGLE)) - across * 0.28 * smooth(0.1, 0.4, u)
        angle = angle + (r[:, 4] - 0.5) * 0.3
        length = (0.0060 + 0.0035 * r[:, 3]) * np.interp(u, [0, 0.5, 1], [0.85, 1, 0.8])
        t = np.linspace(0, 1, BROW_POINTS)
        bend = angle[:, None] - 0.35 * t * smooth(0, 0.3, u)[:, None]
        xs = x[:, None] + length[:, None] * t * np.cos(bend)
        zs = z[:, None] + length[:, None] * t * np.sin(bend)
        taper = np.interp(t, [0, 0.4, 1], [0.7, 1, 0.3])
        width = taper[None] * (0.00042 + 0.00016 * r[:, 3:4])
        looks = np.stack([r[:, 2], r[:, 4], 0.75 * seen, 1 + 0 * u], 1)
        points = []
        for places in self.grids:
            grid = places.of(surfaces.vertices).reshape(*BROW_GRID, 3)
            p = on_grid(grid, xs, zs)
            p[..., 1] -= 0.0004 + 0.0009 * np.sin(t * np.pi * 0.8)[None]
            points.append(p)
        return _strands(points, [width] * 2, [looks] * 2)

    def lashes(self, surfaces: Surfaces, person: Person) -> Strands:
        """Upper and lower lashes of both eyes."""
        points, widths, looks = [], [], []
        t = np.linspace(0, 1, LASH_POINTS)[None, :, None]
        for k, side in enumerate((-1, 1)):
            ring = self.head.lids[k].of(surfaces.vertices)
            rows = ((False, UPPER_LASHES, 4, 166), (True, LOWER_LASHES, 345, 215))
            for lower, count, start, end in rows:
                at = np.linspace(start, end, count) / 360 * RING
                i = np.floor(at).astype(int)
                f = (at - i)[:, None]
                root = ring[i % RING] * (1 - f) + ring[(i + 1) % RING] * f
                u = np.linspace(0, 1, count)  # outer corner to inner
                out = unit(root - surfaces.eyes[k].centre)
                fan = np.stack([side * (0.75 - 1.3 * u), 0 * u, 0 * u], 1)
                uneven = 0.85 + 0.3 * np.modf(np.arange(count) * 0.618)[0]
                length = np.interp(u, [0, 0.25, 0.7, 1], [0.9, 1.0, 0.8, 0.45]) * uneven
                length = length * person["lashes"] * (0.0040 if lower else 0.0076)
                ahead = np.array([0, -0.35, -0.55 if lower else 0.02])
                first = unit(out + 0.45 * fan + ahead)
                later = unit(out * 0.5 + 0.6 * fan + [0, -0.1, -0.6 if lower else 0.95])
                bend = t * first[:, None] * (1 - 0.5 * t) + 0.5 * t * t * later[:, None]
                points.append(root[:, None] + length[:, None, None] * bend)
                thick = 0.00030 if lower else 0.00055
                taper = np.array([1, 0.95, 0.75, 0.5, 0.2]) * thick
                widths.append(np.broadcast_to(taper, (count, LASH_POINTS)))
                seen = np.full(count, 0.45 if lower else 0.85) * min(1.0, person["lashes"] + 0.2)
                looks.append(np.stack([u, u, seen, 2 + 0 * u], 1))
        return _strands(points, widths, looks)

    def shade(self, person: Person) -> np.ndarray:
        """How much skin shows of a beard's roots [F], 0…1."""
        regions = [self.head.regions[name] for name in ("beard", "moustache", "goatee")]
        grown = np.clip(beard_density(person, *regions) * 1.2 - 0.15, 0, 1)
        beard, moustache, _ = regions
        stubble = person["stubble"] * np.maximum(beard, 0.9 * moustache) * 0.6
        return np.maximum(grown, stubble)

    def beard(self, surfaces: Surfaces, person: Person) -> Strands:
        """Beard and moustache."""
        r = self.beard_chance
        beard, moustache, goatee = self.beard_regions
        root = self.beard_roots.of(surfaces.vertices)
        normal = unit(self.beard_roots.of(surfaces.soft_normals))
        density = beard_density(person, beard, moustache, goatee)
        seen = smooth(-0.25, 0.25, density - 0.15 - 0.75 * r[:, 0])
        low = smooth(-0.085, -0.11, self.beard_roots.of(self.head.basis.fine_template)[:, 2])
        chin = np.exp(-((root[:, 0] / 0.03) ** 2)) * low
        length = person["beard_length"] * (0.6 + 0.4 * r[:, 3]) * (1 + 0.8 * chin) * seen
        upper = np.clip(moustache * 1.5 - beard, 0, 1)[:, None]
        sideways = np.sign(root[:, 0]) * smooth(0.002, 0.012, np.abs(root[:, 0]))
        lateral = np.stack([sideways, 0 * sideways, 0 * sideways], 1)
        random = r[:, 1:4] - 0.5
        d = np.array([0, -0.12, -1.0]) + (0.25 + 1.2 * upper) * lateral
        d = unit(d + (0.55 + 110 * person["curl"]) * random)
        d = unit(d - (d * normal).sum(1, keepdims=True) * normal * 0.9) + 0.42 * normal
        t = np.linspace(0, 1, BEARD_POINTS)[None, :, None]
        fall = (np.array([0, 0, -1.0]) - 0.55 * normal)[:, None]
        points = root[:, None] + length[:, None, None] * (t * d[:, None] + 0.45 * t * t * fall)
        taper = np.interp(t[0, :, 0], [0, 0.6, 1], [1, 0.9, 0.3])
        width = np.broadcast_to(taper * 0.00060, (len(r), BEARD_POINTS))
        looks = np.stack(
            [
                r[:, 3],
                r[:, 2],
                0.7 * seen * smooth(0.0002, 0.002, length) * smooth(0.0, 0.5, density),
                3 + 0 * length,
            ],
            1,
        )
        return _strands([points], [width], [looks])


def beard_density(
    person: Person, beard: np.ndarray, moustache: np.ndarray, goatee: np.ndarray
) -> np.ndarray:
    """How dense beard hair grows where the regions have these weights, 0…1."""
    chin = person["goatee"] * np.clip(goatee, 0, 1) * beard
    parts = np.maximum(chin, person["moustache"] * moustache)
    return np.clip(np.maximum(person["beard"] * beard, parts), 0, 1)


def _strands(
    points: list[np.ndarray], widths: list[np.ndarray], looks: list[np.ndarray]
) -> Strands:
    parts = (np.concatenate(part).astype(np.float32) for part in (points, widths, looks))
    return Strands(*parts)
