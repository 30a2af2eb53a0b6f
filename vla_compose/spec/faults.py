"""Collecting diagnostics about fields: pydantic's findings and our own, each with its place in the file."""

from __future__ import annotations

import difflib
import heapq
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from vla_compose.codes import CODES
from vla_compose.diagnostics import Diagnostic, Edit, Label, Span
from vla_compose.primitives.base import Path
from vla_compose.spec.reader import Document

M = TypeVar("M", bound=BaseModel)

_CODES = {
    "extra_forbidden": "VC101",
    "missing": "VC102",
    "name": "VC109",
    "reserved": "VC302",
    "expression": "VC106",
    "size": "VC103",
    "value": "VC104",
}
_TYPES = {
    "bool_type": "`true` or `false`",
    "string_type": "text",
    "int_type": "an integer",
    "float_type": "a number",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "mapping_type": "a mapping",
}


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The one name that `word` was most likely meant to be; `None` when two are equally near."""
    letters = _letters(word)

    def unlike(name: str) -> tuple[int, int]:
        return (letters ^ _letters(name)).bit_count(), abs(len(name) - len(word))

    # Only what has nearly the same letters is compared well, so that a thousand mistakes take no minute.
    names = heapq.nsmallest(8, dict.fromkeys(islice(known, 500)), key=unlike)
    slips = [name for name in names if slip(word, name)]
    if slips:
        return slips[0] if len(slips) == 1 else None
    matches = difflib.get_close_matches(word, names, n=2, cutoff=0.6)
    if len(matches) == 2 and _ratio(matches[0], word) == _ratio(matches[1], word):
        return None
    return matches[0] if matches else None


@lru_cache(4096)
def _letters(word: str) -> int:
    """The letters of a word as bits of a number."""
    mask = 0
    for char in word.lower():
        mask |= 1 << (ord(char) & 63)
    return mask


def _ratio(name: str, word: str) -> float:
    return difflib.SequenceMatcher(None, name, word).ratio()


_OWN = ("VC303", "VC305")
"""Codes of names that the author of a spec chooses."""
_WRITE = re.compile(r"write `([A-Za-z_][\w.-]{2,})`(?: for `([ -_a-~]+)`)?", re.A)
"""A help that names what to write for one word, or for the key that follows."""


def slip(word: str, name: str) -> bool:
    """Whether `word` is `name` with a slip of the keyboard: no doubt, where `nearest` is a guess.

    At most one letter was added, left out, exchanged or swapped with the next, in names of six letters or
    more two. Digits are never a slip: `ln_q1` is not `ln_q2`.
    """
    if word == name or re.sub(r"\D", "", word) != re.sub(r"\D", "", name):
        return False
    left, right = (text.lower().replace("-", "_") for text in (word, name))
    most = 1 if len(name) < 6 else 2
    if abs(len(left) - len(right)) > most or len(left) < 2:
        return False
    above: list[int] = []
    row = list(range(len(right) + 1))
    for at, char in enumerate(left, start=1):
        above, before, row = row, above, [at]
        for column, other in enumerate(right, start=1):
            cost = min(row[-1] + 1, above[column] + 1, above[column - 1] + (char != other))
            if at > 1 and column > 1 and (char, other) == (right[column - 2], left[at - 2]):
                cost = min(cost, before[column - 2] + 1)
            row.append(cost)
    return row[-1] <= most


_ONCE = ("VC2", "VC303", "VC305")
"""What is said of several places in the same words has one cause, and is reported once."""


class Faults:
    """The diagnostics of one document, in the order found."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.found: list[Diagnostic] = []
        self.missing: set[str] = set()
        """Names of chains that something needs, which was reported."""
        self._lines: list[str] | None = None
        self._words: Counter[str] = Counter()

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
    ) -> None:
        """Report one mistake at the value (or the key) that stands at `path`.

        A `help` of the form "write `NAME`" for a word that is a slip of NAME becomes an edit.
        """
        place = self.document.key_span if key else self.document.value_span
        edit = self._edit(code, place(path), path, help or "")
        if edit is None and code.startswith(_ONCE) and self._again(code, message, place(path)):
            return
        self.found.append(
            Diagnostic(
                code=code,
                name=CODES[code],
                message=message,
                span=place(path),
                file=self.document.file,
                labels=tuple(Label(self.document.value_span(at), text) for at, text in labels),
                help=help,
                found=found,
                expected=expected,
                edit=edit,
            )
        )

    def _again(self, code: str, message: str, span: Span) -> bool:
        """Whether the same was said of another place, which then gets a label."""
        for at, known in enumerate(self.found):
            if (known.code, known.message, known.edit) == (code, message, None):
                again = Label(span, "and here")
                if known.span != span and again not in known.labels:
                    self.found[at] = replace(known, labels=(*known.labels, again))
                return True
        return False

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
        if self._lines is None:
            self._lines = self.document.text.split("\n")
            self._words = Counter(re.findall(r"\w+", self.document.text))
        start = span.column - 1
        text = self._lines[span.line - 1][start : span.end_column - 1]
        whole = re.fullmatch(r"(['\"]?)([^'\"\s]+)\1", text)
        places = [whole.span(2)] if whole else []
        if not whole or not slip(whole[2], name):
            places = [found.span() for found in re.finditer(r"(?<![\w.])[A-Za-z_]\w*(?![\w.])", text, re.A)]
        slips = [(first, last) for first, last in places if slip(text[first:last], name)]
        if len(slips) != 1:
            return None
        ((first, last),) = slips
        if code in _OWN and self._words[text[first:last]] > 1:
            return None
        return Edit(Span(span.line, start + first + 1, start + last + 1), name)

    def model(self, model: type[M], body: Any, path: Path, *, what: str) -> M | None:
        """Validate `body`; on failure report every mistake and return `None`."""
        if not isinstance(body, dict):
            self.add(
                "VC103", f"{what} must be a mapping", path, help=f"write the fields of {what} as `key: value`"
            )
            return None
        try:
            return model.model_validate(body)
        except ValidationError as error:
            found = [f for f in error.errors(include_url=False, include_input=False) if _meant(f, body)]
            for fault in _causes(found):
                self._field(model, fault, body, path, what)
            return None

    def _field(self, model: type[BaseModel], fault: Any, body: Any, path: Path, what: str) -> None:
        inner: Path = tuple(fault["loc"])
        at = path + inner
        kind, context = fault["type"], fault.get("ctx", {})
        name = (
            safe(next((part for part in reversed(inner) if isinstance(part, str)), inner[-1]))
            if inner
            else ""
        )
        code = _CODES.get(kind, "VC103" if kind.endswith("_type") else "VC104")
        if kind == "extra_forbidden":
            owner = _owner(model, inner[:-1])
            known = [field.alias or key for key, field in owner.model_fields.items()] if owner else []
            near = nearest(str(inner[-1]), known)
            help = f"write `{near}`" if near else f"leave it out; known here: {', '.join(sorted(known))}"
            self.add(code, f"unknown field `{name}` in {what}", at, key=True, help=help)
        elif kind == "missing":
            names = fault["names"]
            *most, last = (f"`{safe(one)}`" for one in names)
            listed = f"fields {', '.join(most)} and {last}" if most else f"field {last}"
            help = "add " + ", ".join(f"`{safe(one)}: …`" for one in names)
            self.add(code, f"{what} needs the {listed}", at[:-1], key=True, help=help)
        elif kind in _TYPES:
            self.add(code, f"`{name}` must be {_TYPES[kind]}", at, help=f"give `{name}` {_TYPES[kind]}")
        elif kind == "literal_error":
            allowed = str(context.get("expected", ""))
            wrong = _at(body, inner)
            near = nearest(str(wrong), allowed.replace("'", "").replace(" or ", ", ").split(", "))
            help = f"write `{near}`" if near else f"write one of {allowed}"
            self.add(code, f"`{name}` must be {allowed}, not `{safe(wrong)}`", at, help=help)
        elif "message" in context:
            message = f"`{name}`: {context['message']}" if name else f"{what}: {context['message']}"
            self.add(code, message, at, help=_HELP.get(kind) or f"see `{what.strip('`')}` in the reference")
        else:
            bounds = {
                "greater_than": "gt",
                "greater_than_equal": "ge",
                "less_than": "lt",
                "less_than_equal": "le",
            }
            words = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}
            if kind in bounds:
                limit = f"{words[bounds[kind]]} {context[bounds[kind]]}"
                self.add(code, f"`{name}` must be {limit}", at, help=f"give `{name}` a value of {limit}")
            else:
                message = str(fault["msg"])
                text = message[:1].lower() + message[1:]
                self.add(code, f"`{name}`: {text}", at, help=f"change `{name}`")


