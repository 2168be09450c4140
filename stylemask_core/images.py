"""Pictures in and out: files of any kind → clean RGB, RGB → the tensors the networks read."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError

from stylemask_core.errors import InvalidInputError

MAX_PIXELS = 64_000_000  # larger pictures are refused before they are decoded
MAX_BYTES = 300_000_000  # of a file; 64 megapixels need no more, even uncompressed
MIN_SIDE = 16  # [px] below this there is nothing to see
OUTPUT_SIZE = 512  # [px] smaller pictures are enlarged to this side before they leave the program
FORMATS = ("PNG", "JPEG", "WebP", "GIF", "BMP", "TIFF")  # read; others run foreign decoders


def _check_size(image: Image.Image, name: str) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise InvalidInputError(
            f"{name} is {width}×{height} px: give at most {MAX_PIXELS // 1_000_000} megapixels"
        )
    if min(width, height) < MIN_SIDE:
        raise InvalidInputError(
            f"{name} is {width}×{height} px: give at least {MIN_SIDE} px on each side"
        )


def read_picture(path: str | Path) -> Image.Image:
    """Read a picture file of any common format.

    Args:
        path: a file on this machine; of an animation the first frame is taken.

    Returns:
        RGB picture, upright.

    Raises:
        InvalidInputError: no such file, no picture, damaged, too large or too small.
    """
    return read_with_metadata(path)[0]


def read_with_metadata(path: str | Path) -> tuple[Image.Image, dict[str | tuple[int, int], Any]]:
    """Read a picture as `read_picture` does, and with it what Pillow found beside the pixels.

    Raises:
        InvalidInputError: no such file, no picture, damaged, too large or too small.
    """
    name = str(path)
    if "://" in name:
        raise InvalidInputError(f"{name} is a web address: download the picture and give the file")
    path = Path(path)
    try:
        if not path.is_file():
            raise InvalidInputError(f"no such picture file: {name}")
        if path.stat().st_size == 0:
            raise InvalidInputError(f"{name} is empty (0 bytes)")
        if path.stat().st_size > MAX_BYTES:
            raise InvalidInputError(f"{name} is too large: give at most {MAX_BYTES // 10**6} MB")
        with Image.open(path, formats=FORMATS) as image:
            return to_rgb(image, name), image.info
    except InvalidInputError:
        raise
    except UnidentifiedImageError as error:
        raise InvalidInputError(f"{name} is not a picture: give {', '.join(FORMATS)}") from error
    except Image.DecompressionBombError as error:
        raise InvalidInputError(
            f"{name} is too large: give at most {MAX_PIXELS // 1_000_000} megapixels"
        ) from error
    except Exception as error:  # Pillow reports damaged files through a dozen types
        raise InvalidInputError(f"{name} cannot be read: {error}") from error


def to_rgb(image: Image.Image, name: str = "the picture") -> Image.Image:
    """Turn any PIL picture upright and into 8-bit RGB.

    Args:
        image: any mode; 16-bit is scaled down, transparency laid on white.
        name: how errors call it.

    Raises:
        InvalidInputError: it is too large, too small or damaged.
    """
    _check_size(image, name)
    try:
        image.load()
        image = ImageOps.exif_transpose(image)
        if image.mode in ("I", "F") or image.mode.startswith("I;16"):
            image = _eight_bits(image)
        if image.has_transparency_data:
            image = image.convert("RGBA")
            white = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(white, image)
        return image.convert("RGB")
    except Exception as error:  # Pillow reports damaged files through a dozen types
        raise InvalidInputError(f"{name} is damaged: {error}") from error


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scale a deep grey picture to 8 bits: 16-bit range, or 0…1 for floating point."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float64))
    peak = 255.0 if values.max(initial=0.0) <= 255 else 65535.0
    if image.mode == "F" and values.max(initial=0.0) <= 1:
        peak = 1.0
    if image.mode.startswith("I;16"):
        peak = 65535.0
    return Image.fromarray((values / peak * 255).round().clip(0, 255).astype(np.uint8))


def centre_square(image: Image.Image, size: int) -> Image.Image:
    """Cut the largest centred square and resample it, antialiased.

    Args:
        image: any size.
        size: side of the result [px].
    """
    side = min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    box = (left, top, left + side, top + side)
    return image.resize((size, size), Image.Resampling.LANCZOS, box=box)


def shrunk(image: Image.Image, longest: int) -> tuple[Image.Image, float]:
    """A copy whose long side is at most so many px, and the factor back to the original."""
    factor = max(image.size) / longest
    if factor <= 1:
        return image, 1.0
    # at least a pixel: a panorama may be thin
    size = (max(1, round(image.width / factor)), max(1, round(image.height / factor)))
    return image.resize(size, Image.Resampling.BOX), factor


def to_tensor(image: Image.Image) -> torch.Tensor:
    """RGB picture → [1, 3, H, W] float32 in −1…1."""
    array = np.asarray(image.convert("RGB"), dtype=np.float32)
    return torch.from_numpy(array).permute(2, 0, 1)[None] / 127.5 - 1


def to_image(tensor: torch.Tensor) -> Image.Image:
    """[1, 3, H, W] in about −1…1, clamped → 8-bit RGB picture."""
    array = ((tensor[0].detach().float().cpu().clamp(-1, 1) + 1) * 127.5).round()
    return Image.fromarray(array.permute(1, 2, 0).to(torch.uint8).numpy())


def side_by_side(images: list[Image.Image]) -> Image.Image:
    """Lay pictures of one height out in a row."""
    row = Image.new("RGB", (sum(image.width for image in images), images[0].height))
    left = 0
    for image in images:
        row.paste(image, (left, 0))
        left += image.width
    return row


def area_average(image: Image.Image, size: int) -> Image.Image:
    """A copy at another size [px]: area-averaged when smaller, Lanczos when larger."""
    smaller = size <= min(image.size)
    filter_ = Image.Resampling.BOX if smaller else Image.Resampling.LANCZOS
    return image.resize((size, size), filter_)


def enlarged(image: Image.Image) -> Image.Image:
    """A square picture as it leaves the program: at OUTPUT_SIZE or more."""
    return image if image.width >= OUTPUT_SIZE else area_average(image, OUTPUT_SIZE)
