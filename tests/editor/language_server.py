"""A small client of the Language Server Protocol over standard input and output."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

SECONDS = 40


class LanguageServer:
    """A running yaml-language-server. It asks its client for schemas, as in VS Code."""

    def __init__(self, command: list[str], schemas: Mapping[str, Path], cwd: Path) -> None:
        self.schemas = schemas
        self.asked: list[str] = []
        self.diagnostics: dict[str, list[dict[str, Any]]] = {}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=cwd)
        self.messages: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.last = 0
        self.versions: dict[str, int] = {}
        self.root = cwd
        markup = ["markdown", "plaintext"]
        self.request(
            "initialize",
            {
                "processId": None,
                "rootUri": cwd.as_uri(),
                "capabilities": {
                    "textDocument": {
                        "completion": {
                            "completionItem": {"snippetSupport": True, "documentationFormat": markup}
                        },
                        "hover": {"contentFormat": markup},
                        "publishDiagnostics": {},
                    },
                    "workspace": {"configuration": True},
                },
            },
        )
        self.notify("initialized", {})
        self.notify("yaml/registerContentRequest", None)

    def __enter__(self) -> LanguageServer:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.process.kill()
        self.process.wait()
        self.reader.join()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()

    # --- what an editor does ---

    def open(self, name: str, text: str) -> str:
        """Open a file that need not exist; gives its URI."""
        uri = (self.root / name).as_uri()
        self.versions[uri] = 1
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": document})
        return uri

    def completion(self, uri: str, line: int, character: int) -> list[dict[str, Any]]:
        result = self._at("completion", uri, line, character)
        items: list[dict[str, Any]] = result["items"] if isinstance(result, dict) else result or []
        return items

    def hover(self, uri: str, line: int, character: int) -> str:
        result = self._at("hover", uri, line, character)
        if not result:
            return ""
        contents = result["contents"]
        return str(contents["value"] if isinstance(contents, dict) else contents)

    def found(self, uri: str) -> list[dict[str, Any]]:
        """The diagnostics of a file, once the server has published them."""
        while uri not in self.diagnostics:
            self._handle(self._next())
        return self.diagnostics[uri]

    def _at(self, what: str, uri: str, line: int, character: int) -> Any:
        position = {"line": line, "character": character}
        return self.request(f"textDocument/{what}", {"textDocument": {"uri": uri}, "position": position})

    # --- messages ---

    def request(self, method: str, parameters: Any) -> Any:
        self.last += 1
        self._send({"id": self.last, "method": method, "params": parameters})
        while True:
            message = self._next()
            if message.get("id") == self.last and "method" not in message:
                assert "error" not in message, message["error"]
                return message["result"]
            self._handle(message)

    def notify(self, method: str, parameters: Any) -> None:
        self._send({"method": method, "params": parameters} if parameters is not None else {"method": method})

    def _handle(self, message: dict[str, Any]) -> None:
        method: str | None = message.get("method")
        parameters: Any = message.get("params")
        if method == "textDocument/publishDiagnostics":
            self.diagnostics[parameters["uri"]] = parameters["diagnostics"]
        elif "id" in message and method is not None:
            self._send({"id": message["id"], "result": self._answer(method, parameters)})

    def _answer(self, method: str, parameters: Any) -> Any:
        if method == "vscode/content":
            (address,) = parameters if isinstance(parameters, list) else [parameters]
            self.asked.append(address)
            return self.schemas[address].read_text("utf-8")
        if method == "workspace/configuration":
            yaml = {"schemaStore": {"enable": False}, "validate": True, "hover": True, "completion": True}
            return [yaml if item.get("section") == "yaml" else {} for item in parameters["items"]]
        return None

    def _send(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self.process.stdin.flush()

    def _next(self) -> dict[str, Any]:
        message = self.messages.get(timeout=SECONDS)
        assert message is not None, "the server has ended"
        return message

    def _read(self) -> None:
        stream = self.process.stdout
        assert stream is not None
        while header := stream.readline():
            length = int(header.split(b":")[1]) if header.lower().startswith(b"content-length") else 0
            while stream.readline().strip():
                pass
            self.messages.put(json.loads(stream.read(length)))
        self.messages.put(None)
