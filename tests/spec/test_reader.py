from __future__ import annotations

import json
import os
import random
import re
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from vla_compose.diagnostics import Diagnostic, Span, SpecError
from vla_compose.spec.codes import CODES
from vla_compose.spec.limits import DEFAULT_LIMITS
from vla_compose.spec.reader import Document, read_file, read_text

NASTY = Path(__file__).parent.parent / "data" / "nasty"
MANIFEST = json.loads((NASTY / "MANIFEST.json").read_text("utf-8"))

# Files of the manifest that are too large to keep.
GENERATED: dict[str, Callable[[], str]] = {
    "c01_flow_seq_100k.yaml": lambda: "a: " + "[" * 100_000 + "]" * 100_000 + "\n",
    "c03_flow_map_100k.yaml": lambda: "a: " + "{a: " * 100_000 + "}" * 100_000 + "\n",
    "c04_block_seq_100k.yaml": lambda: "a:\n  " + "- " * 100_000 + "x\n",
    "c07_wide_50k_keys.yaml": lambda: "".join(f"k{i}: 1\n" for i in range(50_000)),
    "c09_long_string.yaml": lambda: 'a: "' + "x" * 300_000 + '"\n',
    "e32_sexagesimal_bomb.yaml": lambda: "a: 1" + ":59" * 40_000 + "\n",
}
PLACEHOLDERS = {
    "@@HEAD@@": "spec_version: 1\nname: x",
    "@@PRIM@@": "linear",
    "@@EXPR@@": "heads",
    "@@DESC@@": "description",
    "@@ID@@": "step",
    "@@TOKEN@@": "token",
    "@@WEIGHTS@@": "weights",
    "@@EXTENDS@@": "extends",
}


def nasty(name: str) -> bytes:
    if name in GENERATED:
        return GENERATED[name]().encode()
    return (NASTY / name).read_bytes()


def refusal(text: str | bytes, **options: object) -> Diagnostic:
    with pytest.raises(SpecError) as info:
        read_text(text, **options)  # type: ignore[arg-type]
    return only(info.value)


def only(error: SpecError) -> Diagnostic:
    (found,) = error.diagnostics
    assert CODES[found.code] == found.name
    assert found.code < "VC100"
    assert found.span is not None
    assert found.span.line >= 1
    assert 1 <= found.span.column < found.span.end_column
    assert found.help
    for words in (found.message, found.help):
        assert words.isprintable()
        assert words.isascii()
        assert len(words) < 250
    assert not found.message[0].isupper()
    return found


def rows(kind: str) -> list[object]:
    return [
        pytest.param(row, id=row["file"].removesuffix(".yaml"))
        for row in MANIFEST
        if row["expect"].startswith(kind)
    ]


# --- hostile files ---


def test_every_nasty_file_is_here() -> None:
    kept = {path.name for path in NASTY.glob("*.yaml")}
    assert kept.isdisjoint(GENERATED)
    assert kept | set(GENERATED) == {row["file"] for row in MANIFEST}


@pytest.mark.parametrize("row", rows("reject"))
def test_nasty_reject(row: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = nasty(row["file"])
    start = time.process_time()
    found = refusal(data)
    assert time.process_time() - start < 2
    assert list(tmp_path.iterdir()) == []
    path = tmp_path / row["file"]
    path.write_bytes(data)
    with pytest.raises(SpecError) as info:
        read_file(path)
    assert only(info.value) == replace(found, file=str(path))


@pytest.mark.parametrize("row", rows("accept-as"))
def test_nasty_accept(row: dict[str, str]) -> None:
    value = read_text(nasty(row["file"])).value["a"]
    expected = row["expect"].removeprefix("accept-as ")
    if expected == "str":
        assert type(value) is str
    else:
        assert value == json.loads(expected)
        assert type(value) is type(json.loads(expected))


@pytest.mark.parametrize("row", rows("semantic"))
def test_nasty_semantic(row: dict[str, object]) -> None:
    text = nasty(str(row["file"])).decode()
    for placeholder, plausible in PLACEHOLDERS.items():
        text = text.replace(placeholder, plausible)
    assert "@@" not in text
    try:
        json.dumps(read_text(text).value, allow_nan=False)
    except SpecError as error:
        only(error)


@pytest.mark.parametrize(
    "unit", ["[", "{", "- ", "? ", "[[]", "{a: ", "[\n", "a: ", "!", "&a ", "*a ", "'", '"', "|", "---\n"]
)
@pytest.mark.parametrize("prefix", ["", "a: ", "a:\n  "])
def test_repeated_openers_end_quickly(unit: str, prefix: str) -> None:
    text = (prefix + unit * 100_000)[: DEFAULT_LIMITS.file_bytes]
    start = time.process_time()
    refusal(text)
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    "text",
    [
        "a:\n" + "- 1\n" * 19_990,
        "a: [\n" + "[\n" * 30 + "1,\n" * 19_900 + "]" * 31,
        "".join(f"k{i}: 1\n" for i in range(9_990)),
        "# x\n" * 60_000 + "a: 1\n",
        "a: |\n" + "\n" * 200_000,
        'a: "' + "\\\n" * 100_000 + '"',
    ],
    ids=["list", "deep-list", "keys", "comments", "blank-lines", "escaped-breaks"],
)
def test_the_largest_specs_are_read_quickly(text: str) -> None:
    start = time.process_time()
    read_text(text)
    assert time.process_time() - start < 2


