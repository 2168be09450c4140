"""Hub repositories ↔ model folders: one commit of one → this disk, a folder → a commit.

Everything goes through huggingface_hub, which is imported when it is needed and reads HF_ENDPOINT,
HF_HOME, HF_TOKEN and HF_HUB_OFFLINE then. What it does not do is done here: it compares no hashes,
and knows nothing of what a model must hold.
"""

import errno
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stylemask_core import files
from stylemask_core.config import CONFIG_NAME, ModelConfig
from stylemask_core.downloads import (
    Progress,
    bar_class,
    bars_on_a_terminal_only,
    certificate_trouble,
)
from stylemask_core.errors import WeightsError
from stylemask_core.models import model_folder

COMMIT = re.compile(r"[0-9a-f]{40}")
REVISION = re.compile(r"(?!.*(\.\.|//))\w[\w./+-]*(?<![./])")  # a branch, a tag or a commit
MAX_TEXT_SIZE = 2**20  # [B] of the config, the model card and a safetensors header
NUMBER_SIZES = (2, 8)  # [B] of a number on disk, float16 … float64
SIGN_IN = "set HF_TOKEN or run `hf auth login`"

# What the Hub reads at the head of a model card.
HUB_LICENCES = ("cc0-1.0", "cc-by-4.0", "cc-by-nc-4.0", "mit", "apache-2.0")  # it knows more
LICENCE_LINKS = {
    "nvidia-source-code-license-nc": "https://github.com/NVlabs/stylegan2/blob/master/LICENSE.txt",
}
TAGS = ["stylegan2", "face-reenactment", "stylemask"]


@dataclass(frozen=True)
class Repository:
    """A Hub repository, "user/repo", at a branch, tag or commit; "" for the default branch."""

    id: str
    revision: str = ""

    def __str__(self) -> str:
        return f"{self.id}@{self.revision}" if self.revision else self.id

    @classmethod
    def parse(cls, text: str, revision: str | None = None) -> "Repository":
        """Read "user/repo" or "user/repo@revision", with a revision beside it or not.

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
        wanted = within if at else revision or ""
        if (at or revision) and not REVISION.fullmatch(wanted):
            raise WeightsError(f"{wanted!r} is no revision: give a branch, a tag or a commit")
        return cls(repo, wanted)

    def pinned(self, local_files_only: bool = False) -> "Repository":
        """The repository at the commit its revision stands for now.

        Where the Hub cannot be reached, or is not to be, the cache knows what it stood for last.

        Raises:
            WeightsError: the repository or the revision is not to be had.
        """
        from huggingface_hub import HfApi

        with explained(str(self)):
            commit = HfApi().resolve_revision(
                self.id, revision=self.revision or None, local_files_only=local_files_only
            )
        if not COMMIT.fullmatch(commit.resolved):
            raise WeightsError(f"{self} stands for {commit.resolved!r}, which is no commit")
        return Repository(self.id, commit.resolved)


def snapshot(
    pinned: Repository, local_files_only: bool = False, progress: Progress | None = None
) -> Path:
    """Bring the model folder of a pinned commit into huggingface_hub's cache, if it is not there.

    The config comes first: a repository that holds no model, or files of another size than its
    config promises, is refused before any weights are downloaded.

    Raises:
        WeightsError: a file is missing, damaged or cannot be had, or the disk is full.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    config_file = _cached(pinned, CONFIG_NAME)
    if config_file and all(
        _cached(pinned, x) for x in _names(ModelConfig.load(config_file.parent))
    ):
        return config_file.parent
    if local_files_only:
        raise WeightsError(_not_cached(str(pinned)))
    with explained(str(pinned)):
        listing = HfApi().get_paths_info(
            pinned.id, list(model_folder.ALL_FILES), revision=pinned.revision
        )
    there = {file.path: file for file in listing if isinstance(file, RepoFile)}
    _check_there(pinned, _names(), there)
    texts = [there[x] for x in (model_folder.CARD_NAME, CONFIG_NAME) if x in there]
    for file in texts:
        if file.size > MAX_TEXT_SIZE:
            raise WeightsError(f"{pinned}: {file.path} has {file.size:,} bytes, far too many")
    config = ModelConfig.load(_download(pinned, texts, None))
    _check_there(pinned, _names(config), there)
    _check_sizes(pinned, config, there)
    weights = [there[name] for name in _names(config) if not _cached(pinned, name)]
    _check_space(pinned, sum(file.size for file in weights))
    return _download(pinned, weights, progress)


