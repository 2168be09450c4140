"""Rendered heads on disk: `python -m training.dataset -o runs/data` writes them, HeadDataset reads.

A folder holds images.npy (uint8 [N, R, R, 3]), keypoints.npy (float32 [N, 3, 2], centres of left
eye, right eye and mouth, 0…1), latents.npy (float32 [N, 512]) and progress.json, which tells how
many of them are ready.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.lib.format import open_memmap

from stylemask_core.errors import InvalidInputError, StyleMaskError
from training.heads.landmarks import LEFT_EYE, OUTER_LIPS, RIGHT_EYE, landmarks
from training.heads.renderer import BATCH_SIZE, HeadRenderer, check_resolution
from training.heads.world import (
    SMALL,
    TRAINING_SEEDS,
    WORLDS,
    World,
    factors,
    latents,
    mirror,
)
from training.progress import progress_bar
from training.worlds import Views

IMAGES, KEYPOINTS, LATENTS = "images.npy", "keypoints.npy", "latents.npy"
PROGRESS = "progress.json"
HELD_OUT = 256  # the first heads are never trained on
SAVE_INTERVAL = 10.0  # [s] between notes of progress
REFRESH_INTERVAL = 5.0  # [s] between looks at the progress of a renderer at work


class HeadDataset:
    """Rendered heads, readable while the rest are still being rendered.

    Args:
        folder: what `render_dataset` writes.
        device: where the tensors go.

    Raises:
        InvalidInputError: the folder holds no rendered heads.
    """

    def __init__(self, folder: Path | str, device: torch.device | str = "cpu") -> None:
        self.folder, self.device = Path(folder), torch.device(device)
        progress = _read_progress(self.folder)
        if progress is None:
            raise InvalidInputError(
                f"{self.folder} holds no rendered heads: "
                f"run python -m training.dataset -o {self.folder}"
            )
        self.count: int = progress["count"]
        self.resolution: int = progress["resolution"]
        self.world = WORLDS[progress.get("world", SMALL.name)]
        self._ready, self._looked = progress["ready"], time.monotonic()
        self._images = np.load(self.folder / IMAGES, mmap_mode="r")
        self._keypoints = np.load(self.folder / KEYPOINTS, mmap_mode="r")
        self.latents = torch.from_numpy(np.load(self.folder / LATENTS)).to(self.device)
        self._small: torch.Tensor | None = None

    def keep_small(self, resolution: int) -> None:
        """Hold area-averaged pictures of all heads ready now in memory: small ones come faster."""
        index = torch.arange(self.ready)
        parts = [self.images(part, resolution) for part in index.split(512)]
        self._small = torch.cat([((x + 1) * 127.5).round().to(torch.uint8) for x in parts])

    @property
    def ready(self) -> int:
        """How many heads can be read by now, from the first on."""
        if self._ready < self.count and time.monotonic() - self._looked > REFRESH_INTERVAL:
            progress = _read_progress(self.folder)
            self._ready = progress["ready"] if progress else self._ready
            self._looked = time.monotonic()
        return self._ready

    def images(self, indices: torch.Tensor, resolution: int) -> torch.Tensor:
        """Pictures, area-averaged down.

        Args:
            indices: [B], each below `ready`.
            resolution: side of the result [px]; a divisor of the stored one.

        Returns:
            [B, 3, resolution, resolution] in -1…1.
        """
        if self.resolution % resolution:
            raise InvalidInputError(
                f"resolution {resolution} does not divide the stored {self.resolution}"
            )
        if self._small is not None and resolution <= self._small.shape[-1]:
            images = self._small[indices.to(self.device)]
        else:
            pixels = torch.from_numpy(self._images[indices.cpu().numpy()]).to(self.device)
            images = pixels.permute(0, 3, 1, 2)
        images = images.float() / 127.5 - 1
        return F.avg_pool2d(images, images.shape[-1] // resolution)

    def keypoints(self, indices: torch.Tensor) -> torch.Tensor:
        """Centres of left eye, right eye and mouth of heads [B]: [B, 3, 2], x and y in 0…1."""
        return torch.from_numpy(self._keypoints[indices.cpu().numpy()]).to(self.device)

    def held_out(self, resolution: int) -> Iterator[Views]:
        """The first HELD_OUT heads, in batches."""
        for index in torch.arange(HELD_OUT).split(32):
            z = self.latents[index.to(self.device)]
            yield Views(z, self.images(index, resolution), self.keypoints(index))

    def draw(self, count: int, resolution: int, random: torch.Generator) -> Views:
        """Random heads, half of them seen in a mirror, which doubles the data at no cost.

        Args:
            count: how many.
            resolution: side of the pictures [px]; a divisor of the stored one.
            random: decides.
        """
        index = torch.randint(HELD_OUT, self.ready, (count,), generator=random)
        flipped = (torch.rand(count, generator=random) < 0.5).to(self.device)
        z = self.latents[index.to(self.device)]
        images, keypoints = self.images(index, resolution), self.keypoints(index)
        mirrored = torch.stack([1 - keypoints[..., 0], keypoints[..., 1]], 2)
        return Views(
            latents=torch.where(flipped[:, None], mirror(z), z),
            images=torch.where(flipped[:, None, None, None], images.flip(3), images),
            keypoints=torch.where(flipped[:, None, None], mirrored, keypoints),
        )


def render_dataset(
    folder: Path,
    seed: int,
    count: int,
    resolution: int,
    renderer: HeadRenderer,
    world: World = SMALL,
) -> None:
    """Render the heads of a seed's first latents into a folder, or go on where it was left.

    Args:
        folder: where to write; made if missing.
        seed: names the latents.
        count: number of heads.
        resolution: side of the pictures [px].
        renderer: draws them.
        world: which heads there are.

    Raises:
        InvalidInputError: the folder holds other heads, or the heads asked for cannot be.
    """
    if seed < 0 or count < 1:
        raise InvalidInputError(f"seed {seed} must be at least 0 and count {count} at least 1")
    check_resolution(resolution)
    asked = {"count": count, "resolution": resolution, "seed": seed, "world": world.name}
    progress = _read_progress(folder) or _new_folder(folder, asked)
    found = {name: progress.get(name) for name in asked}
    if found != asked:
        raise InvalidInputError(
            f"{folder} holds other heads ({_listed(found)}, not {_listed(asked)}): "
            "name another folder"
        )
    images = open_memmap(folder / IMAGES, mode="r+")
    keypoints = open_memmap(folder / KEYPOINTS, mode="r+")
    z_all = torch.from_numpy(np.load(folder / LATENTS, mmap_mode="c"))
    ready, saved = progress["ready"], time.monotonic()

    def save() -> None:
        # no flush: what was written outlives this process anyway, and waiting for a busy disk
        # can take longer than the rendering
        _write_progress(folder, {"ready": ready, **asked})

    try:
        with progress_bar(count, ready, "img") as bar:
            while ready < count:
                z = z_all[ready : ready + BATCH_SIZE].to(renderer.device)
                end = ready + len(z)
                images[ready:end], keypoints[ready:end] = _render(z, resolution, renderer, world)
                ready = end
                bar.update(len(z))
                if time.monotonic() - saved > SAVE_INTERVAL:
                    save()
                    saved = time.monotonic()
    finally:
        save()


def _render(
    z: torch.Tensor, resolution: int, renderer: HeadRenderer, world: World
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (uint8 [B, R, R, 3]) and keypoints (float32 [B, 3, 2]) of latents [B, 512]."""
    identity, pose = factors(z, world)
    images = renderer.render(identity, pose, resolution)
    pixels = (images * 255 + 0.5).byte().permute(0, 2, 3, 1)
    points = landmarks(identity, pose)[0]
    centers = [points[:, group].mean(1) for group in (LEFT_EYE, RIGHT_EYE, OUTER_LIPS)]
    return pixels.cpu().numpy(), torch.stack(centers, 1).cpu().numpy()


