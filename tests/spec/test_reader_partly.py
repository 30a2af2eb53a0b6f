"""Reading on: every mistake that is no end of reading is found, once, and what is not known is marked."""

from __future__ import annotations

import copy
import json
import pickle
import time
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz import targets
from fuzz.corpus import seeds
from tests.mutation.kinds import KINDS, mutants, some
from vla_compose.diagnostics import Diagnostic, Edit, Label, Span, SpecError
from vla_compose.spec.reader import HOLE, Document, read_file, read_text
from vla_compose.spec.recovery import MOST_CHARACTERS, MOST_FOUND

SIGN = "\ue000"
ZWSP = "\u200b"


def read(text: str) -> Document:
    return read_text(text, partly=True)


def found(document: Document) -> list[tuple[str, int]]:
    return [(fault.name, fault.span.line) for fault in document.faults if fault.span]


def ends(text: str) -> list[tuple[str, int]]:
    with pytest.raises(SpecError) as info:
        read(text)
    return [(fault.name, fault.span.line) for fault in info.value.diagnostics if fault.span]


def test_nothing_wrong() -> None:
    text = "a: 1\nb: [x, {c: null}]\n"
    assert read(text) == read_text(text)
    assert read(text).faults == ()
    assert read(text).holes == frozenset()


def test_all_mistakes_are_found_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = f"""\
a: no
b: [1e999, &x 2, *x]
c:
  1: "x\\u200b"
  d: 0
  d: 1
e: te{ZWSP}xt
f: !x 1
<<: {{g: 1}}
"""
    path = tmp_path / "a.yaml"
    path.write_text(text, "utf-8")
    document = read_file(path, partly=True)
    assert found(document) == [
        ("ambiguous-scalar", 1),
        ("number-out-of-range", 2),
        ("alias", 2),
        ("non-string-key", 4),
        ("forbidden-character", 4),
        ("duplicate-key", 6),
        ("forbidden-character", 7),
        ("tag", 8),
        ("merge-key", 9),
    ]
    assert {fault.file for fault in document.faults} == {str(path)}
    assert document.value == {
        "a": False,
        "b": [HOLE, 2, HOLE],
        "c": {"1": HOLE, "d": 0},
        "e": HOLE,
        "f": HOLE,
    }
    assert document.holes == {("b", 0), ("b", 2), ("c", "1"), ("c",), ("e",), ("f",), ()}
    with pytest.raises(SpecError) as info:
        read_file(path)
    assert len(info.value.diagnostics) == 1


