"""Fields of a mapping: pydantic checks them, and what it finds is told in words for readers of specs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Generic, TypeVar, cast

from pydantic import BaseModel, ValidationError

from vla_compose.primitives.base import Path
from vla_compose.spec.faults import Faults
from vla_compose.spec.names import other_name, other_spec_name
from vla_compose.spec.words import nearest, safe, slip

M = TypeVar("M", bound=BaseModel)

_CODES = {
    "extra_forbidden": "VC101",
    "missing": "VC102",
    "name": "VC109",
    "reserved": "VC302",
    "spec_name": "VC104",
    "link": "VC104",
    "expression": "VC106",
    "condition": "VC106",
    "origin": "VC103",
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
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}
_LENGTHS = {
    "too_short": ("min_length", "at least", "entries"),
    "too_long": ("max_length", "at most", "entries"),
    "string_too_long": ("max_length", "at most", "characters"),
}
_ENTRIES: Final = frozenset({"dims", "unused", "variants"})
"""Fields of which a wrong entry can be left out without the others."""


@dataclass(frozen=True, slots=True)
class Read(Generic[M]):
    """What became of a mapping of fields.

    Attributes:
        fields: the fields as far as they are certain, or `None`.
        body: the mapping, with slips of the keyboard put right and without the fields that are lost.
        lost: the fields that are wrong, unknown or missing.
    """

    fields: M | None
    body: dict[str, Any]
    lost: frozenset[str] = frozenset()


def read_fields(
    model: type[M],
    body: Any,
    path: Path,
    faults: Faults,
    *,
    what: str,
    spare: Mapping[str, Any] | None = None,
) -> Read[M]:
    """Check the fields of a mapping and report every mistake; what has one certain meaning is read as that.

    Args:
        spare: values for required fields; where it is given, what is wrong is left out of `fields`.
    """
    if not isinstance(body, dict):
        faults.add("VC103", f"{what} must be a mapping", path, help=_as_mapping(model, body, what))
        faults.doubt(body)
        return Read(None, {})
    said: set[tuple[str, Path]] = set()
    while True:
        fields, found = _validated(model, body)
        if fields is not None and spare is None and faults.is_hole(path):
            break  # there may be other fields
        if fields is not None:
            return Read(fields, body)
        better = body
        for fault in _causes(found, body):
            known = (str(fault["type"]), tuple(fault["loc"]))
            # What a slip that was put right has brought about says that something else was meant.
            if known not in said and (known[1] or not said):
                said.add(known)
                meant = _report(model, fault, body, path, what, faults)
                if meant is not None:
                    better = _put_right(better, fault, meant, path, faults)
        if better is body:
            break
        body = better
    if spare is None:
        faults.doubt(body)
        return Read(None, body)
    lost: set[str] = set()
    entries: dict[str, set[str]] = {}
    for fault in found:
        top, *below = fault["loc"] or ("",)
        if top in _ENTRIES and below and isinstance(body.get(top), dict):
            entries.setdefault(top, set()).add(below[0])
            faults.doubt({below[0]: body[top].get(below[0])})
        else:
            lost.add(top)
            faults.doubt({top: body.get(top)})
    kept = {name: value for name, value in body.items() if name not in lost}
    kept = {**{name: value for name, value in spare.items() if name in lost}, **kept}
    sound = dict(kept)
    for name, wrong in entries.items():
        sound[name] = {key: value for key, value in kept[name].items() if key not in wrong}
    return Read(_validated(model, sound)[0], kept, frozenset(lost))


def _validated(model: type[M], body: dict[str, Any]) -> tuple[M | None, list[Any]]:
    try:
        return model.model_validate(body), []
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        given = body.get("from")
        if any(fault["loc"][:1] == ("from",) for fault in found) and _formless(given):
            message = "an input, a chain, or one form of several was expected"
            origin = {"type": "origin", "loc": ("from",), "ctx": {"message": message, "help": _origin(given)}}
            return None, [*(fault for fault in found if fault["loc"][:1] != ("from",)), origin]
        return None, [fault for fault in found if _meant(fault, body)]


def _put_right(body: dict[str, Any], fault: Any, meant: str, path: Path, faults: Faults) -> dict[str, Any]:
    """The mapping with a slip put right."""
    loc: Path = tuple(fault["loc"])
    if fault["type"] == "literal_error":
        return _with(body, loc, meant)
    around = _at(body, loc[:-1])
    if fault["type"] != "extra_forbidden" or meant in around:
        return body
    faults.rename(path + loc, meant)
    return _with(body, loc[:-1], {meant if key == loc[-1] else key: value for key, value in around.items()})


def _with(value: Any, path: Path, new: Any) -> dict[str, Any]:
    """A copy with something else at one place."""
    if path:
        copy = value.copy()
        copy[path[0]] = _with(value[path[0]], path[1:], new)
        new = copy
    return cast("dict[str, Any]", new)


def _report(
    model: type[BaseModel], fault: Any, body: Any, path: Path, what: str, faults: Faults
) -> str | None:
    """Report one of pydantic's errors; what was certainly meant."""
    inner: Path = tuple(fault["loc"])
    at = path + inner
    kind, context = fault["type"], fault.get("ctx", {})
    name = safe(next((part for part in reversed(inner) if isinstance(part, str)), inner[-1])) if inner else ""
    code = _CODES.get(kind, "VC103" if kind.endswith("_type") else "VC104")
    if kind == "extra_forbidden":
        owner = _owner(model, inner[:-1])
        known = [field.alias or key for key, field in owner.model_fields.items()] if owner else []
        near = nearest(str(inner[-1]), known)
        help = f"write `{near}`" if near else f"leave it out; known here: {', '.join(sorted(known))}"
        help = getattr(owner, "elsewhere", {}).get(inner[-1], help)
        help = f"name it `{fault['stands_for']}`, which is missing" if "stands_for" in fault else help
        return faults.add(code, f"unknown field `{name}` in {what}", at, key=True, help=help)
    if kind == "missing":
        *most, last = (f"`{safe(one)}`" for one in fault["names"])
        listed = f"fields {', '.join(most)} and {last}" if most else f"field {last}"
        help = "add " + ", ".join(f"`{safe(one)}: …`" for one in fault["names"])
        return faults.add(code, f"{what} needs the {listed}", at[:-1], key=True, help=help)
    if kind in _TYPES:
        help = _retyped(kind, name, _at(body, inner)) or f"give `{name}` {_TYPES[kind]}"
        return faults.add(code, f"`{name}` must be {_TYPES[kind]}", at, help=help)
    if kind == "literal_error":
        allowed = str(context.get("expected", ""))
        wrong = _at(body, inner)
        near = nearest(str(wrong), allowed.replace("'", "").replace(" or ", ", ").split(", "))
        help = f"write `{near}`" if near else f"write one of {allowed}"
        return faults.add(code, f"`{name}` must be {allowed}, not `{safe(wrong)}`", at, help=help)
    if "message" in context:
        message = f"`{name}`: {context['message']}" if name else f"{what}: {context['message']}"
        renamed = _RENAMED[kind](_at(body, inner)) if kind in _RENAMED else None
        help = (
            renamed or context.get("help") or _HELP.get(kind) or f"see `{what.strip('`')}` in the reference"
        )
        return faults.add(code, message, at, help=help)
    if kind in _BOUNDS:
        field, words = _BOUNDS[kind]
        limit = f"{words} {context[field]}"
        return faults.add(code, f"`{name}` must be {limit}", at, help=f"give `{name}` a value of {limit}")
    if kind in _LENGTHS:
        field, words, things = _LENGTHS[kind]
        limit = f"{words} {context[field]} {things}"
        return faults.add(code, f"`{name}` must have {limit}", at, help=f"give `{name}` {limit}")
    text = str(fault["msg"])
    return faults.add(code, f"`{name}`: {text[:1].lower()}{text[1:]}", at, help=f"change `{name}`")


