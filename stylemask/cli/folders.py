"""Folders of pictures: which files count, and which of them are paired."""

import mimetypes
from dataclasses import dataclass
from pathlib import Path

from stylemask.cli.inputs import ARRAY_SUFFIX, Input, is_folder, label
from stylemask_core.errors import UsageError

# Python's own table: the one of the system is another on every machine.
_KINDS = mimetypes.MimeTypes()
# What lies beside pictures and is none, and is not in that table.
_BESIDE = {".aae", ".db", ".ini", ".lnk", ".log", ".md", ".npz", ".toml", ".xmp", ".yaml", ".yml"}


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


@dataclass(frozen=True)
class Listing:
    """What a folder holds, or the one input that is no folder.

    Args:
        items: what is to be read, in sorted order.
        skipped: names of files and folders that are no pictures.
    """

    items: list[Input]
    skipped: list[Path]


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


def listing(item: Input) -> Listing:
    """List a folder; hidden files are not told of.

    Raises:
        UsageError: it has no pictures, or cannot be listed.
    """
    if isinstance(item, int) or not item.is_dir():
        return Listing([item], [])
    try:
        visible = [path for path in item.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        raise UsageError(f"cannot list {item}: {error.strerror}") from error
    files = [path for path in visible if path.is_file() and may_be_picture(path)]
    if not files:
        raise UsageError(f"{item} has no pictures or {ARRAY_SUFFIX} codes: give another folder")
    # By stem first: "a.jpg" and "a.b.jpg" must sort like "a.png" and "a.b.png".
    items: list[Input] = [*sorted(files, key=lambda path: (path.stem, path.suffix))]
    return Listing(items, sorted(set(visible) - set(files)))


def pair_up(source: Input, target: Input, output: Path) -> tuple[list[Pair], list[Path]]:
    """Pair the files of folders by sorted name; a single input goes with every file.

    Args:
        source: seed, file or folder.
        target: the same; at least one of both is a folder.
        output: folder of the results, named after the source files, or after the target files
            where only the target is a folder.

    Returns:
        The pairs, and what the folders hold beside pictures.

    Raises:
        UsageError: a folder has no pictures, or the counts differ.
    """
    sources, targets = listing(source), listing(target)
    counts = len(sources.items), len(targets.items)
    skipped = sources.skipped + targets.skipped
    if is_folder(source) and is_folder(target) and counts[0] != counts[1]:
        raise UsageError(
            f"{source} has {counts[0]} files and {target} has {counts[1]}: folders are paired by "
            f"sorted name and must have the same number{_not_counted(skipped)}"
        )
    named_after = sources if is_folder(source) else targets
    stems = [item.stem for item in named_after.items if isinstance(item, Path)]
    repeated = (side.items * (len(stems) // len(side.items)) for side in (sources, targets))
    pairs = [
        Pair(one, other, output / f"{stem}.png")
        for one, other, stem in zip(*repeated, stems, strict=True)
    ]
    return pairs, skipped


def _not_counted(skipped: list[Path]) -> str:
    return f" (not counted: {', '.join(map(str, skipped))})" if skipped else ""
