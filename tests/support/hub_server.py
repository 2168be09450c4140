"""A small Hub on loopback: enough of its HTTP API for the real huggingface_hub client.

Weights are served the way the Hub serves large files: by a redirect to another host, which is not
to be shown the token.
"""

import base64
import hashlib
import json
import re
import socket
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

Files = dict[str, bytes]


@dataclass
class HubRepository:
    commits: dict[str, Files] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    private: bool = False
    gated: bool = False

    def commit(self, files: Files, ref: str = "main") -> str:
        """Add a commit that holds these files and no others; return its sha."""
        sha = hashlib.sha1(repr((len(self.commits), sorted(files.items()))).encode()).hexdigest()
        self.commits[sha] = files
        self.refs[ref] = sha
        return sha

    def resolve(self, revision: str) -> str | None:
        if revision in self.commits:
            return revision
        return self.refs.get(revision)


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    authorization: str | None
    range: str | None


class HubServer:
    """The server, what it holds, what it was asked, and how it shall misbehave.

    Args:
        tls: what makes it an https server.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.repositories: dict[str, HubRepository] = {}
        self.large_files: Files = {}  # by SHA-256
        self.names: dict[str, str] = {}  # of large files, by SHA-256
        self.requests: list[Request] = []
        self.token = "hf_secret"  # the only one it knows
        # bytes after which the next download of a file is cut, by file name
        self.cuts: dict[str, list[int]] = {}
        # what a HEAD gets, by file name: a status, or 0 for a lost connection
        self.heads: dict[str, int] = {}
        self.forged: Files = {}  # sent in place of a file's bytes, by file name
        self.drive: Files = {}  # files it gives like a file host, by name
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.scheme = "https" if tls else "http"
        self.url = f"{self.scheme}://127.0.0.1:{self.port}"
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def add(self, name: str, folder: Path, ref: str = "main") -> str:
        """Commit a folder's files to a repository, which is made if need be; return the sha."""
        return self.hold(name, {path.name: path.read_bytes() for path in folder.iterdir()}, ref)

    def hold(self, name: str, files: Files, ref: str = "main") -> str:
        """The same for files in memory."""
        return self.repositories.setdefault(name, HubRepository()).commit(files, ref)

    def downloads(self) -> list[str]:
        """Names of the files whose bytes were sent, in order."""
        sent = [request.path for request in self.requests if request.method == "GET"]
        return [
            self.names.get(path.removeprefix("/cdn/"), path.rsplit("/", 1)[-1])
            for path in sent
            if path.startswith("/cdn/") or "/resolve/" in path
        ]


def is_large(name: str) -> bool:
    return name.endswith((".safetensors", ".pt"))


