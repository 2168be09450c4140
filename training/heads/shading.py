"""What colour a ray sees: features painted on the surface, then light on the materials."""

from typing import NamedTuple

import torch

from training.heads.camera import Rays
from training.heads.features import (
    EyeLayers,
    MouthLayers,
    beard_mask,
    brow_mask,
    eye_layers,
    flush_mask,
    glasses_layers,
    mouth_layers,
    nostril_mask,
)
from training.heads.geometry import Scene
from training.heads.materials import RGB, Palette, blend, combine
from training.heads.primitives import Vec, length, smoothstep
from training.heads.shape import HeadShape

MATERIAL_EDGE = 0.006  # [head units] over which skin and shirt blend
HAIRLINE_EDGE = 0.012  # [head units] over which hair blends with either
CROWN_Z = -0.25  # [head units] hair is combed away from the crown, at the parting
STRANDS = 9  # waves of lighter and darker hair around the crown
FLUSH = RGB(0.02, 0.16, 0.14)  # share of the skin's colour that a flush takes away
MOUTH_INSIDE = RGB(0.22, 0.05, 0.06)
TONGUE = RGB(0.66, 0.28, 0.29)
TEETH = RGB(0.93, 0.91, 0.87)
EYEBALL = RGB(0.95, 0.94, 0.93)
WHITE = RGB(1.0, 1.0, 1.0)
AMBIENT = RGB(0.40, 0.42, 0.47)
WRAP = RGB(0.30, 0.18, 0.14)  # light that scatters past the terminator, most of it red


class Surface(NamedTuple):
    """What the rays have met, all [B, N].

    Args:
        travel: distance along the ray.
        point: in the head's frame.
        scene: distance to each material there.
        hit: 1 where the ray has met something, 0 where it sees the background.
        normal: in the camera's axes.
        openness: ambient occlusion, 1 in the open, 0.35 in the deepest corner.
    """

    travel: torch.Tensor
    point: Vec
    scene: Scene
    hit: torch.Tensor
    normal: Vec
    openness: torch.Tensor


class Lighting(NamedTuple):
    """Light that reaches the surface, [B, N]."""

    ambient: RGB  # after occlusion
    diffuse: RGB
    gloss: torch.Tensor  # cosine between normal and half vector
    rim: torch.Tensor
    openness: torch.Tensor


def light_direction(side: torch.Tensor) -> Vec:
    """Unit direction to the light in the camera's axes; side [B, 1] is -1 (left) … 1."""
    x = 0.8 * side
    distance = (x * x + 0.70**2 + 0.75**2).sqrt()
    return Vec(x / distance, 0.70 / distance, 0.75 / distance)


def paint(
    surface: Surface, rays: Rays, shape: HeadShape, colors: Palette, light: Vec
) -> torch.Tensor:
    """Colours of the rays.

    Args:
        surface: what they have met.
        rays: the rays.
        shape: the heads.
        colors: their colours.
        light: unit direction to the light in the camera's axes, [B, 1] a part.

    Returns:
        [B, 3, N] in 0…1.
    """
    skin_distance, hair_distance, shirt_distance = surface.scene
    hair_share = _share(hair_distance, torch.minimum(skin_distance, shirt_distance), HAIRLINE_EDGE)
    shirt_share = _share(shirt_distance, torch.minimum(skin_distance, hair_distance), MATERIAL_EDGE)
    lighting = _lighting(surface, light)
    seen = _skin(surface.point, shape, colors, lighting, light)
    seen = blend(seen, _hair(surface, rays, shape, colors, lighting, light), hair_share)
    seen = blend(seen, _shirt(colors, lighting), shirt_share)
    seen = blend(_background(rays, colors), seen, surface.hit)
    seen = _glasses(seen, surface, hair_share, rays, shape, colors, light)
    return torch.stack([*seen], 1).clamp(0, 1)


def _share(distance: torch.Tensor, other: torch.Tensor, edge: float) -> torch.Tensor:
    """How much of a material shows where it meets the others, 0…1."""
    return torch.sigmoid((other - distance) / edge)


def _lighting(surface: Surface, light: Vec) -> Lighting:
    normal, openness = surface.normal, surface.openness
    facing_light = normal.x * light.x + normal.y * light.y + normal.z * light.z
    half_z = light.z + 1  # half vector between the light and the camera, not yet of unit length
    half_length = (light.x * light.x + light.y * light.y + half_z * half_z).sqrt()
    facing_half = normal.x * light.x + normal.y * light.y + normal.z * half_z
    sky = 0.75 + 0.25 * normal.y
    return Lighting(
        ambient=combine(lambda ambient: ambient * sky * openness, AMBIENT),
        diffuse=combine(lambda wrap: ((facing_light + wrap) / (1 + wrap)).clamp_min(0), WRAP),
        gloss=(facing_half / half_length).clamp_min(0),
        rim=(1 - normal.z.clamp(0, 1)) ** 3,
        openness=openness,
    )


