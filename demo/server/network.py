"""Where the page listens, and how it is reached."""

import errno
import os
import socket
import ssl
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import gradio as gr

FILES = 64  # that can be open beside those of the start: sockets, pictures, libraries
TOO_MANY_FILES = "too many files are open: close programs, or allow more with ulimit -n"
OWN = "127.0.0.1"  # where Gradio looks whether a port is free, wherever it is to listen


def bare(host: str) -> str:
    """A host without the brackets that an IPv6 address has in a link."""
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def in_link(host: str) -> str:
    """A host as it stands in a link, which is how Gradio wants it."""
    return f"[{bare(host)}]" if ":" in host else host


def files_problem() -> str | None:
    """Say in one line that a server could not open the files and sockets it needs, or None."""
    with ExitStack() as opened:
        try:
            for _ in range(FILES):
                opened.enter_context(Path(os.devnull).open("rb", buffering=0))
        except OSError:
            return TOO_MANY_FILES
    return None


def port_problem(host: str, port: int) -> str | None:
    """Say in one line why nothing can listen there, or None."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(bare(host), port, type=socket.SOCK_STREAM)[
            0
        ]
    except (OSError, UnicodeError):
        return f"host {host!r} is unknown: give an address of this machine with --host"
    for place in ((family, kind, address), (socket.AF_INET, socket.SOCK_STREAM, (OWN, port))):
        try:
            with socket.socket(*place[:2]) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(place[2])
        except PermissionError:
            return f"port {port} is not open to ordinary users: choose one above 1023 with --port"
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return f"port {port} is in use: choose another with --port"
            return f"cannot listen on {host}: {error.strerror}; choose another with --host"
    return None


def certificates_problem() -> str | None:
    """Say in one line why the certificates that the environment names cannot be used, or None."""
    path = os.environ.get("SSL_CERT_FILE")
    if not path:
        return None
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:
        reason = error.strerror or "it holds no certificates"
        return f"SSL_CERT_FILE names {path}, which cannot be used: {reason}; correct or unset it"
    return None


def bypass_proxy(host: str) -> None:
    """Reach the page on this machine directly: Gradio and its MCP server ask it themselves."""
    for name in ("NO_PROXY", "no_proxy"):
        hosts = [os.environ.get(name), "localhost", OWN, bare(host)]
        os.environ[name] = ",".join(filter(None, hosts))


def share(demo: "gr.Blocks") -> str:
    """Open the public link; returns it in words, or why there is none: the local page runs on."""
    from demo.server.gradio_private import networking

    try:
        demo.share_url = networking.setup_tunnel(
            demo.server_name, demo.server_port, demo.share_token, None, None
        )
    except Exception as error:  # anything from the network to the tunnel program
        reason = " ".join(str(error.__cause__ or error).split()) or type(error).__name__
        return f"No public link: {reason}. The local page is up all the same."
    demo.share = True
    return f"Public link: {demo.share_url}"