_COMBINE, _CHOICE = ("concat", "add", "axis"), ("flag", "then", "else")
"""Fields of the two forms of `from`."""


def _formless(given: Any) -> bool:
    """Whether what stands at `from` has no form that it may have."""
    if isinstance(given, dict):
        known = _COMBINE + _CHOICE
        return not any(key in known or slip(str(key), name) for key in given for name in known)
    return isinstance(given, list)


def _origin(given: Any) -> str:
    """A help for what stands at `from` in no form that it may have."""
    names = given if isinstance(given, list) else next(iter(given.values()), None) if given else None
    if not isinstance(names, list) or not names or not all(map(_is_plain, names)):
        return "write a name, `{concat: [a, b]}`, `{add: [a, b]}` or `{flag: f, then: a, else: b}`"
    several = ", ".join(map(str, names))
    return f"write `{{concat: [{several}]}}` or `{{add: [{several}]}}`"


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


def _causes(found: list[Any], body: dict[str, Any]) -> Iterator[Any]:
    """One error for each mistake.

    A field that is missing because its name has a typo is left out, and so are all but the first wrong
    entries of a list, and a field that is empty because what belongs to it is not indented. Several missing
    fields of one place become one error.
    """
    unknown = {
        fault["loc"][0] for fault in found if fault["type"] == "extra_forbidden" and len(fault["loc"]) == 1
    }
    empty = {name for name, after in pairwise(body) if body[name] is None and after in unknown}
    strangers = Counter(fault["loc"][:-1] for fault in found if fault["type"] == "extra_forbidden")
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
            elif len(names) == 1 and strangers[fault["loc"][:-1]] == 1:
                fault["stands_for"] = names.pop()
    lists: set[Path] = set()
    for fault in found:
        loc = tuple(fault["loc"])
        if len(loc) == 1 and loc[0] in empty:
            continue
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


