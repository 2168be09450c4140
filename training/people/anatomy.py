"""What the template tells about a head: regions, lid margins, lips, landmarks, ray maps, occlusion.

Run once, by the bake; the results are stored in the basis. A place on the head is a triangle of the
fine mesh with barycentric weights, so it follows every shape.
"""

from typing import NamedTuple

import numpy as np
import torch

from training.people.basis import Basis, mesh_twins, vertex_normals

HEAD_CENTRE = np.array([0.0, -0.055, 0.02])
TORSO_CENTRE = np.array([0.0, -0.03, -0.33])
FACE_CENTRE = np.array([0.0, -0.075, -0.045])
RING = 64  # places round a lid margin or a lip contour
BROW_GRID = (16, 10)
HEAD_MAP, TORSO_MAP = (40, 64), (24, 64)  # elevations, azimuths
HEAD_ELEVATIONS, TORSO_ELEVATIONS = (-70.0, 90.0), (-10.0, 90.0)  # [deg]
JAW_STEPS, JAW_REACH = 8, 50.0  # candidates of a jaw point, up to so far to the front [deg]
REGIONS = (
    *("cheek", "nose", "under_eye", "tzone", "beard", "moustache", "goatee"),
    *("lid_line", "crease", "nostril", "occlusion"),
)
JAW = (
    *((0, -0.146, -0.114), (0.014, -0.144, -0.113), (0.028, -0.134, -0.108)),
    *((0.041, -0.116, -0.099), (0.051, -0.098, -0.087), (0.058, -0.085, -0.070)),
    *((0.065, -0.075, -0.048), (0.069, -0.069, -0.024), (0.071, -0.065, 0.0)),
)
NOSE = ((0, 0.006), (0, -0.010), (0, -0.025), (0, -0.040))
NOSE_BASE = ((0.0125, -0.0495), (0.0065, -0.0525), (0, -0.0545))


class Places(NamedTuple):
    """Places on the fine mesh: triangles [P, 3] of vertices and weights [P, 3]."""

    triangles: np.ndarray
    weights: np.ndarray

    def of(self, values: np.ndarray) -> np.ndarray:
        """Values [F, C] or [F] of the fine vertices → at the places."""
        at = values[self.triangles]
        return (at * (self.weights if values.ndim == 1 else self.weights[..., None])).sum(1)


