"""What drawing with OpenGL needs: a context, shader sources, strands on the graphics side."""

from pathlib import Path

import moderngl
import numpy as np

from stylemask_core.errors import StyleMaskError
from training.people.anatomy import HEAD_CENTRE
from training.people.camera import Views
from training.people.groom import Strands

SHADERS = Path(__file__).with_name("shaders")
HIDDEN_RADIUS = 0.055  # [m] round the head's centre nothing behind it is seen
LEAST_OPACITY = 1 / 512  # of a strand that is drawn
MISSING_EGL = (
    "no EGL on this machine, which drawing people needs: install a GPU's driver or Mesa's "
    "(sudo apt-get install libegl1 libgl1-mesa-dri)"
)


def create_context() -> moderngl.Context:
    """An OpenGL context without a window.

    Raises:
        StyleMaskError: there is no EGL.
    """
    try:
        return moderngl.create_context(standalone=True, backend="egl", require=330)
    except Exception as error:  # moderngl and its loader raise whatever they like
        raise StyleMaskError(MISSING_EGL) from error


class StrandBuffers:
    """Strands of one kind on the graphics side, `seen` of them to be drawn."""

    def __init__(
        self,
        context: moderngl.Context,
        programs: dict[str, moderngl.Program],
        count: int,
        length: int,
    ) -> None:
        self.count, self.length, self.seen = count, length, 0
        strand = np.arange(count)[:, None, None] * 2 * length
        segment = np.arange(length - 1)[None, :, None] * 2
        index = strand + segment + np.array([0, 1, 2, 2, 1, 3])
        elements = context.buffer(index.astype("i4").tobytes())
        self.points = context.texture((length, count), 4, dtype="f4")
        self.looks = context.texture((1, count), 4, dtype="f4")
        self.order = context.texture((count, 1), 1, dtype="f4")
        for texture in (self.points, self.looks, self.order):
            texture.filter = (moderngl.NEAREST, moderngl.NEAREST)
        self.arrays = {
            name: context.vertex_array(programs[name], [], elements, index_element_size=4)
            for name in ("hair", "hair_depth")
        }

    def write(self, strands: Strands, camera: Views) -> None:
        """Take a picture's strands, the furthest first."""
        rows = np.concatenate([strands.points, strands.width[..., None]], 2)
        self.points.write(np.ascontiguousarray(rows, "f4").tobytes())
        self.looks.write(np.ascontiguousarray(strands.looks, "f4").tobytes())
        middle = strands.points[:, self.length // 2]
        order = np.argsort(-(middle @ camera.head[0, 1].numpy()), kind="stable")
        seen = (strands.looks[:, 2] > LEAST_OPACITY) & ~self._behind_head(strands, camera)
        seen = seen[order]
        self.seen = int(seen.sum())
        self.order.write(np.concatenate([order[seen], order[~seen]]).astype("f4").tobytes())

    def _behind_head(self, strands: Strands, camera: Views) -> np.ndarray:
        """Which strands [N] the skull surely hides."""
        seen_from = (strands.points - HEAD_CENTRE.astype(np.float32)) @ camera.head[0].numpy().T
        aside = seen_from[..., 0] ** 2 + seen_from[..., 2] ** 2
        return ((seen_from[..., 1] > 0.02) & (aside < HIDDEN_RADIUS**2)).all(1)


def shader(name: str) -> str:
    """Source of a shader with what it includes."""
    source = (SHADERS / name).read_text()
    parts = [(SHADERS / "place.glsl").read_text()] if name.endswith(".vert") else []
    if name in ("backdrop.vert", "depth.frag") or (name.endswith(".frag")):
        parts = ["#version 330\n"]
    if name not in ("backdrop.vert", "backdrop.frag", "depth.frag", "hair.frag"):
        needs_light = name.endswith(".frag") or name == "hair.vert"
        parts += [(SHADERS / "light.glsl").read_text()] if needs_light else []
    return "".join([*parts, source])


def sphere(around: int = 40, down: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """A unit sphere's vertices and triangles, its pole at −y."""
    u, v = np.meshgrid(
        np.linspace(0, 2 * np.pi, around, endpoint=False),
        np.linspace(0, np.pi, down),
        indexing="ij",
    )
    points = np.stack([np.sin(v) * np.cos(u), -np.cos(v), np.sin(v) * np.sin(u)], -1)
    grid = np.arange(around * down).reshape(around, down)
    grid = np.concatenate([grid, grid[:1]])
    corners = (grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:])
    quads = np.stack(corners, -1).reshape(-1, 4)
    triangles = np.concatenate([quads[:, :3], quads[:, [0, 2, 3]]])
    return points.reshape(-1, 3).astype("f4"), triangles.astype("i4")
