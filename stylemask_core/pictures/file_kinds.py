"""What a file is by its first bytes, where it is not what was expected: named, with the way out."""

from pathlib import Path

HEAD = 4096  # bytes that are looked at
LFS_MAGIC = b"version https://git-lfs.github.com/spec/"
LFS_POINTER = (
    "is a Git LFS pointer, a few lines that stand for the file: run 'git lfs pull' in its "
    "repository, or download the file itself"
)

_EXPORT = "export it as JPEG or PNG"
RAW = f"a camera's raw data: develop it, or {_EXPORT}"
_VIDEO = "a video: give one of its frames as a picture"
_DAMAGED = "damaged, or of a kind that is not read: open it and save it anew, with 8 bits a channel"
_HEIC = f"HEIC, as phones take it: {_EXPORT}"

# Brands of the ISO base media format, which begins with the length and the name of a box.
_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"), _HEIC),
    **dict.fromkeys((b"avif", b"avis"), f"AVIF, {_DAMAGED}"),
    b"crx ": RAW,
    b"jxl ": f"JPEG XL: {_EXPORT}",
    b"jp2 ": f"JPEG 2000: {_EXPORT}",
}

# Bytes, where they stand, and what a file is that has them there; the first that fits counts.
_MAGICS: tuple[tuple[int, tuple[bytes, ...], str], ...] = (
    (0, (b"\x89PNG",), f"PNG, {_DAMAGED}"),
    (0, (b"\xff\xd8\xff",), f"JPEG, {_DAMAGED}"),
    (0, (b"GIF8",), f"GIF, {_DAMAGED}"),
    (0, (b"BM",), f"BMP, {_DAMAGED}"),
    (8, (b"WEBP",), f"WebP, {_DAMAGED}"),
    # AVI; Matroska and WebM, MPEG, FLV, WMV
    (8, (b"AVI ",), _VIDEO),
    (0, (b"\x1aE\xdf\xa3", b"\0\0\x01\xba", b"\0\0\x01\xb3", b"FLV\x01"), _VIDEO),
    (0, (b"0&\xb2u\x8ef\xcf\x11",), _VIDEO),
    (0, (b"\xff\x0a",), f"JPEG XL: {_EXPORT}"),
    (4, (b"JXL \r\n",), f"JPEG XL: {_EXPORT}"),
    (4, (b"jP  \r\n",), f"JPEG 2000: {_EXPORT}"),
    (0, (b"\xff\x4f\xff\x51",), f"JPEG 2000: {_EXPORT}"),
    # Canon, in a TIFF; Fujifilm, Olympus, Panasonic, Sigma
    (8, (b"CR\x02\0",), RAW),
    (0, (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FOVb"), RAW),
    (0, (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), f"TIFF, {_DAMAGED}"),
    (0, (b"%PDF",), f"a PDF: open it and {_EXPORT}"),
    (0, (b"%!PS", b"\xc5\xd0\xd3\xc6"), f"PostScript: open it and {_EXPORT}"),
    (0, (b"8BPS",), f"a Photoshop document: {_EXPORT}"),
    (0, (b"gimp xcf",), f"a GIMP document: {_EXPORT}"),
    (0, (b"v/1\x01",), f"OpenEXR: tone-map it, and {_EXPORT}"),
    (0, (b"#?RADIANCE",), f"Radiance HDR: tone-map it, and {_EXPORT}"),
    (0, (b"qoif",), f"QOI: {_EXPORT}"),
    (0, (b"DDS ",), f"a DDS texture: {_EXPORT}"),
    (0, (b"\0\0\x01\0",), f"an icon: {_EXPORT}"),
    (128, (b"DICM",), f"a DICOM scan: {_EXPORT}"),
    (0, (b"\x93NUMPY",), "a NumPy array: where a code is taken, its name ends in .npy"),
    (0, (b"PK\x03\x04", b"\x1f\x8b"), "an archive: unpack it and give the picture"),
    (0, tuple(b"P%d%c" % (kind, x) for kind in range(1, 7) for x in b"\n \t\r"), f"PNM: {_EXPORT}"),
)


def head(path: Path) -> bytes:
    """The first bytes of a file, b"" where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(HEAD)
    except OSError:
        return b""


def is_lfs_pointer(path: Path) -> bool:
    """Whether a file only stands for one that Git LFS keeps elsewhere."""
    return head(path).startswith(LFS_MAGIC)


def unreadable(path: Path, error: Exception) -> str:
    """Why a file of a model cannot be read, as a sentence."""
    if is_lfs_pointer(path):
        return f"{path} {LFS_POINTER}"
    return f"cannot read {path}: {error}"


def described(start: bytes) -> str:
    """What a file with such a `head` is that is read as no picture: "is …, do …"; "" if unknown."""
    if start.startswith(LFS_MAGIC):
        return LFS_POINTER
    if start[4:8] == b"ftyp":
        size = int.from_bytes(start[:4], "big")
        brands = [start[k : k + 4] for k in (8, *range(16, min(size, len(start)), 4))]
        what = next((_BRANDS[brand] for brand in brands if brand in _BRANDS), _VIDEO)
        return f"is {what}"
    for offset, magics, what in _MAGICS:
        if start.startswith(magics, offset):
            return f"is {what}"
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "is a web page: save the picture itself"
    if text.startswith((b"<svg", b"<?xml", b"<!--", b"<!doctype svg")) and b"<svg" in text:
        return f"is SVG, a drawing in vectors: {_EXPORT}"
    return ""
