"""The authors' official checkpoints, downloaded from where they are published, and converted."""

import errno
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from stylemask.convert import checkpoints
from stylemask_core import downloads, files
from stylemask_core.downloads import CERTIFICATES, Progress, bar_class
from stylemask_core.errors import WeightsError
from stylemask_core.models import cache, model_folder
from stylemask_core.models.hub import explained

OF_REQUESTS = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")  # what `requests`, Drive's way, reads
CHECKPOINT_STARTS = (b"PK\x03\x04", b"\x80")  # of torch.save's zip files, and of older pickles
MODEL_SIZES = {torch.float32: 1_300_000_000, torch.float16: 650_000_000}  # [B] of the folder
# How the libraries below gdown call a host that was not reached; it passes on their words alone.
CONNECTION_FAILED = re.compile("Max retries exceeded|NameResolution|Connection(Error| refused)")
SPARE = 200_000_000  # [B] left free on the disk
LOCK = ".lock"


@dataclass(frozen=True)
class HubFile:
    """A checkpoint in a Hub repository, of a known size [B]."""

    repo_id: str
    path: str
    size: int

    @property
    def name(self) -> str:
        """Of the file alone."""
        return self.path.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class DriveFile:
    """A checkpoint on Google Drive, with the least and largest plausible size [B]."""

    url: str
    name: str
    sizes: tuple[int, int]


GENERATOR = HubFile(
    "akhaliq/jojogan-stylegan2-ffhq-config-f", "stylegan2-ffhq-config-f.pt", 132_729_083
)
ENCODER = HubFile(
    "AIRI-Institute/HairFastGAN",
    "pretrained_models/encoder4editing/e4e_ffhq_encode.pt",
    1_201_649_680,
)
MASK_NETWORK = DriveFile(
    "https://drive.google.com/uc?id=1_V_MnFB8rh5qrQ3zJk00fKXb81uHjIU8",
    "mask_network_1024.pt",
    (22_065_152, 23_000_000),  # its 5,516,288 numbers, and room for names
)


def fetch_ffhq(
    folder: Path | None = None,
    mask_network: Path | None = None,
    dtype: torch.dtype = torch.float32,
    keep: bool = False,
    progress: Progress | None = None,
    on_step: Callable[[str], None] = lambda step: None,
) -> Path:
    """Download the three official checkpoints and convert them to a model folder.

    A file that has arrived is not downloaded again by the next call; all are deleted once the
    model is written.

    Args:
        folder: to be created; None for the one in this project's cache.
        mask_network: the mask network's file, where Google Drive does not give it.
        dtype: of the tensors on disk, float32 or float16.
        keep: do not delete the downloaded files.
        progress: told of the bytes of each file.
        on_step: told what is done next.

    Returns:
        The model folder; `from_pretrained("ffhq")` finds it.

    Raises:
        WeightsError: a file cannot be had or is not what it should be, or the disk is full.
    """
    folder = folder or cache.default_ffhq_folder()
    model_folder.check_replaceable(folder)
    if mask_network is not None:
        check_checkpoint(mask_network, str(mask_network), f"give the authors' {MASK_NETWORK.name}")
    with _locked_downloads() as downloads:
        _check_space(downloads, folder, dtype)
        drive_file = downloads / MASK_NETWORK.name
        if mask_network is None:
            from_drive(MASK_NETWORK, drive_file, progress, on_step)
        generator, encoder = (
            from_hub(file, downloads, progress, on_step) for file in (GENERATOR, ENCODER)
        )
        try:
            checkpoints.convert(
                generator, mask_network or drive_file, encoder, folder, dtype, on_step
            )
        except WeightsError:
            drive_file.unlink(missing_ok=True)  # nothing vouches for it but the conversion
            raise
        _remember(folder)
        if not keep:
            for path in downloads.iterdir():
                if path.is_dir():
                    shutil.rmtree(path)
                elif path.name != LOCK:
                    path.unlink()
    return folder


def from_hub(
    file: HubFile, downloads: Path, progress: Progress | None, on_step: Callable[[str], None]
) -> Path:
    """Download a checkpoint from the Hub, if it is not in the folder of downloads yet.

    Raises:
        WeightsError: it cannot be had, or is not the file that is known.
    """
    from huggingface_hub import HfApi, hf_hub_download

    path = downloads / file.path
    if path.is_file() and path.stat().st_size == file.size:
        return path
    with explained(file.repo_id, cached=False), _full_disk_explained():
        api = HfApi(token=False)  # public files
        commit = api.resolve_revision(file.repo_id).resolved
        on_step(f"downloading {file.name} from {file.repo_id} at commit {commit}")
        (known,) = api.get_paths_info(file.repo_id, [file.path], revision=commit)
        if known.size != file.size:
            raise WeightsError(
                f"{file.path} in {file.repo_id} has {known.size:,} bytes, the official file "
                f"{file.size:,}: convert your own copies with `stylemask convert`"
            )
        hf_hub_download(
            file.repo_id,
            file.path,
            revision=commit,
            local_dir=downloads,
            token=False,
            tqdm_class=bar_class(file.name, progress),
        )
        if files.sha256(path) != known.lfs.sha256:
            path.unlink()
            raise WeightsError(f"{file.name} arrived damaged and was removed: run this again")
    return path


