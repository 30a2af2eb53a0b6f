"""Reading on after a mistake: what was found, what nobody knows, and a text without forbidden characters."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Final

from vla_compose.diagnostics import Diagnostic, Span, SpecError
from vla_compose.spec.codes import Refused
from vla_compose.spec.scalars import FORBIDDEN_IN_SOURCE, forbidden

MOST_FOUND: Final = 1000
"""Mistakes of one text that are kept; the others are passed over."""
MOST_CHARACTERS: Final = 100
"""Forbidden characters among them: a text has few, or is full of them."""

_FOLLOWS: Final = ("syntax", "wrong-root", "non-string-key", "empty")


class Hole:
    """The class of `HOLE`."""

    def __repr__(self) -> str:
        return "HOLE"

    def __reduce__(self) -> str:
        return "HOLE"


HOLE: Final = Hole()
"""Stands in a partly read document for a value that is not known."""


class Refusals:
    """The mistakes of one text: raised at once, or with `partly` kept, to read on."""

    def __init__(self, *, partly: bool) -> None:
        self.partly = partly
        self._found: dict[tuple[str, Span], Refused] = {}
        self._misread: set[int] = set()
        self.misread_blocks = 0
        """Mappings that are open and may be none: a syntax error inside is no second mistake."""

    @property
    def is_full(self) -> bool:
        """Whether no more are kept."""
        return len(self._found) >= MOST_FOUND

    def add(self, refused: Refused, *, misread: int = 0) -> None:
        """Note a mistake after which reading can go on.

        So many lines from its own on are `misread`, maybe: a syntax error there is no second mistake.

        Raises:
            Refused: this mistake, unless the text is read partly.
        """
        if not self.partly:
            raise refused
        if misread:
            self._misread.update(range(refused.span.line, refused.span.line + misread))
        if not self.is_full:
            self.note(refused)

    def note(self, refused: Refused) -> None:
        """Keep a mistake, unless it is there already."""
        self._found.setdefault((refused.name, refused.span), refused)

    def copy(self) -> Refusals:
        """The same, to which others can be added."""
        other = Refusals(partly=self.partly)
        other._found, other._misread = dict(self._found), set(self._misread)
        return other

    def follows(self, refused: Refused) -> bool:
        """Whether a mistake is due to one that was noted."""
        misread = self.misread_blocks > 0 or refused.span.line in self._misread
        return misread and refused.name in _FOLLOWS

    def diagnostics(self, file: str | None) -> tuple[Diagnostic, ...]:
        """What was found, in the order of the file."""
        return tuple(
            found.diagnostic(file) for found in sorted(self._found.values(), key=lambda one: one.span)
        )

    def ended_by(self, refused: Refused, file: str | None) -> SpecError:
        """The error for callers after a mistake at which reading ends."""
        if not self.follows(refused):
            self.note(refused)
        return SpecError(self.diagnostics(file))


class Source:
    """A text as if its forbidden characters were deleted, which is what their help says to do.

    `whole` is the text with them, `text` without.

    Raises:
        Refused: the text has a carriage return without a line feed, or `faults` keeps nothing.
    """

    def __init__(self, whole: str, faults: Refusals) -> None:
        self.whole = whole
        self._gaps: list[int] = []
        self._columns: dict[int, list[int]] = {}
        kept, line, line_start, last = list[str](), 1, 0, 0
        for found in FORBIDDEN_IN_SOURCE.finditer(whole):
            index, char = found.start(), found[0]
            if newlines := whole.count("\n", last, index):
                line, line_start = line + newlines, whole.rfind("\n", last, index) + 1
            column = index - line_start + 1
            refused = Refused("forbidden-character", *forbidden(char), Span(line, column, column + 1))
            if char == "\r":
                refused.message = "found a carriage return without a line feed"
                refused.help = "save the file with `LF` line ends"
                raise refused
            if len(self._gaps) < MOST_CHARACTERS:
                faults.add(refused, misread=1)
            columns = self._columns.setdefault(line, [])
            columns.append(column - len(columns))
            self._gaps.append(index - len(self._gaps))
            kept.append(whole[last:index])
            last = index + 1
        self.text = "".join([*kept, whole[last:]])

    def of(self, text: str) -> Source:
        """The same for another text, which has no forbidden characters."""
        return self if text == self.text else Source(text, Refusals(partly=False))

    def back(self, span: Span) -> Span:
        """The place in `whole` of a place in `text`."""
        columns = self._columns.get(span.line)
        if columns is None:
            return span
        first, last = span.column, span.end_column - 1
        return Span(span.line, first + bisect_right(columns, first), last + bisect_right(columns, last) + 1)

    def is_cut(self, start: int, end: int) -> bool:
        """Whether a character is missing inside of what stands between two places in `text`."""
        return bisect_right(self._gaps, start) < bisect_left(self._gaps, end)
