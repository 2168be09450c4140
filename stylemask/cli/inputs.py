"""What SOURCE and TARGET may be on the command line: seeds, codes, pictures, folders of them."""

import argparse
import mimetypes
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stylemask.cli.parser import UsageError, exists, seed
from stylemask_core.errors import InvalidInputError
from stylemask_core.pictures import file_kinds
from stylemask_core.pipeline import StyleMaskPipeline
from stylemask_core.results import LatentCode

INPUT = "a picture, a .npy code (z or W+) or seed:7"
SEED_PREFIX = "seed:"
ARRAY_SUFFIX = ".npy"
# Python's own table: the one of the system is another on every machine.
_KINDS = mimetypes.MimeTypes()
# What lies beside pictures and is none, and is not in that table.
_BESIDE = {".aae", ".db", ".ini", ".lnk", ".log", ".md", ".npz", ".toml", ".xmp", ".yaml", ".yml"}

Input = int | Path  # a seed, or a picture, a .npy code or a folder


@dataclass(frozen=True)
class Pair:
    """One reenactment to be made, and the picture to write."""

    source: Input
    target: Input
    output: Path

    def __str__(self) -> str:
        return f"{label(self.source)} + {label(self.target)}"


def label(item: Input) -> str:
    """How messages call an input."""
    return f"{SEED_PREFIX}{item}" if isinstance(item, int) else item.name


def parse_input(text: str, role: str) -> Input:
    """Tell a seed from a path, and make sure the path is there.

    Raises:
        UsageError, InvalidInputError: it is no usable seed; a pattern; not there.
    """
    if text.startswith(SEED_PREFIX):
        try:
            return seed(text.removeprefix(SEED_PREFIX))
        except argparse.ArgumentTypeError as error:
            raise UsageError(f"{role.upper()} {text}: {error}") from error
    if "://" in text:
        raise InvalidInputError(f"{text} is a web address: download the picture and give the file")
    path = Path(text)
    if exists(path):
        return path
    if is_pattern(text):
        raise UsageError(
            f"{text} is a pattern, and {role.upper()} is one picture or a folder of them: give "
            f"the folder, {path.parent}{'/' if path.parent.name else ''}"
        )
    raise InvalidInputError(
        f"no such file: {text} (give a picture, a {ARRAY_SUFFIX} code, a folder or seed:7)"
    )


def is_pattern(text: str) -> bool:
    """Whether a shell would take it for the names of many files, were it not quoted."""
    return any(character in text for character in "*?[")


def is_folder(item: Input) -> bool:
    """Whether an input stands for many files."""
    return isinstance(item, Path) and item.is_dir()


def paths(*items: Input) -> list[Path]:
    """Those of the inputs that are files or folders."""
    return [item for item in items if isinstance(item, Path)]


def may_be_picture(path: Path) -> bool:
    """Whether a file counts among pictures by its name, in a format that is read or not.

    A format that cannot be read counts, and so does a suffix that says nothing: were such a file
    left out of one folder, every later one would be paired with another's partner.
    """
    if path.suffix.lower() == ARRAY_SUFFIX:
        return True
    kind, packed = _KINDS.guess_type(path.name)
    is_other = kind is not None and not kind.startswith("image/")
    return not is_other and packed is None and path.suffix.lower() not in _BESIDE


def _listed(item: Input) -> tuple[list[Input], set[Path]]:
    """The sorted pictures of a folder, or the one input; and what else is there and not hidden."""
    if isinstance(item, int) or not item.is_dir():
        return [item], set()
    try:
        visible = {path for path in item.iterdir() if not path.name.startswith(".")}
    except OSError as error:
        raise UsageError(f"cannot list {item}: {error.strerror}") from error
    files = {path for path in visible if path.is_file() and may_be_picture(path)}
    if not files:
        raise UsageError(f"{item} has no pictures or {ARRAY_SUFFIX} codes: give another folder")
    # By stem first: "a.jpg" and "a.b.jpg" must sort like "a.png" and "a.b.png".
    return [*sorted(files, key=lambda path: (path.stem, path.suffix))], visible - files


def pair_up(source: Input, target: Input, output: Path) -> tuple[list[Pair], list[Path]]:
    """Pair the files of folders by sorted name; a single input goes with every file.

    Results are named after the source files, or after the targets where only these are a folder.
    What the folders hold beside pictures is returned, too.

    Raises:
        UsageError: a folder has no pictures or cannot be listed, or the counts differ.
    """
    (sources, besides), (targets, others) = _listed(source), _listed(target)
    skipped = [*sorted(besides), *sorted(others)]
    if is_folder(source) and is_folder(target) and len(sources) != len(targets):
        not_counted = f" (not counted: {', '.join(map(str, skipped))})" if skipped else ""
        raise UsageError(
            f"{source} has {len(sources)} files and {target} has {len(targets)}: folders are "
            f"paired by sorted name and must have the same number{not_counted}"
        )
    stems = [path.stem for path in paths(*(sources if is_folder(source) else targets))]
    repeated = (side * (len(stems) // len(side)) for side in (sources, targets))
    pairs = [
        Pair(one, other, output / f"{stem}.png")
        for one, other, stem in zip(*repeated, stems, strict=True)
    ]
    return pairs, skipped


def read_array(pipeline: StyleMaskPipeline, item: Path, truncation: float | None) -> LatentCode:
    """Read a code from a `.npy` file: z, truncated, or W+, which lies where it should.

    Raises:
        InvalidInputError: the file cannot be used.
    """
    values = _open_array(item)
    latents, dim = pipeline.config.num_latents, pipeline.config.latent_dim
    is_z = values.shape in ((dim,), (1, dim))
    if not is_z and values.shape not in ((latents, dim), (1, latents, dim)):
        raise InvalidInputError(
            f"{item} has shape {list(values.shape)}: "
            f"this model takes z [1, {dim}] or W+ [1, {latents}, {dim}]"
        )
    with np.errstate(over="ignore"):  # becomes infinite and is refused as such
        numbers = np.array(values, dtype=np.float32)
    psi = pipeline.config.default_truncation if truncation is None else truncation
    try:
        return pipeline.code(z=numbers, truncation=psi) if is_z else pipeline.code(w_plus=numbers)
    except InvalidInputError as error:
        raise InvalidInputError(f"{item}: {error}") from error


def _open_array(path: Path) -> np.ndarray:
    """Open a `.npy` file of numbers; nothing in it is ever executed."""
    try:
        # Mapped, so that a header that promises terabytes allocates nothing.
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        if file_kinds.is_lfs_pointer(path):
            raise InvalidInputError(f"{path} {file_kinds.LFS_POINTER}") from error
        raise InvalidInputError(
            f"{path} is no readable array (damaged, pickled or not {ARRAY_SUFFIX}): "
            "save the code with numpy.save"
        ) from error
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu":
        raise InvalidInputError(f"{path} holds no real numbers: save the code with numpy.save")
    return values
