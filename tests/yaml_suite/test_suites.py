"""What others test YAML readers with: never another exception than `SpecError`, no value that JSON denies.

tests/data/yaml-test-suite and tests/data/pyyaml hold the inputs and say where they come from.
"""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from vla_compose.diagnostics import SpecError
from vla_compose.spec.codes import CODES
from vla_compose.spec.reader import read_text

DATA = Path(__file__).parents[1] / "data"

# Not YAML, but read as what was meant: the grammar of PyYAML is more lenient here, and nobody is misled.
LENIENT = {
    "9C9N": "a flow list that is not indented",
    "DK95-1": "a tab that continues a quoted text",
    "QB6E": "a quoted text that is not indented",
    "S98Z": "blank lines before a block text that are longer than its first line",
    "SU5Z": "a comment right after a value",
}
# A different value: PyYAML does not add the line break that YAML does after a last line of spaces only.
DIFFERENT = {"L24T-1"}


def cases(suite: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((DATA / suite / "cases.json").read_text("utf-8"))
    return rows


SUITE = cases("yaml-test-suite")
PYYAML = cases("pyyaml")
NOTHING = object()


def value_of(text: str | bytes) -> object:
    """What is read, or `NOTHING` for what is refused; any other exception fails the test."""
    try:
        return read_text(text).value
    except SpecError as error:
        (found,) = error.diagnostics
        assert CODES[found.code] == found.name
        assert found.span is not None
        assert found.help
        for words in (found.message, found.help):
            assert words.isprintable()
            assert words.isascii()
        return NOTHING


def value_in_json(case: dict[str, Any]) -> object:
    """The value that the suite gives, `NOTHING` where it gives none or several."""
    try:
        return json.loads(case["json"])
    except (KeyError, ValueError):
        return NOTHING


def inside(text: str) -> str:
    """A document as the value of a key. Most cases are lists or scalars, which no spec is."""
    marker = "---" if re.match(r"---\s", text) else ""
    indented = re.sub(r"^(?=.)", "  ", text[len(marker) :], flags=re.M)
    return f"root:{indented[2:] if marker else chr(10) + indented}"


def by_id(rows: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(row, id=row["id"]) for row in rows]


@pytest.mark.parametrize("case", by_id(SUITE))
def test_yaml_test_suite(case: dict[str, Any]) -> None:
    found = value_of(case["yaml"])
    assert value_of(case["yaml"].encode()) == found
    if case.get("error"):
        assert (found is not NOTHING) == (case["id"] in LENIENT)
    elif found is not NOTHING and value_in_json(case) is not NOTHING:
        assert (found == value_in_json(case)) == (case["id"] not in DIFFERENT)


@pytest.mark.parametrize("case", by_id(SUITE))
def test_yaml_test_suite_inside_a_spec(case: dict[str, Any]) -> None:
    text = inside(case["yaml"])
    found = value_of(text)
    if found is NOTHING or case.get("error") or value_in_json(case) is NOTHING or case["id"] in DIFFERENT:
        return
    if re.search(r"^ *(---|\.\.\.|%)", text, re.M):
        return  # a marker that the indentation turned into text
    assert found == {"root": value_in_json(case)}


def test_enough_of_the_suite_is_read() -> None:
    # Else a reader that refuses everything would pass.
    count: Counter[str] = Counter()
    for case in SUITE:
        kind = "invalid" if case.get("error") else "valid"
        for text in (case["yaml"], inside(case["yaml"])):
            if value_of(text) is not NOTHING:
                count[kind] += 1
    assert len(SUITE) == 402
    assert count["valid"] >= 220
    tags = {tag for case in SUITE for tag in case["tags"]}
    assert {"flow", "literal", "folded", "anchor", "alias", "tag", "duplicate-key", "directive"} <= tags


@pytest.mark.parametrize("case", by_id(PYYAML))
def test_pyyamls_own_files(case: dict[str, Any]) -> None:
    data = base64.b64decode(case["base64"]) if "base64" in case else case["yaml"].encode()
    for text in (data, b"root:\n  " + data.replace(b"\n", b"\n  ")):
        found = value_of(text)
        assert found is NOTHING or json.loads(json.dumps(found, allow_nan=False)) == found
