"""Where the painted features of a head show: masks in 0…1 over points of its surface, [B, N]."""

from typing import NamedTuple

import torch

from training.heads.primitives import Vec, length, mirrored, smoothstep
from training.heads.shape import (
    BROW_HALF_LENGTH,
    BROW_INSET,
    HeadShape,
    MouthLines,
    brow_line,
    eye_lines,
    mouth_lines,
)

EDGE = 0.007  # [head units] half width of the painted edges
IRIS_RADIUS = 0.084  # [head units]
PUPIL_RADIUS = 0.036
GAZE_REACH_X, GAZE_REACH_Y = 0.072, 0.030  # [head units] of the iris at gaze 1
GLASSES_Z = 0.80  # [head units] plane of the lenses
LENS_X, LENS_Y = 0.315, -0.02  # centre of a lens
TEMPLE_X, TEMPLE_SPREAD = 0.57, 0.25  # at the lenses' plane; outwards for each unit backwards


class EyeLayers(NamedTuple):
    """Parts of both eyes; those within the eye count where `opening` shows it."""

    opening: torch.Tensor
    iris: torch.Tensor
    iris_rim: torch.Tensor
    pupil: torch.Tensor
    highlight: torch.Tensor
    lid_shadow: torch.Tensor
    lashes: torch.Tensor
    lower_lashes: torch.Tensor
    crease: torch.Tensor


class MouthLayers(NamedTuple):
    """Parts of the mouth; teeth and tongue count where `opening` shows them."""

    lines: MouthLines
    lips: torch.Tensor
    opening: torch.Tensor
    teeth: torch.Tensor
    tongue: torch.Tensor
    seam: torch.Tensor  # line between closed lips


class GlassesLayers(NamedTuple):
    """Parts of a pair of glasses, as the ray meets them before the head."""

    frame: torch.Tensor
    lens: torch.Tensor
    glint: torch.Tensor


def facing(point: Vec) -> torch.Tensor:
    """Front of the head, where features are painted."""
    return smoothstep(point.z, 0.15, 0.4)


def edge(inside: torch.Tensor) -> torch.Tensor:
    """Soft mask of inside > 0."""
    return smoothstep(inside, -EDGE, EDGE)


def eye_layers(point: Vec, light: Vec, shape: HeadShape) -> EyeLayers:
    """Both eyes at points [B, N]; the light [B, 1] is the unit direction towards it."""
    front, half_x = facing(point), mirrored(point.x)
    side = point.x / half_x
    x = half_x - shape.eye_x
    y = point.y - shape.eye_slope * x
    across = (x / shape.eye_half_width).clamp(-1.3, 1.3)
    reach = across.abs()
    lines = eye_lines(shape, across)
    between_lids = torch.minimum(lines.upper - y, y - lines.lower)
    within = torch.minimum(between_lids, (1 - reach) * shape.eye_half_width * 0.8)
    gaze_x, gaze_y = shape.gaze_x * GAZE_REACH_X, shape.gaze_y * GAZE_REACH_Y
    radius = length(x - gaze_x * side, point.y - gaze_y - 0.008)
    # the light is reflected on the same side of both pupils, so this is not mirrored
    from_highlight = length(
        point.x - side * shape.eye_x - gaze_x - 0.045 * light.x, point.y - gaze_y - 0.038
    )
    lash_width = 0.016 + 0.006 * across
    lashes = smoothstep(lash_width - (y - lines.upper - 0.006).abs(), -0.006, 0.008)
    lower_lashes = smoothstep(0.005 - (y - lines.lower).abs(), -0.008, 0.008)
    crease = smoothstep(0.007 - (y - lines.crease).abs(), -0.010, 0.008)
    return EyeLayers(
        opening=edge(within) * front,
        iris=edge(IRIS_RADIUS - radius),
        iris_rim=smoothstep(radius, IRIS_RADIUS * 0.72, IRIS_RADIUS),
        pupil=edge(PUPIL_RADIUS - radius),
        highlight=edge(0.020 - from_highlight),
        lid_shadow=torch.exp(-((lines.upper - y).clamp_min(0) / 0.022)),
        lashes=lashes * smoothstep(1.08 - reach, 0, 0.12) * front,
        lower_lashes=lower_lashes * smoothstep(1.0 - reach, 0, 0.2) * front * 0.35,
        crease=crease * smoothstep(1.0 - reach, 0, 0.3) * front * 0.30,
    )


