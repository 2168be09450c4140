"""Pictures in and out: files of any kind → clean RGB, RGB → the tensors the networks read."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from stylemask_core.checks import ByValue
from stylemask_core.errors import InvalidInputError
from stylemask_core.pictures import file_kinds

MAX_PIXELS = 64_000_000  # larger pictures are refused before they are decoded
MAX_BYTES = 300_000_000  # of a file; 64 megapixels need no more, even uncompressed
MIN_SIDE = 16  # [px] below this there is nothing to see
OUTPUT_SIZE = 512  # [px] smaller pictures are enlarged to this side before they leave the program
FORMATS = ("PNG", "JPEG", "WebP", "AVIF", "GIF", "BMP", "TIFF")  # others run foreign decoders
DEPTHS = (8, 10, 12, 14, 16)  # bits of values that are whole numbers
SUBFILE_TYPE, REDUCED = 254, 1  # tag of a TIFF, and its bit for a smaller version of another one
RGB_SPACE = b"RGB "  # the colour space in an ICC profile's header, at bytes 16 to 20


@dataclass(frozen=True, eq=False)
class Photo(ByValue):
    """A picture as the pipeline works on it: decoded, turned upright and converted once."""

    # 8-bit RGB, or RGBA where it has transparency. A colour profile of RGB stays with it, any other
    # is applied
    picture: Image.Image
    loss: str = ""  # "", or what of the file's picture it does not keep
    # what Pillow found in the file beside the pixels
    metadata: Mapping[str | tuple[int, int], Any] = field(default_factory=dict)

    @classmethod
    def of(cls, image: "Image.Image | Photo", name: str = "the picture") -> "Photo":
        """Any PIL picture as one; errors call it by the name."""
        if isinstance(image, Photo):
            return image
        return cls(_upright(image, name), _loss(image), image.info)

    @cached_property
    def rgb(self) -> Image.Image:
        """8-bit RGB, transparency laid on white."""
        return on_white(self.picture)


def read_picture(path: str | Path) -> Image.Image:
    """Read a picture file as `read_photo` does; returns an upright RGB picture."""
    return read_photo(path).rgb


def read_photo(path: str | Path) -> Photo:
    """Read a picture file of any common format; of an animation the first frame.

    Raises:
        InvalidInputError: no such file, no picture, damaged, too large or too small.
    """
    name, path = str(path), Path(path)
    if "://" in name:
        raise InvalidInputError(f"{name} is a web address: download the picture and give the file")
    try:
        if not path.is_file():
            raise InvalidInputError(f"no such picture file: {name}")
        if path.stat().st_size == 0:
            raise InvalidInputError(f"{name} is empty (0 bytes)")
        if path.stat().st_size > MAX_BYTES:
            raise InvalidInputError(f"{name} is too large: give at most {MAX_BYTES // 10**6} MB")
        with Image.open(path, formats=FORMATS) as image:
            tags = getattr(image, "tag_v2", {}) if image.format == "TIFF" else {}
            if tags.get(SUBFILE_TYPE, 0) & REDUCED:  # its first picture is a thumbnail
                raise InvalidInputError(f"{name} is {file_kinds.RAW}")
            return Photo.of(image, name)
    except InvalidInputError:
        raise
    except UnidentifiedImageError as error:
        unknown = f"is not a picture: give {', '.join(FORMATS)}"
        raise InvalidInputError(
            f"{name} {file_kinds.described(file_kinds.head(path)) or unknown}"
        ) from error
    except Image.DecompressionBombError as error:
        raise InvalidInputError(
            f"{name} is too large: give at most {MAX_PIXELS // 1_000_000} megapixels"
        ) from error
    except Exception as error:  # Pillow reports damaged files through a dozen types
        raise InvalidInputError(f"{name} cannot be read: {error}") from error


def _loss(image: Image.Image) -> str:
    if image.mode in ("CMYK", "LAB"):
        return f"its {image.mode} colours became RGB"
    if image.mode == "F" or image.mode.startswith("I"):
        return "its values became 8 bits deep"
    return ""


def _upright(image: Image.Image, name: str) -> Image.Image:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise InvalidInputError(
            f"{name} is {width}×{height} px: give at most {MAX_PIXELS // 1_000_000} megapixels"
        )
    if min(width, height) < MIN_SIDE:
        raise InvalidInputError(
            f"{name} is {width}×{height} px: give at least {MIN_SIDE} px on each side"
        )
    try:
        image.load()
        image = ImageOps.exif_transpose(image)
        if image.mode == "F" or image.mode.startswith("I"):
            image = _eight_bits(image)
        profile = image.info.get("icc_profile")
        if image.mode == "LAB" and not profile:
            profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
        if profile and profile[16:20] != RGB_SPACE:
            return _with_profile_applied(image, profile)
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    except Exception as error:  # Pillow reports damaged files through a dozen types
        raise InvalidInputError(f"{name} is damaged: {error}") from error


def _with_profile_applied(image: Image.Image, profile: bytes) -> Image.Image:
    """A picture in sRGB, as its profile has it; in Pillow's colours where that cannot be used."""
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    colours = image.convert("L") if image.mode in ("LA", "La") else image
    try:
        srgb = ImageCms.createProfile("sRGB")
        rgb = ImageCms.profileToProfile(colours, io.BytesIO(profile), srgb, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):  # damaged, or not of these colours
        rgb = None
    rgb = rgb or image.convert("RGB")
    rgb.info.pop("icc_profile", None)
    if alpha is not None:
        rgb.putalpha(alpha)
    return rgb


def on_white(image: Image.Image) -> Image.Image:
    """An RGBA picture laid on white, as RGB; an RGB picture as it is."""
    if image.mode != "RGBA":
        return image
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(image)
    white.info = dict(image.info)
    return white.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scale a deep grey picture to 8 bits.

    Whole numbers are scaled from the smallest common depth that holds them, floating point from
    0…1; what goes beyond, or below 0, is scaled by its own extremes.
    """
    values = np.asarray(image)
    if image.mode == "I" and int(values.max()) - int(values.min()) >= 2**31:
        values = values.view(np.uint32)  # as the file had them; Pillow has signed ones only
    values = values.astype(np.float64)
    finite = values[np.isfinite(values)]
    low, high = min(0.0, finite.min(initial=0.0)), finite.max(initial=0.0)
    if low < 0:
        peak = high
    elif image.mode == "F":
        peak = max(1.0, high)
    else:
        peak = next((2.0**bits - 1 for bits in DEPTHS if high < 2**bits), high)
    values = np.nan_to_num(values, nan=low, posinf=peak, neginf=low)
    scaled = (values - low) / max(peak - low, np.finfo(float).tiny) * 255
    return Image.fromarray(scaled.round().clip(0, 255).astype(np.uint8))


def centre_square(image: Image.Image, size: int) -> Image.Image:
    """Cut the largest centred square and resample it to a side [px], antialiased."""
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
