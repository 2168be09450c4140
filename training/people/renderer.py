"""Draws people with OpenGL: `Renderer(128).render(person, pose, scene)`.

Needs EGL: a GPU's driver or Mesa's llvmpipe on a CPU. A picture whose head turns to the image's
left is drawn as the mirror image of one that turns right, so mirrored factors give the mirrored
picture to the last bit; the world itself is symmetric, so nothing jumps in between.
"""

from pathlib import Path
from typing import NamedTuple

import moderngl
import numpy as np
import numpy.typing as npt
import torch

from stylemask_core.errors import InvalidInputError
from training.people import world
from training.people.basis import BASIS_FILE, Basis
from training.people.camera import DISTANCE, PIVOT, Views
from training.people.facial_hair import FacialHair
from training.people.factors import Person, Pose, Scene
from training.people.glasses import glasses_mesh
from training.people.graphics import StrandBuffers, create_context, shader, sphere
from training.people.groom import Groom, Groomer, Strands
from training.people.head import HeadModel, Surfaces
from training.people.landmarks import Landmarks
from training.people.looks import Looks, Uniforms, looks
from training.people.mirroring import (
    faces_left,
    mirrored,
    mirrored_landmarks,
    parted_left,
)

SHADOW_SIZE, SHADOW_EXTENT, SHADOW_DEPTH = 512, 0.185, 0.5
SIZES = (16, 1024)
LID_SAMPLES = 16
LEADS = {"brow": 0.003, "lash": 0.006, "beard": 0.002, "hair": 0.0}  # in depth, 0.0025 are 1 mm
PROGRAMS = {
    "skin": ("skin.vert", "skin.frag"),
    "cloth": ("skin.vert", "cloth.frag"),
    "eye": ("eye.vert", "eye.frag"),
    "teeth": ("teeth.vert", "teeth.frag"),
    "hair": ("hair.vert", "hair.frag"),
    "glasses": ("glasses.vert", "glasses.frag"),
    "backdrop": ("backdrop.vert", "backdrop.frag"),
    "skin_depth": ("skin.vert", "depth.frag"),
    "hair_depth": ("hair.vert", "depth.frag"),
}


class Render(NamedTuple):
    """A picture.

    Args:
        image: uint8 [S, S, 3].
        landmarks: float32 [68, 2] in pixels, x right and y down, from the picture's corner.
    """

    image: npt.NDArray[np.uint8]
    landmarks: npt.NDArray[np.float32]


