"""Write pictures of people: `python -m training.people.render -o runs/renders --count 24000`.

A folder holds world.json, which says what was asked for, and shards, shard_00000.npz and on, each
complete: images (uint8 [n, S, S, 3]), normals (float32 [n, K], what `world` names them by) and
landmarks (float32 [n, 68, 2] in pixels). Pictures of a person follow each other; pose and
surroundings are drawn anew for each. A shard follows from the seed and its number alone, so an
interrupted run goes on where it was and ends in the same bytes, and shards can be read meanwhile.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stylemask_core.errors import InvalidInputError, StyleMaskError
from training.people import world
from training.progress import progress_bar

if TYPE_CHECKING:
    from training.people.renderer import Renderer

WORLD_FILE = "world.json"
SEED_STEP = 1_000_003  # between seeds: shards of two never meet


class Request(NamedTuple):
    """What a folder holds when it is complete."""

    seed: int
    count: int
    poses_per_person: int
    size: int
    samples: int
    people_per_shard: int = 128

    def to_json(self) -> dict[str, object]:
        """With the names of the coordinates, which tell one world from another."""
        return {**self._asdict(), "coordinates": [c.name for c in world.COORDINATES]}


class Shard(NamedTuple):
    """Pictures of people.

    Args:
        images: uint8 [n, S, S, 3].
        normals: float32 [n, K].
        landmarks: float32 [n, 68, 2] in pixels.
    """

    images: np.ndarray
    normals: np.ndarray
    landmarks: np.ndarray


def shard_path(folder: Path, number: int) -> Path:
    """Where a shard is when it is complete."""
    return folder / f"shard_{number:05d}.npz"


def read_shards(folder: Path, first: int = 0) -> Iterator[Shard]:
    """Complete shards of a folder from a number on, in order, as far as they are.

    Raises:
        InvalidInputError: the folder holds pictures of another world.
    """
    path = folder / WORLD_FILE
    if not path.exists():
        raise InvalidInputError(
            f"{folder} holds no rendered people: run python -m training.people.render -o {folder}"
        )
    if json.loads(path.read_text())["coordinates"] != [c.name for c in world.COORDINATES]:
        raise InvalidInputError(f"{folder} was rendered of another world: render it anew")
    number = first
    while shard_path(folder, number).exists():
        with np.load(shard_path(folder, number)) as file:
            yield Shard(file["images"], file["normals"], file["landmarks"])
        number += 1


def open_renderer(size: int, samples: int) -> "Renderer":
    """A renderer.

    Raises:
        StyleMaskError: moderngl or EGL is missing, or a size that cannot be.
    """
    try:
        from training.people.renderer import Renderer
    except ImportError as error:
        raise StyleMaskError(
            f"{error}: drawing people needs moderngl, pip install 'stylemask[training]'"
        ) from error
    return Renderer(size, samples)


def render_shard(renderer: "Renderer", request: Request, number: int) -> Iterator[Shard]:
    """A shard, picture by picture [1, …]."""
    people = request.people_per_shard
    seed = request.seed * SEED_STEP + number
    normals = world.draw(seed, people, request.poses_per_person)
    start = number * people * request.poses_per_person
    for i in range(min(len(normals), request.count - start)):
        person, pose, scene = world.person_of(normals[i])
        if i % request.poses_per_person == 0:
            groom = renderer.groom(person)
        image, landmarks = renderer.render(person, pose, scene, groom)
        yield Shard(image[None], normals[i : i + 1].numpy(), landmarks[None])


def parse_part(text: str) -> tuple[int, int]:
    """'2/14' → (2, 14): the third of fourteen processes that share a folder's shards.

    Raises:
        argparse.ArgumentTypeError: it names no such process.
    """
    number, _, processes = text.partition("/")
    if not (number.isdecimal() and processes.isdecimal() and int(number) < int(processes)):
        raise argparse.ArgumentTypeError(f"{text!r} is no part: give 0/4 to 3/4 to four processes")
    return int(number), int(processes)


def render_folder(folder: Path, request: Request, part: tuple[int, int] = (0, 1)) -> None:
    """Render what is missing of a folder.

    Args:
        folder: made if missing.
        request: what it is to hold.
        part: which of how many processes this is; each draws shards of its own.

    Raises:
        InvalidInputError: the folder holds something else, or the request cannot be met.
    """
    least = min(request.count, request.poses_per_person, request.people_per_shard)
    if request.seed < 0 or least < 1:
        raise InvalidInputError(
            "seed must be at least 0; count, poses per person and people per shard at least 1"
        )
    renderer = open_renderer(request.size, request.samples)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / WORLD_FILE
    text = json.dumps(request.to_json(), indent=1)
    if path.exists() and path.read_text() != text:
        raise InvalidInputError(f"{folder} holds other pictures: name another folder")
    if not path.exists():
        _write(path, text.encode())
    at_once = request.people_per_shard * request.poses_per_person
    shards = range(part[0], -(-request.count // at_once), part[1])
    missing = [number for number in shards if not shard_path(folder, number).exists()]
    sizes = {number: min(at_once, request.count - number * at_once) for number in shards}
    total, rest = sum(sizes.values()), sum(sizes[number] for number in missing)
    begin, drawn = time.monotonic(), 0
    with progress_bar(total, total - rest, "img") as bar:
        for number in missing:
            pictures = []
            for picture in render_shard(renderer, request, number):
                pictures.append(picture)
                drawn += 1
                bar.set_postfix_str(f"{drawn / (time.monotonic() - begin):.1f} img/s", False)
                bar.update(1)
            whole = Shard(*(np.concatenate(columns) for columns in zip(*pictures, strict=True)))
            target = shard_path(folder, number)
            unfinished = target.with_suffix(".part")
            with unfinished.open("wb") as file:
                np.savez(file, **whole._asdict())
            unfinished.replace(target)


def _write(path: Path, content: bytes) -> None:
    part = path.with_suffix(".part")
    part.write_bytes(content)
    part.replace(path)


def benchmark(size: int, samples: int, people: int = 24) -> str:
    """Pictures a second of processor time, of a new person each and of the same person."""
    renderer = open_renderer(size, samples)
    normals = world.draw(77, people + 2)
    spent = {"groom": 0.0, "picture": 0.0}
    for i, n in enumerate(normals):
        begin = time.process_time()
        person, pose, scene = world.person_of(n)
        named = time.process_time()
        groom = renderer.groom(person)
        groomed = time.process_time()
        renderer.render(person, pose, scene, groom)
        if i >= 2:  # the first ones compile shaders
            spent["groom"] += groomed - named
            spent["picture"] += time.process_time() - groomed + named - begin
    new, same = people / sum(spent.values()), people / spent["picture"]
    return (
        f"{size} px, {samples}×{samples} samples: {new:.1f} new people and {same:.1f} pictures of "
        "the same person a second of processor time"
    )


def main(argv: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description="Render people into a folder; run again to go on where it was cut.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/renders"), help="folder")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=24000, help="pictures")
    parser.add_argument("--poses-per-person", type=int, default=3)
    parser.add_argument("--size", type=int, default=128, help="side of the pictures [px]")
    parser.add_argument("--people-per-shard", type=int, default=128)
    parser.add_argument("--samples", type=int, default=2, help="per pixel and side")
    parser.add_argument(
        "--part", type=parse_part, default="0/1", help="K/N: the share of process K of N"
    )
    parser.add_argument("--benchmark", action="store_true", help="measure the speed, write nothing")
    args = parser.parse_args(argv)
    try:
        if args.benchmark:
            print(benchmark(args.size, args.samples))
            return
        request = Request(**{name: getattr(args, name) for name in Request._fields})
        render_folder(args.output, request, args.part)
    except StyleMaskError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
