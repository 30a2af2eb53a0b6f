"""What to type where a field has a value that it cannot have, and the value says what was meant."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel

from vla_compose.spec.names import other_name, other_spec_name

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")
_WORD = re.compile(r"[A-Za-z_][\w.]{0,62}", re.A)
_PLAIN = re.compile(r"[\w./ ()-]{1,40}", re.A)
_NUMBERS = frozenset({"size", "count", "heads"})
_MOST = 8
"""So many names of a list are written out."""
_ENTRY = {"inputs": "x", "outputs": "tokens"}
"""The entry that is meant where one pattern stands in place of several."""
_HELP = {
    "condition": "write a condition such as `vision != text`",
    "link": "write a link such as `https://arxiv.org/abs/2409.12191`",
    "expression": "write an expression over dims with + - * // %, such as `4 * vision`",
    "size": "write a number or an expression over dims, such as `4 * vision`",
}


def instead(kind: str, value: Any) -> str | None:
    """A help for an error of a kind of our own."""
    if kind in ("name", "reserved"):
        return other_name(value)
    if kind == "spec_name":
        return other_spec_name(value)
    return (_one_size(value) if kind == "size" else None) or _HELP.get(kind)


def as_mapping(model: type[BaseModel], body: Any, what: str) -> str:
    """A help where one value stands in place of a mapping: the field that it may be, and those to add."""
    needed = [field.alias or name for name, field in model.model_fields.items() if field.is_required()]
    number = isinstance(body, int) and not isinstance(body, bool)
    word = isinstance(body, str) and _WORD.fullmatch(body)
    good = needed and (number if needed[0] in _NUMBERS else word and needed[0] in ("name", "flag"))
    if not good:
        return f"write the fields of {what} as `key: value`"
    fields = ", ".join([f"{needed[0]}: {body}", *(f"{name}: …" for name in needed[1:])])
    return f"write `{{{fields}}}`"


def retyped(kind: str, name: str, value: Any) -> str | None:
    """A help where a value is of another type than it must be, and plainly meant."""
    if kind == "string_type" and _are_words(value):
        return f"write `{name}: {' '.join(value)}`"
    if kind == "float_type" and isinstance(value, str) and _NUMBER.fullmatch(value):
        return f"write `{name}: {value}`"
    if kind == "list_type" and isinstance(value, str) and _PLAIN.fullmatch(value):
        return f"write `{name}: [{', '.join(value.split())}]`"
    if kind == "list_type" and isinstance(value, dict) and all(str(key).startswith("-") for key in value):
        return "put a space after each `-`"
    if kind in ("dict_type", "mapping_type", "model_type") and isinstance(value, str) and ":" in value:
        return "put a space after each `:`"
    if name in _ENTRY and isinstance(value, str) and " " in value and _PLAIN.fullmatch(value):
        return f"write `{name}: {{{_ENTRY[name]}: {value}}}`"
    if kind == "model_type" and name == "init" and isinstance(value, float):
        return f"write `init: {{normal: {value}}}`"
    return None


def origin(given: Any) -> str:
    """A help for what stands at `from` in no form that it may have."""
    names: Any = given if isinstance(given, list) else next(iter(given.values()), None) if given else None
    if not _are_words(names):
        return "write a name, `{concat: [a, b]}`, `{add: [a, b]}` or `{flag: f, then: a, else: b}`"
    if len(names) == 1:
        return f"write `from: {names[0]}`"
    several = ", ".join(map(str, names))
    return f"write `{{concat: [{several}]}}` or `{{add: [{several}]}}`"


def _one_size(value: Any) -> str | None:
    """A help where a size is written as a fraction, or once for each side."""
    if isinstance(value, float) and value.is_integer() and 0 < value < 2**31:
        return f"write `{int(value)}`"
    if isinstance(value, list) and value and value.count(value[0]) == len(value):
        word = str(value[0])
        return f"write `{word}`" if _PLAIN.fullmatch(word) and not isinstance(value[0], bool) else None
    return None


def _are_words(value: Any) -> bool:
    """Whether a value is a short list of names."""
    short = isinstance(value, list) and 0 < len(value) <= _MOST
    return short and all(isinstance(one, str) and _WORD.fullmatch(one) is not None for one in value)