# Each row: the text, the names of the faults, the value, the holes.
ROWS: list[tuple[str, str, dict[str, object], set[tuple[str | int, ...]]]] = [
    ("a: 1_000", "ambiguous-scalar", {"a": 1000}, set()),
    ("a: 017", "ambiguous-scalar", {"a": HOLE}, {("a",)}),
    ("a: [1, 12:30]", "ambiguous-scalar", {"a": [1, HOLE]}, {("a", 1)}),
    ("{a: NaN}", "number-out-of-range", {"a": HOLE}, {("a",)}),
    ("a: " + "x" * 20_000, "too-long", {"a": HOLE}, {("a",)}),
    ('a: "\\x07"', "forbidden-character", {"a": HOLE}, {("a",)}),
    ("yes: 1", "ambiguous-scalar", {"yes": 1}, set()),
    ("017: 1", "ambiguous-scalar", {"017": 1}, set()),
    ("17: {a: 1}", "non-string-key", {"17": {"a": 1}}, {("17",)}),
    ("a: {? : 1}", "non-string-key", {"a": {"": 1}}, {("a", "")}),
    ('"\\x07": 1', "forbidden-character", {"\ufffd": 1}, {("\ufffd",)}),
    ("k" * 129 + ": 1", "too-long", {"k" * 129: 1}, {("k" * 129,)}),
    ("1: a\n1: b", "non-string-key non-string-key", {"1": "a"}, {("1",), ()}),
    ("? [a]\n: {b: no}\nc: 1", "non-string-key", {"c": 1}, {()}),
    ("a: {{ b }}\nc: 1", "non-string-key", {"a": {}, "c": 1}, {("a",)}),
    ("a: {{a: [1]}: {b: [2]}, c: 3}", "non-string-key", {"a": {"c": 3}}, {("a",)}),
    ("<<: {a: no}\nb: 1", "merge-key", {"b": 1}, {()}),
    ("a:\n  <<: *x\n  b: 1", "merge-key", {"a": {"b": 1}}, {("a",)}),
    ("x: &x {a: 1}\ny: {<<: *x, b: 1}", "alias", {"x": {"a": 1}, "y": {"b": 1}}, {("y",)}),
    ("a:\n- {<<: *x, b: 1}", "merge-key", {"a": [{"b": 1}]}, {("a", 0)}),
    ("a: 1\na: 1\na: 1", "duplicate-key duplicate-key", {"a": 1}, set()),
    ("a: 1\na: 2", "duplicate-key", {"a": 1}, {()}),
    ("a: {b: 1}\na: {b: no, c: [{}]}\nd: 1", "duplicate-key", {"a": {"b": 1}, "d": 1}, {()}),
    ("a: {b: 1, b: no, c: 1}", "duplicate-key", {"a": {"b": 1, "c": 1}}, {("a",)}),
    ("&x a: &y 1", "alias alias", {"a": 1}, set()),
    ("a: &x\n  b: 1\nc: &y\nd: 1", "alias alias", {"a": {"b": 1}, "c": None, "d": 1}, set()),
    ("a: [&x, 1]", "alias", {"a": [None, 1]}, set()),
    ("*a : 1", "alias", {"*a": 1}, {("*a",)}),
    ("*a: 1", "alias", {"*a": 1}, {("*a",)}),
    ("&a : 1", "alias", {"": 1}, {("",)}),
    ("a: *.md\nb: [*.py, x]", "alias alias", {"a": HOLE, "b": [HOLE, "x"]}, {("a",), ("b", 0)}),
    ("a: *.md of a # x\nb: 1", "alias", {"a": HOLE, "b": 1}, {("a",)}),
    ("!!map\na: !x {b: 1}", "tag tag", {"a": {"b": 1}}, set()),
    ("!x a: !!str 1\nb: !", "tag tag tag", {"a": HOLE, "b": HOLE}, {("a",), ("b",)}),
    ("%TAG ! x:\n---\na: 1", "tag", {"a": 1}, set()),
    (f"a{ZWSP}: b{ZWSP}", "forbidden-character forbidden-character", {"a": "b"}, set()),
    (f"a{ZWSP}b: 1 # \u202e", "forbidden-character forbidden-character", {"ab": 1}, {("ab",)}),
    (f'a: "{ZWSP}x"', "forbidden-character", {"a": HOLE}, {("a",)}),
    ("a: {b:1, c:no, d: 2}", "syntax syntax", {"a": {"b": 1, "d": 2}}, {("a",)}),
    ("a: {b:x:y, b:1}", "syntax syntax", {"a": {"b": "x:y"}}, {("a",)}),
    ("{a: {12:30}}", "ambiguous-scalar", {"a": {"12:30": None}}, set()),
]


@pytest.mark.parametrize(("text", "names", "value", "holes"), ROWS, ids=[row[0][:24] for row in ROWS])
def test_what_is_read(
    text: str, names: str, value: dict[str, object], holes: set[tuple[str | int, ...]]
) -> None:
    document = read(text)
    assert [fault.name for fault in document.faults] == names.split()
    assert document.value == value
    assert document.holes == holes
    targets.partly(text.encode("utf-8", "surrogatepass"))


# Each row: the text, and the mistakes that are shown when reading ends.
ENDS: list[tuple[str, list[tuple[str, int]]]] = [
    ("a: no\n---\nb: 1", [("ambiguous-scalar", 1), ("several-documents", 2)]),
    ("a: no\n<<<<<<< HEAD\nb: no", [("ambiguous-scalar", 1), ("merge-conflict", 2)]),
    (f"# {ZWSP}\na: 1\rb: 2", [("forbidden-character", 1), ("forbidden-character", 2)]),
    (f"# {ZWSP}\n%YAML 1.1\n---\n", [("forbidden-character", 1), ("yaml-version", 2)]),
    (f"# {ZWSP}\n- a\n", [("forbidden-character", 1), ("wrong-root", 2)]),
    ("*x", [("alias", 1)]),
    ("*x\n", [("alias", 1)]),
    (f"a:{ZWSP}1", [("forbidden-character", 1)]),
]

