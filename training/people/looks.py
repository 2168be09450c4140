"""Factors → what the shaders take: colours in linear light and the lights themselves."""

from typing import NamedTuple

import numpy as np

from training.people.factors import Person, Scene

Uniforms = dict[str, np.ndarray | float]

SKIN_TONES = np.array(
    [
        (0.60, 0.40, 0.315),
        (0.53, 0.33, 0.235),
        (0.42, 0.24, 0.155),
        (0.27, 0.142, 0.088),
        (0.145, 0.073, 0.046),
        (0.070, 0.036, 0.025),
    ]
)
FAIR, BLACK, RED = (0.50, 0.35, 0.19), (0.024, 0.017, 0.0135), (0.30, 0.085, 0.022)
BROWN_IRIS, BLUE_IRIS, GREEN_IRIS = (0.055, 0.022, 0.009), (0.15, 0.215, 0.30), (0.15, 0.19, 0.09)
LIPSTICK = (0.36, 0.055, 0.065)


class Looks(NamedTuple):
    """Uniforms by what they colour."""

    light: Uniforms
    skin: Uniforms
    cloth: Uniforms
    eye: Uniforms
    teeth: Uniforms
    hair: Uniforms
    brow: Uniforms
    beard: Uniforms
    backdrop: Uniforms
    glasses: np.ndarray


def between(low: np.ndarray, high: np.ndarray, share: float) -> np.ndarray:
    """Geometric mix of two colours."""
    return np.exp(np.log(low) * (1 - share) + np.log(high) * share)


def looks(person: Person, scene: Scene) -> Looks:
    """All uniforms of a picture but for the camera's."""
    p, s = person, scene
    hair, brow, tip = _hair_colours(p)
    gray = p["hair_gray"]
    rgb = ("red", "green", "blue")
    first, second = (np.array([s[f"{name}_{c}"] for c in rgb]) for name in ("background", "second"))
    strands = {"gray": gray, "gloss": p["shine"], "thickness": 85.0}
    dull = {"gloss": 0.25, "thickness": 40.0}
    iris = between(np.array(BROWN_IRIS), _light_iris(p), p["iris_light"])
    inner = iris * (1 - 0.5 * p["iris_light"]) + 0.5 * p["iris_light"] * np.array(
        [0.22, 0.13, 0.045]
    )
    return Looks(
        light=_lights(s, first, second),
        skin=_skin(p, hair * (1 - gray) + gray * 0.3),
        cloth={
            "cloth": np.array([p[f"cloth_{c}"] for c in rgb]),
            **{name: p[name] for name in ("neckline", "neck_v", "collar")},
        },
        eye={"iris": iris, "iris_inner": inner, "pupil": p["pupil"]},
        teeth={
            "tooth": np.array([0.60, 0.53, 0.43]) + np.array([0.08, 0.11, 0.14]) * p["tooth_shade"]
        },
        hair={"root_colour": hair, "tip_colour": tip, **strands},
        brow={"root_colour": brow, "tip_colour": brow, **dull, "gray": gray * 0.6},
        beard={
            "root_colour": hair * 0.8,
            "tip_colour": hair * 1.1 + 0.004,
            **dull,
            "gray": min(1.0, gray * 1.1),
        },
        backdrop={
            "first": first,
            "second": second,
            "turn_": s["background_turn"],
            **{name: s[name] for name in ("horizon", "bokeh", "bokeh_size", "windows", "pan")},
        },
        glasses=np.array([p[f"glasses_{c}"] for c in rgb]),
    )


