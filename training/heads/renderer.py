"""Draws heads: coarse-to-fine sphere tracing of the distance field, then shading."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F

from stylemask_core.errors import InvalidInputError
from training.heads.camera import HALF_VIEW, Rays, along_axes, cast_rays
from training.heads.factors import IDENTITY_FACTORS
from training.heads.geometry import scene, scene_distance
from training.heads.materials import palette
from training.heads.primitives import Value, Vec
from training.heads.shading import Surface, light_direction, paint
from training.heads.shape import HeadShape, head_shape

BATCH_SIZE = 16  # heads drawn at once; a compiled renderer pads to it
COARSE_LEVELS = ((4, 16), (2, 6))  # (pixels along a coarse ray's side, march steps)
STEP_SHARE = 0.92  # of the distance is marched: the field overestimates a little
FARTHEST = 6.0  # [head units]
HIT_DISTANCE = 0.010  # [head units] nearer counts as met
CLOSE, LEAST_STEP = 0.002, 0.06  # [head units] not that close, rays hurry past outlines
SETTLING_STEPS = 4  # the last ones, in which rays do not hurry
NORMAL_REACH = 0.006  # [head units] of the probes for the normal
OCCLUSION_REACHES = (0.10, 0.28)  # [head units]


def check_resolution(resolution: int, supersampling: int = 2) -> None:
    """Refuse a picture's side [px] that the coarse rays' blocks do not divide.

    Raises:
        InvalidInputError: resolution times supersampling is not a multiple of 4.
    """
    if resolution < 1 or resolution * supersampling % COARSE_LEVELS[0][0]:
        raise InvalidInputError(
            f"resolution {resolution} times supersampling {supersampling} "
            f"must be a multiple of {COARSE_LEVELS[0][0]}"
        )


class HeadRenderer:
    """Renders heads from their factors.

    Args:
        device: where to render.
        march_steps: sphere tracing steps at full resolution; fewer leave specks on outlines.
        compiled: fuse the heavy functions with torch.compile: two minutes at first, then about
            twenty times faster on a CPU. Set the number of threads before.
    """

    def __init__(
        self, device: torch.device | str = "cpu", march_steps: int = 18, compiled: bool = False
    ) -> None:
        self.device = torch.device(device)
        self.march_steps, self.compiled = march_steps, compiled
        self._distance, self._scene, self._paint = scene_distance, scene, paint
        if compiled:
            # apart: as one graph they take many times longer to compile
            self._distance = torch.compile(scene_distance, dynamic=True)
            self._scene = torch.compile(scene, dynamic=True)
            self._paint = torch.compile(paint, dynamic=True)

    @torch.no_grad()
    def render(
        self,
        identity: torch.Tensor,
        pose: torch.Tensor,
        resolution: int,
        supersampling: int = 2,
    ) -> torch.Tensor:
        """Draw heads.

        Args:
            identity: [B, 37] factors.
            pose: [B, 9] factors.
            resolution: side of the pictures [px].
            supersampling: rays along each pixel's side.

        Returns:
            [B, 3, resolution, resolution] in 0…1 on the renderer's device.

        Raises:
            InvalidInputError: resolution times supersampling is not a multiple of 4.
        """
        check_resolution(resolution, supersampling)
        torch.set_flush_denormal(True)  # the soft masks' tails are five times slower otherwise
        identity, pose = identity.to(self.device), pose.to(self.device)
        batches = zip(identity.split(BATCH_SIZE), pose.split(BATCH_SIZE), strict=True)
        side = resolution * supersampling
        images = [F.avg_pool2d(self._render_batch(*b, side), supersampling) for b in batches]
        return torch.cat(images)

    def _render_batch(self, identity: torch.Tensor, pose: torch.Tensor, side: int) -> torch.Tensor:
        """[B, 3, side, side] for at most BATCH_SIZE heads."""
        count = len(identity)
        if self.compiled and count < BATCH_SIZE:  # another size might be compiled again
            identity = torch.cat([identity, identity[-1:].expand(BATCH_SIZE - count, -1)])
            pose = torch.cat([pose, pose[-1:].expand(BATCH_SIZE - count, -1)])
        shape = head_shape(identity, pose)
        rays = cast_rays(shape, pose, side)
        travel = self._trace(rays, shape, pose, side)
        surface = self._surface(rays, travel, shape)
        light = light_direction(IDENTITY_FACTORS.column(identity, "light_side"))
        image = self._paint(surface, rays, shape, palette(identity), light)
        return image[:count].unflatten(2, (side, side))

    def _trace(self, rays: Rays, shape: HeadShape, pose: torch.Tensor, side: int) -> torch.Tensor:
        """Distance [B, side²] at which each ray meets the head, FARTHEST where it misses.

        A coarse ray stands for a block of pixels: it stops before anything its block could meet,
        and the block's finer rays start from there.
        """
        travel = torch.zeros(len(pose), 1, 1, device=self.device)
        for block, steps in COARSE_LEVELS:
            coarse_side = side // block
            travel = _spread(travel, coarse_side)
            coarse_rays = cast_rays(shape, pose, coarse_side)
            margin = 2 * HALF_VIEW / coarse_side * 0.75
            for _ in range(steps):
                travel = travel + self._march(coarse_rays, travel, shape, margin).clamp_min(0)
            travel = travel.unflatten(1, (coarse_side, coarse_side))
        travel = _spread(travel, side)
        for left in range(self.march_steps, 0, -1):
            # a little backwards is allowed, for rays that have gone too deep
            step = self._march(rays, travel, shape, 0.0).clamp_min(-0.05)
            travel = travel + torch.where(
                step > CLOSE, step.clamp_min(LEAST_STEP * (left > SETTLING_STEPS)), step
            )
        return travel.clamp_max(FARTHEST)

    def _march(
        self, rays: Rays, travel: torch.Tensor, shape: HeadShape, margin: float
    ) -> torch.Tensor:
        return (self._distance(*rays.at(travel), shape) - margin) * STEP_SHARE

    def _surface(self, rays: Rays, travel: torch.Tensor, shape: HeadShape) -> Surface:
        point, body_point = rays.at(travel)
        distances = self._scene(point, body_point, shape)

        def probe(x: Value, y: Value, z: Value) -> torch.Tensor:
            """Distance at an offset along the camera's axes."""
            offset = along_axes(rays.camera_axes, x, y, z)
            moved = Vec(point.x + offset.x, point.y + offset.y, point.z + offset.z)
            body_moved = Vec(body_point.x + x, body_point.y + y, body_point.z + z)
            return self._distance(moved, body_moved, shape)

        normal = _normal(probe)
        openness = torch.full_like(travel, 0.35)
        for reach in OCCLUSION_REACHES:
            free = probe(normal.x * reach, normal.y * reach, normal.z * reach) / reach
            openness = openness + 0.325 * free.clamp(0, 1)
        return Surface(
            travel=travel,
            point=point,
            scene=distances,
            hit=(distances.nearest() < HIT_DISTANCE).float(),
            normal=normal,
            openness=openness,
        )


def _spread(travel: torch.Tensor, side: int) -> torch.Tensor:
    """Give every coarse ray's distance [B, S, S] to the finer rays of its block, [B, side²]."""
    factor = side // travel.shape[1]
    return travel.repeat_interleave(factor, 1).repeat_interleave(factor, 2).flatten(1)


def _normal(probe: Callable[[Value, Value, Value], torch.Tensor]) -> Vec:
    """Unit gradient from probes at the corners of a tetrahedron that is its own mirror image."""
    e = NORMAL_REACH * math.sqrt(1.5)
    back = NORMAL_REACH * math.sqrt(0.75)
    right, left = probe(e, 0.0, -back), probe(-e, 0.0, -back)
    above, below = probe(0.0, e, back), probe(0.0, -e, back)
    x, y, z = right - left, above - below, (above + below - right - left) * math.sqrt(0.5)
    size = (x * x + y * y + z * z + 1e-12).sqrt()
    return Vec(x / size, y / size, z / size)