def _names(config: ModelConfig | None = None) -> list[str]:
    """The files that a model cannot do without."""
    parts = model_folder.parts(config) if config else model_folder.PARTS
    return [CONFIG_NAME, *(f"{part}.safetensors" for part in parts)]


def _check_there(pinned: Repository, names: list[str], there: dict[str, Any]) -> None:
    if missing := [name for name in names if name not in there]:
        raise WeightsError(f"{pinned} is no StyleMask model: it has no {', '.join(missing)}")


def _cached(pinned: Repository, name: str) -> Path | None:
    """Where the cache has a file of the commit, if it has."""
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(pinned.id, name, revision=pinned.revision)
    return Path(path) if isinstance(path, str) else None


def _check_sizes(pinned: Repository, config: ModelConfig, there: dict[str, Any]) -> None:
    low, high = NUMBER_SIZES
    for part in model_folder.parts(config):
        file = there[f"{part}.safetensors"]
        tensors = model_folder.empty_network(config, part).state_dict().values()
        numbers = sum(tensor.numel() for tensor in tensors)
        if not low * numbers < file.size <= high * numbers + MAX_TEXT_SIZE:
            raise WeightsError(
                f"{pinned}: {file.path} has {file.size:,} bytes, which does not fit the "
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


def _download(pinned: Repository, wanted: Sequence[Any], progress: Progress | None) -> Path:
    """Bring files that huggingface_hub listed into the cache, and hold them to its checksums."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils.sha import git_hash

    total = sum(file.size for file in wanted)
    with explained(str(pinned)):
        folder = Path(
            snapshot_download(
                pinned.id,
                revision=pinned.revision,
                allow_patterns=[file.path for file in wanted],
                tqdm_class=bar_class(pinned.id, progress, total),
            )
        )
        for file in wanted:
            path = folder / file.path
            if file.lfs is None:
                is_sound = git_hash(path.read_bytes()) == file.blob_id
            else:
                is_sound = files.sha256(path) == file.lfs.sha256
            if not is_sound:
                path.resolve().unlink()  # the blob the snapshot's link points to
                path.unlink(missing_ok=True)
                raise WeightsError(
                    f"{pinned}: {file.path} arrived damaged and was removed: load the model again"
                )
    return folder


def push(folder: Path, repo_id: str, private: bool = False) -> str:
    """Upload a model folder's files in one commit; the repository is made if need be.

    The folder is loaded first, as strictly as ever: a broken model is not published.

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
    _ = model.encoder  # is loaded when it is needed, and now it is
    card = with_front_matter(model.card, model.config)
    if get_token() is None:
        raise WeightsError(f"pushing to {repository.id} needs a token with write access: {SIGN_IN}")
    operations = [CommitOperationAdd(model_folder.CARD_NAME, card.encode())]
    operations += [CommitOperationAdd(name, folder / name) for name in _names(model.config)]
    with explained(repository.id, cached=False), bars_on_a_terminal_only():
        api = HfApi()
        api.create_repo(repository.id, private=private, exist_ok=True)
        commit = api.create_commit(
            repository.id, operations, commit_message=f"Add the {model.config.name} model"
        )
    return str(commit.commit_url)


def with_front_matter(card: str, config: ModelConfig) -> str:
    """Add to a model card what the Hub wants to read and the card's YAML does not say.

    Raises:
        WeightsError: the card's front matter is no YAML.
    """
    from huggingface_hub import ModelCard, ModelCardData
    from yaml import YAMLError

    try:
        parsed = ModelCard(card, ignore_metadata_errors=False)
    except (ValueError, YAMLError) as error:
        raise WeightsError(f"the front matter of README.md cannot be read: {error}") from error
    said = parsed.data.to_dict()
    fields: dict[str, Any] = {
        "library_name": "stylemask",
        "pipeline_tag": "image-to-image",
        "tags": TAGS,
    }
    if "license" not in said:  # its name and link go with it
        fields |= _licence(config)
    if set(fields) <= set(said):
        return card
    parsed.data = ModelCardData(**{**fields, **said})
    return str(parsed)


def _licence(config: ModelConfig) -> dict[str, str]:
    plain = config.licence.partition("(")[0].lower()  # without a remark in brackets
    name = re.sub(r"[^a-z0-9.]+", "-", plain).strip("-")
    if name in HUB_LICENCES or not name:
        return {"license": name} if name else {}
    link = {"license_link": LICENCE_LINKS[name]} if name in LICENCE_LINKS else {}
    return {"license": "other", "license_name": name, **link}


@contextmanager
def explained(repository: str, cached: bool = True) -> Iterator[None]:
    """Turn the errors of huggingface_hub within the block into WeightsErrors of one line.

    Args:
        repository: "user/repo" or "user/repo@revision", as the messages shall name it.
        cached: whether the cache could have stood in for the Hub, as for a model that is loaded.
    """
    from huggingface_hub import constants, errors
    from huggingface_hub.utils import httpx

    endpoint, name = constants.ENDPOINT, repository.partition("@")[0]
    plain: dict[type[Exception], str] = {
        errors.GatedRepoError: f"{name} is gated: accept its terms at {endpoint}/{name}, "
        f"then {SIGN_IN}",
        errors.RepositoryNotFoundError: f"no folder {name!r} here, and no such repository at "
        f"{endpoint} for you: check the name; if it is private, {SIGN_IN}",
        errors.RevisionNotFoundError: f"{repository} has no such revision: give a branch, a tag "
        f"or a commit of {name}",
    }
    try:
        yield
    except tuple(plain) as error:
        raise WeightsError(
            next(x for kind, x in plain.items() if isinstance(error, kind))
        ) from error
    except errors.LocalEntryNotFoundError as error:  # nor did the Hub say anything of the file
        if isinstance(error.__cause__, errors.HfHubHTTPError):
            status = error.__cause__.response.status_code
            raise WeightsError(_answer(status, repository, endpoint)) from error
        raise WeightsError(_unreachable(repository, endpoint, error, cached)) from error
    except errors.EntryNotFoundError as error:
        raise WeightsError(f"{repository} lacks a file of a StyleMask model: {error}") from error
    except errors.HfHubHTTPError as error:
        raise WeightsError(_answer(error.response.status_code, repository, endpoint)) from error
    except (errors.RevisionResolutionError, errors.OfflineModeIsEnabled, httpx.HTTPError) as error:
        raise WeightsError(_unreachable(repository, endpoint, error, cached)) from error
    except (OSError, ValueError, RuntimeError) as error:  # the latter two: of LFS and Xet
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise WeightsError(
                f"the disk is full, {repository} is not whole: free some space or set HF_HOME to "
                f"a folder on another disk (now {constants.HF_HOME})"
            ) from error
        if reason := certificate_trouble(error):
            raise WeightsError(f"{endpoint} is not reached: {reason}") from error
        raise WeightsError(f"{repository} on the Hub: {error}") from error


def _not_cached(repository: str) -> str:
    return f"{repository} is not in the cache: load it once without local_files_only"


def _answer(status: int, repository: str, endpoint: str) -> str:
    if status == 401:
        return f"{endpoint} does not accept the token in HF_TOKEN: make a new one, or unset it"
    if status == 403:
        return f"{endpoint} forbids this for {repository}: check what your token may do"
    return f"{endpoint} answered {status} for {repository}: try again later"


def _unreachable(repository: str, endpoint: str, error: Exception, cached: bool) -> str:
    from huggingface_hub import constants, errors

    if constants.is_offline_mode():
        lack = f"{repository} is not in the cache and " if cached else ""
        return f"{lack}HF_HUB_OFFLINE is set: unset it to reach the Hub"
    if reason := certificate_trouble(error):
        return f"{endpoint} is not reached: {reason}"
    cause = error.__cause__ or error
    if isinstance(cause, errors.RevisionResolutionError):  # it was not allowed to ask
        return _not_cached(repository)
    lack = f"no folder or cached model {repository!r}, and " if cached else ""
    return (
        f"{lack}{endpoint} cannot be reached ({type(cause).__name__}): check the connection and "
        "HF_ENDPOINT"
    )
