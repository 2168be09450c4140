"""What SOURCE and TARGET may be on the command line: seeds, codes, pictures, folders of them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stylemask_core import file_kinds, images
from stylemask_core.arguments import check_seed
from stylemask_core.config import MAX_SEED
from stylemask_core.errors import InvalidInputError, UsageError
from stylemask_core.pipeline import StyleMaskPipeline
from stylemask_core.results import LatentCode

SEED_PREFIX = "seed:"
ARRAY_SUFFIX = ".npy"

Input = int | Path  # a seed, or a picture, a .npy code or a folder


@dataclass(frozen=True)
class Pair:
    """One reenactment to be made.

    Args:
        source: seed or file.
        target: seed or file.
        output: picture to write.
    """

    source: Input
    target: Input
    output: Path

    def __str__(self) -> str:
        return f"{label(self.source)} + {label(self.target)}"


def label(item: Input) -> str:
    """How messages call an input."""
    return f"{SEED_PREFIX}{item}" if isinstance(item, int) else item.name


def parse_seed(text: str) -> int:
    """A seed from the command line.

    Raises:
        UsageError: it is no whole number in 0…2³²−1.
    """
    try:
        return check_seed(int(text))
    except (InvalidInputError, ValueError) as error:
        raise UsageError(
            f"seed {text!r} is not usable: give a whole number 0…{MAX_SEED}"
        ) from error


def parse_input(text: str) -> Input:
    """Tell a seed from a path, and make sure the path is there.

    Raises:
        UsageError: the seed cannot be used.
        InvalidInputError: there is no such file or folder.
    """
    if text.startswith(SEED_PREFIX):
        return parse_seed(text.removeprefix(SEED_PREFIX))
    if "://" in text:
        raise InvalidInputError(f"{text} is a web address: download the picture and give the file")
    path = Path(text)
    try:
        found = path.exists()
    except OSError:  # e.g. a name longer than the file system allows
        found = False
    if not found:
        raise InvalidInputError(
            f"no such file: {text} (give a picture, a {ARRAY_SUFFIX} code, a folder or seed:7)"
        )
    return path


def is_folder(item: Input) -> bool:
    """Whether an input stands for many files."""
    return isinstance(item, Path) and item.is_dir()


def pair_up(source: Input, target: Input, output: Path) -> list[Pair]:
    """Pair the files of folders by sorted name; a single input goes with every file.

    Args:
        source: seed, file or folder.
        target: the same; at least one of both is a folder.
        output: folder of the results, named after the source files, or after the target files
            where only the target is a folder.

    Raises:
        UsageError: a folder has nothing usable, or the counts differ.
    """
    sources, targets = _files(source), _files(target)
    if is_folder(source) and is_folder(target) and len(sources) != len(targets):
        raise UsageError(
            f"{source} has {len(sources)} usable files and {target} has {len(targets)}: "
            "folders are paired by sorted name and must have the same number"
        )
    count = max(len(sources), len(targets))
    named_after = sources if is_folder(source) else targets
    stems = [item.stem for item in named_after if isinstance(item, Path)]
    sources, targets = (x * count if len(x) == 1 else x for x in (sources, targets))
    return [
        Pair(a, b, output / f"{stem}.png")
        for a, b, stem in zip(sources, targets, stems, strict=True)
    ]


def _files(item: Input) -> list[Input]:
    """The usable files of a folder in sorted order, or the single input itself."""
    if isinstance(item, int) or not item.is_dir():
        return [item]
    usable = (*images.SUFFIXES, ARRAY_SUFFIX)
    try:
        files: list[Path] = [
            path
            for path in item.iterdir()
            if path.suffix.lower() in usable and path.is_file() and not path.name.startswith(".")
        ]
    except OSError as error:
        raise UsageError(f"cannot list {item}: {error.strerror}") from error
    if not files:
        raise UsageError(f"{item} has no pictures or {ARRAY_SUFFIX} codes: give another folder")
    # By stem first: "a.jpg" and "a.b.jpg" must sort like "a.png" and "a.b.png".
    return [*sorted(files, key=lambda path: (path.stem, path.suffix))]


def read_array(pipeline: StyleMaskPipeline, item: Path, truncation: float | None) -> LatentCode:
    """Read a code from a file.

    Args:
        pipeline: the model.
        item: a `.npy` array, z or W+.
        truncation: psi for z, None for the model's default; W+ already lies where it should and
            is left as it is.

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
