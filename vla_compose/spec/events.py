"""PyYAML's events, less what the language leaves out, with errors in words for readers of specs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NoReturn

import yaml.events as ev
from yaml.error import MarkedYAMLError, YAMLError
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner

from vla_compose.diagnostics import Span
from vla_compose.spec.codes import WORDINGS, Refused, shown
from vla_compose.spec.limits import Limits
from vla_compose.spec.scalars import span_at

_BUGS = (YAMLError, ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)
_WORD: Final = re.compile(r"[^\s,\[\]{}]*")


class Events(Reader, Scanner, Parser):
    """PyYAML's events for one text, less what the language leaves out."""

    def __init__(self, text: str, limits: Limits) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        self.text = text
        self.limits = limits
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
            raise self.reworded(error) from None
        except _BUGS:
            # PyYAML's own; the one known is that of chr() for an escape past U+10FFFF.
            self.refuse("syntax", "found an escape that names no character", r"write `\\` for one backslash")

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
        line_start = self.text.rfind("\n", 0, mark.index) + 1
        clue = f"{problem}|{error.context}|{self.text[line_start : mark.index]}"
        for wording in WORDINGS:
            if found := wording.clue.match(clue):
                index = error.context_mark.index if wording.at_start and error.context_mark else mark.index
                message, help = wording.message.format(*found.groups()), wording.help.format(*found.groups())
                return Refused(wording.name, message, help, self.place(index))
        return Refused("syntax", shown(problem, 120), "put quotes around the text", self.place(mark.index))

    def place(self, index: int) -> Span:
        """One character of the text."""
        # The end of the text may lie on a line that nobody wrote: point after the last word instead.
        return span_at(self.text, min(index, len(self.text.rstrip())))

    def refuse(self, name: str, message: str, help: str, length: int = 1) -> NoReturn:
        """Refuse what stands here."""
        raise Refused(name, message, help, Span(self.line + 1, self.column + 1, self.column + 1 + length))

    def refuse_word(self, name: str, what: str) -> NoReturn:
        """Refuse the word that stands here."""
        found = _WORD.match(self.text, self.index)
        word = found[0] if found else ""
        help = f"delete `{shown(word)}`"
        if what == "alias":
            help = "write the value out" if re.fullmatch(r"\*[\w-]+", word) else f'write `"{shown(word)}"`'
        self.refuse(name, f"found the {what} `{shown(word)}`; a spec has none", help, max(len(word), 1))

    def fetch_alias(self) -> None:
        self.refuse_word("alias", "alias")

    def fetch_anchor(self) -> None:
        self.refuse_word("alias", "anchor")

    def fetch_tag(self) -> None:
        self.refuse_word("tag", "tag")

    def fetch_directive(self) -> None:
        line = self.text[self.index :].split("\n", 1)[0].rstrip()
        if line.startswith("%TAG"):
            self.refuse("tag", "found a `%TAG` directive; a spec has no tags", "delete this line", len(line))
        if not line.startswith("%YAML"):
            self.refuse("syntax", "a line cannot start with `%`", "put quotes around the key", len(line))
        if not re.fullmatch(r"%YAML +1\.2(?: +#.*)?", line):
            self.refuse("yaml-version", f"found `{shown(line)}`", "write `%YAML 1.2`", len(line))
        super().fetch_directive()

    def fetch_flow_scalar(self, style: str) -> None:
        start = self.index
        super().fetch_flow_scalar(style)
        if "\n" in self.text[start : self.index]:
            self.folded = start, self.index

    def fetch_key(self) -> None:
        # PyYAML takes `{ ?a: 1}` for the key `a`, YAML 1.2 for the key `?a`.
        if self.flow_level and not self.peek(1).isspace():
            self.refuse("syntax", "found `?` at the start of a key", "put quotes around the key")
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
