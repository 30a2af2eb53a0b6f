"""The page of limits: every number is the one of the code, is accepted, and one more is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import vla_compose
from tests.fuzz.filled import base, dims, linear
from vla_compose.check import dims as dim_values
from vla_compose.check import scope
from vla_compose.primitives import repeat
from vla_compose.report import MOST
from vla_compose.spec import parse
from vla_compose.spec.limits import DEFAULT_LIMITS, Limits
from vla_compose.spec.model import CombineFields, SpecFields
from vla_compose.spec.names import LONGEST_NAME
from vla_compose.types import dim, expression

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "limits.md"
ROW = re.compile(r"^\| ([^|]+?) \| (-?[\d,]+) \| (?:\[(VC\d+)\]\(\.\./errors/(VC\d+)\.md\))? ?\|$", re.M)
ROWS = {
    what: (int(value.replace(",", "")), code, page)
    for what, value, code, page in ROW.findall(PAGE.read_text())
}


def longest(model: Any, field: str) -> int:
    (found,) = (rule.max_length for rule in metadata(model, field) if hasattr(rule, "max_length"))
    return int(found)


def metadata(model: Any, field: str) -> list[Any]:
    found = list(model.model_fields[field].metadata)
    for part in getattr(model.model_fields[field].annotation, "__args__", ()):
        found += getattr(part, "__metadata__", ())
    return [inner for rule in found for inner in (*getattr(rule, "metadata", ()), rule)]


CONSTANTS: dict[str, int] = {
    "bytes of a file": DEFAULT_LIMITS.file_bytes,
    "mappings and lists inside each other": DEFAULT_LIMITS.depth,
    "keys, values, mappings and lists together": DEFAULT_LIMITS.nodes,
    "characters of a value": DEFAULT_LIMITS.scalar_chars,
    "characters of a key": DEFAULT_LIMITS.key_chars,
    "characters of a number with a point or an exponent": DEFAULT_LIMITS.float_chars,
    "largest whole number": DEFAULT_LIMITS.int_max,
    "smallest whole number": DEFAULT_LIMITS.int_min,
    "characters of the name of a spec": LONGEST_NAME,
    "characters of a summary": longest(SpecFields, "summary"),
    "characters of an expression": expression.LONGEST,
    "names, numbers and signs of an expression": expression.MOST_NODES,
    "parentheses and minus signs inside each other": expression.DEEPEST,
    "terms of a size, multiplied out": dim.MOST_TERMS,
    "largest number that a size is computed with": dim.LARGEST,
    "largest dim": dim_values._DIM_MAX,
    "parameters of an adapter": scope.MOST_PARAMETERS,
    "layers of a `repeat`": repeat.MOST_LAYERS,
    "inputs or chains that are joined": longest(CombineFields, "concat"),
    "steps and dims of all variants together": parse.MOST_VARIED,
    "mistakes shown in one run; the others are counted": MOST,
}


def test_the_page_is_complete() -> None:
    assert {what: value for what, (value, _, _) in ROWS.items()} == CONSTANTS
    assert all(code == page for _, code, page in ROWS.values())
    stated = {value for value, _, _ in ROWS.values()}
    assert {getattr(DEFAULT_LIMITS, field.name) for field in fields(Limits)} <= stated


def named(text: str) -> dict[str, Any]:
    return base(dims=dims(e=text))


def sized(text: str) -> dict[str, Any]:
    return base(inputs={"x": f"b ({text}) vision"})


def numbered(spec: dict[str, Any], number: str) -> str:
    return text_of(spec).replace('"NUMBER"', number)


def text_of(spec: dict[str, Any]) -> str:
    import json

    return json.dumps(spec) + "\n"


def joined(count: int) -> dict[str, Any]:
    chains = {"a": {"from": {"concat": ["x"] * count}, "steps": [linear()]}}
    spec = base(chains=chains)
    del spec["steps"]
    return spec


AT: dict[str, Callable[[int], str | dict[str, Any]]] = {
    "bytes of a file": lambda n: text_of(base()).ljust(n - 1, "#") + "\n" if n else "",
    "characters of a number with a point or an exponent": lambda n: numbered(
        base(steps=[{"norm": {"name": "n", "eps": "NUMBER"}}]), "0." + "1" * (n - 2)
    ),
    "characters of the name of a spec": lambda n: base(name="x" * n),
    "characters of a summary": lambda n: base(summary="x" * n),
    "characters of an expression": lambda n: named("1".ljust(n - 1) + " " if n else ""),
    "names, numbers and signs of an expression": lambda n: named(
        "+".join("1" * (n // 2 + 1)) if n % 2 else "-" + "+".join("1" * (n // 2))
    ),
    "parentheses and minus signs inside each other": lambda n: named("(" * n + "1" + ")" * n),
    "terms of a size, multiplied out": lambda n: sized("+".join(f"a{i}" for i in range(8)) + " " + terms(n)),
    "largest number that a size is computed with": lambda n: base(
        dims=dims(e=2**31), steps=[linear(when=f"4194304 * e + {n - 2**53} != 1")]
    ),
    "largest dim": lambda n: base(dims=dims(e=n)),
    "parameters of an adapter": lambda n: parameters(n),
    "layers of a `repeat`": lambda n: base(
        steps=[{"repeat": {"name": "l", "count": n, "steps": [{"norm": {"name": "n"}}]}}]
    ),
    "inputs or chains that are joined": joined,
    "steps and dims of all variants together": lambda n: base(
        variants={f"v{i}": {} for i in range(-(-n // (len(base()["dims"]) + 1)))}
    ),
}
"""Rows that concern a spec; `tests/spec` tries the others, which concern any YAML."""


def terms(n: int) -> str:
    """A factor that makes `n` terms of 8."""
    return "+".join(f"b{i}" for i in range(n // 8)) + ("+c" if n % 8 else "")


def parameters(n: int) -> dict[str, Any]:
    # One linear step without bias of n/100000 x 100000, and one more number where n asks for it.
    spec = base(dims={"vision": n // 100_000, "text": 100_000}, steps=[linear(bias=False)])
    return {**spec, "unused": {"more": n % 100_000}} if n % 100_000 else spec


@pytest.mark.parametrize("what", AT)
def test_the_limit_is_accepted_and_one_more_is_not(what: str) -> None:
    limit, code, _ = ROWS[what]
    for value, expected in ((limit, []), (limit + 1, [code])):
        made = AT[what](value)
        text = made if isinstance(made, str) else text_of(made)
        found = vla_compose.check(text)
        assert sorted({diagnostic.code for diagnostic in found}) == expected, [str(one) for one in found]


def test_the_rows_about_yaml_are_tried_elsewhere() -> None:
    tried = (Path(__file__).parents[1] / "spec" / "test_reader.py").read_text()
    left = {name for name, value in CONSTANTS.items() if name not in AT and value != MOST}
    for field in fields(Limits):
        value = getattr(DEFAULT_LIMITS, field.name)
        if any(CONSTANTS[name] == value for name in left):
            assert f"DEFAULT_LIMITS.{field.name}" in tried