def _new_folder(folder: Path, asked: dict[str, Any]) -> dict[str, Any]:
    count, resolution = asked["count"], asked["resolution"]
    folder.mkdir(parents=True, exist_ok=True)
    z = latents(TRAINING_SEEDS + asked["seed"], count)
    np.save(folder / LATENTS, z.numpy())
    open_memmap(folder / IMAGES, "w+", np.uint8, (count, resolution, resolution, 3))
    open_memmap(folder / KEYPOINTS, "w+", np.float32, (count, 3, 2))
    progress = {"ready": 0, **asked}
    _write_progress(folder, progress)
    return progress


def _read_progress(folder: Path) -> dict[str, Any] | None:
    path = folder / PROGRESS
    return json.loads(path.read_text()) if path.exists() else None


def _write_progress(folder: Path, progress: dict[str, Any]) -> None:
    part = folder / f"{PROGRESS}.part"
    part.write_text(json.dumps(progress))
    part.replace(folder / PROGRESS)


def _listed(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description="Render synthetic heads into a folder; run again to go on where it was cut.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/data"), help="folder")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=64000, help="number of heads")
    parser.add_argument("--resolution", type=int, default=128, help="side of the pictures [px]")
    parser.add_argument("--world", choices=WORLDS, default=SMALL.name, help="which heads there are")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument(
        "--compile",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="takes minutes at first, then renders many times faster",
    )
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)  # compiled code depends on it
    try:
        renderer = HeadRenderer(args.device, compiled=args.compile)
        world = WORLDS[args.world]
        render_dataset(args.output, args.seed, args.count, args.resolution, renderer, world)
    except StyleMaskError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
