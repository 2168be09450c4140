"""What downloads and uploads share: telling how far they are, and what a certificate stopped."""

import os
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar

Progress = Callable[[str, int, int], None]  # what, bytes done, bytes in all (0 where unknown)

CERTIFICATES = "SSL_CERT_FILE"  # httpx and urllib read it by themselves
REFUSED = "CERTIFICATE_VERIFY_FAILED"  # OpenSSL's name, which libraries pass on in their messages


def bar_class(what: str, progress: Progress | None, total: int = 0) -> type:
    """A stand-in for a tqdm class that huggingface_hub feeds; it draws nothing itself.

    Args:
        what: first argument of each call to `progress`.
        progress: called with every step; None for silence.
        total: bytes in all; 0 for what the bars are told.
    """
    lock = Lock()  # several threads feed a bar
    ahead: list[Any] = []  # of several bars that count the same bytes

    class Bar:
        format_dict: ClassVar[dict[str, Any]] = {}

        def __init__(
            self, *_: Any, total: int | None = None, initial: int = 0, unit: str = "it", **__: Any
        ) -> None:
            self.total, self.n, self.unit = total, initial, unit

        def update(self, step: int = 1) -> None:
            with lock:
                self.n += step
                if self.unit != "B" or progress is None:
                    return
                if not ahead or self.n >= ahead[0].n:
                    ahead[:] = [self]
                if ahead[0] is self:
                    progress(what, self.n, total or self.total or 0)

        def __getattr__(self, _: str) -> Callable[..., None]:  # whatever else a bar can do
            return lambda *_, **__: None

        def __enter__(self) -> "Bar":
            return self

        def __exit__(self, *_: object) -> None:
            pass

    return Bar


@contextmanager
def bars_on_a_terminal_only() -> Iterator[None]:
    """Keep the bars huggingface_hub draws within the block out of files and pipes."""
    from huggingface_hub.utils import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    silenced = not sys.stderr.isatty() and not are_progress_bars_disabled()
    if silenced:
        disable_progress_bars()
    try:
        yield
    finally:
        if silenced:
            enable_progress_bars()


def certificate_trouble(error: BaseException) -> str | None:
    """What to do if a certificate is why a connection failed, as the end of a sentence, or None."""
    causes, path = list(_causes(error)), os.environ.get(CERTIFICATES)
    # a library did not find certificates, or had none; `requests` has words of its own
    missing = any(
        isinstance(cause, FileNotFoundError | ssl.SSLError) or "CA certificate bundle" in str(cause)
        for cause in causes
    )
    if path and missing and not Path(path).is_file():
        return f"{CERTIFICATES} names {path}, which is no file: correct it, or unset it"
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError) or REFUSED in str(cause):
            reason = getattr(cause, "verify_message", "") or "it cannot be verified"
            return (
                f"the certificate it shows is not trusted here ({reason}): if your network has "
                f"an authority of its own, name the file of its certificate in {CERTIFICATES}"
            )
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, what caused it, what caused that, and so on; the last first."""
    if error is not None:
        yield from _causes(error.__cause__ or error.__context__)
        yield error
