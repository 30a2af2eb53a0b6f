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
from vla_compose.spec.helps import as_mapping, instead, origin, retyped
from vla_compose.spec.words import field_meant, nearest, safe, slip

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
        faults.add("VC103", f"{what} must be a mapping", path, help=as_mapping(model, body, what))
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
        if any(fault["loc"][:1] == ("from",) for fault in found) and not _form(given):
            message = "an input, a chain, or one form of several was expected"
            one = {"type": "origin", "loc": ("from",), "ctx": {"message": message, "help": origin(given)}}
            return None, [*(fault for fault in found if fault["loc"][:1] != ("from",)), one]
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
        owner = _owner(model, inner[:-1], fault.get("form"))
        known = [field.alias or key for key, field in owner.model_fields.items()] if owner else []
        near = field_meant(str(inner[-1]), known)
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
        help = retyped(kind, name, _at(body, inner)) or f"give `{name}` {_TYPES[kind]}"
        return faults.add(code, f"`{name}` must be {_TYPES[kind]}", at, help=help)
    if kind == "literal_error":
        allowed = str(context.get("expected", ""))
        wrong = _at(body, inner)
        near = nearest(str(wrong), allowed.replace("'", "").replace(" or ", ", ").split(", "))
        help = f"write `{near}`" if near else f"write one of {allowed}"
        return faults.add(code, f"`{name}` must be {allowed}, not `{safe(wrong)}`", at, help=help)
    if "message" in context:
        message = f"`{name}`: {context['message']}" if name else f"{what}: {context['message']}"
        help = str(context.get("help") or instead(kind, _at(body, inner)) or "")
        help = help or f"see `{what.strip('`')}` in the reference"
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


def _form(given: Any) -> str:
    """The form of what stands at `from`; empty when it has none that it may have."""
    if not isinstance(given, dict):
        return "" if isinstance(given, list) else "str"
    for form, fields in (("CombineFields", ("concat", "add")), ("ChoiceFields", ("flag", "then", "else"))):
        if any(key == field or slip(str(key), field) for key in given for field in fields):
            return form
    return ""


def _meant(fault: Any, body: dict[str, Any]) -> bool:
    """Whether an error belongs to the form of `from` that was written; drops the form from its place."""
    loc = fault["loc"]
    if len(loc) < 2 or loc[0] != "from":
        return True
    form = _form(body.get("from"))
    fault["loc"], fault["form"] = (loc[0], *loc[2:]), form
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
            near = field_meant(str(fault["loc"][-1]), names)
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


def _at(body: Any, path: Path) -> Any:
    for part in path:
        try:
            body = body[part]
        except (KeyError, IndexError, TypeError):
            return None
    return body


def _owner(model: type[BaseModel], path: Path, form: str | None) -> type[BaseModel] | None:
    """The model whose field was unknown; of several that of the name `form`."""
    for part in path:
        field = next((f for key, f in model.model_fields.items() if part in (key, f.alias)), None)
        if field is None:
            return None
        inner = [
            a for a in (field.annotation, *getattr(field.annotation, "__args__", ())) if isinstance(a, type)
        ]
        models = [a for a in inner if issubclass(a, BaseModel)]
        nested = next((a for a in models if form in (None, a.__name__)), None)
        if nested is None:
            return None
        model = nested
    return model
