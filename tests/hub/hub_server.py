"""A hub of one's own for tests: real HTTP on two hosts, which speak as Hugging Face's do.

The hub answers for repositories and redirects large files to signed addresses on a second host, the
storage, as the real one does; small files it redirects to a cache of its own. What goes wrong is
said beforehand, as ``Fault``s. ``test_hub_server`` has the official client as a judge of it.
"""

import hashlib
import json
import os
import re
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

TOKEN = "hf_" + "t" * 34
_PIECE = 1 << 16


@dataclass
class Fault:
    """What goes wrong with requests for files.

    Attributes:
        kind: status, drop, mute, cut, hang, slow, flip, length, encoding, whole (no ranges), or
            elsewhere.
        host: of which host, storage or hub.
        times: how often; negative is always.
        status, headers: of a status fault.
        value: bytes before a cut or a hang, the byte that is flipped, bytes a second of a slow
            one, seconds that a mute one takes, or where else to.
        path: the end of the paths that it is about.
    """

    kind: str
    host: str = "storage"
    times: int = 1
    status: int = 503
    headers: Mapping[str, str] = field(default_factory=dict)
    value: Any = 0
    path: str = ""


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    host: str
    method: str
    path: str
    headers: Mapping[str, str]


@dataclass
class Repository:
    """Files by path, each bytes or a file of the disk."""

    files: Mapping[str, bytes | Path]
    licence: str = "apache-2.0"
    is_gated: bool = False
    is_private: bool = False
    members: set[str] = field(default_factory=set)
    digests: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path, content in self.files.items():
            self.digests[path] = _digest(path, content)
        self.commit = hashlib.sha1(repr(sorted(self.digests.items())).encode()).hexdigest()


class Hub:
    """Both hosts, and what they know."""

    def __init__(self, certificate: Path | None = None) -> None:
        """Begins to answer, in https if there is a certificate with its key."""
        self.repositories: dict[str, Repository] = {}
        self.faults: list[Fault] = []
        self.asked: list[Asked] = []
        self.era = 0
        self.moved: dict[str, str] = {}
        self._lock = threading.Lock()
        self._servers = [_Server(("127.0.0.1", 0), _handler(self, host)) for host in _HOSTS]
        scheme = "https" if certificate else "http"
        for server in self._servers:
            if certificate is not None:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(certificate)
                server.socket = context.wrap_socket(server.socket, server_side=True)
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        self.endpoint, self.storage = (
            f"{scheme}://127.0.0.1:{server.server_address[1]}" for server in self._servers
        )

    def close(self) -> None:
        """No more answers."""
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def add(self, name: str, files: Mapping[str, bytes | Path], **facts: Any) -> Repository:
        """A repository."""
        self.repositories[name] = Repository(files, **facts)
        return self.repositories[name]

    def fault(self, host: str, path: str) -> Fault | None:
        """What goes wrong with a request, if anything."""
        with self._lock:
            for fault in self.faults:
                if fault.host == host and fault.times and path.endswith(fault.path):
                    fault.times -= 1
                    return fault
        return None

    def note(self, asked: Asked) -> None:
        """Remembers a request."""
        with self._lock:
            self.asked.append(asked)

    def asked_for(self, host: str) -> list[Asked]:
        """Requests that came to a host."""
        with self._lock:
            return [asked for asked in self.asked if asked.host == host]


@contextmanager
def serving(certificate: Path | None = None) -> Iterator[Hub]:
    """A hub for as long as it is needed."""
    hub = Hub(certificate)
    try:
        yield hub
    finally:
        hub.close()


def is_large(path: str, content: bytes | Path) -> bool:
    """Whether Git LFS keeps it."""
    return path.endswith((".safetensors", ".gguf", "tokenizer.json")) or _size(content) > 1 << 20


_HOSTS = ("hub", "storage")


