"""Files written whole or not at all, and what they hold as a hash."""

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a draft beside a file; it takes the file's place when the block ends without an error.

    A block that fails leaves nothing behind, and what was there as it was. The draft is not there
    yet, and is to have the file's suffix.

    Raises:
        OSError: it cannot be put in place, as where the block wrote nothing.
    """
    # short: the file's own name may be as long as the file system allows
    draft = path.with_name(f".stylemask-{secrets.token_hex(8)}{path.suffix}")
    try:
        yield draft
        draft.replace(path)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes | str) -> None:
    """Write a file whole or not at all; text as UTF-8."""
    with whole(path) as draft:
        draft.write_bytes(content.encode() if isinstance(content, str) else content)


def sha256(path: Path) -> str:
    """SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
