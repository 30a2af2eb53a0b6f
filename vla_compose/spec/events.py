"""PyYAML's events, less what the language leaves out, with errors in words for readers of specs.

Where reading goes on after a mistake, an anchor and a tag are events of PyYAML's, an alias is a scalar.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import yaml.events as ev
from yaml.error import Mark, MarkedYAMLError, YAMLError
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner
from yaml.tokens import AnchorToken, TagToken

from vla_compose.diagnostics import Label, Span
from vla_compose.spec.codes import WORDINGS, Refused, shown
from vla_compose.spec.limits import Limits
from vla_compose.spec.recovery import Refusals, Source
from vla_compose.spec.scalars import span_at

_BUGS = (YAMLError, ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)
_WORD: Final = re.compile(r"[^\s,\[\]{}]*")
_NAME: Final = re.compile(r"[&*]([\w-]+):?")
_MERGES: Final = re.compile(r"<< *: *\*([\w-]+)")
_MERGED: Final = re.compile(r"(?:^|[{,]|- ) *<< *: *\Z", re.M)
_MOST_LABELS: Final = 20
_NO_COLON: Final = "could not find expected ':'"
_NO_DASH: Final = "expected <block end>, but found"
_NO_PLACE: Final = "mapping values are not allowed here"
_CLOSING: Final = re.compile("expected ',' or '(.)'")
_ENTRY: Final = re.compile(r" *(?:- |[\w.-]+ *:(?:\s|$))")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


class Events(Reader, Scanner, Parser):
    """PyYAML's events for one text, less what the language leaves out."""

    def __init__(self, source: Source, limits: Limits, faults: Refusals) -> None:
        Reader.__init__(self, source.text)
        Scanner.__init__(self)
        Parser.__init__(self)
        self.source = source
        self.text = source.text
        self.limits = limits
        self.faults = faults
        self.unknown: set[int] = set()
        """Ends of scalars that stand for something else."""
        self.anchors: dict[str, Refused] = {}
        self.folded: tuple[int, int] | None = None

    def next_event(self) -> ev.Event:
        """The next event.

        Raises:
            Refused: the text is no YAML, or uses what the language leaves out.
        """
        get_event: Callable[[], ev.Event] = self.get_event
        try:
            return get_event()
        except MarkedYAMLError as error:
            refused = self.reworded(error)
            refused.opened = error.context_mark.line if error.context_mark else None
            raise refused from None
        except _BUGS:
            # PyYAML's own; the one known is that of chr() for an escape past U+10FFFF.
            raise self.refused(
                "syntax", "found an escape that names no character", r"write `\\` for one backslash"
            ) from None

    def reworded(self, error: MarkedYAMLError) -> Refused:
        """PyYAML's error in words for readers of specs."""
        mark = error.problem_mark or self.get_mark()
        if self.folded is not None and self.text.count("\n", 0, self.folded[1]) == mark.line:
            # Nearly always the quote was meant to close on its own line, and this one opens another text.
            start = self.folded[0]
            message = f"the quote that opens here closes on line {mark.line + 1} only"
            return Refused(
                "syntax", message, f"write {self.text[start]} at the end of the text", self.place(start)
            )
        problem = error.problem or "the text cannot be read"
        if (
            (found := _CLOSING.match(problem))
            and error.context_mark
            and self._ended(error.context_mark, mark)
        ):
            # What ends it is not read as that, but as one more entry.
            return Refused(
                "syntax",
                "this bracket is never closed",
                f"close it with `{found[1]}`",
                self.place(error.context_mark.index),
            )
        at = error.context_mark if problem == _NO_COLON and error.context_mark else mark
        if (problem == _NO_COLON or problem.startswith(_NO_DASH)) and (line := self._in_list(at.line)):
            message = "this line is in a list, but does not start with `- `"
            help = "put a space after the `-`" if line.lstrip().startswith("-") else "put `- ` before it"
            refused = Refused("syntax", message, help, self.place(at.index - at.column + _indent(line)))
            refused.in_list = True
            return refused
        if problem == _NO_PLACE and (found := self._bare(mark.line)):
            message = f"`{found[2]}` needs a `:` before what is indented below it"
            return Refused("syntax", message, f"put `:` after `{found[2]}`", self.place(mark.index))
        line_start = self.text.rfind("\n", 0, mark.index) + 1
        clue = f"{problem}|{error.context}|{self.text[line_start : mark.index]}"
        for wording in WORDINGS:
            if found := wording.clue.match(clue):
                index = error.context_mark.index if wording.at_start and error.context_mark else mark.index
                message, help = wording.message.format(*found.groups()), wording.help.format(*found.groups())
                return Refused(wording.name, message, help, self.place(index))
        return Refused("syntax", shown(problem, 120), "put quotes around the text", self.place(mark.index))

    def _bare(self, number: int) -> re.Match[str] | None:
        """A list entry of one word, which a line is indented below."""
        *above, line = self.text.split("\n", number + 1)[: number + 1]
        before = next((other for other in reversed(above) if other.strip()), "")
        return re.fullmatch(r"( *- +)([\w.-]+) *", before, re.A) if _indent(line) > _indent(before) else None

    def _in_list(self, number: int) -> str:
        """A line that stands beside entries of a list and is none; empty otherwise."""
        *above, line = self.text.split("\n", number + 1)[: number + 1]
        beside = False
        for other in reversed(above):
            if not other.strip() or _indent(other) > _indent(line):
                continue
            if _indent(other) < _indent(line):
                return line if beside else ""
            if not other.lstrip().startswith("- "):
                return ""  # the key of a list that is not indented: the line is a key beside it
            beside = True
        return ""

    def _ended(self, opened: Mark, mark: Mark) -> bool:
        """Whether the line of a mark starts an entry beside the line of a bracket, or outside of it."""
        first, last = (self.text.split("\n", at.line + 1)[at.line] for at in (opened, mark))
        if mark.line == opened.line or _indent(last) > _indent(first) or not _ENTRY.match(last):
            return False
        depth = 0
        for found in re.finditer(r"[\[{]|[\]}]", self.text[opened.index :]):
            depth += 1 if found[0] in "[{" else -1
            if not depth:
                return False  # it is closed further down
        return True

    def place(self, index: int) -> Span:
        """One character of the text."""
        # The end of the text may lie on a line that nobody wrote: point after the last word instead.
        return self.source.back(span_at(self.text, min(index, len(self.text.rstrip()))))

    def refused(self, name: str, message: str, help: str, length: int = 1) -> Refused:
        """The refusal of what stands here."""
        column = self.column + 1
        return Refused(name, message, help, self.source.back(Span(self.line + 1, column, column + length)))

    def refuse_word(self, name: str, what: str) -> str:
        """Refuse the word that stands here, which is returned if reading goes on."""
        found = _WORD.match(self.text, self.index)
        word = found[0] if found else ""
        help = f"delete `{shown(word)}`"
        if what == "alias":
            help = "write the value out" if re.fullmatch(r"\*[\w-]+", word) else f'write `"{shown(word)}"`'
        message = f"found the {what} `{shown(word)}`; a spec has none"
        refused = self.refused(name, message, help, max(len(word), 1))
        if not self.is_known(word, refused):
            self.faults.add(refused, misread=1)
        return word

    def is_known(self, word: str, refused: Refused) -> bool:
        """Whether a word belongs to a mistake that is noted: all words of one anchor are one mistake."""
        named = _NAME.fullmatch(word)
        if named is None or not self.faults.partly:
            return False
        if named[1] not in self.anchors and _MERGED.search(self.text, max(self.index - 64, 0), self.index):
            return True  # the merge key is the mistake
        first = self.anchors.setdefault(named[1], refused)
        if first is not refused and len(first.labels) < _MOST_LABELS:
            first.labels += (Label(refused.span, "and here"),)
        return first is not refused

    def merges_known(self, index: int) -> bool:
        """Whether what stands at a place merges an anchor that is noted already."""
        found = _MERGES.match(self.text, index)
        return found is not None and found[1] in self.anchors

    def fetch_alias(self) -> None:
        self.refuse_word("alias", "alias")
        self.fetch_plain()
        self.unknown.add(self.tokens[-1].end_mark.index)

    def fetch_anchor(self) -> None:
        word = self.refuse_word("alias", "anchor").rstrip(":")
        self.tokens.append(AnchorToken(word, *self.skip(word)))

    def fetch_tag(self) -> None:
        word = self.refuse_word("tag", "tag")
        self.tokens.append(TagToken((None, word), *self.skip(word)))

    def skip(self, word: str) -> tuple[Mark, Mark]:
        """Go past a word in front of a value, which may be a key."""
        self.save_possible_simple_key()
        self.allow_simple_key = False
        start = self.get_mark()
        self.forward(len(word))
        return start, self.get_mark()

    def fetch_directive(self) -> None:
        line = self.text[self.index :].split("\n", 1)[0].rstrip()
        if line.startswith("%TAG"):
            message = "found a `%TAG` directive; a spec has no tags"
            self.faults.add(self.refused("tag", message, "delete this line", len(line)))
            self.forward(len(line))
            return
        if not line.startswith("%YAML"):
            raise self.refused(
                "syntax", "a line cannot start with `%`", "put quotes around the key", len(line)
            )
        if not re.fullmatch(r"%YAML +1\.2(?: +#.*)?", line):
            raise self.refused("yaml-version", f"found `{shown(line)}`", "write `%YAML 1.2`", len(line))
        super().fetch_directive()

    def fetch_flow_scalar(self, style: str) -> None:
        start = self.index
        super().fetch_flow_scalar(style)
        if "\n" in self.text[start : self.index]:
            self.folded = start, self.index

    def fetch_key(self) -> None:
        # PyYAML takes `{ ?a: 1}` for the key `a`, YAML 1.2 for the key `?a`.
        if self.flow_level and not self.peek(1).isspace():
            raise self.refused("syntax", "found `?` at the start of a key", "put quotes around the key")
        super().fetch_key()

    def fetch_flow_collection_start(self, TokenClass: object) -> None:
        # Before the event, because PyYAML looks 1024 characters ahead.
        if self.flow_level >= self.limits.depth:
            raise too_deep(self.limits, self.place(self.index))
        super().fetch_flow_collection_start(TokenClass)


def too_deep(limits: Limits, span: Span) -> Refused:
    """More levels than the limits allow."""
    message = f"found more than {limits.depth} mappings and lists inside each other"
    return Refused("too-deep", message, f"nest at most `{limits.depth}` of them", span)
