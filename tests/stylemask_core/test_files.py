"""Files are written whole or not at all."""

import hashlib
from pathlib import Path

import pytest

from stylemask_core.files import sha256, whole, write_whole


def test_a_file_takes_the_place_of_another_whole(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("before")
    with whole(path) as draft:
        draft.write_text("after")
        assert path.read_text() == "before"
        assert (draft.parent, draft.suffix) == (tmp_path, ".txt")
    assert path.read_text() == "after"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_block_that_fails_leaves_everything_as_it_was(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "file"
    path.write_text("before")
    with pytest.raises(error), whole(path) as draft:
        draft.write_text("half")
        raise error
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_bytes_and_text_of_any_name_are_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 251 + ".txt")  # as long as a file's name may be
    write_whole(path, "é")
    assert path.read_bytes() == "é".encode()
    write_whole(path, b"\0")
    assert path.read_bytes() == b"\0"
    assert sha256(path) == hashlib.sha256(b"\0").hexdigest()
    with pytest.raises(OSError, match="missing"):
        write_whole(tmp_path / "missing" / "file", b"")