def smooth(low: float, high: float, x: np.ndarray) -> np.ndarray:
    """Smoothstep, falling if low is above high."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def blob(points: np.ndarray, centre: tuple[float, ...], radii: tuple[float, ...]) -> np.ndarray:
    """Gaussian blob on both sides of the head."""
    folded = points * [0, 1, 1] + np.abs(points) * [1, 0, 0]
    return np.exp(-(((folded - np.array(centre)) / np.array(radii)) ** 2).sum(1))


def first_hits(vertices: np.ndarray, triangles: np.ndarray, xz: np.ndarray) -> Places:
    """Frontmost places under each (x, z) of a list, looking along +y; nothing under it: triangle 0
    with weights that are all zero.
    """
    a, b, c = (vertices[triangles[:, k]][:, [0, 2]] for k in range(3))
    depth = vertices[triangles][:, :, 1]

    def cross(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]

    area = cross(b - a, c - a)
    area = np.where(np.abs(area) < 1e-14, 1e-14, area)
    at, weights = np.zeros(len(xz), int), np.zeros((len(xz), 3))
    for i, p in enumerate(xz):
        w1, w2 = cross(p - a, c - a) / area, cross(b - a, p - a) / area
        all_weights = np.stack([1 - w1 - w2, w1, w2], 1)
        hits = np.flatnonzero((all_weights >= -1e-6).all(1))
        if len(hits):
            nearest = (all_weights[hits] * depth[hits]).sum(1).argmin()
            at[i], weights[i] = hits[nearest], all_weights[hits[nearest]]
    return Places(triangles[at], weights)


def last_hits(
    vertices: np.ndarray,
    triangles: np.ndarray,
    centre: np.ndarray,
    directions: np.ndarray,
    reach: float,
) -> Places:
    """The outermost places that rays from a centre leave through within a reach [m]."""
    a, b, c = (vertices[triangles[:, k]] - centre for k in range(3))
    normal = np.cross(b - a, c - a)
    area = (normal**2).sum(1)
    plane = (normal * a).sum(1)
    middle = (a + b + c) / 3
    middle /= np.linalg.norm(middle, axis=1, keepdims=True)
    at, weights = np.zeros(len(directions), int), np.zeros((len(directions), 3))
    for i, d in enumerate(directions):
        slope = normal @ d
        distance = plane / np.where(np.abs(slope) < 1e-12, 1e-12, slope)
        p = d * distance[:, None]
        w = [np.cross(c - b, p - b), np.cross(a - c, p - c), np.cross(b - a, p - a)]
        all_weights = np.stack([(part * normal).sum(1) for part in w], 1) / area[:, None]
        hits = np.flatnonzero((all_weights > -1e-3).all(1) & (distance > 0.01) & (distance < reach))
        if len(hits):
            at[i] = hits[distance[hits].argmax()]
            weights[i] = np.clip(all_weights[at[i]], 0, 1)
            weights[i] /= weights[i].sum()
        else:
            at[i], weights[i] = (middle @ d).argmax(), 1 / 3
    return Places(triangles[at], weights)


def sphere_directions(elevations: np.ndarray, azimuths: np.ndarray) -> np.ndarray:
    """Unit vectors [..., 3] of elevations and azimuths [deg]; azimuth 0 is the front."""
    elevation, azimuth = np.radians(elevations), np.radians(azimuths)
    flat = np.cos(elevation)
    return np.stack([np.sin(azimuth) * flat, -np.cos(azimuth) * flat, np.sin(elevation)], -1)


class Anatomy:
    """Derives everything from a basis."""

    def __init__(self, basis: Basis) -> None:
        self.basis = basis
        self.points = basis.fine_template.astype(np.float64)
        self.twins = mesh_twins(self.points)
        self.triangles = basis.triangles
        self.skin = np.zeros(len(self.points), bool)
        self.skin[basis.fine_quads] = True
        masks = np.clip(basis.refine(basis.tensors["masks"].astype(np.float32) / 255), 0, 1)
        self.lips, self.lids, self.ears, self.inside = masks.T
        self.normals = vertex_normals(self.points, basis.fine_quads)
        self.eye_centre, self.eye_radius = eye_ball(basis.template, basis.part("eye_r"))

    def mirrored(self, places: Places) -> Places:
        """The same places on the other side."""
        return Places(self.twins[places.triangles], places.weights)

    def near(self, centre: tuple[float, ...], box: tuple[float, ...]) -> np.ndarray:
        """Triangles [T, 3] whose middle lies in a box round a centre."""
        middle = self.points[self.triangles].mean(1)
        return self.triangles[(np.abs(middle - np.array(centre)) < box).all(1)]

    def right_lid(self) -> Places:
        """Margin of the right eye's lids: first skin met marching out of the pupil; 0 is the outer
        corner, a quarter of the way the upper lid's middle.
        """
        centre, radius = self.eye_centre, self.eye_radius
        triangles = self.near((centre[0], -0.13, 0), (0.03, 0.03, 0.025))
        chosen: list[tuple[np.ndarray, np.ndarray]] = []
        for angle in np.linspace(0, 2 * np.pi, RING, endpoint=False):
            direction = np.array([-np.cos(angle), np.sin(angle)])
            steps = np.linspace(0.0015, 0.022, 120)[:, None] * direction
            places = first_hits(self.points, triangles, centre[[0, 2]] + steps)
            hit = places.weights.sum(1) > 0.5
            skin = np.where(hit, places.of(self.points)[:, 1], 9.0)
            ball = centre[1] - np.sqrt(np.maximum(radius**2 - (steps**2).sum(1), 0))
            # the corner by the nose recedes behind the ball's rim: only lids count, not its floor
            lid = skin < ball + 0.0002
            at = int(np.flatnonzero(lid)[0]) if lid.any() else len(steps) - 1
            chosen.append((places.triangles[at], places.weights[at]))
        return Places(np.stack([c[0] for c in chosen]), np.stack([c[1] for c in chosen]))

    def lip_contours(self) -> tuple[Places, Places]:
        """Inner and outer contour of the lips; 0 is the corner on the image's right, a quarter of
        the way the upper lip's middle.
        """
        action = torch.zeros(len(self.basis.action_names))
        action[self.basis.action_names.index("jawOpen")] = 0.5
        identity = torch.zeros(len(self.basis.identity))
        opened = self.basis.refine(self.basis.coarse(identity, action)).astype(np.float64)
        triangles = self.near((0, -0.14, -0.075), (0.045, 0.04, 0.04))
        corner = opened[(self.lips > 0.4) & (np.abs(self.points[:, 0]) > 0.0225)][:, 2].mean()
        inner, outer = [], []
        for angle in np.linspace(np.pi / 2, -np.pi / 2, RING // 2 + 1):
            direction = np.array([np.cos(angle), np.sin(angle)])
            steps = np.linspace(0.0005, 0.045, 180)[:, None] * direction
            places = first_hits(opened, triangles, np.array([0, corner]) + steps)
            good = (
                (places.weights.sum(1) > 0.5)
                & (places.of(self.inside) < 0.5)
                & (places.of(self.lips) > 0.3)
            )
            at = np.flatnonzero(good)
            first, last = (at[0], at[-1]) if len(at) else (0, 0)
            inner.append((places.triangles[first], places.weights[first]))
            outer.append((places.triangles[last], places.weights[last]))
        return self._round(inner), self._round(outer)

    def _round(self, half: list[tuple[np.ndarray, np.ndarray]]) -> Places:
        """A whole ring out of its right half from top to bottom."""
        quarter = RING // 4
        right = Places(np.stack([h[0] for h in half]), np.stack([h[1] for h in half]))
        left = self.mirrored(right)
        # right half runs top (90°) … 0° … bottom; a ring runs 0°, 90°, 180°, 270°
        order = [(right, quarter - k) for k in range(quarter + 1)]
        order += [(left, k) for k in range(1, 2 * quarter + 1)]
        order += [(right, k) for k in range(2 * quarter - 1, quarter, -1)]
        return Places(
            np.stack([side.triangles[k] for side, k in order]),
            np.stack([side.weights[k] for side, k in order]),
        )

    def jaw(self) -> Places:
        """Candidates [17 × JAW_STEPS] of the jaw's landmarks, from the ear's side to the front."""
        outer = self.skin & (self.ears < 0.2) & (self.inside < 0.2)
        triangles = self.triangles[outer[self.triangles].all(1)]
        rays = []
        for point in JAW[::-1]:
            d = np.array(point) - FACE_CENTRE
            sideways = np.hypot(d[0], d[2])
            azimuth = np.degrees(np.arctan2(-d[1], sideways))
            for step in np.linspace(0, JAW_REACH, JAW_STEPS):
                front = np.radians(azimuth + step)
                flat = np.array([-d[0], 0, d[2]]) / sideways
                rays.append(np.cos(front) * flat + np.sin(front) * np.array([0, -1, 0]))
        right = last_hits(self.points, triangles, FACE_CENTRE, np.array(rays), 0.16)
        left = self.mirrored(right)
        index = np.arange(9 * JAW_STEPS).reshape(9, JAW_STEPS)
        back = index[7::-1].reshape(-1)
        return Places(
            np.concatenate([right.triangles, left.triangles[back]]),
            np.concatenate([right.weights, left.weights[back]]),
        )

    def nose(self) -> Places:
        """The nine landmarks of the nose."""
        base = [(-x, z) for x, z in NOSE_BASE] + list(NOSE_BASE[1::-1])
        return first_hits(self.points, self.triangles, np.array([*NOSE, *base]))

    def right_brow(self) -> Places:
        """A grid over the right brow ridge, from the nose outwards, from below upwards."""
        x, z = np.meshgrid(
            -np.linspace(0.002, 0.066, BROW_GRID[0]),
            np.linspace(0.002, 0.050, BROW_GRID[1]),
            indexing="ij",
        )
        return first_hits(self.points, self.triangles, np.stack([x.ravel(), z.ravel()], 1))

    def head_map(self) -> Places:
        """Skin that rays from the head's centre leave through, without the ears."""
        good = (self.ears < 0.25) & (np.abs(self.points[:, 0]) < 0.12)
        return self._map(good, HEAD_CENTRE, HEAD_MAP, HEAD_ELEVATIONS, 0.17)

    def torso_map(self) -> Places:
        """Skin of neck and shoulders that rays from the chest leave through."""
        good = self.points[:, 2] < -0.10
        good &= ~((self.points[:, 1] < -0.075) & (self.points[:, 2] > -0.135))  # no chin
        return self._map(good, TORSO_CENTRE, TORSO_MAP, TORSO_ELEVATIONS, 0.35)

    def _map(
        self,
        good: np.ndarray,
        centre: np.ndarray,
        shape: tuple[int, int],
        span: tuple[float, float],
        reach: float,
    ) -> Places:
        triangles = self.triangles[(good & self.skin)[self.triangles].all(1)]
        elevations = np.linspace(*span, shape[0])
        azimuths = np.linspace(-180, 180, shape[1], endpoint=False)
        grid = np.meshgrid(elevations, azimuths, indexing="ij")
        directions = sphere_directions(grid[0].ravel(), grid[1].ravel())
        return last_hits(self.points, triangles, centre, directions, reach)

    def regions(self, lid: Places) -> dict[str, np.ndarray]:
        """Weights 0…1 of the fine vertices in `REGIONS`, but for the occlusion."""
        t = self.points
        x, y, z = np.abs(t[:, 0]), t[:, 1], t[:, 2]
        front = smooth(0.1, -0.3, self.normals[:, 1])
        outer = smooth(0.6, 0.2, self.inside)
        r: dict[str, np.ndarray] = {}
        r["cheek"] = blob(t, (0.041, -0.115, -0.038), (0.022, 0.04, 0.018))
        r["nose"] = blob(t, (0.0, -0.155, -0.040), (0.016, 0.025, 0.014))
        r["under_eye"] = blob(t, (0.028, -0.13, -0.017), (0.016, 0.02, 0.007))
        bridge = blob(t, (0.0, -0.155, -0.02), (0.011, 0.03, 0.03))
        r["tzone"] = np.maximum(blob(t, (0.0, -0.13, 0.045), (0.032, 0.05, 0.025)), bridge)
        jaw = smooth(-0.045, -0.07, z + 0.35 * (y + 0.06))
        jaw = jaw * smooth(-0.055, -0.075, y - 0.2 * (z + 0.06))
        jaw = jaw * smooth(-0.150, -0.122, z + 0.25 * (y + 0.13))
        side = smooth(0.045, 0.062, x) * smooth(-0.010, -0.04, z) * smooth(-0.052, -0.068, y)
        side = side * smooth(-0.13, -0.1, z) * smooth(-0.115, -0.09, y)
        chin = jaw * smooth(-0.060, -0.072, z - 0.35 * np.clip(x - 0.02, 0, 1))
        r["beard"] = np.clip(np.maximum(chin, side), 0, 1) * outer * (1 - self.ears)
        lip_line = (z + 0.0585 + 4.5 * x**2 + 0.12 * x) / 0.0065
        r["moustache"] = np.exp(-(lip_line**2)) * smooth(0.036, 0.026, x) * front * outer
        r["beard"] = r["beard"] * (1 - smooth(0.25, 0.6, self.lips))
        r["moustache"] = r["moustache"] * (1 - smooth(0.3, 0.6, self.lips))
        strip = smooth(0.030, 0.024, x) * smooth(0.018, 0.026, x) * smooth(-0.055, -0.064, z)
        r["goatee"] = blob(t, (0.0, -0.14, -0.105), (0.022, 0.05, 0.022)) + strip
        line, crease = np.zeros(len(t)), np.zeros(len(t))
        for ring in (lid.of(t), self.mirrored(lid).of(t)):
            for k, place in enumerate(ring):
                strength = 0.8 if 0 < k < RING // 2 else 0.3
                distance = ((t - place) ** 2).sum(1)
                line = np.maximum(line, strength * np.exp(-distance / 0.0011**2))
                if 3 < k < RING // 2 - 2:
                    above = ((t - place - [0, 0, 0.0052]) ** 2).sum(1)
                    crease = np.maximum(crease, np.exp(-above / 0.0021**2))
        r["lid_line"], r["crease"] = line, crease
        nostril = blob(t, (0.0062, -0.1535, -0.0515), (0.0036, 0.0065, 0.0040))
        r["nostril"] = 1.25 * nostril * smooth(-0.25, -0.75, self.normals[:, 2])
        return {name: np.clip(value * self.skin, 0, 1) for name, value in r.items()}


