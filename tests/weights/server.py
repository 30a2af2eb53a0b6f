"""A Hub for tests: an API server, and a second one, of another origin, that the files are redirected to.

It answers as huggingface.co does, as far as reading goes: model info with file sizes, `resolve` by ranges,
errors by their `X-Error-Code`. Every byte of a file that leaves it is counted.
"""

import contextlib
import gzip
import json
import re
import sys
import threading
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """What the servers hold and how they misbehave.

    Attributes:
        repositories: folders by `owner/name`.
        revisions: the commit of every branch and tag.
        gated: repositories that need the token for files.
        private: repositories that are not there without the token.
        ranges: whether ranges are answered.
        cut: close the connection after so many bytes of a body; each number once.
        failing: answer this many requests for files with an error of the server.
        shift: send the range that lies so many bytes later.
        sent: bytes of files that left, by name.
        requests: method and path of every request.
        authorised: origins at which a token arrived.
    """

    repositories: dict[str, Path] = field(default_factory=dict)
    revisions: dict[str, str] = field(default_factory=lambda: {"main": COMMIT, COMMIT: COMMIT})
    gated: set[str] = field(default_factory=set)
    private: set[str] = field(default_factory=set)
    token: str = "hf_right"
    ranges: bool = True
    cut: list[int] = field(default_factory=list)
    failing: int = 0
    shift: int = 0
    sent: Counter[str] = field(default_factory=Counter)
    requests: list[tuple[str, str]] = field(default_factory=list)
    authorised: set[str] = field(default_factory=set)
    endpoint: str = ""
    cdn: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub
    origin: str

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        url = urlsplit(self.path)
        with self.hub.lock:
            self.hub.requests.append((self.command, url.path))
            if "Authorization" in self.headers:
                self.hub.authorised.add(self.origin)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            if self.origin == "cdn":
                self._file(url.path.removeprefix("/cdn/"))
            elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/([^/]+))?", url.path):
                self._info(match[1], unquote(match[2] or "main"), parse_qs(url.query))
            elif match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", url.path):
                self._resolve(match[1], unquote(match[2]), unquote(match[3]))
            else:
                self._error(404, "EntryNotFound")

    def _allowed(self):
        return self.headers.get("Authorization") == f"Bearer {self.hub.token}"

    def _there(self, repository, revision):
        if repository not in self.hub.repositories or (
            repository in self.hub.private and not self._allowed()
        ):
            self._error(404 if self._allowed() else 401, "RepoNotFound")
        elif revision not in self.hub.revisions:
            self._error(404, "RevisionNotFound")
        else:
            return True
        return False

    def _info(self, repository, revision, query):
        if not self._there(repository, revision):
            return
        files = sorted(path for path in self.hub.repositories[repository].rglob("*") if path.is_file())
        siblings = []
        for path in files:
            name = path.relative_to(self.hub.repositories[repository]).as_posix()
            size = {"size": path.stat().st_size, "blobId": "0" * 40} if "blobs" in query else {}
            siblings.append({"rfilename": name, **size})
        info = {"id": repository, "sha": self.hub.revisions[revision], "siblings": siblings, "tags": []}
        self._answer(200, json.dumps(info | {"gated": repository in self.hub.gated and "auto"}).encode())

    def _resolve(self, repository, revision, name):
        if not self._there(repository, revision):
            return
        path = self.hub.repositories[repository] / name
        if repository in self.hub.gated and not self._allowed():
            self._error(401, "GatedRepo")
        elif not path.is_file():
            self._error(404, "EntryNotFound")
        elif name.endswith(".safetensors"):
            target = f"{self.hub.cdn}/cdn/{repository}/{name}?signature=secret"
            self._answer(302, b"", {"Location": target, "X-Repo-Commit": self.hub.revisions[revision]})
        else:
            self._file(f"{repository}/{name}")

    def _file(self, name):
        owner, repository, file = name.split("/", 2)
        path = self.hub.repositories[f"{owner}/{repository}"] / file
        size = path.stat().st_size
        begin, end, status, headers = 0, size, 200, {}
        if self.hub.failing:
            self.hub.failing -= 1
            self._answer(503, b"try later")
            return
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if asked and self.hub.ranges:
            begin, end = int(asked[1]) + self.hub.shift, min(int(asked[2]) + 1 + self.hub.shift, size)
            if begin >= end:
                self._answer(416, b"")
                return
            status, headers = 206, {"Content-Range": f"bytes {begin}-{end - 1}/{size}"}
        with path.open("rb") as stream:
            stream.seek(begin)
            body = stream.read(end - begin)
        if "gzip" in self.headers.get("Accept-Encoding", ""):
            # As proxies do with what is asked for like that; a range of it would be another.
            body, headers["Content-Encoding"] = gzip.compress(body), "gzip"
        self._answer(status, body, headers, file=file)

    def _error(self, status, code):
        self._answer(status, json.dumps({"error": code}).encode(), {"X-Error-Code": code})

    def _answer(self, status, body, headers=None, file=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if file is not None:
            with self.hub.lock:
                if self.hub.cut:
                    body = body[: self.hub.cut.pop(0)]
                    self.close_connection = True
                self.hub.sent[file] += len(body)
        self.wfile.write(body)

    def log_message(self, *_):
        """Keep quiet."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that hangs up is no error."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


@contextlib.contextmanager
def serving(handler=Handler):
    """A running `Hub` on this machine."""
    hub = Hub()
    servers = []
    for origin in ("hub", "cdn"):
        bound = type("Bound", (handler,), {"hub": hub, "origin": origin})
        server = Server(("127.0.0.1", 0), bound)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
    hub.endpoint, hub.cdn = (f"http://127.0.0.1:{server.server_address[1]}" for server in servers)
    try:
        yield hub
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
