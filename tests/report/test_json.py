import json

from vla_compose.diagnostics import Diagnostic, Edit, Label, Span
from vla_compose.report import render


def test_every_field_is_there_and_sorted():
    found = Diagnostic(
        "VC201",
        "width-conflict",
        "too wide",
        Span(3, 7, 9),
        "a.yaml",
        (Label(Span(1, 2, 3), "here"),),
        "fix",
        edit=Edit(Span(3, 7, 8), "x"),
    )
    text = render("json", [found], {})
    assert json.loads(text) == {
        "format_version": 1,
        "diagnostics": [
            {
                "code": "VC201",
                "name": "width-conflict",
                "message": "too wide",
                "span": {"line": 3, "column": 7, "end_column": 9},
                "file": "a.yaml",
                "labels": [{"span": {"line": 1, "column": 2, "end_column": 3}, "text": "here"}],
                "help": "fix",
                "found": None,
                "expected": None,
                "severity": "error",
                "edit": {"span": {"line": 3, "column": 7, "end_column": 8}, "replacement": "x"},
                "url": "https://vla-compose.github.io/errors/VC201/",
            }
        ],
    }
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True) + "\n"


def test_what_is_not_known_is_null():
    (found,) = json.loads(render("json", [Diagnostic("VC001", "missing-file", "gone")], {}))["diagnostics"]
    assert found["span"] is found["file"] is found["help"] is found["edit"] is None
    assert found["labels"] == []


def test_it_is_ascii_without_control_characters():
    text = render("json", [Diagnostic("VC001", "missing-file", "\x1b é \u202e \ud800", None, "日")], {})
    assert text.isascii()
    assert all(char == "\n" or char.isprintable() for char in text)
    assert json.loads(text)["diagnostics"][0]["file"] == "日"


def test_nothing_found_is_an_empty_list():
    assert json.loads(render("json", [], {})) == {"format_version": 1, "diagnostics": []}