def _size(content: bytes | Path) -> int:
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def _digest(path: str, content: bytes | Path) -> str:
    if is_large(path, content):
        if isinstance(content, bytes):
            return hashlib.sha256(content).hexdigest()
        with content.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    assert isinstance(content, bytes)
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _handler(hub: Hub, host: str) -> type["_Handler"]:
    return type(f"_{host}", (_Handler,), {"hub": hub, "host": host})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # or connections beyond five at once wait a second


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    host: str
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.hub.note(Asked(self.host, self.command, self.path, dict(self.headers)))
        try:
            (self._hub if self.host == "hub" else self._storage)(urlsplit(self.path))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_HEAD = do_GET  # noqa: N815

    def _hub(self, url: Any) -> None:
        path = unquote(url.path)
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
            return self._info(match[1], match[2] or "main")
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/([^/]+)", path):
            return self._tree(match[1], match[2])
        if match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            return self._resolve(*match.groups())
        if match := re.fullmatch(r"/api/resolve-cache/models/([^/]+/[^/]+)/([^/]+)/(.+)", path):
            return self._cached(match[1], match[3])
        return self._refuse(404, "", "Not Found")

    def _find(self, name: str, revision: str) -> Repository | None:
        """The repository, or None where the refusal was sent already."""
        sent = self.headers.get("Authorization")
        if sent is not None and sent != f"Bearer {TOKEN}":
            self._refuse(401, "", "Invalid credentials in Authorization header")
            return None
        if name in self.hub.moved:
            target = quote(self.path.replace(name, self.hub.moved[name]), safe="/?=&%")
            self._head(307, {"Location": target, "Content-Length": "0"})
            return None
        found = self.hub.repositories.get(name)
        if found is None or (found.is_private and sent is None):
            self._refuse(404 if sent else 401, "RepoNotFound", "Repository not found")
            return None
        if revision not in ("main", "refs/pr/1", found.commit):
            self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            return None
        return found

    def _info(self, name: str, revision: str) -> None:
        if (fault := self.hub.fault("hub", self.path)) and self._early(fault):
            return
        if (found := self._find(name, revision)) is None:
            return
        document = {
            "_id": "0" * 24,
            "id": name,
            "modelId": name,
            "sha": found.commit,
            "private": found.is_private,
            "gated": "auto" if found.is_gated else False,
            "tags": [f"license:{found.licence}"],
            "cardData": {"license": found.licence},
            "siblings": [self._sibling(found, path) for path in sorted(found.files)],
        }
        self._send(json.dumps(document).encode())

    def _sibling(self, found: Repository, path: str) -> dict[str, Any]:
        content, digest = found.files[path], found.digests[path]
        entry: dict[str, Any] = {"rfilename": path, "blobId": digest[:40], "size": _size(content)}
        if is_large(path, content):
            entry["lfs"] = {"sha256": digest, "size": _size(content), "pointerSize": 135}
        return entry

    def _tree(self, name: str, revision: str) -> None:
        if (found := self._find(name, revision)) is None:
            return
        rows = []
        for path in sorted(found.files):
            entry = self._sibling(found, path)
            row = {"type": "file", "oid": entry["blobId"], "size": entry["size"], "path": path}
            if lfs := entry.get("lfs"):
                row["lfs"] = {"oid": lfs["sha256"], "size": lfs["size"], "pointerSize": 135}
            rows.append(row)
        self._send(json.dumps(rows).encode())

    def _resolve(self, name: str, revision: str, path: str) -> None:
        if (fault := self.hub.fault("hub", path)) and self._early(fault):
            return
        if (found := self._find(name, revision)) is None:
            return
        sent = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if found.is_gated and sent not in found.members:
            word = "Access to model is restricted" if sent else "You must be authenticated"
            self._refuse(403 if sent else 401, "GatedRepo", word)
            return
        if path not in found.files:
            self._refuse(404, "EntryNotFound", "Entry not found")
            return
        content, digest = found.files[path], found.digests[path]
        head = {"X-Repo-Commit": found.commit, "Accept-Ranges": "bytes", "Content-Length": "0"}
        head |= {"X-Linked-Size": str(_size(content)), "X-Linked-Etag": f'"{digest}"'}
        if fault and fault.kind == "elsewhere":
            head["Location"] = fault.value
            self._head(302, head)
        elif is_large(path, content):
            key = quote(f"{name}/{path}")
            head["Location"] = f"{self.hub.storage}/{key}?Era={self.hub.era}&Signature=s"
            self._head(302, head)
        else:
            place = f"/api/resolve-cache/models/{name}/{found.commit}/{path}"
            head |= {"ETag": f'"{digest}"', "Location": quote(place)}
            self._head(307, head)

    def _cached(self, name: str, path: str) -> None:
        fault = self.hub.fault("cache", path)
        if fault and self._early(fault):
            return
        found = self.hub.repositories[name]
        head = {"X-Repo-Commit": found.commit, "ETag": f'"{found.digests[path]}"'}
        self._file(found.files[path], head, fault)

    def _storage(self, url: Any) -> None:
        owner, title, path = unquote(url.path).lstrip("/").split("/", 2)
        fault = self.hub.fault("storage", path)
        if fault and self._early(fault):
            return
        query = parse_qs(url.query)
        if query != {"Era": [str(self.hub.era)], "Signature": ["s"]}:
            self._refuse(403, "", "Request has expired")
            return
        found = self.hub.repositories[f"{owner}/{title}"]
        self._file(found.files[path], {"ETag": f'"{found.digests[path]}"'}, fault)

    def _file(self, content: bytes | Path, head: dict[str, str], fault: Fault | None) -> None:
        kind = fault.kind if fault else ""
        size = _size(content)
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if kind == "whole":
            wanted = None
        start = int(wanted[1]) if wanted else 0
        end = min(int(wanted[2]) + 1, size) if wanted and wanted[2] else size
        if wanted and start >= size:
            self._refuse(416, "", "Range Not Satisfiable")
            return
        told = size + 7 if kind == "length" else size
        if wanted:
            head["Content-Range"] = f"bytes {start}-{end - 1}/{told}"
        head["Content-Length"] = str(end - start + (told - size if not wanted else 0))
        head["Accept-Ranges"] = "bytes"
        if kind == "encoding":
            head["Content-Encoding"] = "gzip"
        self._head(206 if wanted else 200, head)
        if self.command == "GET":
            self._body(content, start, end, fault)

    def _body(self, content: bytes | Path, start: int, end: int, fault: Fault | None) -> None:
        kind, value = (fault.kind, fault.value) if fault else ("", 0)
        if isinstance(content, Path) and not kind:
            with content.open("rb") as file:
                while start < end:
                    start += os.sendfile(self.wfile.fileno(), file.fileno(), start, end - start)
            return
        stop = min(end, start + value) if kind in ("cut", "hang") else end
        began, sent = time.monotonic(), 0
        while start < stop:
            piece = bytearray(_read(content, start, min(stop, start + _PIECE)))
            if kind == "flip" and start <= value < start + len(piece):
                piece[value - start] ^= 1
            if kind == "slow":
                time.sleep(max(0, sent / value - (time.monotonic() - began)))
            self.wfile.write(piece)
            start, sent = start + len(piece), sent + len(piece)
        if kind == "hang":
            time.sleep(30)
        self.close_connection = True

    def _early(self, fault: Fault) -> bool:
        """A fault that leaves no answer, or another one."""
        if fault.kind == "status":
            self._head(fault.status, {"Content-Length": "0", **fault.headers})
            return True
        if fault.kind == "mute":
            time.sleep(fault.value)
        if fault.kind in ("drop", "mute"):
            self.close_connection = True
            return True
        return False

    def _refuse(self, status: int, code: str, message: str) -> None:
        body = json.dumps({"error": message}).encode()
        words = {"X-Error-Code": code} if code else {}
        words |= {"X-Error-Message": message, "Content-Length": str(len(body))}
        self._head(status, {**words, "Content-Type": "application/json"})
        if self.command == "GET":
            self.wfile.write(body)

    def _send(self, body: bytes) -> None:
        self._head(200, {"Content-Type": "application/json", "Content-Length": str(len(body))})
        if self.command == "GET":
            self.wfile.write(body)

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


def _read(content: bytes | Path, start: int, end: int) -> bytes:
    if isinstance(content, bytes):
        return content[start:end]
    with content.open("rb") as file:
        return os.pread(file.fileno(), end - start, start)
