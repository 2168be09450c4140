"""Rendered people on disk, readable while `training.people.render` is still at work."""

import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from stylemask_core.errors import InvalidInputError
from training.people import world
from training.people.latents import centers, latent, mirror
from training.worlds import Views

DESCRIPTION, SHARDS = "world.json", "shard_*.npz"
IMAGES, NORMALS, LANDMARKS = "images", "normals", "landmarks"
REFRESH_INTERVAL = 20.0  # [s] between looks for new shards
AT_ONCE = 32  # held-out pictures in a batch


class Shard:
    """One file of pictures, mapped into memory.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._images = _mapped(path, IMAGES)
        with np.load(path) as arrays:
            self.normals = torch.from_numpy(arrays[NORMALS])
            landmarks = torch.from_numpy(arrays[LANDMARKS])
        self.resolution = self._images.shape[1]
        self.keypoints = centers(landmarks / self.resolution)
        self._small: tuple[int, torch.Tensor] | None = None

    def __len__(self) -> int:
        return len(self.normals)

    def images(self, index: np.ndarray, resolution: int) -> torch.Tensor:
        """Pictures, area-averaged down: uint8 [B, 3, resolution, resolution].

        The averages of one resolution stay in memory.
        """
        if resolution == self.resolution:
            return torch.from_numpy(self._images[index]).permute(0, 3, 1, 2)
        if self._small is None or self._small[0] != resolution:
            images = torch.from_numpy(np.array(self._images)).permute(0, 3, 1, 2).float()
            averages = F.avg_pool2d(images, self.resolution // resolution)
            self._small = resolution, averages.round().to(torch.uint8)
        return self._small[1][torch.from_numpy(index)]


class PeopleDataset:
    """Pictures of people; the first shard is held out, so that nobody in it is ever learned.

    Args:
        folder: what `training.people.render` writes.
        device: where the tensors go.

    Raises:
        InvalidInputError: the folder holds no rendered people, or people of another world.
    """

    def __init__(self, folder: Path, device: torch.device) -> None:
        self.folder, self.device = folder, device
        self._check_world()
        self._shards: dict[Path, Shard] = {}
        self._looked = 0.0
        self._refresh()
        if len(self._shards) < 2:
            raise InvalidInputError(
                f"{folder} holds fewer than two shards of pictures yet: the first is held out"
            )

    def _check_world(self) -> None:
        path = self.folder / DESCRIPTION
        if not path.exists():
            raise InvalidInputError(
                f"{self.folder} holds no rendered people: "
                f"run python -m training.people.render -o {self.folder}"
            )
        description = json.loads(path.read_text(encoding="utf-8"))
        self.poses_each: int = description["poses_per_person"]
        names = description["coordinates"]
        if names != [coordinate.name for coordinate in world.COORDINATES]:
            raise InvalidInputError(
                f"{self.folder} holds people of another version of the world: render them anew"
            )

    def _refresh(self) -> None:
        if time.monotonic() - self._looked > REFRESH_INTERVAL:
            for path in sorted(self.folder.glob(SHARDS)):
                if path not in self._shards:
                    self._shards[path] = Shard(path)
            self._looked = time.monotonic()

    @property
    def resolution(self) -> int:
        """Side of the pictures on disk [px]."""
        return self._all[0].resolution

    @property
    def ready(self) -> int:
        """How many pictures can be read by now."""
        self._refresh()
        return sum(map(len, self._all))

    @property
    def _all(self) -> list[Shard]:
        return list(self._shards.values())

    def keep_small(self, resolution: int) -> None:
        """Hold area-averaged pictures in memory, which `draw` would do as it meets them."""
        for shard in self._all:
            shard.images(np.zeros(0, np.int64), resolution)

    def held_out(self, resolution: int) -> Iterator[Views]:
        """The first shard, in batches."""
        self._check_resolution(resolution)
        shard = self._all[0]
        for index in np.array_split(np.arange(len(shard)), max(1, len(shard) // AT_ONCE)):
            yield self._views(shard, index, resolution)

    def draw(self, count: int, resolution: int, random: torch.Generator) -> Views:
        """Random pictures that are not held out, half of them seen in a mirror.

        Args:
            count: how many.
            resolution: side of the pictures [px]; a divisor of the stored one.
            random: decides.
        """
        drawn = torch.randint(self.learned, (count,), generator=random).numpy()
        flipped = torch.rand(count, generator=random) < 0.5
        return _mirror(self._learned_views(drawn, resolution), flipped.to(self.device))

    def draw_people(self, people: int, resolution: int, random: torch.Generator) -> Views:
        """Random people that are not held out, `poses_each` pictures of one after the other.

        Args:
            people: how many, half of them seen in a mirror.
            resolution: side of the pictures [px]; a divisor of the stored one.
            random: decides.
        """
        each = self.poses_each
        first = each * torch.randint(self.learned // each, (people,), generator=random).numpy()
        flipped = (torch.rand(people, generator=random) < 0.5).repeat_interleave(each)
        drawn = (first[:, None] + np.arange(each)).ravel()
        return _mirror(self._learned_views(drawn, resolution), flipped.to(self.device))

    @property
    def learned(self) -> int:
        """How many pictures are not held out by now."""
        self._refresh()
        return sum(map(len, self._all[1:]))

    def _learned_views(self, drawn: np.ndarray, resolution: int) -> Views:
        """Pictures [B] by their number among those not held out."""
        self._check_resolution(resolution)
        shards = self._all[1:]
        starts = np.cumsum([0, *map(len, shards)])
        owner = np.searchsorted(starts, drawn, side="right") - 1
        owners = np.unique(owner)
        parts = [self._views(shards[i], drawn[owner == i] - starts[i], resolution) for i in owners]
        # grouped by shard, they go back to the order they were drawn in
        order = torch.from_numpy(
            np.argsort(np.concatenate([np.flatnonzero(owner == i) for i in owners]))
        )
        return Views(*(torch.cat(tensors)[order] for tensors in zip(*parts, strict=True)))

    def _views(self, shard: Shard, index: np.ndarray, resolution: int) -> Views:
        images = shard.images(index, resolution).to(self.device)
        chosen = torch.from_numpy(index)
        return Views(
            latents=latent(shard.normals[chosen].to(self.device)),
            images=images.float() / 127.5 - 1,
            keypoints=shard.keypoints[chosen].to(self.device),
        )

    def _check_resolution(self, resolution: int) -> None:
        if self.resolution % resolution:
            raise InvalidInputError(
                f"resolution {resolution} does not divide the stored {self.resolution}"
            )


def _mirror(views: Views, flipped: torch.Tensor) -> Views:
    z, images, keypoints = views
    mirrored = torch.stack([1 - keypoints[..., 0], keypoints[..., 1]], 2)
    return Views(
        latents=torch.where(flipped[:, None], mirror(z), z),
        images=torch.where(flipped[:, None, None, None], images.flip(3), images),
        keypoints=torch.where(flipped[:, None, None], mirrored, keypoints),
    )


def _mapped(path: Path, name: str) -> np.ndarray:
    """An array of an uncompressed npz file, mapped into memory instead of read."""
    with zipfile.ZipFile(path) as archive:
        with archive.open(f"{name}.npy") as member:
            version = np.lib.format.read_magic(member)
            read = {(1, 0): np.lib.format.read_array_header_1_0}.get(
                version, np.lib.format.read_array_header_2_0
            )
            shape, fortran, dtype = read(member)
            header = member.tell()
        offset = archive.getinfo(f"{name}.npy").header_offset
    with path.open("rb") as file:
        file.seek(offset + 26)  # lengths of the member's name and of its extra field
        lengths = np.frombuffer(file.read(4), "<u2")
    start = offset + 30 + int(lengths.sum()) + header
    assert not fortran  # as it was written
    return np.memmap(path, dtype, "r", start, shape)