class Renderer:
    """Draws people at a size.

    Args:
        size: of the pictures [px].
        samples: per pixel and side.
        basis: file of the shape basis.

    Raises:
        InvalidInputError: a size or number of samples that cannot be, or no basis of this version.
        StyleMaskError: there is no EGL.
    """

    def __init__(self, size: int = 128, samples: int = 2, basis: Path = BASIS_FILE) -> None:
        if not SIZES[0] <= size <= SIZES[1] or not 1 <= samples <= 4:
            raise InvalidInputError(
                f"size {size} must be {SIZES[0]} to {SIZES[1]} and samples {samples} 1 to 4"
            )
        self.size, self.samples, self._side = size, samples, size * samples
        self.head = HeadModel(Basis(basis))
        self.landmarks = Landmarks(self.head)
        self.groomer, self.facial_hair = Groomer(self.head), FacialHair(self.head)
        self._context = create_context()
        self._strand_buffers: dict[str, StrandBuffers] = {}
        self._programs = {
            name: self._context.program(*(shader(file) for file in files))
            for name, files in PROGRAMS.items()
        }
        self._make_targets()
        self._make_meshes()

    def groom(self, person: Person) -> Groom:
        """What all pictures of a person share; pass it to `render`."""
        return self.groomer.groom(person, self.facial_hair.shade(person))

    def render_normals(self, n: torch.Tensor) -> Render:
        """The picture that coordinates [K] name."""
        return self.render(*world.person_of(n))

    def render(
        self, person: Person, pose: Pose, scene: Scene, groom: Groom | None = None
    ) -> Render:
        """A picture.

        Args:
            person: who.
            pose: angles and actions.
            scene: lights and background.
            groom: of this person or of its mirror image, as `groom` made it, if it is at hand.
        """
        flip = faces_left(person, pose, scene)
        if flip:
            person, pose, scene = mirrored(person), mirrored(pose), mirrored(scene)
        image, landmarks = self._draw(person, pose, scene, groom or self.groom(person))
        if flip:
            image = np.ascontiguousarray(image[:, ::-1])
            landmarks = mirrored_landmarks(landmarks, self.size)
        return Render(image, landmarks)

    # --- one picture ------------------------------------------------------------------------------
    def _draw(
        self, person: Person, pose: Pose, scene: Scene, groom: Groom
    ) -> tuple[np.ndarray, np.ndarray]:
        surfaces = self.head.build(groom.neutral, pose)
        colours = looks(person, scene)
        angles = torch.tensor([[pose["yaw"], pose["pitch"], pose["roll"]]])
        anchors = torch.from_numpy(self.landmarks.anchors(surfaces.vertices)).float()
        camera = Views(angles, anchors[None])
        self._set_view(camera, colours.light)
        rows = [surfaces.vertices, surfaces.normals, surfaces.soft_normals, groom.scalp[:, None]]
        self._skin_buffer.write(np.concatenate(rows, 1).astype("f4").tobytes())
        hair = groom.hair
        if parted_left(person):
            hair = hair._replace(points=hair.points * np.array([-1, 1, 1], np.float32))
        strands = {
            "hair": hair,
            "brow": self.facial_hair.brows(surfaces, person),
            "lash": self.facial_hair.lashes(surfaces, person),
            "beard": self.facial_hair.beard(surfaces, person),
        }
        strands = {name: s for name, s in strands.items() if s.looks[:, 2].max() > 0}
        buffers = {name: self._fill(name, s, camera) for name, s in strands.items()}
        if "hair" in buffers:
            self._set("hair_depth", centre=groom.centre)
            self._set("hair", centre=groom.centre)
        self._draw_shadow(buffers, colours)
        self._draw_solids(surfaces, person, colours, camera)
        self._draw_glasses(groom, person, colours)
        self._draw_strands(buffers, colours, camera)
        points = self.landmarks.picture(surfaces.vertices, person, camera)
        pixels = (points * [0.5, -0.5] + 0.5) * self.size
        return self._read(), pixels.astype(np.float32)

    def _set_view(self, camera: Views, light: Uniforms) -> None:
        direction = np.asarray(light["key_direction"])
        middle = camera.turned(torch.tensor([[[0.0, -0.07, -0.01]]]))[0, 0].numpy()
        head, body = camera.head[0].numpy(), camera.body[0].numpy()
        side = np.cross(direction, [0, 0, 1.0])
        side /= np.linalg.norm(side)
        shadow = np.eye(4)
        shadow[:3, :3] = (
            side / SHADOW_EXTENT,
            np.cross(side, direction) / SHADOW_EXTENT,
            -direction / SHADOW_DEPTH,
        )
        shadow[:3, 3] = -shadow[:3, :3] @ middle
        common: Uniforms = {
            "frame": camera.frame[0].reshape(-1).numpy(),
            "frame_offset": camera.offset[0].numpy(),
            "distance_": DISTANCE,
            "pivot": np.array(PIVOT),
            "head_turn": head.T,
            "body_turn": body.T,
            "light_view": shadow.T,
            "shadow_view": shadow.T,
            "eye_position": np.array([0, -DISTANCE, 0]),
            "sideways": head @ [1.0, 0, 0],
        }
        for name in self._programs:
            self._set(name, **common, **light, to_light=int(name.endswith("_depth")), shadow=0)

    def _draw_shadow(self, buffers: dict[str, "StrandBuffers"], colours: Looks) -> None:
        self._context.disable(moderngl.BLEND)
        self._context.enable(moderngl.DEPTH_TEST)
        self._shadow_target.use()
        self._shadow_target.clear(depth=1.0)
        self._set("skin_depth", inflate=0.0)
        self._arrays["skin_depth"].render()
        if "hair" in buffers:
            self._set("hair_depth", view_from=colours.light["key_direction"])
            self._set("hair_depth", least_width=0.0008, widen=2.0, follow=1.0)
            self._render_strands("hair_depth", buffers["hair"], stride=3)

    def _draw_solids(
        self, surfaces: Surfaces, person: Person, colours: Looks, camera: Views
    ) -> None:
        context = self._context
        self._target.use()
        self._target.clear(0, 0, 0, 1, depth=1.0)
        context.disable(moderngl.DEPTH_TEST)
        self._set("backdrop", **colours.backdrop)
        self._arrays["backdrop"].render()
        context.enable(moderngl.DEPTH_TEST)
        self._shadow_map.use(0)
        self._set("skin", inflate=0.0, **colours.skin)
        context.enable(moderngl.CULL_FACE)
        self._arrays["skin"].render()
        context.disable(moderngl.CULL_FACE)
        for k, eye in enumerate(surfaces.eyes):
            curves = self.head.lid_curves(surfaces.vertices, k, eye.centre, LID_SAMPLES)
            self._set("eye", centre=eye.centre, radius=eye.radius * 0.992, gaze=eye.forward)
            self._set("eye", lids=curves, **colours.eye)
            self._arrays["eye"].render()
        self._teeth_buffer.write(surfaces.teeth.tobytes())
        lips = torch.from_numpy(self.landmarks.inner.of(surfaces.vertices)).float()
        inner = camera.turned(lips[None])[0].numpy()
        quarter = len(inner) // 4
        lower, upper = inner[3 * quarter], inner[quarter]
        mouth = np.array([lower[2], upper[2], min(lower[1], upper[1]) - 0.004])
        self._set("teeth", tongue=0.0, mouth=mouth, **colours.teeth)
        self._arrays["teeth"].render(vertices=self._tooth_count)
        self._set("teeth", tongue=1.0)
        self._arrays["teeth"].render(vertices=self._tongue_count, first=self._tooth_count)
        context.enable(moderngl.BLEND | moderngl.CULL_FACE)
        self._set("cloth", inflate=0.0045, **colours.cloth)
        self._arrays["cloth"].render()
        context.disable(moderngl.CULL_FACE)

    def _draw_glasses(self, groom: Groom, person: Person, colours: Looks) -> None:
        if person["glasses"] <= 0:
            return
        vertices = self.head.basis.refine(groom.neutral)
        points = np.zeros((68, 3))
        points[17:] = self.landmarks.on_head(vertices, person)
        mesh = glasses_mesh(points, vertices[self._ears], person)
        context = self._context
        buffer = context.buffer(mesh.vertices.tobytes())
        index = context.buffer(mesh.triangles.tobytes())
        parts = [(buffer, "3f 3f", "position", "normal")]
        array = context.vertex_array(self._programs["glasses"], parts, index, skip_errors=True)
        count = 3 * len(mesh.triangles)
        glass = 3 * mesh.lenses
        self._set("glasses", frame_colour=colours.glasses, worn=person["glasses"], lens=0.0)
        array.render(vertices=count - glass)
        self._set("glasses", lens=1.0)
        array.render(vertices=glass, first=count - glass)
        for part in (array, buffer, index):
            part.release()

    def _draw_strands(
        self, buffers: dict[str, "StrandBuffers"], colours: Looks, camera: Views
    ) -> None:
        # strands are sorted from back to front and hide nothing but what lies behind them
        self._target.depth_mask = False
        pixel = 2 * DISTANCE / float(torch.linalg.det(camera.frame[0])) ** 0.5 / self._side
        eye = np.array([0, -DISTANCE, 0])
        for name, least in (("brow", 0.9), ("lash", 0.9), ("beard", 0.9), ("hair", 1.1)):
            if name not in buffers:
                continue
            look = {"hair": colours.hair, "beard": colours.beard}.get(name, colours.brow)
            self._set("hair", view_from=eye, least_width=least * pixel, widen=1.0, **look)
            self._set("hair", follow=float(name == "hair"), lead=LEADS[name])
            self._render_strands("hair", buffers[name], stride=1)
        self._target.depth_mask = True

    def _read(self) -> np.ndarray:
        pixels = np.frombuffer(self._target.read(components=3, alignment=1), np.uint8)
        n, s = self.size, self.samples
        pixels = pixels.reshape(n, s, n, s, 3)[::-1, ::-1].astype(np.float32)
        return np.clip(pixels.mean((1, 3)) + 0.5, 0, 255).astype(np.uint8)

    # --- what is made once ------------------------------------------------------------------------
    def _make_targets(self) -> None:
        c, side = self._context, self._side
        self._target = c.framebuffer(
            [c.texture((side, side), 4)], c.depth_renderbuffer((side, side))
        )
        self._shadow_map = c.depth_texture((SHADOW_SIZE, SHADOW_SIZE))
        self._shadow_map.compare_func = ""
        self._shadow_map.filter = (moderngl.LINEAR, moderngl.LINEAR)
        self._shadow_target = c.framebuffer(depth_attachment=self._shadow_map)

    def _make_meshes(self) -> None:
        head, c = self.head, self._context
        r, template = head.regions, head.basis.fine_template
        names = (
            *("cheek", "nose", "under_eye", "tzone"),
            *("lid_line", "crease", "nostril", "occlusion"),
        )
        rows = [template, head.masks, *(r[name][:, None] for name in names), head.turn[:, None]]
        still = c.buffer(np.concatenate(rows, 1).astype("f4").tobytes())
        self._skin_buffer = c.buffer(reserve=len(template) * 40)
        skin = [
            (still, "3f 4f 4f 4f 1f", "rest", "masks", "region_a", "region_b", "turn"),
            (self._skin_buffer, "3f 3f 3f 1f", "position", "normal", "soft_normal", "scalp"),
        ]
        triangles = head.basis.triangles
        low = (template[triangles][:, :, 2] < -0.06).all(1)
        # the fine mesh begins with the coarse one's vertices, which are enough for a shadow
        quads = head.basis.quads
        rough = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
        every, below, outline = (
            c.buffer(t.astype("i4").tobytes()) for t in (triangles, triangles[low], rough)
        )
        ball_points, faces = sphere()
        ball = [(c.buffer(ball_points.tobytes()), "3f", "position")]
        tongue_first = len(head.teeth_uv) - len(head.basis.part("tongue"))
        mouth_quads = (head.teeth_quads, head.tongue_quads + tongue_first)
        mouth = [np.concatenate([q[:, :3], q[:, [0, 2, 3]]]) for q in mouth_quads]
        self._tooth_count, self._tongue_count = (3 * len(t) for t in mouth)
        self._teeth_buffer = c.buffer(reserve=len(head.teeth_uv) * 24)
        teeth = [
            (self._teeth_buffer, "3f 3f", "position", "normal"),
            (c.buffer(head.teeth_uv.tobytes()), "3f", "uv"),
        ]
        corners = np.array([-1, -1, 3, -1, -1, 3], "f4")
        wall = [(c.buffer(corners.tobytes()), "2f", "xy")]
        index = {
            "skin": (skin, every),
            "cloth": (skin, below),
            "skin_depth": (skin, outline),
            "eye": (ball, c.buffer(faces.tobytes())),
            "teeth": (teeth, c.buffer(np.concatenate(mouth).astype("i4").tobytes())),
            "backdrop": (wall, None),
        }
        self._arrays = {
            name: c.vertex_array(self._programs[name], parts, elements, skip_errors=True)
            for name, (parts, elements) in index.items()
        }
        self._ears = np.flatnonzero(head.masks[:, 2] > 0.6)

    def _fill(self, name: str, strands: Strands, camera: Views) -> "StrandBuffers":
        count, points = strands.points.shape[:2]
        buffers = self._strand_buffers.get(name)
        if buffers is None:
            buffers = StrandBuffers(self._context, self._programs, count, points)
            self._strand_buffers[name] = buffers
        buffers.write(strands, camera)
        return buffers

    def _render_strands(self, program: str, buffers: "StrandBuffers", stride: int) -> None:
        for unit, texture in enumerate((buffers.points, buffers.looks, buffers.order), start=1):
            texture.use(unit)
        self._set(program, points=1, strand_looks=2, order=3, count=buffers.length, stride=stride)
        count = buffers.seen if program == "hair" else buffers.count
        triangles = (count // stride) * (buffers.length - 1) * 2
        buffers.arrays[program].render(vertices=3 * triangles)

    def _set(self, program: str, **values: np.ndarray | float) -> None:
        uniforms = self._programs[program]
        for name, value in values.items():
            if name not in uniforms:
                continue
            if np.ndim(value) == 2:
                uniforms[name].write(np.ascontiguousarray(value, dtype="f4").tobytes())
            elif np.ndim(value) == 1:
                uniforms[name].value = tuple(float(x) for x in np.asarray(value))
            else:
                uniforms[name].value = value if isinstance(value, int) else float(value)
