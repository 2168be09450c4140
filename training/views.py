"""Several views of each of many heads: `python -m training.views -o runs/views` renders them.

Views of a head share face and hair; its pose, and its background, shirt and light, which are
nobody's identity, are drawn anew for each. Heads of both worlds take turns. A folder holds
images.npy (uint8 [N, K, R, R, 3]), identity.npy (float32 [N, K, identity factors]), pose.npy
(float32 [N, K, pose factors]) and progress.json, which tells how many heads are ready.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.lib.format import open_memmap

from stylemask_core.errors import InvalidInputError, StyleMaskError
from training.heads.factors import IDENTITY_FACTORS, POSE_FACTORS
from training.heads.renderer import BATCH_SIZE, HeadRenderer, check_resolution
from training.heads.world import SIGNED_FACTORS, TRAINING_SEEDS, WORLDS, factors, latents
from training.progress import progress_bar

IMAGES, IDENTITY, POSE, PROGRESS = "images.npy", "identity.npy", "pose.npy", "progress.json"
SURROUNDINGS = ("shirt_hue", "background_hue", "background_brightness", "light_side")
HELD_OUT = 256  # the first heads are never learned from
SAVE_INTERVAL = 10.0  # [s] between notes of progress


class Views(NamedTuple):
    """Views of heads, mirrored or not.

    Args:
        images: [B, K, 3, R, R] in −1…1.
        identity: [B, K, identity factors].
        pose: [B, K, pose factors].
    """

    images: torch.Tensor
    identity: torch.Tensor
    pose: torch.Tensor


class ViewDataset:
    """Reads what `render_views` writes.

    Args:
        folder: where it is.

    Raises:
        InvalidInputError: the folder holds no views.
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / PROGRESS).exists():
            raise InvalidInputError(
                f"{folder} holds no views of heads: run python -m training.views -o {folder}"
            )
        progress = json.loads((folder / PROGRESS).read_text())
        self.ready: int = progress["ready"]
        self.views_each: int = progress["views"]
        self._images = np.load(folder / IMAGES, mmap_mode="r")
        self._identity = torch.from_numpy(np.load(folder / IDENTITY))
        self._pose = torch.from_numpy(np.load(folder / POSE))

    def views(self, heads: torch.Tensor) -> Views:
        """All views of heads [B]."""
        images = torch.from_numpy(self._images[heads.numpy()]).permute(0, 1, 4, 2, 3)
        return Views(images.float() / 127.5 - 1, self._identity[heads], self._pose[heads])

    def draw(self, count: int, views: int, random: torch.Generator) -> Views:
        """Views of random heads that are not held out, half of the heads seen in a mirror.

        Args:
            count: of heads.
            views: of each.
            random: decides.
        """
        heads = torch.randint(HELD_OUT, self.ready, (count,), generator=random)
        chosen = torch.rand(count, self.views_each, generator=random).argsort(1)[:, :views]
        mirrored = torch.rand(count, generator=random) < 0.5
        everything = self.views(heads)
        batch = torch.arange(count)[:, None]
        return _mirror(Views(*(part[batch, chosen] for part in everything)), mirrored)


def _mirror(views: Views, mirrored: torch.Tensor) -> Views:
    sign = 1 - 2 * mirrored[:, None, None].float()
    identity, pose = views.identity.clone(), views.pose.clone()
    for values, table in ((identity, IDENTITY_FACTORS), (pose, POSE_FACTORS)):
        values[..., [table.index[name] for name in SIGNED_FACTORS if name in table.index]] *= sign
    where = mirrored[:, None, None, None, None]
    return Views(torch.where(where, views.images.flip(-1), views.images), identity, pose)


def draw_factors(seed: int, heads: int, views: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Factors of views, heads of the worlds by turns.

    Args:
        seed: of the latents.
        heads: their number N.
        views: of each, their number K.

    Returns:
        Identity [N, K, identity factors] and pose [N, K, pose factors].
    """
    z = latents(seed, heads * views)
    drawn = [factors(z, world) for world in WORLDS.values()]
    world = torch.arange(heads) % len(drawn)
    identity, pose = (
        torch.stack([part.unflatten(0, (heads, views)) for part in parts])[
            world, torch.arange(heads)
        ]
        for parts in zip(*drawn, strict=True)
    )
    surroundings = [IDENTITY_FACTORS.index[name] for name in SURROUNDINGS]
    own = identity[..., surroundings].clone()
    identity = identity[:, :1].repeat(1, views, 1)
    identity[..., surroundings] = own
    return identity, pose


def render_views(
    folder: Path, seed: int, heads: int, views: int, resolution: int, renderer: HeadRenderer
) -> None:
    """Render into a folder, or go on where it was left.

    Args:
        folder: where to write; made if missing.
        seed: names the heads.
        heads: their number.
        views: of each.
        resolution: side of the pictures [px].
        renderer: draws them.

    Raises:
        InvalidInputError: the folder holds other views, or these cannot be.
    """
    check_resolution(resolution)
    asked = {"seed": seed, "heads": heads, "views": views, "resolution": resolution}
    path = folder / PROGRESS
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        identity, pose = draw_factors(TRAINING_SEEDS + seed, heads, views)
        np.save(folder / IDENTITY, identity.numpy())
        np.save(folder / POSE, pose.numpy())
        open_memmap(folder / IMAGES, "w+", np.uint8, (heads, views, resolution, resolution, 3))
        _write_progress(path, 0, asked)
    found = json.loads(path.read_text())
    ready = found.pop("ready")
    if found != asked:
        raise InvalidInputError(f"{folder} holds other views ({found}): name another folder")
    images = open_memmap(folder / IMAGES, mode="r+")
    identity, pose = (torch.from_numpy(np.load(folder / name)) for name in (IDENTITY, POSE))
    at_once = max(1, BATCH_SIZE // views)
    saved = time.monotonic()
    try:
        with progress_bar(heads, ready, "head") as bar:
            while ready < heads:
                chosen = slice(ready, ready + at_once)
                drawn = renderer.render(
                    identity[chosen].flatten(0, 1), pose[chosen].flatten(0, 1), resolution
                )
                pixels = (drawn * 255 + 0.5).byte().permute(0, 2, 3, 1).unflatten(0, (-1, views))
                images[chosen] = pixels.cpu().numpy()
                ready += len(pixels)
                bar.update(len(pixels))
                if time.monotonic() - saved > SAVE_INTERVAL:
                    _write_progress(path, ready, asked)
                    saved = time.monotonic()
    finally:
        _write_progress(path, ready, asked)


def _write_progress(path: Path, ready: int, asked: dict[str, int]) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps({"ready": ready, **asked}))
    part.replace(path)


def main(argv: list[str] | None = None) -> None:
    """Command-line entry."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/views"), help="folder")
    parser.add_argument("--seed", type=int, default=1_000_000)
    parser.add_argument("--heads", type=int, default=6000)
    parser.add_argument("--views", type=int, default=4, help="of each head")
    parser.add_argument("--resolution", type=int, default=64, help="side of the pictures [px]")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)  # compiled code depends on it
    try:
        renderer = HeadRenderer(args.device, compiled=args.compile)
        render_views(args.output, args.seed, args.heads, args.views, args.resolution, renderer)
    except StyleMaskError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
