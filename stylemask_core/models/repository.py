"""Hub repositories ↔ model folders: one commit of one → this disk, a folder → a commit.

Everything goes through huggingface_hub, which is imported when it is needed and reads HF_ENDPOINT,
HF_HOME, HF_TOKEN and HF_HUB_OFFLINE then.
"""

import hashlib
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stylemask_core.config import CONFIG_NAME, ModelConfig
from stylemask_core.downloads import Progress, bar_class, bars_on_a_terminal_only
from stylemask_core.errors import WeightsError
from stylemask_core.models import model_folder
from stylemask_core.models.front_matter import with_front_matter
from stylemask_core.models.hub_errors import explained, not_cached

COMMIT = re.compile(r"[0-9a-f]{40}")
REVISION = re.compile(r"(?!.*(\.\.|//))\w[\w./+-]*(?<![./])")  # a branch, a tag or a commit
MAX_TEXT_SIZE = 2**20  # [B] of the config, the model card and a safetensors header
NUMBER_SIZES = (2, 8)  # [B] of a number on disk, float16 … float64


@dataclass(frozen=True)
class Repository:
    """A Hub repository at the revision that was asked for.

    Args:
        id: "user/repo".
        revision: branch, tag or commit; "" for the default branch.
    """

    id: str
    revision: str = ""

    def __str__(self) -> str:
        return f"{self.id}@{self.revision}" if self.revision else self.id

    @classmethod
    def parse(cls, text: str, revision: str | None = None) -> "Repository":
        """Read "user/repo" or "user/repo@revision".

        Args:
            text: what a user gave.
            revision: what was given beside it.

        Raises:
            WeightsError: it is no Hub id, or the revision is given twice.
        """
        from huggingface_hub.errors import HFValidationError
        from huggingface_hub.utils import validate_repo_id

        repo, at, within = text.partition("@")
        try:
            validate_repo_id(repo)
        except HFValidationError as error:
            raise WeightsError(f"{repo!r} is no Hub id (user/repo): {error}") from error
        if "/" not in repo:
            raise WeightsError(f"{repo!r} is no Hub id: give user/repo")
        if at and revision:
            raise WeightsError(f"give the revision of {repo} once, not {within!r} and {revision!r}")
        chosen = within if at else revision or ""
        if (at or revision) and not REVISION.fullmatch(chosen):
            raise WeightsError(f"{chosen!r} is no revision: give a branch, a tag or a commit")
        return cls(repo, chosen)

    def pinned(self, local_files_only: bool = False) -> "Repository":
        """The repository at the commit its revision stands for now.

        Where the Hub cannot be reached, the cache knows what it stood for last.

        Args:
            local_files_only: ask the cache alone.

        Raises:
            WeightsError: the repository or the revision is not to be had.
        """
        from huggingface_hub import HfApi

        with explained(str(self)):
            found = HfApi().resolve_revision(
                self.id, revision=self.revision or None, local_files_only=local_files_only
            )
        if not COMMIT.fullmatch(found.resolved):
            raise WeightsError(f"{self} stands for {found.resolved!r}, which is no commit")
        return Repository(self.id, found.resolved)


def snapshot(
    pinned: Repository, local_files_only: bool = False, progress: Progress | None = None
) -> Path:
    """Bring the model folder of one commit into huggingface_hub's cache, if it is not there.

    The config comes first: a repository that holds no model, or files of another size than its
    config promises, is refused before any weights are downloaded.

    Args:
        pinned: repository at a full commit sha.
        local_files_only: ask the cache alone.
        progress: told of the bytes of each file.

    Returns:
        The folder, not to be changed.

    Raises:
        WeightsError: a file is missing, damaged or cannot be had, or the disk is full.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    if cached := _cached_folder(pinned):
        return cached
    if local_files_only:
        raise WeightsError(not_cached(str(pinned)))
    with explained(str(pinned)):
        listing = HfApi().get_paths_info(
            pinned.id, list(model_folder.ALL_FILES), revision=pinned.revision
        )
    files = {file.path: file for file in listing if isinstance(file, RepoFile)}
    _check_there(pinned, _files(model_folder.PARTS), files)
    for name in (model_folder.CARD_NAME, CONFIG_NAME):
        if name in files:
            if files[name].size > MAX_TEXT_SIZE:
                raise WeightsError(f"{pinned}: {name} has {files[name].size:,} bytes, far too many")
            folder = _download(pinned, files[name], progress).parent
    config = ModelConfig.load(folder)
    _check_there(pinned, _files(model_folder.parts(config)), files)
    _check_sizes(pinned, config, files)
    weights = [files[f"{part}.safetensors"] for part in model_folder.parts(config)]
    _check_space(pinned, sum(file.size for file in weights if not _cached(pinned, file.path)))
    for file in weights:
        _download(pinned, file, progress)
    return folder


def _files(parts: Sequence[str]) -> list[str]:
    """What a model with these networks cannot do without."""
    return [CONFIG_NAME, *(f"{part}.safetensors" for part in parts)]


def _check_there(pinned: Repository, names: list[str], files: dict[str, Any]) -> None:
    if missing := [name for name in names if name not in files]:
        raise WeightsError(f"{pinned} is no StyleMask model: it has no {', '.join(missing)}")


def _cached(pinned: Repository, name: str) -> Path | None:
    """Where the cache has a file of the commit, if it has."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(pinned.id, name, revision=pinned.revision)
    return Path(found) if isinstance(found, str) else None


