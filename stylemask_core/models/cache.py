"""This project's folder on the user's disk, and the FFHQ model in it or elsewhere."""

import os
from pathlib import Path

HOME_VARIABLE = "STYLEMASK_HOME"
POINTER_NAME = "ffhq.txt"  # names the FFHQ model's folder where it is not the default one


def cache_folder() -> Path:
    """STYLEMASK_HOME, or `stylemask` in XDG_CACHE_HOME or ~/.cache; it need not exist."""
    if home := os.environ.get(HOME_VARIABLE):
        return Path(home).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "stylemask"


def default_ffhq_folder() -> Path:
    """Where the FFHQ model is put if nobody chooses another folder."""
    return cache_folder() / "ffhq"


def ffhq_folder() -> Path:
    """Where the FFHQ model that was fetched last lies, or would lie."""
    try:
        return Path((cache_folder() / POINTER_NAME).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return default_ffhq_folder()


def remember_ffhq_folder(folder: Path) -> None:
    """Let `ffhq_folder` find a folder.

    Raises:
        OSError: the cache folder cannot be written.
    """
    cache_folder().mkdir(parents=True, exist_ok=True)
    (cache_folder() / POINTER_NAME).write_text(str(folder.resolve()), encoding="utf-8")
