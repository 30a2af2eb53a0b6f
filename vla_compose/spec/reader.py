"""Untrusted YAML in, a plain tree with a place for every value out.

PyYAML only scans and parses, in pure Python: its composer, resolver and constructors are not used, so
nothing here recurses, runs code, or depends on what other packages register with it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NoReturn

import yaml.events as ev
from yaml.error import Mark

from vla_compose.diagnostics import Label, Span
from vla_compose.spec.codes import START, Refused, shown
from vla_compose.spec.events import Events, too_deep
from vla_compose.spec.limits import DEFAULT_LIMITS, Limits, read_bytes
from vla_compose.spec.scalars import (
    Scalar,
    ScalarError,
    check_characters,
    check_plain_key,
    decode,
    resolve_plain,
    span_at,
)

Path = tuple[str | int, ...]

_CONFLICT: Final = re.compile(r"^(?:<{7}|={7}|>{7}|\|{7})(?= |\r?$)", re.M)


@dataclass(frozen=True, slots=True)
class Document:
    """What a spec file says and where. `value` is a tree of plain values; no node occurs twice.

    `keys` has the span of the key that leads to a path, for entries of mappings; `values` the span of
    the value, of its first line where it has several. Lines and columns count in `text`.
    """

    value: dict[str, object]
    text: str
    file: str | None
    keys: Mapping[Path, Span]
    values: Mapping[Path, Span]

    def key_span(self, path: Path) -> Span:
        """Where the key of `path` stands, or else the nearest thing around it."""
        while path not in self.keys and path not in self.values:
            path = path[:-1]
        return self.keys.get(path) or self.values[path]

    def value_span(self, path: Path) -> Span:
        """Where the value at `path` stands, or else the nearest value around it."""
        while path not in self.values:
            path = path[:-1]
        return self.values[path]


def read_file(path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS) -> Document:
    """Read a spec from a regular file. Never blocks, and reads no more than `limits` allow.

    Raises `SpecError` with one diagnostic if there is no such file, it is no regular file, it cannot
    be read, or for any reason for which `read_text` raises.
    """
    file = os.fsdecode(path)
    try:
        data = read_bytes(file, limits.file_bytes + 1)
    except Refused as refused:
        raise refused.spec_error(file) from None
    return read_text(data, file=file, limits=limits)


def read_text(text: str | bytes, *, file: str | None = None, limits: Limits = DEFAULT_LIMITS) -> Document:
    """Read a spec from text, or from bytes in UTF-8; `file` is the name to show.

    Raises `SpecError` with exactly one diagnostic, which has a code, a span and a help text, if this
    is not one YAML mapping within the limits, or uses what the language leaves out: tags, anchors,
    aliases, merge keys, duplicate keys, ambiguous scalars, numbers that do not fit, invisible characters.
    """
    try:
        source = decode(text, limits)
        try:
            return _Builder(source, limits).build(file)
        except Refused as refused:
            found = _CONFLICT.search(source) if refused.name in ("syntax", "wrong-root") else None
            if found is None:
                raise
            message = f"found `{found[0]}`, a conflict marker of git"
            help = "resolve the conflict, then run `git add`"
            raise Refused("merge-conflict", message, help, span_at(source, found.start(), 7)) from None
    except Refused as refused:
        raise refused.spec_error(file) from None


@dataclass(slots=True)
class _Frame:
    """A mapping or list that is still open."""

    node: dict[str, object] | list[object]
    path: Path
    start: Mark
    flow: bool
    key: str | None = None
    """The key that waits for its value."""
    plain: bool = False
    """Whether that key is unquoted."""


class _Builder:
    """Turns events into a tree, with a stack of its own."""

    def __init__(self, text: str, limits: Limits) -> None:
        self.text = text
        self.limits = limits
        self.stack: list[_Frame] = []
        self.keys: dict[Path, Span] = {}
        self.values: dict[Path, Span] = {}
        self.root: dict[str, object] | None = None
        self.nodes = 0
        self.json = False

    def build(self, file: str | None) -> Document:
        events = Events(self.text, self.limits)
        while not isinstance(event := events.next_event(), ev.StreamEndEvent):
            start, end = event.start_mark, event.end_mark
            assert isinstance(start, Mark)
            assert isinstance(end, Mark)
            if isinstance(event, ev.ScalarEvent):
                self.scalar(event, start, end)
            elif isinstance(event, ev.CollectionStartEvent):
                self.open(event, start)
            elif isinstance(event, ev.CollectionEndEvent):
                self.close(end)
            elif isinstance(event, ev.DocumentStartEvent) and self.root is not None:
                span = self.span(start, end.index)
                raise Refused("several-documents", "found a second document", "delete this `---` line", span)
        if not self.root:
            message = "the spec has only comments" if self.root is None else "the spec has no keys"
            raise Refused("empty", message, "start it with `spec_version: 1`", START)
        return Document(self.root, self.text, file, self.keys, self.values)

    def span(self, start: Mark, end: int) -> Span:
        """The first line of what stands between two places, or the character before nothing at all."""
        newline = self.text.find("\n", start.index, end)
        words = self.text[start.index : end if newline < 0 else newline].rstrip()
        column = start.column + 1 if words else max(start.column, 1)
        return Span(start.line + 1, column, column + max(len(words), 1))

    def open(self, event: ev.CollectionStartEvent, start: Mark) -> None:
        is_mapping = isinstance(event, ev.MappingStartEvent)
        span = self.span(start, len(self.text))
        self.count(span)
        if not self.stack:
            if not is_mapping:
                message = "the spec is a list, not a mapping"
                raise Refused("wrong-root", message, "put the list under a key such as `steps:`", span)
            self.json = bool(event.flow_style)
        if len(self.stack) >= self.limits.depth:
            raise too_deep(self.limits, span)
        node: dict[str, object] | list[object] = {} if is_mapping else []
        path = self.place(node, span)
        self.stack.append(_Frame(node, path, start, bool(event.flow_style)))

    def close(self, end: Mark) -> None:
        frame = self.stack.pop()
        if frame.flow:
            self.values[frame.path] = self.span(frame.start, end.index)

    def scalar(self, event: ev.ScalarEvent, start: Mark, end: Mark) -> None:
        span = self.span(start, end.index)
        self.count(span)
        frame = self.stack[-1] if self.stack else None
        is_key = frame is not None and frame.key is None and isinstance(frame.node, dict)
        try:
            self.check_length(event.value, is_key)
            check_characters(event.value)
            if frame is None:
                self.refuse_root(event)
            if is_key:
                self.key(frame, event, span)
            elif event.style is None:
                if start.index == end.index and frame.key is not None:
                    span = self.keys[(*frame.path, frame.key)]
                    self.check_colon(frame)
                self.place(self.resolve(event.value), span)
            else:
                self.place(event.value, span)
        except ScalarError as error:
            raise error.refused(span) from None

    def check_length(self, text: str, is_key: bool) -> None:
        limit = self.limits.key_chars if is_key else self.limits.scalar_chars
        if len(text) > limit:
            message = f"this {'key' if is_key else 'value'} has {len(text)} characters"
            raise ScalarError("too-long", message, f"shorten it to at most `{limit}` characters")

    def refuse_root(self, event: ev.ScalarEvent) -> NoReturn:
        help = "start the spec with `spec_version: 1`"
        if event.style is None and not event.value:
            raise Refused("empty", "the spec has no keys", help, START)
        raise ScalarError("wrong-root", f"the spec is the text `{shown(event.value)}`, not a mapping", help)

    def check_colon(self, frame: _Frame) -> None:
        """Refuse `{a:1}`, which is the one key `a:1` to YAML."""
        name, colon, rest = (frame.key or "").partition(":")
        if frame.flow and frame.plain and colon:
            message = f"found no space after the `:` of `{shown(frame.key or '')}`"
            raise ScalarError("syntax", message, f"write `{shown(name)}: {shown(rest)}`")

    def resolve(self, text: str) -> Scalar:
        if self.json and text in ("NaN", "Infinity", "-Infinity"):
            message = f"`{text}` is not a finite number"
            raise ScalarError("number-out-of-range", message, "write a finite number such as `1e30`")
        return resolve_plain(text, self.limits)

    def key(self, frame: _Frame, event: ev.ScalarEvent, span: Span) -> None:
        key = event.value
        plain = event.style is None
        if plain:
            check_plain_key(key, self.limits)
        path = (*frame.path, key)
        if first := self.keys.get(path):
            message = f"the key `{shown(key)}` is already on line {first.line}"
            help = f"delete or rename this `{shown(key)}`"
            raise Refused("duplicate-key", message, help, span, (Label(first, "first here"),))
        frame.key, frame.plain = key, plain
        self.keys[path] = span

    def count(self, span: Span) -> None:
        self.nodes += 1
        if self.nodes > self.limits.nodes:
            message = f"the spec has more than {self.limits.nodes} keys and values"
            raise Refused("too-large", message, f"shorten it to at most `{self.limits.nodes}`", span)

    def place(self, value: object, span: Span) -> Path:
        """Put a value where it belongs in the tree."""
        path: Path = ()
        if self.stack:
            frame = self.stack[-1]
            if isinstance(frame.node, list):
                path = (*frame.path, len(frame.node))
                frame.node.append(value)
            elif frame.key is None:
                raise Refused(
                    "non-string-key", "found a list or mapping as a key", "write a name as key", span
                )
            else:
                path = (*frame.path, frame.key)
                frame.node[frame.key] = value
                frame.key = None
        elif isinstance(value, dict):
            self.root = value
        self.values[path] = span
        return path