def _cached_folder(pinned: Repository) -> Path | None:
    """The commit's folder in the cache, if it is whole."""
    path = _cached(pinned, CONFIG_NAME)
    if path is None:
        return None
    names = _files(model_folder.parts(ModelConfig.load(path.parent)))
    return path.parent if all(_cached(pinned, name) for name in names) else None


def _check_sizes(pinned: Repository, config: ModelConfig, files: dict[str, Any]) -> None:
    low, high = NUMBER_SIZES
    for part in model_folder.parts(config):
        name = f"{part}.safetensors"
        tensors = model_folder.empty_network(config, part).state_dict().values()
        numbers = sum(tensor.numel() for tensor in tensors)
        if not low * numbers < files[name].size <= high * numbers + MAX_TEXT_SIZE:
            raise WeightsError(
                f"{pinned}: {name} has {files[name].size:,} bytes, which does not fit the "
                f"{numbers:,} numbers its {CONFIG_NAME} promises"
            )


def _check_space(pinned: Repository, needed: int) -> None:
    from huggingface_hub import constants

    free = shutil.disk_usage(constants.HF_HUB_CACHE).free
    if free < needed:
        raise WeightsError(
            f"{pinned} needs {needed / 1e9:.1f} GB, the disk has {free / 1e9:.1f} GB left: free "
            f"some space or set HF_HOME to a folder on another disk (now {constants.HF_HOME})"
        )


def _download(pinned: Repository, file: Any, progress: Progress | None) -> Path:
    """Download one file into the cache and hold it to the Hub's checksum.

    Args:
        pinned: repository at a full commit sha.
        file: huggingface_hub's RepoFile.
        progress: told of the bytes.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils.sha import git_hash

    with explained(str(pinned)):
        path = Path(
            hf_hub_download(
                pinned.id,
                file.path,
                revision=pinned.revision,
                tqdm_class=bar_class(file.path, progress),
            )
        )
        if file.lfs is None:
            sound = git_hash(path.read_bytes()) == file.blob_id
        else:
            with path.open("rb") as content:
                sound = hashlib.file_digest(content, "sha256").hexdigest() == file.lfs.sha256
        if not sound:
            path.resolve().unlink()  # the blob the snapshot's link points to
            path.unlink(missing_ok=True)
            raise WeightsError(
                f"{pinned}: {file.path} arrived damaged and was removed: load the model again"
            )
    return path


def push(folder: Path, repo_id: str, private: bool = False) -> str:
    """Upload a model folder's files in one commit; the repository is made if need be.

    The folder is loaded first, as strictly as ever: a broken model is not published.

    Args:
        folder: model folder.
        repo_id: "user/repo".
        private: whether a repository that is made is private; an existing one stays as it is.

    Returns:
        URL of the commit.

    Raises:
        WeightsError: the folder is no sound model, or the Hub does not take it.
    """
    from huggingface_hub import CommitOperationAdd, HfApi, get_token

    repository = Repository.parse(repo_id)
    if repository.revision:
        raise WeightsError(f"models are pushed to {repository.id} itself: leave out the revision")
    model = model_folder.load_model(folder)
    for part in model_folder.parts(model.config):
        getattr(model, part)  # a part that is loaded when it is needed is needed now
    card = with_front_matter(model.card, model.config)
    if get_token() is None:
        raise WeightsError(
            f"pushing to {repository.id} needs a token with write access: set HF_TOKEN or run "
            "`hf auth login`"
        )
    files: dict[str, Path | bytes] = {
        name: folder / name for name in _files(model_folder.parts(model.config))
    }
    files[model_folder.CARD_NAME] = card.encode()
    operations = [CommitOperationAdd(name, content) for name, content in files.items()]
    with explained(repository.id, cached=False), bars_on_a_terminal_only():
        api = HfApi()
        api.create_repo(repository.id, private=private, exist_ok=True)
        commit = api.create_commit(
            repository.id, operations, commit_message=f"Add the {model.config.name} model"
        )
    return str(commit.commit_url)
