"""What the name of a model stands for: a folder on this disk, fetched if need be."""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from stylemask_core.config import CONFIG_NAME
from stylemask_core.downloads import Progress
from stylemask_core.errors import WeightsError
from stylemask_core.models import cache, hub, model_folder

logger = logging.getLogger(__name__)

FFHQ = "ffhq"
FFHQ_VARIABLE = "STYLEMASK_FFHQ_REPO"
# user/repo and user/repo@revision, but not ./folder or ~/folder
LIKE_A_HUB_ID = re.compile(r"[\w-][^/\\@]*/[^/\\@]+(@.*)?")


@dataclass(frozen=True)
class ModelSource:
    """Where a model lies."""

    folder: Path  # on this disk
    name: str  # how the model was asked for, without a revision
    revision: str = ""  # full commit sha of a Hub repository, "" for a folder

    def load(self) -> model_folder.Model:
        """Load the model, as `model_folder.load_model` does.

        Raises:
            WeightsError: anything is missing, extra, misshapen, damaged or not finite.
        """
        with self._remedy():
            model = model_folder.load_model(self.folder)
        return replace(model, load_encoder=self._remedy()(model.load_encoder))

    @contextmanager
    def _remedy(self) -> Iterator[None]:
        """Let a WeightsError say what helps against a damaged cache."""
        try:
            yield
        except WeightsError as error:
            if not self.revision:
                raise
            cached = self.folder.parent.parent  # models--user--repo/snapshots/commit
            raise WeightsError(
                f"{error}; if only the cache is damaged, delete {cached} and load it again"
            ) from error


def locate(
    model: str | Path | None,
    revision: str | None = None,
    local_files_only: bool = False,
    progress: Progress | None = None,
) -> ModelSource:
    """Find the folder a model's name stands for; a Hub repository is downloaded into the cache.

    Args:
        model: "embedded" (also None), a folder, "user/repo", "user/repo@revision" or "ffhq".
        revision: branch, tag or commit of a Hub repository.
        local_files_only: take what the cache has and ask nobody.
        progress: told of every file's bytes.

    Raises:
        WeightsError: there is no such model, or it cannot be had.
    """
    if model == FFHQ:
        return _ffhq(revision, local_files_only, progress)
    name, folder = str(model or model_folder.EMBEDDED), Path(model or model_folder.EMBEDDED)
    if name == model_folder.EMBEDDED:
        folder = model_folder.EMBEDDED_FOLDER
    if _is_dir(folder):
        return _local(folder, name, revision)
    if isinstance(model, str) and LIKE_A_HUB_ID.fullmatch(model):
        return _from_hub(model, revision, local_files_only, progress)
    hint = "is no Hub id (user/repo) either: " if isinstance(model, str) and "/" in model else ""
    raise WeightsError(
        f"no model folder at {name!r}{', which ' if hint else ': '}{hint}give "
        f"{model_folder.EMBEDDED!r}, a folder with {CONFIG_NAME} and the safetensors files, or "
        "user/repo on the Hub"
    )


def is_hub_id(name: str) -> bool:
    """Whether a model's name stands for a Hub repository; a folder on this disk goes before."""
    return LIKE_A_HUB_ID.fullmatch(name) is not None and not _is_dir(Path(name))


def _is_dir(folder: Path) -> bool:
    try:
        return folder.is_dir()
    except OSError:  # e.g. a name longer than the file system allows
        return False


def _local(folder: Path, name: str, revision: str | None) -> ModelSource:
    if revision:
        raise WeightsError(f"{name} is a folder: a revision goes with a Hub repository")
    return ModelSource(folder, name)


def _from_hub(
    text: str, revision: str | None, local_files_only: bool, progress: Progress | None
) -> ModelSource:
    repository = hub.Repository.parse(text, revision)
    pinned = repository.pinned(local_files_only)
    logger.info("%s is commit %s", repository, pinned.revision)
    folder = hub.snapshot(pinned, local_files_only, progress)
    return ModelSource(folder, repository.id, pinned.revision)


def _ffhq(revision: str | None, local_files_only: bool, progress: Progress | None) -> ModelSource:
    if repo := os.environ.get(FFHQ_VARIABLE):
        try:
            source = _from_hub(repo, revision, local_files_only, progress)
        except WeightsError as error:
            raise WeightsError(f"{FFHQ} is {FFHQ_VARIABLE}={repo}: {error}") from error
        return ModelSource(source.folder, FFHQ, source.revision)
    folder = cache.ffhq_folder()
    for place in (folder, Path(FFHQ)):  # the latter as `stylemask convert -o ffhq` leaves it
        if _is_dir(place) and (place / CONFIG_NAME).is_file():
            return _local(place, FFHQ, revision)
    raise WeightsError(
        f"the {FFHQ} model is not on this machine: run `stylemask fetch {FFHQ}`, or set "
        f"{FFHQ_VARIABLE} to a Hub repository that holds it (user/repo@commit)"
    )
