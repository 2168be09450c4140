"""What went wrong between this machine and the Hub, in one line that says what to do."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from stylemask_core import downloads
from stylemask_core.errors import WeightsError


@contextmanager
def explained(repository: str, cached: bool = True) -> Iterator[None]:
    """Turn the errors of huggingface_hub within the block into WeightsErrors.

    Args:
        repository: "user/repo" or "user/repo@revision", as the messages shall name it.
        cached: whether the cache could have stood in for the Hub, as for a model that is loaded.

    Raises:
        WeightsError: anything failed.
    """
    from huggingface_hub import constants, errors
    from huggingface_hub.utils import httpx

    endpoint, name = constants.ENDPOINT, repository.partition("@")[0]
    sign_in = "set HF_TOKEN or run `hf auth login`"
    try:
        yield
    except errors.GatedRepoError as error:
        raise WeightsError(
            f"{name} is gated: accept its terms at {endpoint}/{name}, then {sign_in}"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise WeightsError(
            f"no folder {name!r} here, and no such repository at {endpoint} for you: check the "
            f"name; if it is private, {sign_in}"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise WeightsError(
            f"{repository} has no such revision: give a branch, a tag or a commit of {name}"
        ) from error
    except errors.LocalEntryNotFoundError as error:  # nor did the Hub say anything of the file
        cause = error.__cause__
        if isinstance(cause, errors.HfHubHTTPError):
            raise WeightsError(_answer(cause.response.status_code, repository, endpoint)) from error
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
        if reason := downloads.certificate_trouble(error):
            raise WeightsError(f"{endpoint} is not reached: {reason}") from error
        raise WeightsError(f"{repository} on the Hub: {error}") from error


def not_cached(repository: str) -> str:
    """The message where only the cache was to be asked."""
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
    if reason := downloads.certificate_trouble(error):
        return f"{endpoint} is not reached: {reason}"
    cause = error.__cause__ or error
    if isinstance(cause, errors.RevisionResolutionError):  # it was not allowed to ask
        return not_cached(repository)
    lack = f"no folder or cached model {repository!r}, and " if cached else ""
    return (
        f"{lack}{endpoint} cannot be reached ({type(cause).__name__}): check the connection and "
        "HF_ENDPOINT"
    )