def git_oid(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    hub: HubServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def handle_any(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(
            Request(self.command, path, self.headers["Authorization"], self.headers["Range"])
        )
        self.body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        for pattern, action in _ROUTES:
            if match := re.fullmatch(pattern, path):
                action(self, *match.groups())
                return
        self.send(404, {"error": f"no route for {path}"})

    do_GET = do_HEAD = do_POST = do_PUT = handle_any  # noqa: N815

    def send(self, status: int, body: object = b"", **headers: str) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def refuse(self, status: int, code: str) -> None:
        self.send(status, {"error": code}, X_Error_Code=code)

    def fail(self, status: int) -> None:
        if status:
            self.send(status)
        else:
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True

    def found(self, name: str) -> HubRepository | None:
        """The repository, if this client may see it; otherwise it is told what the Hub tells."""
        repository = self.hub.repositories.get(name)
        if repository is None or (repository.private and not self.signed_in()):
            self.refuse(401, "RepoNotFound")
            return None
        return repository

    def signed_in(self) -> bool:
        return self.headers["Authorization"] == f"Bearer {self.hub.token}"

    def commit_of(self, name: str, revision: str) -> tuple[str, Files] | None:
        if (repository := self.found(name)) is None:
            return None
        if (sha := repository.resolve(revision)) is None:
            self.refuse(404, "RevisionNotFound")
            return None
        return sha, repository.commits[sha]

    # downloads

    def model_info(self, name: str, revision: str | None) -> None:
        if commit := self.commit_of(name, revision or "main"):
            self.send(200, {"id": name, "sha": commit[0], "tags": [], "siblings": []})

    def paths_info(self, name: str, revision: str) -> None:
        if commit := self.commit_of(name, revision):
            wanted = parse_qs(self.body.decode())["paths"]
            self.send(200, [_entry(path, commit[1][path]) for path in wanted if path in commit[1]])

    def tree(self, name: str, revision: str) -> None:
        if commit := self.commit_of(name, revision):
            self.send(200, [_entry(path, content) for path, content in commit[1].items()])

    def resolve(self, name: str, revision: str, file: str) -> None:
        if (commit := self.commit_of(name, revision)) is None:
            return
        sha, files = commit
        if self.hub.repositories[name].gated and not self.signed_in():
            self.refuse(401, "GatedRepo")
        elif self.command == "HEAD" and file in self.hub.heads:
            self.fail(self.hub.heads[file])
        elif file not in files:
            self.send(404, b"", X_Error_Code="EntryNotFound", X_Repo_Commit=sha)
        elif is_large(file):
            digest = hashlib.sha256(files[file]).hexdigest()
            self.hub.large_files[digest], self.hub.names[digest] = files[file], file
            self.send(
                302,
                X_Repo_Commit=sha,
                X_Linked_Etag=f'"{digest}"',
                X_Linked_Size=str(len(files[file])),
                Location=f"{self.hub.scheme}://localhost:{self.hub.port}/cdn/{digest}",
            )
        else:
            headers = {"X_Repo_Commit": sha, "ETag": f'"{git_oid(files[file])}"'}
            self.send_content(file, files[file], headers)

    def cdn(self, digest: str) -> None:
        self.send_content(self.hub.names[digest], self.hub.large_files[digest], {})

    def send_content(self, name: str, content: bytes, headers: dict[str, str]) -> None:
        if self.command == "HEAD":
            self.send(200, content, **headers)
            return
        content = self.hub.forged.get(name, content)
        size, start = len(content), 0
        if self.headers["Range"]:
            start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
            headers = {**headers, "Content_Range": f"bytes {start}-{size - 1}/{size}"}
        content = content[start:]
        if self.hub.cuts.get(name):
            kept = self.hub.cuts[name].pop(0)
            self.send_response(206 if start else 200)
            for header, value in {**headers, "Content_Length": str(len(content))}.items():
                self.send_header(header.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(content[:kept])
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        else:
            self.send(206 if start else 200, content, **headers)

    def drive_file(self, name: str) -> None:
        if name in self.hub.drive:
            self.send_content(name, self.hub.drive[name], {"Content_Type": "application/octet"})
        else:
            self.send(404, b"no such file", Content_Type="text/plain")

    # uploads

    def create(self) -> None:
        asked = json.loads(self.body)
        name = f"{asked.get('organization') or 'user'}/{asked['name']}"
        if not self.signed_in():
            self.send(401, {"error": "Invalid username or password."})
        elif name in self.hub.repositories:
            self.send(409, {"error": "exists", "url": f"{self.hub.url}/{name}"})
        else:
            private = asked.get("visibility") == "private"
            self.hub.repositories[name] = HubRepository(private=private)
            self.hub.repositories[name].commit({})
            self.send(200, {"url": f"{self.hub.url}/{name}", "name": name})

    def preupload(self, name: str, _revision: str) -> None:
        files = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if is_large(file["path"]) else "regular",
                "shouldIgnore": False,
            }
            for file in json.loads(self.body)["files"]
        ]
        if self.found(name):
            self.send(200, {"files": files})

    def lfs_batch(self, name: str) -> None:
        objects = [
            {**file, "actions": {"upload": {"href": f"{self.hub.url}/upload/{file['oid']}"}}}
            for file in json.loads(self.body)["objects"]
        ]
        if self.found(name):
            self.send(200, {"transfer": "basic", "objects": objects})

    def upload(self, digest: str) -> None:
        self.hub.large_files[digest] = self.body
        self.send(200)

    def commit(self, name: str, revision: str) -> None:
        if not self.signed_in():
            self.send(403, {"error": "no write access"})
            return
        repository = self.hub.repositories[name]
        files = dict(repository.commits[repository.refs[revision]])
        for line in self.body.splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                files[value["path"]] = self.hub.large_files[value["oid"]]
        sha = repository.commit(files, revision)
        url = f"{self.hub.url}/{name}/commit/{sha}"
        self.send(200, {"success": True, "commitOid": sha, "commitUrl": url})

    def validate_yaml(self) -> None:
        self.send(200, {"errors": [], "warnings": []})


def _entry(path: str, content: bytes) -> dict[str, object]:
    entry = {"type": "file", "path": path, "size": len(content), "oid": git_oid(content)}
    if is_large(path):
        digest = hashlib.sha256(content).hexdigest()
        entry["lfs"] = {"oid": digest, "size": len(content), "pointerSize": 134}
    return entry


_NAME = r"([\w.-]+/[\w.-]+)"
_ROUTES = [
    (rf"/api/models/{_NAME}(?:/revision/(.+))?", _Handler.model_info),
    (rf"/api/models/{_NAME}/paths-info/(.+)", _Handler.paths_info),
    (rf"/api/models/{_NAME}/tree/(.+)", _Handler.tree),
    (rf"/{_NAME}/resolve/([^/]+)/(.+)", _Handler.resolve),
    (r"/cdn/(\w+)", _Handler.cdn),
    (r"/drive/(.+)", _Handler.drive_file),
    (r"/api/repos/create", _Handler.create),
    (r"/api/validate-yaml", _Handler.validate_yaml),
    (rf"/api/models/{_NAME}/preupload/(.+)", _Handler.preupload),
    (rf"/{_NAME}\.git/info/lfs/objects/batch", _Handler.lfs_batch),
    (r"/upload/(\w+)", _Handler.upload),
    (rf"/api/models/{_NAME}/commit/(.+)", _Handler.commit),
]