def _as_mapping(model: type[BaseModel], body: Any, what: str) -> str:
    """A help where one value stands in place of a mapping: the field that it may be, and those to add."""
    needed = [field.alias or name for name, field in model.model_fields.items() if field.is_required()]
    if not needed or not _is_plain(body):
        return f"write the fields of {what} as `key: value`"
    fields = ", ".join([f"{needed[0]}: {body}", *(f"{name}: …" for name in needed[1:])])
    return f"write `{{{fields}}}`"


def _retyped(kind: str, name: str, value: Any) -> str | None:
    """A help where a value is of another type than it must be, and plainly meant."""
    if kind == "string_type" and isinstance(value, list) and value and all(map(_is_plain, value)):
        return f"write `{name}: {' '.join(map(str, value))}`"
    if kind == "list_type" and _is_plain(value):
        return f"write `{name}: [{value}]`"
    if kind == "list_type" and isinstance(value, dict) and all(str(key).startswith("-") for key in value):
        return "put a space after each `-`"
    if kind in ("dict_type", "mapping_type", "model_type") and isinstance(value, str) and ":" in value:
        return "put a space after each `:`"
    if _is_plain(value) and name in _ENTRY:
        return f"write `{name}: {{{_ENTRY[name]}: {value}}}`"
    return None


_ENTRY = {"inputs": "x", "outputs": "tokens", "init": "normal"}
"""The entry that is meant where one value stands in place of several."""


def _is_plain(value: Any) -> bool:
    """Whether a value is written as one short word."""
    if isinstance(value, str):
        return re.fullmatch(r"[\w./ :-]{1,40}", value, re.A) is not None
    return isinstance(value, int | float) and not isinstance(value, bool)


_RENAMED = {"name": other_name, "reserved": other_name, "spec_name": other_spec_name}
_HELP = {
    "condition": "write a condition such as `vision != text`",
    "link": "write a link such as `https://arxiv.org/abs/2409.12191`",
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
