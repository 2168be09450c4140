"""What SOURCE and TARGET may be on the command line: seeds, codes, pictures, folders of them."""

from pathlib import Path

import numpy as np

from stylemask_core.checks import check_seed
from stylemask_core.config import MAX_SEED
from stylemask_core.errors import InvalidInputError, UsageError
from stylemask_core.pictures import file_kinds
from stylemask_core.pipeline import StyleMaskPipeline
from stylemask_core.results import LatentCode

SEED_PREFIX = "seed:"
ARRAY_SUFFIX = ".npy"

Input = int | Path  # a seed, or a picture, a .npy code or a folder


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
        raise UsageError(f"{text!r} is no seed: give a whole number 0…{MAX_SEED}") from error


def parse_input(text: str, role: str) -> Input:
    """Tell a seed from a path, and make sure the path is there.

    Args:
        text: as given.
        role: "source" or "target".

    Raises:
        UsageError: the seed cannot be used, or a pattern stands for many files.
        InvalidInputError: there is no such file or folder.
    """
    if text.startswith(SEED_PREFIX):
        try:
            return parse_seed(text.removeprefix(SEED_PREFIX))
        except UsageError as error:
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


def exists(path: Path) -> bool:
    """Whether there is such a file or folder; no error for a name that there cannot be."""
    try:
        return path.exists()
    except OSError:  # e.g. a name longer than the file system allows
        return False


def is_pattern(text: str) -> bool:
    """Whether a shell would take it for the names of many files, were it not quoted."""
    return any(character in text for character in "*?[")


def is_folder(item: Input) -> bool:
    """Whether an input stands for many files."""
    return isinstance(item, Path) and item.is_dir()


def paths(*items: Input) -> list[Path]:
    """Those of the inputs that are files or folders."""
    return [item for item in items if isinstance(item, Path)]


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
