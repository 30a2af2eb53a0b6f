"""The Hub of `server.py`, which can also be downloaded from through the cache, and be pushed to."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from huggingface_hub import constants

from tests.weights.server import COMMIT, Handler, Hub

LARGE = ".safetensors"


class WritingHandler(Handler):
    """Answers as huggingface.co does to `create_repo`, `upload_folder` and `snapshot_download`."""

    etag: dict[str, str]

    def do_GET(self) -> None:
        match = re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/([^/]+)", urlsplit(self.path).path)
        if match is None:
            super().do_GET()
        elif self._there(match[1], match[2]):
            folder = self.hub.repositories[match[1]]
            files = [
                {"type": "file", "path": path.name, "size": path.stat().st_size, "oid": "0" * 40}
                for path in sorted(folder.iterdir())
            ]
            self._json(files)

    def _resolve(self, repository: str, revision: str, name: str) -> None:
        path = self.hub.repositories.get(repository, Path("/nowhere")) / name
        self.etag = {}
        if path.is_file():
            data = path.read_bytes()
            large = {
                "X-Linked-Etag": f'"{hashlib.sha256(data).hexdigest()}"',
                "X-Linked-Size": str(len(data)),
            }
            small = {"ETag": f'"{hashlib.sha1(data, usedforsecurity=False).hexdigest()}"'}
            self.etag = (large if name.endswith(LARGE) else small) | {"X-Repo-Commit": COMMIT}
        super()._resolve(repository, revision, name)

    def _answer(self, status: int, body: bytes, headers: Any = None, file: Any = None) -> None:
        super()._answer(status, body, getattr(self, "etag", {}) | (headers or {}), file)

    def do_POST(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.hub.requests.append((self.command, url.path))
        if not self._allowed():
            self._error(401, "Unauthorized")
        elif url.path == "/api/repos/create":
            self._create(json.loads(body))
        elif url.path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/preupload/(.+)", url.path):
            self._preupload(unquote(match[2]), json.loads(body)["files"])
        elif match := re.fullmatch(r"/([^/]+/[^/]+)\.git/info/lfs/objects/batch", url.path):
            self._batch(json.loads(body)["objects"])
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/(.+)", url.path):
            self._commit(match[1], unquote(match[2]), url.query, body)
        else:
            self._error(404, "EntryNotFound")

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if self.hub.__dict__.get("full"):
            self._answer(507, b"")
            return
        self.uploads[self.path.rsplit("/", 1)[-1]] = data
        self._answer(200, b"")

    @property
    def uploads(self) -> dict[str, bytes]:
        """What was uploaded, by its hash."""
        found: dict[str, bytes] = self.hub.__dict__.setdefault("uploads", {})
        return found

    def _create(self, asked: dict[str, Any]) -> None:
        name = f"{asked['organization'] or 'me'}/{asked['name']}"
        self.hub.__dict__.setdefault("created", []).append(asked)
        if name in self.hub.repositories:
            self._json(
                {"error": "You already created this model repo", "url": f"{self.hub.endpoint}/{name}"}, 409
            )
            return
        self.hub.repositories[name] = self.hub.__dict__["root"] / name.replace("/", "--")
        self.hub.repositories[name].mkdir()
        self._json({"url": f"{self.hub.endpoint}/{name}", "id": name})

    def _preupload(self, revision: str, files: list[dict[str, Any]]) -> None:
        if revision not in self.hub.revisions:
            self._error(404, "RevisionNotFound")
            return
        modes = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["path"].endswith(LARGE) else "regular",
                "shouldIgnore": False,
            }
            for file in files
        ]
        self._json({"files": modes})

    def _batch(self, objects: list[dict[str, Any]]) -> None:
        made = [
            asked | {"actions": {"upload": {"href": f"{self.hub.cdn}/upload/{asked['oid']}", "header": {}}}}
            for asked in objects
        ]
        self._json({"transfer": "basic", "objects": made})

    def _commit(self, name: str, revision: str, query: str, body: bytes) -> None:
        head, *entries = (json.loads(line) for line in body.splitlines())
        files: dict[str, bytes] = {}
        for entry in entries:
            value = entry["value"]
            if entry["key"] == "lfsFile":
                files[value["path"]] = self.uploads[value["oid"]]
            else:
                assert entry["key"] == "file"
                files[value["path"]] = base64.b64decode(value["content"])
        for path, data in files.items():
            (self.hub.repositories[name] / path).write_bytes(data)
        commit = {"message": head["value"]["summary"], "files": files, "revision": revision, "query": query}
        self.hub.__dict__.setdefault("commits", []).append(commit)
        made = {"commitUrl": f"{self.hub.endpoint}/{name}/commit/{COMMIT}", "commitOid": COMMIT}
        pull = {"pullRequestUrl": f"{self.hub.endpoint}/{name}/discussions/1"} if query else {}
        self._json(made | pull)

    def _json(self, value: Any, status: int = 200) -> None:
        self._answer(status, json.dumps(value).encode())


def use(hub: Hub, monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """Make huggingface_hub talk to a hub, with a fresh cache, no token of this machine, and no waiting."""
    hub.__dict__["root"] = root / "repositories"
    hub.__dict__["root"].mkdir()
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", True)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(root / "cache"))
    monkeypatch.setattr(constants, "ENDPOINT", hub.endpoint)
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE
    path = template[template.index("/{repo_id}") :]
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.endpoint + path)
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda _: None)
