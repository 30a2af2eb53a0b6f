"""Collecting diagnostics, each with its place in the file, and what they leave in doubt."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice

from vla_compose.codes import CODES
from vla_compose.diagnostics import Diagnostic, Edit, Label, Span
from vla_compose.primitives.base import Path
from vla_compose.spec.reader import Document
from vla_compose.spec.words import slip

_OWN = ("VC303", "VC305")
"""Codes of names that the author of a spec chooses."""
_WRITE = re.compile(r"write `([A-Za-z_][\w.-]{2,})`(?: for `([ -_a-~]+)`)?", re.A)
"""A help that names what to write for one word, or for the key that follows."""

_ONCE = ("VC2", "VC303", "VC305")
"""What is said of several places in the same words has one cause, and is reported once."""
_SYNTAX = ("VC015", "VC016", "VC021")
"""Codes of mistakes around which lines may have been passed over."""
_MOST_PASSED = 50
"""So many of them are looked at, each of which takes as long as the text."""
_NAME = re.compile(r"(?<![\w.])[A-Za-z_][\w.]*", re.A)
_TOP = re.compile(r"[\w-]+(?= *:)")


class _Text:
    """The lines of a text, and how often each word and each dotted name stands in it."""

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def lines(self) -> list[str]:
        return self._text.split("\n")

    @cached_property
    def words(self) -> Counter[str]:
        dotted = (name for name in re.findall(r"\w+(?:\.\w+)+", self._text))
        return Counter(re.findall(r"\w+", self._text)) + Counter(dotted)


@dataclass(frozen=True, slots=True)
class _Passed:
    """A syntax error: something around its line was passed over.

    It stands in one of the entries `fields` of the spec; the one before it begins at the line `first`.
    """

    line: int
    first: int
    fields: tuple[str, ...]

    @classmethod
    def of(cls, fault: Diagnostic, document: Document) -> _Passed:
        line = fault.span.line if fault.span is not None else 1
        lines = enumerate(document.text.split("\n")[:line], start=1)
        tops = [(at, found[0]) for at, text in lines if (found := _TOP.match(text))]
        # A line just before it may stand there only because its indentation is wrong.
        near = 1 if tops and tops[-1][0] < line - 1 else 2
        return cls(line, tops[-2:][0][0] if tops else 1, tuple(name for _, name in tops[-near:]))

    def hides(self, code: str, path: Path, span: Span) -> bool:
        """Whether a mistake may be due to what was passed over."""
        if code.startswith("VC1") and span.line == self.line:
            return True
        if code in ("VC102", "VC103") and self.first <= span.line <= self.line:
            return True
        registered = code == "VC303" and ("order" in path or "layouts" in path)
        return not {"steps", "chains"}.isdisjoint(self.fields) and (registered or code == "VC208")


class Faults:
    """The diagnostics of one document, in the order found."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.found: list[Diagnostic] = list(document.faults)
        self.met = 0
        """How many mistakes there were, those among them that need not be told."""
        self.doubts: set[str] = set()
        """Names that a mistake has put in doubt: that they are missing, or not used, may be due to it."""
        self.undeclared: set[str] = set()
        """Dims whose value is not stated, which was reported."""
        self._renamed: dict[Path, Path] = {}
        passed = (fault for fault in document.faults if document.unread and fault.code in _SYNTAX)
        self._passed = [_Passed.of(fault, document) for fault in islice(passed, _MOST_PASSED)]
        self._unsure = {fault.span for fault in document.faults}
        self._odd = {hole[:-1] for hole in document.holes if hole}
        self.doubt(document.unread)
        self._all = False
        self._said: set[tuple[str, str, Span]] = set()
        self._first: dict[tuple[str, str], int] = {}
        self._text = _Text(document.text)

    def fresh(self) -> Faults:
        """Another list for the same document, in which nothing was found yet and the same is in doubt."""
        other = copy(self)
        other.found, other._said, other._first = [], set(), {}
        other.doubts, other.undeclared = set(self.doubts), set(self.undeclared)
        return other

    @property
    def clean(self) -> bool:
        """Whether nothing was found, here or in the list that this one was made `fresh` from."""
        return not self.found and not self.doubts

    def doubtful(self, name: str, known: Iterable[str] = ()) -> bool:
        """Whether a name may be missing only because of a mistake that was reported.

        A slip of a name that is `known` is a mistake of its own.
        """
        if name in self.undeclared:
            return True
        return name in self.doubts and not any(slip(name, other) for other in known)

    def is_hole(self, path: Path) -> bool:
        """Whether the reader is not sure of the value at a path."""
        return self._written(path) in self.document.holes

    def doubt(self, value: object) -> None:
        """Put every name in doubt that a part of the document holds."""
        waiting = [value]
        while waiting:
            one = waiting.pop()
            if isinstance(one, dict):
                waiting += [*one, *one.values()]
            elif isinstance(one, list):
                waiting += one
            elif isinstance(one, str):
                for word in _NAME.findall(one):
                    self.doubts |= {word, *word.split(".")}

    def free(self, name: str) -> str:
        """A name that stands nowhere in the document: the one given, or with `_` behind it."""
        while name in self._text.words:
            name += "_"
        return name

    def doubt_all(self) -> None:
        """Put every name of the document in doubt."""
        if not self._all:
            self._all = True
            self.doubt(self.document.value)

    def rename(self, path: Path, name: str) -> Path:
        """Go on as if the key at `path` were `name`; the path that it has from here on."""
        new = (*path[:-1], name)
        self._renamed[new] = self._written(path)
        return new

    def _written(self, path: Path) -> Path:
        """The path in the document, where some keys have a slip."""
        found: Path = ()
        for at, part in enumerate(path, start=1):
            found = self._renamed.get(path[:at], (*found, part))
        return found

    def add(
        self,
        code: str,
        message: str,
        path: Path,
        *,
        key: bool = False,
        help: str | None = None,
        labels: Iterable[tuple[Path, str]] = (),
        found: str | None = None,
        expected: str | None = None,
    ) -> str | None:
        """Report one mistake at the value (or the key) that stands at `path`.

        A `help` of the form "write `NAME`" for a word that is a slip of NAME becomes an edit.

        Returns:
            NAME, where there is no doubt that it was meant.
        """
        self.met += 1
        path = self._written(path)
        place = self.document.key_span if key else self.document.value_span
        if self._is_unknown(code, path, place(path)):
            return None
        edit = self._edit(code, place(path), path, help or "")
        if self._repeated(code, message, place(path), edit):
            return None
        self.found.append(
            Diagnostic(
                code=code,
                name=CODES[code],
                message=message,
                span=place(path),
                file=self.document.file,
                labels=tuple(Label(self.document.value_span(self._written(at)), text) for at, text in labels),
                help=help,
                found=found,
                expected=expected,
                edit=edit,
            )
        )
        return edit.replacement if edit is not None else None

    def _is_unknown(self, code: str, path: Path, span: Span) -> bool:
        """Whether the reader is not sure what stands there, which it has reported."""
        if not self.document.faults:
            return False
        if span in self._unsure or any(passed.hides(code, path, span) for passed in self._passed):
            return True
        if code in ("VC102", "VC103") and path in self._odd:
            return True  # what is missing may stand there under a key that could not be read
        above = (path[:end] for end in range(len(path) and 1, len(path) + 1))
        return any(part in self.document.holes for part in above)

    def _repeated(self, code: str, message: str, span: Span, edit: Edit | None) -> bool:
        """Whether the same was said before; another place than then gets a label."""
        if (code, message, span) in self._said:
            return True
        self._said.add((code, message, span))
        if edit is not None or not code.startswith(_ONCE):
            return False
        at = self._first.setdefault((code, message), len(self.found))
        if at == len(self.found):
            return False
        known = self.found[at]
        self.found[at] = replace(known, labels=(*known.labels, Label(span, "and here")))
        return True

    def _edit(self, code: str, span: Span, path: Path, help: str) -> Edit | None:
        """What `help` says to write, where exactly one word of the place is a slip of it.

        A name of the author's own that stands in the file again is no slip: it is its definition, perhaps.
        """
        wanted = _WRITE.fullmatch(help)
        if wanted is None:
            return None
        name, key = wanted.groups()
        if key is not None:
            if (*path, key) not in self.document.keys:
                return None
            span = self.document.keys[(*path, key)]
        start = span.column - 1
        text = self._text.lines[span.line - 1][start : span.end_column - 1]
        whole = re.fullmatch(r"(['\"]?)([^'\"\s]+)\1", text)
        places = [whole.span(2)] if whole else []
        if not whole or not slip(whole[2], name):
            places = [found.span() for found in re.finditer(r"(?<![\w.])[A-Za-z_]\w*(?![\w.])", text, re.A)]
        slips = [(first, last) for first, last in places if slip(text[first:last], name)]
        if len(slips) != 1:
            return None
        ((first, last),) = slips
        if code in _OWN and self._text.words[text[first:last]] > 1:
            return None
        return Edit(Span(span.line, start + first + 1, start + last + 1), name)