def _skin(point: Vec, shape: HeadShape, colors: Palette, lighting: Lighting, light: Vec) -> RGB:
    """The lit face with everything on it."""
    eyes, mouth, brows = (
        eye_layers(point, light, shape),
        mouth_layers(point, shape),
        brow_mask(point, shape),
    )
    beard, flush = beard_mask(point, shape, mouth), flush_mask(point, shape)
    nostrils, gloss, openness = nostril_mask(point, shape), lighting.gloss, lighting.openness
    skin = combine(
        lambda color, loss: color * (1 - flush * loss) * (1 - 0.80 * nostrils), colors.skin, FLUSH
    )
    skin = blend(skin, colors.beard, beard)
    skin = blend(_darken(skin, eyes.crease * 0.55), colors.lips, mouth.lips)
    skin = blend(_darken(skin, mouth.seam * 0.65), colors.brows, brows * 0.92)
    skin = _darken(skin, eyes.lower_lashes * 0.65)
    bare = (1 - brows) * (1 - beard) * (1 - mouth.lips)
    sheen = (0.10 * gloss**14 + 0.03 * gloss**50) * bare + mouth.lips * 0.16 * gloss**20
    sheen = sheen + lighting.rim * 0.06 * openness
    lit = combine(
        lambda color, ambient, diffuse: (
            color * (ambient + 0.74 * diffuse * (0.55 + 0.45 * openness)) + sheen
        ),
        skin,
        lighting.ambient,
        lighting.diffuse,
    )
    lit = blend(lit, _mouth_inside(mouth, lighting), mouth.opening)
    lit = blend(lit, _eyes(eyes, colors, lighting), eyes.opening)
    lash_color = combine(lambda color: 0.05 + 0.075 * color, colors.brows)
    return blend(lit, lash_color, eyes.lashes * 0.92)


def _mouth_inside(mouth: MouthLayers, lighting: Lighting) -> RGB:
    inside = blend(blend(MOUTH_INSIDE, TONGUE, mouth.tongue), TEETH, mouth.teeth)
    depth = 0.6 + 0.4 * mouth.teeth
    return combine(lambda c, diffuse: c * (0.62 + 0.30 * diffuse) * depth, inside, lighting.diffuse)


def _eyes(eyes: EyeLayers, colors: Palette, lighting: Lighting) -> RGB:
    iris_shade = (1.15 - 0.65 * eyes.iris_rim) * (1 - 0.35 * eyes.lid_shadow)
    iris = combine(lambda color: color * iris_shade, colors.iris)
    eye = blend(_darken(EYEBALL, eyes.lid_shadow * 0.40), iris, eyes.iris)
    eye = _darken(eye, eyes.pupil * 0.93)
    eye = combine(lambda color, diffuse: color * (0.66 + 0.34 * diffuse), eye, lighting.diffuse)
    return blend(eye, WHITE, eyes.highlight)


def _hair(
    surface: Surface, rays: Rays, shape: HeadShape, colors: Palette, lighting: Lighting, light: Vec
) -> RGB:
    """Hair combed from the crown downwards, with a band of light across the strands."""
    point, normal, openness = surface.point, surface.normal, lighting.openness
    aside, forward = point.x - shape.hair_parting_x, point.z - CROWN_Z
    away = length(aside, forward)
    angle = torch.atan2(aside, forward + 1e-6)
    combed = smoothstep(away, 0.08, 0.4) * (1 - 0.7 * shape.curl)
    strands = 0.6 * (angle * STRANDS).cos() + 0.4 * (angle.abs() * STRANDS * 2 + point.y * 2).cos()
    strands = strands * combed
    right, up, back = rays.camera_axes
    upright = right.y * normal.x + up.y * normal.y + back.y * normal.z
    along = Vec(
        right.y - upright * normal.x, up.y - upright * normal.y, back.y - upright * normal.z
    )
    half_z = light.z + 1
    along_half = along.x * light.x + along.y * light.y + along.z * half_z
    half_length = length(light.x, light.y, half_z)
    slant = along_half / (half_length * length(along.x, along.y, along.z)) + 0.05 * strands
    band = (1 - slant * slant).clamp_min(0) ** 14 * lighting.gloss * openness
    return combine(
        lambda color, ambient, diffuse: (
            color
            * (1 + 0.15 * strands)
            * (ambient * 0.95 + 0.74 * diffuse * (0.45 + 0.55 * openness))
            + (0.42 * color + 0.045) * band
            + 0.05 * lighting.rim * openness
        ),
        colors.hair,
        lighting.ambient,
        lighting.diffuse,
    )


def _shirt(colors: Palette, lighting: Lighting) -> RGB:
    return combine(
        lambda color, ambient, diffuse: color * (ambient + 0.78 * diffuse),
        colors.shirt,
        lighting.ambient,
        lighting.diffuse,
    )


def _background(rays: Rays, colors: Palette) -> RGB:
    """A plain colour that darkens away from a point above the middle."""
    from_middle = (rays.image_x**2 + (rays.image_y - 0.4) ** 2) * 0.25
    return _darken(colors.background, 0.22 * from_middle)


def _glasses(
    seen: RGB,
    surface: Surface,
    hair_share: torch.Tensor,
    rays: Rays,
    shape: HeadShape,
    colors: Palette,
    light: Vec,
) -> RGB:
    travel, hit = surface.travel, surface.hit
    glasses = glasses_layers(
        rays.origin, rays.direction, travel, hit, hair_share * hit, light, shape
    )
    behind = combine(lambda color: color * (1 - 0.06 * glasses.lens) + 0.04 * glasses.glint, seen)
    brightness = 0.8 + 0.3 * surface.normal.y.clamp_min(0)
    frames = combine(lambda color: color * brightness, colors.frames)
    return blend(behind, frames, glasses.frame)


def _darken(color: RGB, share: torch.Tensor) -> RGB:
    return combine(lambda part: part * (1 - share), color)