def brow_mask(point: Vec, shape: HeadShape) -> torch.Tensor:
    """Both brows at points [B, N]."""
    across = (mirrored(point.x) - shape.eye_x + BROW_INSET) / BROW_HALF_LENGTH
    taper = 0.55 + 0.45 * smoothstep(-across, -0.9, 0.6)
    off_line = (point.y - brow_line(shape, across)).abs()
    brow = smoothstep(shape.brow_half_thickness * taper - off_line, -0.016, 0.016)
    return brow * smoothstep(1 - across.abs(), 0, 0.16) * facing(point)


def mouth_layers(point: Vec, shape: HeadShape) -> MouthLayers:
    """The mouth at points [B, N]."""
    front, y = facing(point), point.y
    lines = mouth_lines(shape, point.x)
    reach = lines.across.abs()
    gap = shape.mouth_rise + shape.mouth_drop
    lips = edge(torch.minimum(lines.outer_upper - y, y - lines.outer_lower))
    between = torch.minimum(lines.inner_upper - y, y - lines.inner_lower)
    opening = smoothstep(between, -EDGE * 0.8, EDGE * 0.8)
    opened = lines.inner_upper - lines.inner_lower
    teeth_edge = lines.inner_upper - torch.minimum(0.075 * lines.bow, 0.75 * opened)
    teeth = smoothstep(y - teeth_edge, -0.012, 0.012) * smoothstep(opened, 0.015, 0.06)
    tongue = smoothstep(lines.inner_lower + 0.075 - y, -0.03, 0.03) * smoothstep(gap, 0.10, 0.2)
    middle = (lines.inner_upper + lines.inner_lower) * 0.5
    seam = smoothstep(0.007 - (y - middle).abs(), -0.008, 0.004) * smoothstep(1.06 - reach, 0, 0.12)
    return MouthLayers(
        lines=lines,
        lips=lips * smoothstep(1 - reach, -0.02, 0.06) * front,
        opening=opening * smoothstep(1 - reach, 0, 0.08) * front,
        teeth=teeth * smoothstep(0.78 - reach, 0, 0.22),
        tongue=tongue * smoothstep(0.7 - reach, 0, 0.3),
        seam=seam * front * (1 - smoothstep(gap, 0.01, 0.05)),
    )


def beard_mask(point: Vec, shape: HeadShape, mouth: MouthLayers) -> torch.Tensor:
    """Beard and moustache at points [B, N]."""
    half_x, y, lines = mirrored(point.x), point.y, mouth.lines
    upper_edge = (
        0.52 + 0.16 * smoothstep(0.45 - half_x, 0, 0.35) - 0.42 * smoothstep(half_x, 0.38, 0.62)
    )
    jaw = (
        smoothstep(-(y + upper_edge), -0.10, 0.16)
        * smoothstep(point.z, -0.22, 0.12)
        * smoothstep(y, -1.6, -1.2)
    )
    around_mouth = (
        smoothstep(0.30 - half_x, 0, 0.08)
        * smoothstep(y - lines.outer_lower, -0.09, -0.01)
        * smoothstep(lines.outer_upper + 0.03 - y, -0.02, 0.02)
    )
    under_nose = 0.185 - 0.9 * half_x * half_x - 0.05 * smoothstep(0.05 - half_x, -0.03, 0.03)
    moustache = (
        smoothstep(0.32 - half_x, 0, 0.14)
        * smoothstep(y - lines.outer_upper, -0.01, 0.03)
        * smoothstep(shape.mouth_y + under_nose - y, -0.03, 0.06)
        * (y < shape.nose_tip_y - 0.06)
        * facing(point)
    )
    hair = torch.maximum(
        jaw * (1 - around_mouth) * smoothstep(shape.beard, 0.54, 0.60),
        moustache * smoothstep(shape.beard, 0.46, 0.52),
    )
    on_chin = smoothstep(0.62 - half_x - 0.3 * (y + 0.8).clamp_min(0), -0.1, 0.25)
    density = (0.45 + 0.50 * smoothstep(shape.beard, 0.5, 0.9)) * (0.72 + 0.28 * on_chin)
    return hair * density * (1 - mouth.lips)