def _skin(p: Person, hair: np.ndarray) -> Uniforms:
    place = p["melanin"] * (len(SKIN_TONES) - 1)
    i = min(int(place), len(SKIN_TONES) - 2)
    skin = between(SKIN_TONES[i], SKIN_TONES[i + 1], place - i)
    warm, red = p["undertone"] - 0.5, p["redness"]
    skin = skin * np.array([1 - 0.01 * warm, 1 + 0.05 * warm, 1 - 0.16 * warm])
    skin = skin * np.array([1 + 0.05 * (red - 0.5), 1 - 0.10 * (red - 0.5), 1 - 0.08 * (red - 0.5)])
    lip = skin * np.array([0.93, 0.72 - 0.22 * p["lip_red"], 0.74 - 0.18 * p["lip_red"]])
    lip = lip * (1 - 0.12 * p["lip_red"])
    painted = 0.55 * p["makeup"]
    lip = lip * (1 - painted) + painted * (0.4 * lip + 0.6 * np.array(LIPSTICK))
    return {
        "skin": skin,
        "lip": lip,
        "flush": np.array([1.02, 0.82 - 0.16 * red, 0.80 - 0.16 * red]),
        "hair_colour": hair,
        "dark": float(np.clip((p["melanin"] - 0.35) * 1.6, 0, 1)),
        **{name: p[name] for name in ("freckles", "oil", "under_eye", "lines", "makeup")},
    }


def _hair_colours(p: Person) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of the roots, the brows and the tips."""
    dark, red = p["hair_dark"], p["hair_red"]

    def tone(darkness: float) -> np.ndarray:
        fair = np.log(np.array(FAIR)) * (1 - darkness) ** 0.8
        return np.exp(fair + np.log(np.array(BLACK)) * (1 - (1 - darkness) ** 0.8))

    hair = tone(dark) * (1 - red) + red * np.array(RED) * (1.15 - 0.8 * dark)
    tip = hair * (1 + 0.55 * p["hair_tip"]) + 0.02 * p["hair_tip"] * np.array([1.0, 0.7, 0.4])
    deep = float(np.clip((p["melanin"] - 0.35) * 1.6, 0, 1))
    # brows stay near the natural colour, between hair and brown
    natural = max(dark, 0.35 + 0.65 * deep)
    brow = tone(natural) * (1 - 0.7 * red) + 0.7 * red * np.array([0.20, 0.075, 0.028])
    return hair, brow * 1.15 + 0.014, tip


def _light_iris(p: Person) -> np.ndarray:
    green = p["iris_green"] * 0.55
    return np.array(BLUE_IRIS) * (1 - green) + green * np.array(GREEN_IRIS)


def _lights(s: Scene, first: np.ndarray, second: np.ndarray) -> Uniforms:
    azimuth, height = s["light_azimuth"], s["light_elevation"]
    flat = np.cos(height)
    key = np.array([np.sin(azimuth) * flat, -np.cos(azimuth) * flat, np.sin(height)])
    # a reflector on the side away from the key light, a light behind the shoulder
    fill = np.array([-0.75 * np.tanh(2.5 * azimuth), -0.65, 0.10])
    rim = np.array([0.85 * s["rim_azimuth"], 0.50, 0.40])
    around = (first + second) / 2
    around = 0.40 * around / max(float(around.max()), 0.05) + 0.60
    warm = np.array([1 + 0.10 * s["warmth"], 1.0, 1 - 0.14 * s["warmth"]])
    contrast, soft = s["contrast"], s["softness"]
    low = 1.30 - 0.70 * contrast
    return {
        "key_direction": key,
        "key_colour": warm * (1.02 + 0.55 * contrast - 0.12 * soft),
        "softness": soft,
        "fill_direction": fill / np.linalg.norm(fill),
        "fill_colour": np.array([0.30, 0.305, 0.31]) * low * (0.55 + 0.9 * s["fill"]) / warm,
        "rim_direction": rim / np.linalg.norm(rim),
        "rim_colour": np.array([1.0, 1.0, 1.03]) * s["rim"] * around,
        "sky": np.array([0.33, 0.345, 0.36]) * low * around,
        "ground": np.array([0.20, 0.17, 0.15]) * low * around,
        "exposure": s["exposure"],
    }
