"""Untrusted YAML in, a plain tree with a place for every value out.

PyYAML only scans and parses, in pure Python: its composer, resolver and constructors are not used, so
nothing here recurses, runs code, or depends on what other packages register with it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from vla_compose.diagnostics import Diagnostic, Span
from vla_compose.spec.codes import Refused
from vla_compose.spec.limits import DEFAULT_LIMITS, Limits, read_bytes
from vla_compose.spec.patches import CONFLICT, read_on
from vla_compose.spec.recovery import HOLE as HOLE
from vla_compose.spec.recovery import Refusals, Source
from vla_compose.spec.scalars import decode, span_at
from vla_compose.spec.tree import Path


@dataclass(frozen=True, slots=True)
class Document:
    """What a spec file says and where. `value` is a tree of plain values; no node occurs twice.

    `keys` has the span of the key that leads to a path, for entries of mappings; `values` the span of
    the value, of its first line where it has several. Lines and columns count in `text`.

    Only what is read with `partly` has `faults`, the mistakes in it, and `holes`, the paths at which the
    value, or the key, is not known: an unknown value is `HOLE`, of a mapping in `holes` keys are missing,
    and any other path in `holes` ends with a key that may be another one. `unread` are the lines around
    syntax errors, which became such holes.
    """

    value: dict[str, object]
    text: str
    file: str | None
    keys: Mapping[Path, Span]
    values: Mapping[Path, Span]
    faults: tuple[Diagnostic, ...] = ()
    holes: frozenset[Path] = frozenset()
    unread: str = ""

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


def read_file(
    path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS, partly: bool = False
) -> Document:
    """Read a spec from a regular file. Never blocks, and reads no more than `limits` allow.

    Raises `SpecError` with one diagnostic if there is no such file, it is no regular file, it cannot
    be read, or for any reason for which `read_text` raises.
    """
    file = os.fsdecode(path)
    try:
        data = read_bytes(file, limits.file_bytes + 1)
    except Refused as refused:
        raise refused.spec_error(file) from None
    return read_text(data, file=file, limits=limits, partly=partly)


def read_text(
    text: str | bytes, *, file: str | None = None, limits: Limits = DEFAULT_LIMITS, partly: bool = False
) -> Document:
    """Read a spec from text, or from bytes in UTF-8; `file` is the name to show.

    Raises `SpecError` with exactly one diagnostic, which has a code, a span and a help text, if this
    is not one YAML mapping within the limits, or uses what the language leaves out: tags, anchors,
    aliases, merge keys, duplicate keys, ambiguous scalars, numbers that do not fit, invisible characters.

    With `partly`, what the language leaves out is no reason to raise: the document has it as `faults`.
    The lines around a syntax error are passed over. Only a mistake after which nothing can be read raises
    `SpecError`, with all that was found before it.
    """
    faults = Refusals(partly=partly)
    try:
        source = Source(decode(text, limits), faults)
    except Refused as refused:
        raise faults.ended_by(refused, file) from None
    reading = read_on(source, limits, faults)
    if reading.ended is not None:
        raise reading.faults.ended_by(_conflict(source, reading.ended), file)
    builder = reading.builder
    assert builder.root is not None
    return Document(
        builder.root,
        source.whole,
        file,
        _fitting(builder.keys, source.whole) if reading.patch.left else builder.keys,
        _fitting(builder.values, source.whole) if reading.patch.left else builder.values,
        reading.faults.diagnostics(file),
        frozenset(builder.holes),
        reading.patch.left,
    )


def _fitting(spans: Mapping[Path, Span], text: str) -> dict[Path, Span]:
    """Places in the text, where some of its lines were read as other ones."""
    lines = text.split("\n")
    found: dict[Path, Span] = {}
    for path, span in spans.items():
        last = max(len(lines[span.line - 1].rstrip()), 1)
        column = min(span.column, last)
        found[path] = Span(span.line, column, max(min(span.end_column, last + 1), column + 1))
    return found


def _conflict(source: Source, ended: Refused) -> Refused:
    """What ended reading, or the conflict marker of git that is behind it."""
    found = CONFLICT.search(source.text) if ended.name in ("syntax", "wrong-root") else None
    if found is None:
        return ended
    message = f"found `{found[0]}`, a conflict marker of git"
    span = source.back(span_at(source.text, found.start(), 7))
    return Refused("merge-conflict", message, "resolve the conflict, then run `git add`", span)
