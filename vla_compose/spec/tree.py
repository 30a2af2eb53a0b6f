"""From events to a tree of plain values, and the place of every one of them."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, NoReturn

import yaml.events as ev
from yaml.error import Mark

from vla_compose.diagnostics import Label, Span
from vla_compose.spec.codes import START, Refused, shown
from vla_compose.spec.events import Events, too_deep
from vla_compose.spec.limits import Limits
from vla_compose.spec.recovery import HOLE, Refusals, Source
from vla_compose.spec.scalars import (
    Scalar,
    ScalarError,
    check_characters,
    check_plain_key,
    masked,
    resolve_plain,
)

Path = tuple[str | int, ...]

_WORDS: Final = re.compile(r"(?:[&!][^\s,\[\]{}]* +)+(?=[^\s#])")


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
    """Whether that key is unquoted, and nothing is wrong with it."""
    lost: bool = False
    """Whether the next value is dropped, because its key was."""
    twice: str | None = None
    """The key that was dropped, if it was there already."""
    misread: bool = False
    """Whether it holds a list or mapping as a key, which may come from a bracket too many."""

    @property
    def wants_key(self) -> bool:
        """Whether what comes next is a key."""
        return self.key is None and isinstance(self.node, dict)


class TreeBuilder:
    """Turns events into a tree, with a stack of its own.

    Scalars that end at a place in `unknown` stand for something that is not known.

    Raises `Refused` while building at what ends reading, and at any mistake unless `faults` keeps it.
    """

    def __init__(
        self, source: Source, limits: Limits, faults: Refusals, unknown: Collection[int] = ()
    ) -> None:
        self.source = source
        self.text = source.text
        self.limits = limits
        self.faults = faults
        self.events = Events(source, limits, faults)
        self.events.unknown.update(unknown)
        self.stack: list[_Frame] = []
        self.dropped = 0
        """Mappings and lists that are open and belong to no key."""
        self.keys: dict[Path, Span] = {}
        self.values: dict[Path, Span] = {}
        self.holes: set[Path] = set()
        self.root: dict[str, object] | None = None
        self.nodes = 0
        self.json = False

    def build(self) -> None:
        """Build the tree `root`; what is known of its paths is in `keys`, `values` and `holes`."""
        while not isinstance(event := self.events.next_event(), ev.StreamEndEvent):
            start, end = event.start_mark, event.end_mark
            assert isinstance(start, Mark)
            assert isinstance(end, Mark)
            if self.faults.partly:
                start = self.content(start, end)
            if isinstance(event, ev.ScalarEvent):
                self.scalar(event, start, end)
            elif isinstance(event, ev.CollectionStartEvent):
                self.open(event, start)
            elif isinstance(event, ev.CollectionEndEvent):
                self.close(end)
            elif isinstance(event, ev.DocumentStartEvent) and self.root is not None:
                span = self.span(start, end.index)
                raise Refused("several-documents", "found a second document", "delete this `---` line", span)
        if self.root is None or not (self.root or self.holes):
            message = "the spec has only comments" if self.root is None else "the spec has no keys"
            raise Refused("empty", message, "start it with `spec_version: 1`", START)

    def content(self, start: Mark, end: Mark) -> Mark:
        """Where a node begins behind its anchor and its tag, if on the same line."""
        found = _WORDS.match(self.text, start.index)
        if found is None or found.end() > end.index:
            return start
        column = start.column + found.end() - start.index
        return Mark(start.name, found.end(), start.line, column, start.buffer, 0)

    def span(self, start: Mark, end: int) -> Span:
        """The first line of what stands between two places, or the character before nothing at all."""
        newline = self.text.find("\n", start.index, end)
        words = self.text[start.index : end if newline < 0 else newline].rstrip()
        column = start.column + 1 if words else max(start.column, 1)
        return self.source.back(Span(start.line + 1, column, column + max(len(words), 1)))

    def open(self, event: ev.CollectionStartEvent, start: Mark) -> None:
        is_mapping = isinstance(event, ev.MappingStartEvent)
        span = self.span(start, len(self.text))
        self.count(span)
        if not self.stack:
            if not is_mapping:
                message = "the spec is a list, not a mapping"
                raise Refused("wrong-root", message, "put the list under a key such as `steps:`", span)
            self.json = bool(event.flow_style)
        if len(self.stack) + self.dropped >= self.limits.depth:
            raise too_deep(self.limits, span)
        if self.drops(event):
            self.dropped += 1
            return
        if self.stack and self.stack[-1].wants_key:
            frame = self.stack[-1]
            message = "found a list or mapping as a key"
            self.faults.add(Refused("non-string-key", message, "write a name as key", span))
            self.lose(frame)
            self.faults.misread_blocks += not frame.misread
            frame.misread = True
            self.dropped = 1
            return
        node: dict[str, object] | list[object] = {} if is_mapping else []
        path = self.place(node, span)
        self.stack.append(_Frame(node, path, start, bool(event.flow_style)))

    def close(self, end: Mark) -> None:
        if self.dropped:
            self.dropped -= 1
            return
        frame = self.stack.pop()
        self.faults.misread_blocks -= frame.misread
        if frame.flow:
            self.values[frame.path] = self.span(frame.start, end.index)

    def drops(self, event: ev.NodeEvent) -> bool:
        """Whether what comes next belongs to no key."""
        frame = self.stack[-1] if self.stack else None
        if self.dropped or frame is None or not frame.lost:
            return self.dropped > 0
        frame.lost = False
        if frame.twice is not None:
            # With a value of its own, it may be another key that was meant.
            if not self.repeats(event, frame, frame.twice):
                self.holes.add(frame.path)
            frame.twice = None
        return True

    def repeats(self, event: ev.NodeEvent, frame: _Frame, key: str) -> bool:
        """Whether a value is the one that a key has already."""
        if not isinstance(event, ev.ScalarEvent) or not isinstance(frame.node, dict):
            return False
        try:
            return self.meaning(event) == frame.node[key]
        except ScalarError:
            return False

    def lose(self, frame: _Frame) -> None:
        """Drop a key and the value that comes next."""
        frame.lost = True
        self.holes.add(frame.path)

    def scalar(self, event: ev.ScalarEvent, start: Mark, end: Mark) -> None:
        span = self.span(start, end.index)
        self.count(span)
        if self.drops(event):
            return
        known = end.index not in self.events.unknown and not self.source.is_cut(start.index, end.index)
        frame = self.stack[-1] if self.stack else None
        if frame is not None and frame.wants_key:
            # `&a : 1` has a mistake already.
            known = known and (bool(event.value) or event.anchor is event.tag is None)
            self.key(frame, event, span, start.index, known)
            return
        if frame is not None and frame.key is not None and event.style is None and start.index == end.index:
            span = self.keys[(*frame.path, frame.key)]
            if self.split(frame, frame.key, span):
                return
        value: object = HOLE
        try:
            # What a tag makes of text is not known.
            if known and event.tag is None:
                value = self.meaning(event)
        except ScalarError as error:
            self.faults.add(error.refused(span))
            if error.meant is not None and not self.faults.is_full:
                value = resolve_plain(error.meant)
        if frame is None:
            self.refuse_root(event, span)
        path = self.place(value, span)
        if value is HOLE:
            self.holes.add(path)

    def meaning(self, event: ev.ScalarEvent) -> object:
        """The value of a scalar. Raises `ScalarError` if it has none."""
        self.check_length(event.value, is_key=False)
        check_characters(event.value)
        if not self.stack:
            return None
        return event.value if event.style is not None else self.resolve(event.value)

    def check_length(self, text: str, *, is_key: bool) -> None:
        limit = self.limits.key_chars if is_key else self.limits.scalar_chars
        if len(text) > limit:
            message = f"this {'key' if is_key else 'value'} has {len(text)} characters"
            raise ScalarError("too-long", message, f"shorten it to at most `{limit}` characters")

    def refuse_root(self, event: ev.ScalarEvent, span: Span) -> NoReturn:
        help = "start the spec with `spec_version: 1`"
        if event.style is None and not event.value:
            raise Refused("empty", "the spec has no keys", help, START)
        raise Refused("wrong-root", f"the spec is the text `{shown(event.value)}`, not a mapping", help, span)

    def split(self, frame: _Frame, key: str, span: Span) -> bool:
        """Refuse `{a:1}`, which is the one key `a:1` to YAML. Reading goes on as if it were `{a: 1}`."""
        name, colon, rest = key.partition(":")
        if not (frame.flow and frame.plain and colon):
            return False
        message = f"found no space after the `:` of `{shown(key)}`"
        self.faults.add(Refused("syntax", message, f"write `{shown(name)}: {shown(rest)}`", span))
        del self.keys[(*frame.path, key)]
        path = (*frame.path, name)
        try:
            check_plain_key(name, self.limits)
            value = self.resolve(rest.strip())
        except ScalarError:
            path = frame.path
        if path == frame.path or path in self.keys:
            self.holes.add(frame.path)
            frame.key = None
            return True
        frame.key = name
        self.keys[path] = span
        self.place(value, span)
        return True

    def resolve(self, text: str) -> Scalar:
        if self.json and text in ("NaN", "Infinity", "-Infinity"):
            message = f"`{text}` is not a finite number"
            raise ScalarError("number-out-of-range", message, "write a finite number such as `1e30`")
        return resolve_plain(text, self.limits)

    def key(self, frame: _Frame, event: ev.ScalarEvent, span: Span, at: int, known: bool) -> None:
        key = event.value
        plain = event.style is None
        certain = clean = known
        try:
            if known:
                self.check_length(key, is_key=True)
                check_characters(key)
                if plain:
                    check_plain_key(key, self.limits)
        except ScalarError as error:
            if error.name == "merge-key":
                if not self.events.merges_known(at):
                    self.faults.add(error.refused(span))
                self.lose(frame)
                return
            self.faults.add(error.refused(span))
            certain, clean = error.meant is not None, False
        if not certain:
            key = masked(key)
        path = (*frame.path, key)
        if first := self.keys.get(path):
            if clean:
                message = f"the key `{shown(key)}` is already on line {first.line}"
                help = f"delete or rename this `{shown(key)}`"
                label = Label(first, "first here")
                # A key that lost its indentation is one, and the next line a syntax error.
                self.faults.add(Refused("duplicate-key", message, help, span, (label,)), misread=2)
            frame.lost, frame.twice = True, key
            return
        frame.key, frame.plain = key, plain and clean
        self.keys[path] = span
        if not certain:
            self.holes.add(path)

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
            else:
                assert frame.key is not None
                path = (*frame.path, frame.key)
                frame.node[frame.key] = value
                frame.key = None
        elif isinstance(value, dict):
            self.root = value
        self.values[path] = span
        return path
