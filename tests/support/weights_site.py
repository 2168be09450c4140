"""A site on loopback that the landmark weights come from, with the faults a download can have."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def named(stem: str, content: bytes, suffix: str) -> str:
    """A file name that carries the first ten digits of the content's SHA-256."""
    return f"{stem}-{hashlib.sha256(content).hexdigest()[:10]}{suffix}"


class WeightsSite:
    """What is served, and what was asked for.

    Args:
        files: content by name; other names are answered with 404.
        cut: number of bytes after which the connection breaks off, None for never.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.cut: int | None = None
        self.asked: list[str] = []
        self.url = ""


@contextmanager
def serve_weights() -> Iterator[WeightsSite]:
    site = WeightsSite()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.removeprefix("/")
            site.asked.append(name)
            content = site.files.get(name)
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: site.cut])

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        site.url = f"http://127.0.0.1:{server.server_port}/"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield site
        finally:
            server.shutdown()