# Each row: the text, the mistakes, what is read, and what is passed over.
PATCHED: list[tuple[str, list[tuple[str, int]], dict[str, object], str]] = [
    (
        "a: no\nb: [1\nc: 2",
        [("ambiguous-scalar", 1), ("syntax", 2)],
        {"a": False, "b": HOLE, "c": 2},
        "b: [1",
    ),
    ("a: {\n  b: no\nc: 1", [("syntax", 1)], {"a": HOLE, "c": 1}, "a: {\n  b: no"),
    ("a: &x 1\nb: 'x\nc: 1", [("alias", 1), ("syntax", 2)], {"a": 1, "b": HOLE, "c": 1}, "b: 'x"),
    ("a: no\nb:\n\tc: 1", [("ambiguous-scalar", 1), ("tab", 3)], {"a": False, "b": {"c": 1}}, "\tc: 1"),
    ("a: {}}}\nb: no\n", [("syntax", 1), ("ambiguous-scalar", 2)], {"a": HOLE, "b": False}, "a: {}}}"),
    ("a: &x &y\nb: 1", [("alias", 1), ("alias", 1)], {"a": HOLE, "b": 1}, "a: &x &y"),
    ("a: {{b: 1}\nc: 2", [("non-string-key", 1)], {"a": HOLE, "c": 2}, "a: {{b: 1}"),
    ("a: 1\nb:\n- c: 2\na: 3\n  d: 4\n", [("duplicate-key", 4)], {"a": 1, "b": [{"c": 2}]}, "a: 3\n  d: 4"),
    (
        "a:\n- b: 1\n- c: [1\n- d: 2\ne: {\nf: 3",
        [("syntax", 3), ("syntax", 5)],
        {"a": [{"b": 1}, {"c": HOLE}, {"d": 2}], "e": HOLE, "f": 3},
        "- c: [1\ne: {",
    ),
    ("a:\n  b: 1\n  c 2\n  d: 3\n", [("syntax", 3)], {"a": {"b": 1, SIGN: HOLE, "d": 3}}, "  c 2"),
    ("a:\n  b: 1\n...\n  d: 3\n", [("syntax", 4)], {"a": {"b": 1}, SIGN: HOLE}, "...\n  d: 3"),
]


@pytest.mark.parametrize(("text", "expected", "value", "left"), PATCHED)
def test_lines_around_a_syntax_error_are_passed_over(
    text: str, expected: list[tuple[str, int]], value: dict[str, object], left: str
) -> None:
    document = read(text)
    assert (found(document), document.value, document.unread.strip("\n")) == (expected, value, left)
    targets.partly(text.encode())


@pytest.mark.parametrize(("text", "expected"), ENDS)
def test_where_reading_ends(text: str, expected: list[tuple[str, int]]) -> None:
    assert ends(text) == expected


def test_words_of_one_anchor_are_one_mistake() -> None:
    document = read("a: &x 1\nb: [*x, *y]\nc: *x\n")
    first, second = document.faults
    assert first.message == "found the anchor `&x`; a spec has none"
    assert first.labels == (Label(Span(2, 5, 7), "and here"), Label(Span(3, 4, 6), "and here"))
    assert second.message == "found the alias `*y`; a spec has none"
    assert second.labels == ()
    (many,) = read("a: [" + "*x, " * 500 + "]").faults
    assert len(many.labels) == 20


def test_places_behind_anchors_and_tags() -> None:
    document = read("&x a: &y no\n!s b: !t &z {c: &v\n 1}\n&w : 1\nd: &u # x\n  - 1")
    assert document.keys["a",] == Span(1, 4, 5)
    assert document.values["a",] == Span(1, 10, 12)
    assert document.keys["b",] == Span(2, 4, 5)
    assert document.values["b",] == Span(2, 13, 19)
    assert document.values["b", "c"] == Span(2, 17, 19)
    assert document.keys["",] == Span(4, 1, 3)
    assert document.values["d",] == Span(5, 4, 10)


def test_places_count_the_forbidden_characters() -> None:
    text = f"a{ZWSP}: {ZWSP}{ZWSP}[b, no]{ZWSP} # x\n{ZWSP}c: {ZWSP}017\n"
    document = read(text)
    assert document.text == text
    lines = text.split("\n")
    shown = [
        lines[f.span.line - 1][f.span.column - 1 : f.span.end_column - 1] for f in document.faults if f.span
    ]
    assert shown == [ZWSP, ZWSP, ZWSP, "no", ZWSP, ZWSP, ZWSP, "017"]
    assert document.keys == {("a",): Span(1, 1, 2), ("c",): Span(2, 2, 3)}
    assert document.values["a",] == Span(1, 7, 14)
    assert document.values["a", 0] == Span(1, 8, 9)
    assert document.faults[3].edit == Edit(Span(1, 11, 13), "false")


def test_a_hole_is_one() -> None:
    assert repr(HOLE) == "HOLE"
    assert copy.deepcopy([HOLE]) == [HOLE]
    assert pickle.loads(pickle.dumps(HOLE)) is HOLE
    assert type(HOLE) not in (str, int, float, bool, type(None), dict, list)


