"""Fix the mistakes of a spec that leave no choice: a slip of a name, a scalar with one meaning.

A fix replaces words inside lines, so that comments, layout and line ends stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vla_compose.diagnostics import Diagnostic, Edit, Span, SpecError

ROUNDS = 10
"""One fix can bring the next mistake to light; after so many rounds the rest stays."""

_READING, _VERSION, _FIELDS, _TYPES = range(4)


@dataclass(frozen=True, slots=True)
class Fixed:
    """What became of a text.

    `applied` are the mistakes that were fixed, with their places before; `left` those in `text`. When the
    fixes would bring mistakes in, `text` is what was given, `applied` is empty, and `withheld` has those.
    """

    text: str
    applied: tuple[Diagnostic, ...]
    left: tuple[Diagnostic, ...]
    withheld: tuple[Diagnostic, ...] = ()


def fix(text: str, *, file: str | None = None) -> Fixed:
    """Apply every certain fix until there is none, or nothing at all if that made the spec worse."""
    mark, body = ("\ufeff", text[1:]) if text.startswith("\ufeff") else ("", text)
    before = state = _State.of(body, file)
    lines = _Lines(body)
    applied: list[Diagnostic] = []
    for _ in range(ROUNDS):
        chosen = _apart(state.found)
        if not chosen:
            break
        lines.apply([found.edit for found in chosen if found.edit is not None])
        applied += chosen
        state = _State.of(lines.text, file)
    caused = _caused(before, state, applied, lines) if applied else ()
    if not applied or caused:
        return Fixed(text, (), before.found, caused)
    return Fixed(mark + lines.text, tuple(applied), state.found)


@dataclass(frozen=True, slots=True)
class _State:
    """The mistakes of a text, and the first stage that has one: later stages are partly in doubt."""

    stage: int
    found: tuple[Diagnostic, ...]

    @classmethod
    def of(cls, text: str, file: str | None) -> _State:
        from vla_compose.api import check_document
        from vla_compose.spec.parse import parse_spec
        from vla_compose.spec.reader import read_text

        try:
            document = read_text(text, file=file, partly=True)
        except SpecError as error:
            return cls(_READING, error.diagnostics)
        spec, faults = parse_spec(document)
        stage = _VERSION if spec is None else _FIELDS if faults.found else _TYPES
        return cls(stage, tuple(check_document(document)))


class _Lines:
    """A text under repair: its lines, and the columns of each that were written."""

    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self.written: dict[int, list[tuple[int, int]]] = {}

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def apply(self, edits: Iterable[Edit]) -> None:
        """Apply edits that do not overlap, from the end so that the places of the others stay."""
        for edit in sorted(edits, key=lambda edit: edit.span, reverse=True):
            line, start, end = edit.span.line, edit.span.column, edit.span.end_column
            old = self.lines[line - 1]
            self.lines[line - 1] = f"{old[: start - 1]}{edit.replacement}{old[end - 1 :]}"
            grown = len(edit.replacement) - (end - start)
            kept = [(a, b) for a, b in self.written.get(line, ()) if b <= start or a >= end]
            moved = [(a + grown, b + grown) if a >= end else (a, b) for a, b in kept]
            self.written[line] = [*moved, (start, end + grown)]

    def wrote(self, span: Span) -> bool:
        """Whether a place has a written word in it."""
        written = self.written.get(span.line, ())
        return any(span.column < end and span.end_column > start for start, end in written)


def _apart(found: Sequence[Diagnostic]) -> list[Diagnostic]:
    """Mistakes with an edit, the first of those whose edits overlap."""
    chosen: list[Diagnostic] = []
    last: Span | None = None
    fixable = [(diagnostic.edit.span, diagnostic) for diagnostic in found if diagnostic.edit is not None]
    for span, diagnostic in sorted(fixable, key=lambda pair: pair[0]):
        if last is None or span.line > last.line or span.column >= last.end_column:
            chosen.append(diagnostic)
            last = span
    return chosen


def _caused(
    before: _State, after: _State, applied: Sequence[Diagnostic], lines: _Lines
) -> tuple[Diagnostic, ...]:
    """Mistakes after the fixes that are due to them.

    What a mistake has left in doubt is not checked, so a fix brings mistakes to light that it did not cause,
    as long as the spec is in doubt at all. They count where they stand at a word that was written. A required
    field that is missing was missing before. Types themselves may gain nothing. As long as the fields are not
    seen at all, nothing says what a scalar was meant to be.
    """
    known, fixed = {_key(found) for found in before.found}, {_key(found) for found in applied}
    if after.stage < max(before.stage, _FIELDS):
        return after.found
    new = [found for found in after.found if _key(found) in fixed or _key(found) not in known]
    if before.stage < _TYPES:
        new = [found for found in new if _key(found) in fixed or _at_fault(found, lines)]
    return tuple(new)


def _at_fault(found: Diagnostic, lines: _Lines) -> bool:
    return found.name != "missing-field" and found.span is not None and lines.wrote(found.span)


def _key(found: Diagnostic) -> tuple[str, str, int]:
    """What a mistake is known by: fixes move columns, but no lines."""
    return found.code, found.message, found.span.line if found.span is not None else 0