def from_drive(
    file: DriveFile, path: Path, progress: Progress | None, on_step: Callable[[str], None]
) -> Path:
    """Download a checkpoint from Google Drive, if it is not there yet.

    A download that was cut goes on where it stopped, in the next call too.

    Raises:
        WeightsError: Drive refuses it, or sends something else.
    """
    by_hand = f"download it in a browser from {file.url} and give it as --mask-network FILE"
    if path.is_file():
        return path
    try:
        from gdown import DownloadError, download
    except ImportError as error:
        raise WeightsError(
            f"{file.name} lies on Google Drive: pip install 'stylemask[fetch]', or {by_hand}"
        ) from error
    arrived = path.with_name(f"{path.name}.drive")

    on_step(f"downloading {file.name} from Google Drive")
    resumed = list(path.parent.glob(f"{arrived.name}*.part"))  # gdown's
    try:
        with _full_disk_explained():
            download(
                file.url,
                str(arrived),
                quiet=True,
                use_cookies=False,
                verify=authorities(),
                resume=True,
                progress=lambda done, total: progress and progress(file.name, done, total or 0),
                timeout=30,
                retries=3,
            )
    except (DownloadError, OSError) as error:  # those of requests are OSErrors
        for part in resumed:
            part.unlink(missing_ok=True)  # tried once more in vain: the next call begins anew
        words = " ".join(str(error).split())
        remedy = downloads.certificate_trouble(error)
        if remedy or CONNECTION_FAILED.search(words):
            remedy = remedy or "check the connection"
            raise WeightsError(f"Google Drive is not reached: {remedy}; or {by_hand}") from error
        raise WeightsError(f"Google Drive refuses {file.name} ({words}): {by_hand}") from error
    try:
        check_checkpoint(arrived, file.name, f"Google Drive is over its quota: {by_hand}")
        (low, high), size = file.sizes, arrived.stat().st_size
        if not low <= size <= high:
            message = f"{file.name} arrived with {size:,} bytes, not about {low:,}: {by_hand}"
            raise WeightsError(message)
        arrived.replace(path)
    finally:
        arrived.unlink(missing_ok=True)
    return path


def check_checkpoint(path: Path, name: str, hint: str) -> None:
    """Make sure that a file begins like a checkpoint, before anything larger is done with it."""
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError as error:
        raise WeightsError(f"cannot read {name}: {error.strerror}") from error
    if not start.startswith(CHECKPOINT_STARTS):
        what = "a web page" if start.lstrip().startswith(b"<") else "something else"
        raise WeightsError(f"{name} is {what} and no checkpoint: {hint}")


def downloads_folder() -> Path:
    """Where checkpoints are kept from their download until the model made of them is written."""
    return cache.cache_folder() / "downloads"


def authorities() -> str | bool:
    """What the `verify` of `requests` is to be, so that SSL_CERT_FILE holds for it too."""
    own = any(os.environ.get(name) for name in OF_REQUESTS)
    return (not own and os.environ.get(CERTIFICATES)) or True


@contextmanager
def _locked_downloads() -> Iterator[Path]:
    """The folder of downloads, for one process at a time."""
    from filelock import FileLock, Timeout

    folder = downloads_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK).acquire(timeout=0)
    except Timeout as error:
        message = "these files are being fetched already: wait until it is done"
        raise WeightsError(message) from error
    except OSError as error:
        raise WeightsError(
            f"cannot use {folder} ({error.strerror or error}): set {cache.HOME_VARIABLE} to another"
        ) from error
    with lock:
        yield folder


@contextmanager
def _full_disk_explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise WeightsError(
            f"the disk is full: free some space, or set {cache.HOME_VARIABLE} to a folder on "
            f"another disk (now {cache.cache_folder()}); what has arrived is kept for the next try"
        ) from error


def _check_space(downloads: Path, folder: Path, dtype: torch.dtype) -> None:
    missing = sum(f.size for f in (GENERATOR, ENCODER) if not (downloads / f.path).is_file())
    above = next(parent for parent in folder.absolute().parents if parent.exists())
    needs = {downloads: missing, above: MODEL_SIZES[dtype]}
    if downloads.stat().st_dev == above.stat().st_dev:
        needs = {downloads: missing + MODEL_SIZES[dtype]}
    for place, needed in needs.items():
        free = shutil.disk_usage(place).free
        if free < needed + SPARE:
            raise WeightsError(
                f"{needed / 1e9:.1f} GB are needed in {place} and {free / 1e9:.1f} GB are free: "
                f"free some space, choose another folder with -o, or set {cache.HOME_VARIABLE}"
            )


def _remember(folder: Path) -> None:
    try:
        cache.remember_ffhq_folder(folder)
    except OSError as error:
        raise WeightsError(
            f"the model is in {folder}, but its place cannot be noted ({error.strerror}): use "
            f"--model {folder}"
        ) from error