def test_the_callers_stack_does_not_matter() -> None:
    text = "a: " + "[" * 31 + "]" * 31

    def deep(frames: int) -> Document:
        return deep(frames - 1) if frames else read_text(text)

    room = sys.getrecursionlimit() - len_of_stack() - 60
    assert deep(room) == read_text(text)


def len_of_stack() -> int:
    frame, length = sys._getframe(), 0
    while frame.f_back:
        frame, length = frame.f_back, length + 1
    return length


def test_a_small_thread_is_enough() -> None:
    found: list[Diagnostic] = []
    before = threading.stack_size(256 * 1024)
    try:
        thread = threading.Thread(target=lambda: found.append(refusal("a: " + "[" * 100_000)))
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    assert found[0].name == "too-deep"


def test_other_packages_cannot_change_what_a_spec_means(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a: 695e0214\nb: [1e-6, x, 2001-12-14]\nc: {d: '1'}\n"
    before = read_text(text)
    for loader in (yaml.SafeLoader, yaml.Loader, yaml.FullLoader):
        monkeypatch.setattr(loader, "yaml_implicit_resolvers", dict(loader.yaml_implicit_resolvers))
        loader.add_implicit_resolver("!evil", re.compile(".*"), None)
        monkeypatch.setattr(loader, "yaml_constructors", dict(loader.yaml_constructors))
        for tag in ("!evil", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:str"):
            loader.add_constructor(tag, lambda *_: "evil")
    assert yaml.safe_load("x") == "evil"
    assert read_text(text) == before


# --- values ---


def test_values() -> None:
    text = """\
spec_version: 1
dims: {vision: 1280, text: 2 * vision, n: 1e-6}   # a comment
steps:
- norm: {name: ln_q, eps: 1e-6, bias: false}
- gelu
-
- "1"
- '2'
- |
  3
- >-
  4
  5
nothing:
"quoted: key": ~x
"""
    assert read_text(text).value == {
        "spec_version": 1,
        "dims": {"vision": 1280, "text": "2 * vision", "n": 1e-6},
        "steps": [
            {"norm": {"name": "ln_q", "eps": 1e-6, "bias": False}},
            "gelu",
            None,
            "1",
            "2",
            "3\n",
            "4 5",
        ],
        "nothing": None,
        "quoted: key": "~x",
    }


@pytest.mark.parametrize(
    "text", ["%YAML 1.2\n---\na: 1\n", "---\na: 1\n...\n", "\ufeffa: 1", "a: 1", '{"a":1}']
)
def test_envelopes(text: str) -> None:
    for source in (text, text.encode(), text.replace("\n", "\r\n")):
        assert read_text(source).value == {"a": 1}


def test_quoted_is_text() -> None:
    text = "a: ['1', \"1e-6\", 'no', \"true\", '', \"~\", '<<', \"017\"]\n'on': 1\n\"\": 2\n'1': 3\n"
    value = read_text(text).value
    assert value["a"] == ["1", "1e-6", "no", "true", "", "~", "<<", "017"]
    assert list(value) == ["a", "on", "", "1"]


# --- one example of each kind of fault: name, text, place ---

FAULTS: list[tuple[str, str | bytes, tuple[int, int]]] = [
    ("too-large", "a: 1\n" + "#" * 300_000, (1, 1)),
    ("too-large", "a: [" + "1, " * 20_000 + "]", (1, 59996)),
    ("too-long", "a: 1\nb: " + "x" * 20_000, (2, 4)),
    ("too-long", "a: {" + "k" * 129 + ": 1}", (1, 5)),
    ("too-long", "a: 0." + "1" * 100, (1, 4)),
    ("too-deep", "a: " + "[" * 32 + "]" * 32, (1, 35)),
    ("not-utf8", "é: ".encode() + b"\xff", (1, 4)),
    ("not-utf8", "\ufeffa: 1\nb: ".encode() + b"\xe9\n", (2, 4)),
    ("not-utf8", "a: 1\n".encode("utf-16"), (1, 1)),
    ("not-utf8", "a: 1\n".encode("utf-16-le"), (1, 1)),
    ("not-utf8", "a: 1\n".encode("utf-16-be"), (1, 1)),
    ("not-utf8", "a: 1\n".encode("utf-32"), (1, 1)),
    ("forbidden-character", "a: 1\n# \u202e\n", (2, 3)),
    ("forbidden-character", "a: 1\rb: 2\r", (1, 5)),
    ("forbidden-character", 'a: 1\nb: "x\\r"', (2, 4)),
    ("forbidden-character", '"\\uD800": 1', (1, 1)),
    ("forbidden-character", "a: \ud800", (1, 4)),
    ("not-a-spec", b"PK\x03\x04rest", (1, 1)),
    ("not-a-spec", b'\x10\0\0\0\0\0\0\0{"a":1}', (1, 1)),
    ("not-a-spec", "\n <HTML lang='en'>", (1, 1)),
    ("not-a-spec", "version https://git-lfs.github.com/spec/v1\noid sha256:4d\n", (1, 1)),
    ("merge-conflict", "a: 1\n<<<<<<< HEAD\nb: 2\n=======\nb: 3\n>>>>>>> x\n", (2, 1)),
    ("merge-conflict", "a: 1\n=======\n", (2, 1)),
    ("merge-conflict", "<<<<<<< HEAD\r\na: 1\r\n=======\r\na: 2\r\n>>>>>>> x\r\n", (1, 1)),
    ("empty", "", (1, 1)),
    ("empty", b"", (1, 1)),
    ("empty", b"\xef\xbb\xbf", (1, 1)),
    ("empty", " \n\t\n", (1, 1)),
    ("empty", "# nothing\n", (1, 1)),
    ("empty", "---\n", (1, 1)),
    ("empty", "{}", (1, 1)),
    ("wrong-root", "- a: 1\n", (1, 1)),
    ("wrong-root", "[1]", (1, 1)),
    ("wrong-root", "null", (1, 1)),
    ("wrong-root", "# x\n'text'", (2, 1)),
    ("several-documents", "a: 1\n---\nb: 1\n", (2, 1)),
    ("several-documents", "a: 1\n...\n---\n", (3, 1)),
    ("yaml-version", "%YAML 1.1\n---\na: 1\n", (1, 1)),
    ("yaml-version", "%YAML 1.2\n%YAML 1.2\n---\na: 1\n", (2, 1)),
    ("yaml-version", "%YAML\n---\na: 1\n", (1, 1)),
    ("syntax", "%FOO\n---\na: 1\n", (1, 1)),
    ("syntax", "a: 1\n%b: 1\n", (2, 1)),
    ("tab", "a:\n\tb: 1", (2, 1)),
    ("tab", "a: 1\t# x", (1, 5)),
    ("tab", '{\n\t"a": 1}', (2, 1)),
    ("alias", "a: &x 1", (1, 4)),
    ("alias", "a: [1, *x]", (1, 8)),
    ("alias", "a: *.safetensors", (1, 4)),
    ("alias", "a: 1\n*x : 2", (2, 1)),
    ("tag", "a: !!int 1", (1, 4)),
    ("tag", "a: !<tag:x> 1", (1, 4)),
    ("tag", "a: ! 1", (1, 4)),
    ("tag", "!!map\na: 1", (1, 1)),
    ("tag", "%TAG ! tag:x:\n---\na: 1", (1, 1)),
    ("merge-key", "a:\n  <<: {b: 1}", (2, 3)),
    ("merge-key", "<<: 1", (1, 1)),
    ("duplicate-key", "a: 1\nb: 1\n'a': 2", (3, 1)),
    ("duplicate-key", "a: {b: 1, c: {b: 1}, b: 2}", (1, 22)),
    ("non-string-key", "a: {1: 2}", (1, 5)),
    ("non-string-key", "? [a]\n: 1", (1, 3)),
    ("non-string-key", "{{a: 1}: 1}", (1, 2)),
    ("non-string-key", "a: 1\n: 2", (2, 1)),
    ("non-string-key", "a: {: 2}", (1, 5)),
    ("ambiguous-scalar", "a: [1, no]", (1, 8)),
    ("ambiguous-scalar", "on: 1", (1, 1)),
    ("number-out-of-range", "a:\n- 1e999", (2, 3)),
    ("number-out-of-range", '{"a": [-Infinity]}', (1, 8)),
    ("syntax", "a: {b: 1\n\n\n", (1, 4)),
    ("syntax", "a: [1, 2\nb: 3\n", (1, 4)),
    ("syntax", "a: [1\n  b: 3\n", (2, 4)),
    ("syntax", "a: {b: 1\n  c: 3}\n", (2, 4)),
    ("syntax", "a: ['b' 1]", (1, 9)),
    ("syntax", "a: {b: [1}}", (1, 10)),
    ("syntax", "a: ]", (1, 4)),
    ("syntax", "a: 1\n}", (2, 1)),
    ("syntax", "a: 'x\nb: 1\n", (1, 4)),
    ("syntax", "a: 'x\n---\n'", (1, 4)),
    ("syntax", 'a: "\\w"', (1, 6)),
    ("syntax", 'a: "\\x1"', (1, 7)),
    ("syntax", 'a: "\\U00110000"', (1, 7)),
    ("syntax", "a: @b", (1, 4)),
    ("syntax", "a: %b", (1, 4)),
    ("syntax", "a: `b`", (1, 4)),
    ("syntax", "a: b: c", (1, 5)),
    ("syntax", "a: 1\n  b: 2", (2, 4)),
    ("syntax", "a: - b", (1, 4)),
    ("syntax", "a: 1\nb\n", (2, 1)),
    ("syntax", "a: 1\nb:2\n", (2, 1)),
    ("syntax", "a:\n    b: 1\n  c: 2", (3, 3)),
    ("syntax", "a: 1\n- b", (2, 1)),
    ("syntax", "a: 'x' y", (1, 8)),
    ("syntax", "a: |x\n  b", (1, 5)),
    ("syntax", "a: |||", (1, 5)),
    ("syntax", "a: ? b", (1, 4)),
    ("syntax", "a: [,]", (1, 5)),
    ("syntax", "{a: 1} b", (1, 8)),
    ("syntax", "a: 1\n...\nb", (3, 1)),
    ("syntax", "{ ?a: 1}", (1, 3)),
    ("syntax", "a: {b:1}", (1, 5)),
    ("syntax", "a: {b: 1, c:2}", (1, 11)),
]


@pytest.mark.parametrize(
    ("name", "text", "place"), FAULTS, ids=[f"{row[0]}-{i}" for i, row in enumerate(FAULTS)]
)
def test_faults(name: str, text: str | bytes, place: tuple[int, int]) -> None:
    found = refusal(text, file="a.yaml")
    assert found.file == "a.yaml"
    assert found.span is not None
    assert (found.name, (found.span.line, found.span.column)) == (name, place)


def test_every_code_has_a_test() -> None:
    files = {"missing-file", "not-a-file", "unreadable-file"}
    names = [name for code, name in CODES.items() if code < "VC100"]
    assert set(names) == {row[0] for row in FAULTS} | files
    assert len(names) == len(set(names))


def test_pyyamls_own_words_are_not_shown() -> None:
    for name, text, _ in FAULTS:
        if name == "syntax":
            found = refusal(text)
            assert not any(
                word in found.message for word in ("<", "token", "scanning", "parsing", "node", "found '")
            )


def test_a_duplicate_shows_both_places() -> None:
    found = refusal("a:\n  b: 1\n  c: 2\n  b: 3\n")
    assert found.message == "the key `b` is already on line 2"
    assert found.span == Span(4, 3, 4)
    (label,) = found.labels
    assert label.span == Span(2, 3, 4)


@pytest.mark.parametrize(
    ("text", "help"),
    [
        ("a: no", "write `false`"),
        ("a: 1_000", "write `1000`"),
        ("no: 1", 'write `"no"`'),
        ("a: {b:c}", "write `b: c`"),
        ("a: *.bin", 'write `"*.bin"`'),
        ("a: &x 1", "delete `&x`"),
        ("a: {b: 1", "close it with `}`"),
        (b"\x1f\x8b\x08", "unpack it first with `gunzip`"),
        ("version https://git-lfs.github.com/spec/v1\n", "run `git lfs pull`"),
        ("a: 1\r", "save the file with `LF` line ends"),
    ],
)
def test_help(text: str | bytes, help: str) -> None:
    assert refusal(text).help == help


def test_the_offset_of_a_bad_byte_is_shown() -> None:
    assert refusal("é: 1\nb: ".encode() + b"\x80").message == "byte 0x80 at offset 9 is not UTF-8"


# --- spans ---


def shown(document: Document, span: Span) -> str:
    return document.text.split("\n")[span.line - 1][span.column - 1 : span.end_column - 1]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_spans(newline: str) -> None:
    text = """\
# 日本語
name: "é 😀" # x
'quo ted': {b: 1, "日": [x,  {c: 😀 d}],
   e: f}
steps:
  - norm: {eps: 1e-6}
  - - 5
    -
  -
    deep: 'a''b'
text: |
  block
  of text
plain: two
  lines
none:
"""
    document = read_text(text.replace("\n", newline))
    keys = {path: shown(document, span) for path, span in document.keys.items()}
    assert keys == {
        ("name",): "name",
        ("quo ted",): "'quo ted'",
        ("quo ted", "b"): "b",
        ("quo ted", "日"): '"日"',
        ("quo ted", "日", 1, "c"): "c",
        ("quo ted", "e"): "e",
        ("steps",): "steps",
        ("steps", 0, "norm"): "norm",
        ("steps", 0, "norm", "eps"): "eps",
        ("steps", 2, "deep"): "deep",
        ("text",): "text",
        ("plain",): "plain",
        ("none",): "none",
    }
    values = {path: shown(document, span) for path, span in document.values.items()}
    assert values == {
        (): 'name: "é 😀" # x',
        ("name",): '"é 😀"',
        ("quo ted",): '{b: 1, "日": [x,  {c: 😀 d}],',
        ("quo ted", "b"): "1",
        ("quo ted", "日"): "[x,  {c: 😀 d}]",
        ("quo ted", "日", 0): "x",
        ("quo ted", "日", 1): "{c: 😀 d}",
        ("quo ted", "日", 1, "c"): "😀 d",
        ("quo ted", "e"): "f",
        ("steps",): "- norm: {eps: 1e-6}",
        ("steps", 0): "norm: {eps: 1e-6}",
        ("steps", 0, "norm"): "{eps: 1e-6}",
        ("steps", 0, "norm", "eps"): "1e-6",
        ("steps", 1): "- 5",
        ("steps", 1, 0): "5",
        ("steps", 1, 1): "-",
        ("steps", 2): "deep: 'a''b'",
        ("steps", 2, "deep"): "'a''b'",
        ("text",): "|",
        ("plain",): "two",
        ("none",): "none",
    }
    assert document.values["steps", 0, "norm", "eps"] == Span(6, 17, 21)


def test_spans_fall_back_to_what_is_around() -> None:
    document = read_text("a:\n  b: [1, 2]\n")
    assert document.key_span(("a", "b")) == document.keys["a", "b"]
    assert document.key_span(("a", "c", 0, "d")) == document.keys[("a",)]
    assert document.key_span(("a", "b", 1)) == document.values["a", "b", 1]
    assert document.key_span(("a", "b", 7, "x")) == document.keys["a", "b"]
    assert document.key_span(("x",)) == document.key_span(()) == document.values[()]
    assert document.value_span(("a", "b", 7, "x")) == document.values["a", "b"]
    assert document.value_span(("a", "c")) == document.values[("a",)]
    assert document.value_span(("x", 1)) == document.values[()]


def test_a_byte_order_mark_is_not_a_column() -> None:
    document = read_text(b"\xef\xbb\xbfa: 1")
    assert document.text == "a: 1"
    assert document.values[("a",)] == Span(1, 4, 5)


# --- limits ---


def nested(depth: int) -> str:
    return "a: " + "[" * (depth - 1) + "]" * (depth - 1)


def nested_block(depth: int) -> str:
    return "".join("  " * i + "a:\n" for i in range(depth))


@pytest.mark.parametrize(
    ("make", "limit", "name"),
    [
        (lambda n: "a: 1\n".ljust(n, "#"), DEFAULT_LIMITS.file_bytes, "too-large"),
        (lambda n: ("a: 'é'\n".encode().ljust(n, b"#")).decode(), DEFAULT_LIMITS.file_bytes, "too-large"),
        (nested, DEFAULT_LIMITS.depth, "too-deep"),
        (nested_block, DEFAULT_LIMITS.depth, "too-deep"),
        (lambda n: "a: [" + "1, " * (n - 3) + "]", DEFAULT_LIMITS.nodes, "too-large"),
        (lambda n: "a: " + "x" * n, DEFAULT_LIMITS.scalar_chars, "too-long"),
        (lambda n: "a: '" + "é" * n + "'", DEFAULT_LIMITS.scalar_chars, "too-long"),
        (lambda n: 'a: "' + "\\x41" * n + '"', DEFAULT_LIMITS.scalar_chars, "too-long"),
        (lambda n: "k" * n + ": 1", DEFAULT_LIMITS.key_chars, "too-long"),
        (lambda n: '"' + "\\x41" * n + '": 1', DEFAULT_LIMITS.key_chars, "too-long"),
        (lambda n: "a: 0." + "1" * (n - 2), DEFAULT_LIMITS.float_chars, "too-long"),
        (lambda n: f"a: {n}", DEFAULT_LIMITS.int_max, "number-out-of-range"),
        (lambda n: f"a: {-n}", -DEFAULT_LIMITS.int_min, "number-out-of-range"),
    ],
)
def test_limits(make: Callable[[int], str], limit: int, name: str) -> None:
    read_text(make(limit - 1))
    read_text(make(limit))
    assert refusal(make(limit + 1)).name == name


def test_limits_can_be_given() -> None:
    read_text(nested(40), limits=replace(DEFAULT_LIMITS, depth=40))
    assert refusal(nested(4), limits=replace(DEFAULT_LIMITS, depth=3)).help == "nest at most `3` of them"


# --- files ---


def file_refusal(path: str | os.PathLike[str]) -> Diagnostic:
    with pytest.raises(SpecError) as info:
        read_file(path)
    found = only(info.value)
    assert found.file == os.fsdecode(path)
    assert found.span == Span(1, 1, 2)
    return found


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_bytes(b"a: 1\r\n")
    for name in (path, str(path)):
        document = read_file(name)
        assert document.value == {"a": 1}
        assert document.file == str(path)
    (tmp_path / "link.yaml").symlink_to(path)
    assert read_file(tmp_path / "link.yaml").value == {"a": 1}


def test_missing_files(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text("a: 1")
    (tmp_path / "dangling.yaml").symlink_to(tmp_path / "none")
    for name in ("none.yaml", "none/none.yaml", "spec.yaml/x", "dangling.yaml", "a\0b", "\x1b[2J\u202e"):
        assert file_refusal(str(tmp_path / name)).name == "missing-file"
    assert file_refusal("").name == "missing-file"


def test_what_is_no_file(tmp_path: Path) -> None:
    assert file_refusal(tmp_path).name == "not-a-file"
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        assert file_refusal(tmp_path / "pipe").name == "not-a-file"
    if os.path.exists("/dev/zero"):
        assert file_refusal("/dev/zero").name == "not-a-file"


def test_unreadable_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in (tmp_path / "loop", tmp_path / ("x" * 300)):
        assert file_refusal(path).name == "unreadable-file"
    (tmp_path / "spec.yaml").write_text("a: 1")

    def denied(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", denied)
    found = file_refusal(tmp_path / "spec.yaml")
    assert found.name == "unreadable-file"
    assert found.message.endswith("cannot be read: permission denied")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
def test_a_name_that_becomes_a_pipe_does_not_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "spec.yaml").write_text("a: 1")
    os.mkfifo(tmp_path / "pipe")
    regular = os.stat(tmp_path / "spec.yaml")
    monkeypatch.setattr(os, "stat", lambda *_, **__: regular)
    with pytest.raises(SpecError) as info:
        read_file(tmp_path / "pipe")
    assert only(info.value).name == "not-a-file"


def test_a_large_file_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    with path.open("wb") as stream:
        stream.write(b"a: 1\n#")
        stream.truncate(2**40)
    assert file_refusal(path).name == "too-large"


# --- any text at all ---

YAMLISH = st.text(alphabet="ab01:-? \n{}[],\"'#|>&*!%@\t.\\~<=_ré😀\r\u2028", max_size=60)
GOOD = "version: 1\ndims: {vision: 1280, text: 2}\nsteps:\n  - norm: {name: 'ln', eps: 1e-6}\n  - |\n    x\n"
JSON_TEXT = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=12)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(DEFAULT_LIMITS.int_min, DEFAULT_LIMITS.int_max)
    | st.floats(allow_nan=False, allow_infinity=False)
    | JSON_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(JSON_TEXT, inner, max_size=4),
    max_leaves=12,
)


def check_any(text: str | bytes) -> None:
    try:
        document = read_text(text)
    except SpecError as error:
        only(error)
        return
    assert json.loads(json.dumps(document.value, allow_nan=False)) == document.value
    lines = document.text.split("\n")
    nodes = {(): document.value, **dict(walk((), document.value))}
    assert set(nodes) == set(document.values)
    assert set(document.keys) == {path for path in nodes if path and isinstance(path[-1], str)}
    for span in (*document.keys.values(), *document.values.values()):
        assert 1 <= span.column < span.end_column <= max(len(lines[span.line - 1]), 1) + 1
    containers = [id(node) for node in nodes.values() if isinstance(node, dict | list)]
    assert len(containers) == len(set(containers))


def walk(path: tuple[str | int, ...], node: object) -> list[tuple[tuple[str | int, ...], object]]:
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [found for key, value in pairs for found in [((*path, key), value), *walk((*path, key), value)]]


@settings(max_examples=300, deadline=timedelta(seconds=2))
@given(st.text() | YAMLISH | YAMLISH.map("a: ".__add__))
def test_any_text(text: str) -> None:
    check_any(text)


@settings(deadline=timedelta(seconds=2))
@given(st.binary() | st.binary().map(b"a: ".__add__))
def test_any_bytes(data: bytes) -> None:
    check_any(data)


@settings(max_examples=300, deadline=timedelta(seconds=2))
@given(st.integers(0, len(GOOD)), st.integers(0, 4), YAMLISH)
def test_a_damaged_spec(at: int, cut: int, insert: str) -> None:
    check_any(GOOD[:at] + insert + GOOD[at + cut :])


def test_shuffled_lines() -> None:
    lines = GOOD.splitlines(keepends=True)
    order = random.Random(0)
    for _ in range(200):
        order.shuffle(lines)
        check_any("".join(lines))


@settings(deadline=timedelta(seconds=2))
@given(st.dictionaries(JSON_TEXT, JSON, min_size=1, max_size=4), st.sampled_from([None, 2]))
def test_json_is_read_as_json(value: dict[str, object], indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    document = read_text(text)
    assert repr(document.value) == repr(value)
    for path, span in document.keys.items():
        assert shown(document, span) == json.dumps(path[-1], ensure_ascii=False)


@settings(deadline=timedelta(seconds=2))
@given(st.text(max_size=40))
def test_quoted_text_is_itself_or_refused(value: str) -> None:
    text = "a: " + json.dumps(value, ensure_ascii=False)
    if all(char.isprintable() or char in "\t\n" for char in value):
        assert read_text(text).value == {"a": value}
    check_any(text)


@settings(deadline=timedelta(seconds=2))
@given(
    st.dictionaries(
        st.sampled_from(["a", "b c", "n", "2b"]),
        st.integers() | st.floats(allow_nan=False) | JSON_TEXT,
        min_size=1,
    )
)
def test_what_pyyaml_writes_is_read_or_refused(value: dict[str, object]) -> None:
    check_any(yaml.safe_dump(value, allow_unicode=True))
