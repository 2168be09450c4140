"""Connections that fail because of a certificate, as behind a proxy that has its own authority."""

import os
import ssl
from collections.abc import Iterator
from pathlib import Path

VARIABLE = "SSL_CERT_FILE"  # httpx and urllib read it by themselves
OF_REQUESTS = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")  # and `requests` reads these
REFUSED = "CERTIFICATE_VERIFY_FAILED"  # OpenSSL's name, which libraries pass on in their messages


def authorities() -> str | bool:
    """What the `verify` of `requests` is to be, so that SSL_CERT_FILE holds for it too."""
    own = any(os.environ.get(name) for name in OF_REQUESTS)
    return (not own and os.environ.get(VARIABLE)) or True


def trouble(error: BaseException) -> str | None:
    """Say what to do, if a certificate is why a connection failed.

    Args:
        error: of any library.

    Returns:
        The end of a sentence, or None where it was something else.
    """
    causes = list(_causes(error))
    path = os.environ.get(VARIABLE)
    if path and not Path(path).is_file() and any(map(_is_of_files, causes)):
        return f"{VARIABLE} names {path}, which is no file: correct it, or unset it"
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError) or REFUSED in str(cause):
            reason = getattr(cause, "verify_message", "") or "it cannot be verified"
            return (
                f"the certificate it shows is not trusted here ({reason}): if your network has "
                f"an authority of its own, name the file of its certificate in {VARIABLE}"
            )
    return None


def _is_of_files(cause: BaseException) -> bool:
    """Whether a library did not find certificates, or had none; `requests` has words of its own."""
    missing = isinstance(cause, FileNotFoundError | ssl.SSLError)
    return missing or "CA certificate bundle" in str(cause)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, what caused it, what caused that, and so on; the last first."""
    if error is not None:
        yield from _causes(error.__cause__ or error.__context__)
        yield error
