"""Ambient occlusion of the template, from depth maps out of many directions; used by the bake."""

import moderngl
import numpy as np

from training.people.basis import Basis, vertex_normals

DIRECTIONS, SIZE = 192, 768
CENTRE, EXTENT, DEPTH = np.array([0.0, -0.07, -0.02]), 0.30, 0.8  # [m]
BIAS = 0.0012  # [m]
UPWARDS = 0.35  # how much brighter the sky is than the ground
VERTEX = """#version 330
in vec3 position; uniform mat4 view;
void main() { gl_Position = view * vec4(position, 1); }"""
FRAGMENT = """#version 330
void main() {}"""


def occlusion(basis: Basis, twins: np.ndarray) -> np.ndarray:
    """Cosine-weighted share of the sky each fine vertex [F] sees, 0…1."""
    vertices = basis.fine_template.astype(np.float64)
    normals = vertex_normals(vertices, basis.fine_quads)
    context = moderngl.create_context(standalone=True, backend="egl")
    program = context.program(vertex_shader=VERTEX, fragment_shader=FRAGMENT)
    depth = context.depth_texture((SIZE, SIZE))
    target = context.framebuffer(depth_attachment=depth)
    buffer = context.buffer(vertices.astype("f4").tobytes())
    index = context.buffer(basis.triangles.astype("i4").tobytes())
    array = context.vertex_array(program, [(buffer, "3f", "position")], index)
    steps = np.arange(DIRECTIONS) + 0.5
    height = 1 - 2 * steps / DIRECTIONS
    turn = np.pi * (1 + 5**0.5) * steps
    flat = np.sqrt(1 - height**2)
    seen, total = np.zeros(len(vertices)), np.zeros(len(vertices))
    context.enable(moderngl.DEPTH_TEST)
    for d in np.stack([flat * np.cos(turn), flat * np.sin(turn), height], 1):
        side = np.cross(d, [0, 0, 1.0] if abs(d[2]) < 0.95 else [1.0, 0, 0])
        side /= np.linalg.norm(side)
        view = np.eye(4)
        view[:3, :3] = side / EXTENT, np.cross(side, d) / EXTENT, -d / DEPTH
        view[:3, 3] = -view[:3, :3] @ CENTRE
        target.use()
        target.clear(depth=1.0)
        program["view"].write(np.ascontiguousarray(view.T, dtype="f4").tobytes())
        array.render()
        nearest = np.frombuffer(depth.read(), np.float32).reshape(SIZE, SIZE)
        q = (vertices + normals * BIAS) @ view[:3, :3].T + view[:3, 3]
        at = np.clip(((q[:, :2] * 0.5 + 0.5) * SIZE).astype(int), 0, SIZE - 1)
        visible = (q[:, 2] * 0.5 + 0.5) < nearest[at[:, 1], at[:, 0]] + BIAS / DEPTH / 2
        weight = np.clip(normals @ d, 0, 1) * (1 + UPWARDS * d[2])
        seen += weight * visible
        total += weight
    share = seen / np.maximum(total, 1e-9)
    sides = np.concatenate([basis.fine_quads[:, [k, (k + 1) % 4]] for k in range(4)])
    i, j = np.unique(np.sort(sides, 1), axis=0).T
    degree = np.maximum(
        np.bincount(i, minlength=len(share)) + np.bincount(j, minlength=len(share)), 1
    )
    for _ in range(2):
        around = np.bincount(i, share[j], len(share)) + np.bincount(j, share[i], len(share))
        share = 0.5 * share + 0.5 * around / degree
    share = (share + share[twins]) / 2
    return np.clip(share * 1.08, 0, 1)