def flush_mask(point: Vec, shape: HeadShape) -> torch.Tensor:
    """Redder skin of the cheeks and of the nose's tip at points [B, N]."""
    cheeks = _spot(mirrored(point.x) - 0.42, point.y + 0.30, 0.16, 0.13) * facing(point)
    nose = _spot(point.x, point.y - shape.nose_tip_y, 0.10, 0.08) * smoothstep(point.z, 0.6, 0.8)
    return cheeks * 0.5 + nose * 0.35


def nostril_mask(point: Vec, shape: HeadShape) -> torch.Tensor:
    """Both nostrils at points [B, N]."""
    x = mirrored(point.x) - shape.nose_half_width * 0.72
    nostrils = _spot(x, point.y - shape.nose_tip_y + 0.075, 0.035, 0.020)
    return nostrils * smoothstep(point.z, 0.55, 0.7) * 0.65


def glasses_layers(
    origin: Vec,
    direction: Vec,
    travel: torch.Tensor,
    hit: torch.Tensor,
    hair: torch.Tensor,
    light: Vec,
    shape: HeadShape,
) -> GlassesLayers:
    """Glasses in front of the head, met analytically by each ray.

    Args:
        origin: start of the rays in the head's frame, [B, N].
        direction: of the rays, [B, 1].
        travel: [B, N] distance at which they meet the head.
        hit: [B, N] 1 where they meet anything.
        hair: [B, N] 1 where that is hair, which covers the temples if it covers the ears.
        light: unit direction to the light in the camera's axes, [B, 1] a part.
        shape: the heads.
    """
    to_plane = (GLASSES_Z - origin.z) / _off_zero(direction.z, -1e-3)
    x, y = origin.x + to_plane * direction.x, origin.y + to_plane * direction.y
    half_x, roundness = mirrored(x), shape.glasses_roundness
    right = ((half_x - LENS_X).abs() / 0.245).clamp(1e-3, 3)
    up = ((y - LENS_Y).abs() / (0.175 + 0.05 * roundness)).clamp(1e-3, 3)
    power = 2 + 2.5 * (1 - roundness)
    radius = (right**power + up**power) ** (1 / power)  # superellipse, 1 on the rim
    rim = smoothstep(0.10 - (radius - 1).abs(), -0.05, 0.05)
    bridge = smoothstep(0.022 - (y - 0.03).abs(), -0.01, 0.01) * smoothstep(0.085 - half_x, 0, 0.02)
    in_front = ((to_plane < travel + 0.02) & (to_plane > 0)).float()
    frame = torch.maximum(rim, bridge) * torch.maximum(in_front, 1 - hit)
    uncovered = 1 - hair * shape.ear_cover
    for side in (-1.0, 1.0):
        temple = _temple(side, origin, direction, travel, hit) * uncovered
        frame = torch.maximum(frame, temple)
    lens = smoothstep(1 - radius, -0.05, 0.05) * in_front * shape.glasses
    return GlassesLayers(
        frame=frame * shape.glasses,
        lens=lens,
        glint=lens * smoothstep(x * light.x + y * 0.6, -0.1, 0.3),
    )


def _temple(
    side: float, origin: Vec, direction: Vec, travel: torch.Tensor, hit: torch.Tensor
) -> torch.Tensor:
    """One arm of the glasses, in the plane that widens backwards from the lenses' edge."""
    toward = side * direction.x + TEMPLE_SPREAD * direction.z
    start = side * origin.x + TEMPLE_SPREAD * origin.z
    to_plane = (TEMPLE_X + GLASSES_Z * TEMPLE_SPREAD - start) / _off_zero(toward, 1e-3)
    y, z = origin.y + to_plane * direction.y, origin.z + to_plane * direction.z
    arm = (
        smoothstep(0.028 - (y - 0.03).abs(), -0.01, 0.01)
        * smoothstep(GLASSES_Z + 0.01 - z, 0, 0.02)
        * smoothstep(z + 0.10, 0, 0.04)
    )
    in_front = torch.maximum((to_plane < travel + 0.01).float(), 1 - hit)
    return arm * in_front * (to_plane > 0)


def _off_zero(divisor: torch.Tensor, substitute: float) -> torch.Tensor:
    return torch.where(divisor.abs() < 1e-3, substitute, divisor)


def _spot(x: torch.Tensor, y: torch.Tensor, width: float, height: float) -> torch.Tensor:
    return torch.exp(-((x / width) ** 2) - (y / height) ** 2)
