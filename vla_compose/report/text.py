"""Diagnostics for people: the lines of the file, with the place marked and what explains it.

    error[VC201]: `linear_fc1` is told to take 4608 channels, but gets 1152
      --> my-adapter.yaml:8:36
       |
     5 |   x: (n merge merge) vision
       |      ---------------------- 1152 channels here, set by input `x`
    ...
     8 |   - linear: {name: linear_fc1, in: 4608, out: text}
       |                                    ^^^^ expected 4608, found 1152
       |
    help: put `- spatial_merge: {size: 2}` before this step (4 * 1152 = 4608)
    docs: https://vla-compose.github.io/errors/VC201/

Nothing that a spec says reaches the terminal as a control character.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from vla_compose.diagnostics import Diagnostic, Span
from vla_compose.report import Sources
from vla_compose.report.printable import cells, glyph, printable

if TYPE_CHECKING:
    from rich.text import Text

WIDTH = 100
"""Columns of an excerpt where no terminal says otherwise."""
NARROWEST = 40
CUT = "..."
AHEAD = 12
"""Columns kept before a mark when a long line is cut."""

Piece = tuple[str, str]
"""A text and its style, in the words of rich."""
Line = list[Piece]

GUTTER = "bold blue"
MARKS = {"error": ("^", "bold red"), "warning": ("^", "bold yellow"), "label": ("-", "bold blue")}


def render(diagnostics: Sequence[Diagnostic], sources: Sources, *, width: int = WIDTH) -> str:
    """Diagnostics with excerpts of their files, an empty line after each.

    Args:
        diagnostics: what was found.
        sources: the text of each file; without it, a diagnostic has no excerpt.
        width: excerpts are cut to this many columns. Messages are not: a terminal wraps them so that they
            can still be copied.
    """
    return "".join(f"{''.join(text for text, _ in line)}\n" for line in _lines(diagnostics, sources, width))


def styled(diagnostics: Sequence[Diagnostic], sources: Sources, *, width: int = WIDTH) -> Text:
    """What `render` gives, with colours for a terminal."""
    from rich.text import Text

    text = Text()
    for line in _lines(diagnostics, sources, width):
        text.append_text(Text.assemble(*line, "\n"))
    return text


@dataclass(frozen=True, slots=True, order=True)
class _Mark:
    """A place to mark, in the order of printing: from the top, labels before what they explain."""

    line: int
    rank: int
    span: Span
    text: str
    kind: str


def _lines(diagnostics: Sequence[Diagnostic], sources: Sources, width: int) -> Iterator[Line]:
    for found in diagnostics:
        yield from _diagnostic(found, sources, max(width, NARROWEST))
        yield []


def _diagnostic(found: Diagnostic, sources: Sources, width: int) -> Iterator[Line]:
    style = MARKS[found.severity][1]
    source = sources.get(found.file)
    lines = source.split("\n") if source is not None else []
    marks = _marks(found, len(lines))
    digits = len(str(marks[-1].line)) if marks else 1
    yield [(f"{found.severity}[{found.code}]", style), (f": {printable(found.message)}", "bold")]
    if found.span is not None or found.file is not None:
        place = f":{found.span.line}:{found.span.column}" if found.span is not None else ""
        yield [(f" {' ' * digits}--> ", GUTTER), (printable(found.file or "<spec>") + place, "")]
    if marks:
        yield from _excerpt(marks, lines, digits, width - digits - len("  | "))
    if found.help:
        yield [("help", "bold cyan"), (f": {printable(found.help)}", "")]
    yield [("docs", "dim"), (f": {printable(found.url)}", "dim")]


def _marks(found: Diagnostic, lines: int) -> list[_Mark]:
    """What to mark, where the file has such a line."""
    marks = [_Mark(label.span.line, 0, label.span, label.text, "label") for label in found.labels]
    if found.span is not None:
        marks.append(_Mark(found.span.line, 1, found.span, _expectation(found), found.severity))
    return sorted(mark for mark in marks if 1 <= mark.line <= lines)


def _excerpt(marks: Sequence[_Mark], lines: Sequence[str], digits: int, width: int) -> Iterator[Line]:
    """The marked lines between two empty ones, and what lies between them where that is one line."""
    edge = (f" {' ' * digits} |", GUTTER)
    yield [edge]
    last = marks[0].line
    for number in dict.fromkeys(mark.line for mark in marks):
        if number - last > 2:
            yield [(CUT, GUTTER)]
        elif number - last == 2:
            yield _numbered(number - 1, digits, _Excerpt(lines[number - 2], 0, width).text)
        last = number
        here = [mark for mark in marks if mark.line == number]
        excerpt = _Excerpt(lines[number - 1], here[-1].span.column - 1, width)
        yield _numbered(number, digits, excerpt.text)
        for mark in here:
            yield from ([edge, line] for line in excerpt.underlined(mark))
    yield [edge]


def _numbered(number: int, digits: int, text: str) -> Line:
    return [(f" {number:>{digits}} |", GUTTER), (f" {text}" if text else "", "")]


def _expectation(found: Diagnostic) -> str:
    if found.expected and found.found:
        return f"expected {found.expected}, found {found.found}"
    return f"expected {found.expected}" if found.expected else f"found {found.found}" if found.found else ""


class _Excerpt:
    """One line of a file, cut to `width` columns around the character at `at`."""

    def __init__(self, line: str, at: int, width: int) -> None:
        glyphs = [glyph(char) for char in line.rstrip("\r")]
        ends = list(accumulate((cells(shown) for shown in glyphs), initial=0))
        first, last = 0, len(glyphs)
        if ends[-1] > width:
            room = width - 2 * len(CUT)
            start = min(max(0, ends[min(at, last)] - AHEAD), max(0, ends[-1] - room))
            first = next(index for index, end in enumerate(ends) if end >= start)
            first = 0 if ends[first] <= len(CUT) else first
            room += len(CUT) * (first == 0)
            last = max(index for index, end in enumerate(ends) if end - ends[first] <= room)
        self.first, self.last, self.ends, self.width = first, last, ends, width
        self.before = CUT if first else ""
        after = CUT if last < len(glyphs) else ""
        self.text = f"{self.before}{''.join(glyphs[first:last])}{after}".rstrip()

    def column(self, index: int) -> int:
        """The column where a character starts: at the edge when cut off, after the end when past it."""
        beyond = max(0, index - (len(self.ends) - 1)) if self.last == len(self.ends) - 1 else 0
        index = min(max(index, self.first), self.last)
        return cells(self.before) + self.ends[index] - self.ends[self.first] + min(beyond, 1)

    def underlined(self, mark: _Mark) -> Iterator[Piece]:
        """The mark under the line and its text beside it, or below it where there is no room."""
        start, end = self.column(mark.span.column - 1), self.column(mark.span.end_column - 1)
        sign, style = MARKS[mark.kind]
        line = " " * (start + 1) + sign * max(1, end - start)
        text = printable(mark.text)
        if not text or cells(line) + cells(text) <= self.width:
            yield f"{line} {text}".rstrip(), style
        else:
            yield line, style
            yield " " * (1 + max(0, min(start, self.width - cells(text)))) + text, style