def eye_ball(coarse: np.ndarray, part: np.ndarray) -> tuple[np.ndarray, float]:
    """Centre [3] and radius of an eyeball [m] from coarse vertices [V, 3]."""
    ball = coarse[part]
    low, high = ball.min(0), ball.max(0)
    radius = float(high[2] - low[2]) / 2
    return np.array([(low[0] + high[0]) / 2, high[1] - radius, (low[2] + high[2]) / 2]), radius


def derive() -> dict[str, np.ndarray]:
    """Tensors that complete the basis file: places by name and regions [F, R] as uint8."""
    from training.people.occlusion import occlusion  # needs moderngl

    anatomy = Anatomy(Basis())
    lid = anatomy.right_lid()
    inner, outer = anatomy.lip_contours()
    brow = anatomy.right_brow()
    places = {
        "lid_right": lid,
        "lid_left": anatomy.mirrored(lid),
        "lips_inner": inner,
        "lips_outer": outer,
        "jaw": anatomy.jaw(),
        "nose": anatomy.nose(),
        "brow_right": brow,
        "brow_left": anatomy.mirrored(brow),
        "head_map": anatomy.head_map(),
        "torso_map": anatomy.torso_map(),
    }
    regions = anatomy.regions(lid)
    regions["occlusion"] = occlusion(anatomy.basis, anatomy.twins)
    tensors = {"regions": np.stack([regions[name] for name in REGIONS], 1)}
    tensors = {"regions": (tensors["regions"] * 255).round().astype(np.uint8)}
    tensors["fine_twins"] = anatomy.twins.astype(np.int16)
    for name, (triangles, weights) in places.items():
        tensors[f"places_{name}"] = triangles.astype(np.int16)
        tensors[f"weights_{name}"] = weights.astype(np.float16)
    return tensors