_COMBINE, _CHOICE = ("concat", "add", "axis"), ("flag", "then", "else")
"""Fields of the two forms of `from`."""


def _meant(fault: Any, body: dict[str, Any]) -> bool:
    """Whether an error belongs to the form of `from` that was written; drops the form from its place."""
    loc = fault["loc"]
    if len(loc) < 2 or loc[0] != "from":
        return True
    given = body.get("from")
    form = "str"
    if isinstance(given, dict):
        words = [word for key in given for word in (key, nearest(str(key), _COMBINE + _CHOICE))]
        form = "CombineFields" if set(words) & set(_COMBINE) else "ChoiceFields"
    fault["loc"] = (loc[0], *loc[2:])
    # pydantic calls a model with a validator of its own `function-after[_one_way(), CombineFields]`.
    return re.search(rf"\b{form}\b", str(loc[1])) is not None


def _causes(found: list[Any]) -> Iterator[Any]:
    """One error for each mistake.

    A field that is missing because its name has a typo is left out, and so are all but the first wrong
    entries of a list. Several missing fields of one place become one error.
    """
    gone: dict[Path, list[str]] = {}
    for fault in found:
        if fault["type"] == "missing":
            gone.setdefault(tuple(fault["loc"][:-1]), []).append(str(fault["loc"][-1]))
    for fault in found:
        if fault["type"] == "extra_forbidden":
            names = gone.get(tuple(fault["loc"][:-1]), [])
            near = nearest(str(fault["loc"][-1]), names)
            if near is not None:
                names.remove(near)
    lists: set[Path] = set()
    for fault in found:
        loc = tuple(fault["loc"])
        at = next((at for at, part in enumerate(loc) if isinstance(part, int)), None)
        if at is not None:
            if loc[:at] in lists:
                continue
            lists.add(loc[:at])
        if fault["type"] == "missing":
            names = gone.pop(loc[:-1], [])
            if not names:
                continue
            fault["names"] = names
        yield fault


_HELP = {
    "name": "use letters, digits and `_`, with dots between parts",
    "reserved": "choose another name, such as the same with `_` at the end",
    "expression": "write an expression over dims with + - * // %, such as `4 * vision`",
    "size": "write a number or an expression over dims, such as `4 * vision`",
}


def _at(body: Any, path: Path) -> Any:
    for part in path:
        try:
            body = body[part]
        except (KeyError, IndexError, TypeError):
            return None
    return body


def _owner(model: type[BaseModel], path: Path) -> type[BaseModel] | None:
    """The model whose field was unknown."""
    for part in path:
        field = next((f for key, f in model.model_fields.items() if part in (key, f.alias)), None)
        if field is None:
            return None
        inner = [
            a for a in (field.annotation, *getattr(field.annotation, "__args__", ())) if isinstance(a, type)
        ]
        nested = next((a for a in inner if issubclass(a, BaseModel)), None)
        if nested is None:
            return None
        model = nested
    return model


def safe(value: object) -> str:
    """Text from a spec for use in a message: ASCII, at most 60 characters."""
    text = ascii(value)[1:-1] if isinstance(value, str) else ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
