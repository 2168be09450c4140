"""Configs, pictures and arrays that several test modules make."""

import asyncio
import io
import json
import random
import socket
import struct
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image
from safetensors.torch import load_file, save_file

from stylemask.provenance import watermark
from stylemask_core import ModelConfig
from stylemask_core.pictures import images

ROOT = Path(__file__).parents[2]  # of the repository
PATIENCE = 300.0  # [s] that a test waits for what takes a moment on an idle machine
# for httpx, whose own limit is five seconds
LOOPBACK: dict[str, Any] = {"trust_env": False, "timeout": PATIENCE}
TINY_NOTE = " (16 px enlarged to 512 px)"  # of the command line, with the tiny model
Answer = TypeVar("Answer")
MIX = ("mix", "--source-seed", 1, "--target-seed", 2)

FFHQ = ModelConfig(
    name="ffhq",
    resolution=1024,
    channels={**dict.fromkeys((4, 8, 16, 32, 64), 512), 128: 256, 256: 128, 512: 64, 1024: 32},
    masked_layers=12,
)


def face(path: str, seed: int = 0, size: tuple[int, int] = (40, 40)) -> Path:
    """Write a picture that differs with the seed."""
    values = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)
    return Path(path)


def pixels(path: str | Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def published(picture: Image.Image) -> np.ndarray:
    """The pixels of a picture that leaves the program: enlarged if it is small, and marked."""
    return np.asarray(watermark.embed(images.enlarged(picture)))


def array(path: str, *shape: int, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    np.save(path, values)
    return values


def change_config(folder: Path, **changes: Any) -> None:
    """Set fields of a model's config; None takes one away."""
    path = folder / "config.json"
    values = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in values.items() if v is not None}))


def change_tensors(folder: Path, part: str, **changes: Any) -> None:
    """Set tensors of a part, with __ for a dot in their names; None takes one away."""
    path = folder / f"{part}.safetensors"
    tensors = load_file(path) | {name.replace("__", "."): x for name, x in changes.items()}
    save_file({k: v for k, v in tensors.items() if v is not None}, path)


def bomb(path: Path, side: int = 20_000) -> Path:
    """A black-and-white PNG that is tiny on disk; its rows are never to be decoded."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((side // 8 + 1) * side), 9)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)
    return path


def png_bytes(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def noise(side: int = 64) -> Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return Image.fromarray(values)


def wait_for(condition: Callable[[], Answer]) -> Answer:
    """What a condition gives once that is true; how busy the machine is does not matter."""
    end = time.monotonic() + PATIENCE
    while not (answer := condition()):
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)
    return answer


def free_port() -> int:
    """A port that is free, and that no connection is given by chance before it is taken.

    Ports that a system chooses itself lie above 32768 (Linux) or 49152 (others).
    """
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def answered(question):
    """What a coroutine returns, run in a thread of its own: this one may run a browser's loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, question).result()