# --- any text at all ---


def same(one: Diagnostic, other: Diagnostic) -> bool:
    return (one.code, one.span, one.message, one.edit) == (other.code, other.span, other.message, other.edit)


def outcome(data: str | bytes, *, partly: bool) -> tuple[Document | None, tuple[Diagnostic, ...]]:
    try:
        document = read_text(data, partly=partly)
    except SpecError as error:
        return None, error.diagnostics
    return document, document.faults


@pytest.mark.parametrize("target", ["reader", "check"])
def test_what_is_found_first_is_found(target: str) -> None:
    for data in seeds(target):
        targets.partly(data)
        strict, first = outcome(data, partly=False)
        document, faults = outcome(data, partly=True)
        assert strict is None or strict == document
        assert all(any(same(one, fault) for fault in faults) for one in first), data


def test_mutants_have_one_mistake() -> None:
    count = dict.fromkeys(KINDS, 0)
    for mutant in (*some(12), *(m for m in mutants() if m.kind in READ_ON)):
        strict, first = outcome(mutant.text, partly=False)
        if strict is None:
            document, (fault, *more) = outcome(mutant.text, partly=True)
            assert same(first[0], fault)
            assert not more or mutant.kind == "a tab"
            assert document or first[0].name in GOES_NOT_ON or mutant.kind == "indentation broken"
            count[mutant.kind] += document is not None
    for kind in READ_ON:
        assert count[kind] > 20


def test_every_wrong_line_has_one_mistake_and_no_other_line() -> None:
    wrong = ["a: no", "1: 2", "b: &x 3", "c: *y", "<<: {d: 1}", "e: {f:1}", "g: 1e999", "h: [{{}}]", "i: !x"]
    lines = [line for at, one in enumerate(wrong) for line in (one, f"fine{at}: [x, {{y: 1}}]")]
    assert [line for _, line in found(read("\n".join(lines)))] == list(range(1, 2 * len(wrong), 2))


GOES_NOT_ON = (
    "syntax",
    "tab",
    "merge-conflict",
    "several-documents",
    "yaml-version",
    "wrong-root",
    "non-string-key",
)
READ_ON = (
    "a key twice",
    "a character that cannot be seen",
    "a scalar that readers disagree about",
    "anchors, aliases, tags or merge keys",
    "a huge size",
    "an `eps` out of range",
)
UNITS = [
    "a: no\n",
    "no: 1\n",
    "1: 2\n",
    "b: [*x, &x 1, !x 1]\n",
    f"a{ZWSP}: {ZWSP}\n",
    "a: {b:1, c:2, {{x}}}\n",
    "<<: *x\n",
    "x: &x 1\n<<: *x\n",
    ZWSP,
    "*a ",
    "&a ",
    "!",
]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("count", [2_000, 9_000, 40_000])
def test_many_mistakes_take_no_long_time(unit: str, count: int) -> None:
    text = (unit * count)[: 256 * 1024 // len(unit[:1].encode())]
    start = time.process_time()
    try:
        faults = read(text).faults
    except SpecError as error:
        faults = error.diagnostics
    assert time.process_time() - start < 2
    assert 1 <= len(faults) <= MOST_FOUND + 1
    assert sum(fault.name == "forbidden-character" for fault in faults) <= MOST_CHARACTERS


YAMLISH = st.text(alphabet=f"ab01:-? \n{{}}[],\"'#|>&*!%<~_é\r\u2028{ZWSP}", max_size=60)
GOOD = (
    "version: 1\ndims: {vision: 1280, text: no}\nsteps:\n  - norm: {name: &x 'ln', eps: *x}\n  - |\n    x\n"
)


@settings(max_examples=500, deadline=timedelta(seconds=2))
@given(st.text() | YAMLISH | YAMLISH.map("a: ".__add__))
def test_any_text(text: str) -> None:
    targets.partly(text.encode("utf-8", "surrogatepass"))


@settings(max_examples=500, deadline=timedelta(seconds=2))
@given(st.integers(0, len(GOOD)), st.integers(0, 4), YAMLISH)
def test_a_damaged_spec(at: int, cut: int, insert: str) -> None:
    targets.partly((GOOD[:at] + insert + GOOD[at + cut :]).encode())


def test_values_without_holes_are_plain_data() -> None:
    document = read("a: no\na: {b: 1}\n")
    assert json.loads(json.dumps(document.value)) == {"a": False}
