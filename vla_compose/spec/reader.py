"""Untrusted YAML in, a plain tree with a place for every value out.

PyYAML only scans and parses, in pure Python: its composer, resolver and constructors are not used, so
nothing here recurses, runs code, or depends on what other packages register with it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from vla_compose.diagnostics import Diagnostic, Span
from vla_compose.spec.codes import Refused
from vla_compose.spec.limits import DEFAULT_LIMITS, Limits, read_bytes
from vla_compose.spec.recovery import HOLE as HOLE
from vla_compose.spec.recovery import Faults, Source
from vla_compose.spec.scalars import decode, span_at
from vla_compose.spec.tree import Path, TreeBuilder

_CONFLICT: Final = re.compile(r"^(?:<{7}|={7}|>{7}|\|{7})(?= |\r?$)", re.M)


@dataclass(frozen=True, slots=True)
class Document:
    """What a spec file says and where. `value` is a tree of plain values; no node occurs twice.

    `keys` has the span of the key that leads to a path, for entries of mappings; `values` the span of
    the value, of its first line where it has several. Lines and columns count in `text`.

    Only what is read with `partly` has `faults`, the mistakes in it, and `holes`, the paths at which the
    value, or the key, is not known: an unknown value is `HOLE`, of a mapping in `holes` keys are missing,
    and any other path in `holes` ends with a key that may be another one.
    """

    value: dict[str, object]
    text: str
    file: str | None
    keys: Mapping[Path, Span]
    values: Mapping[Path, Span]
    faults: tuple[Diagnostic, ...] = ()
    holes: frozenset[Path] = frozenset()

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
    Only a mistake after which nothing can be read, such as a syntax error, raises `SpecError`, with all
    that was found before it.
    """
    faults = Faults(partly=partly)
    try:
        source = Source(decode(text, limits), faults)
        try:
            builder = TreeBuilder(source, limits, faults)
            value = builder.build()
        except Refused as refused:
            found = _CONFLICT.search(source.text) if refused.name in ("syntax", "wrong-root") else None
            if found is None:
                raise
            message = f"found `{found[0]}`, a conflict marker of git"
            help = "resolve the conflict, then run `git add`"
            span = source.back(span_at(source.text, found.start(), 7))
            raise Refused("merge-conflict", message, help, span) from None
    except Refused as refused:
        raise faults.ended_by(refused, file) from None
    found_faults, holes = faults.diagnostics(file), frozenset(builder.holes)
    return Document(value, source.whole, file, builder.keys, builder.values, found_faults, holes)
