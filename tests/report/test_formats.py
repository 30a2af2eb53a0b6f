"""What holds for every format: each kind of place and text, none and many mistakes, order and cap."""

import json
import re

import pytest

from tests.report.readers import commands, sarif
from vla_compose.diagnostics import Diagnostic, Edit, Label, Span
from vla_compose.report import COMPLETE, FORMATS, capped, ordered, render

CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
HUMAN = sorted(set(FORMATS) - COMPLETE)

PLACE = Span(2, 3, 6)


def make(message="wrong number", span=PLACE, file="my.yaml", **more):
    return Diagnostic("VC204", "bad-size", message, span, file, **more)


PLACES = {
    "file and span": make(),
    "file": make(span=None),
    "span": make(file=None),
    "neither": make(span=None, file=None),
    "stdin": make(file="<stdin>"),
    "past the end": make(span=Span(99, 400, 401)),
    "empty span": make(span=Span(1, 1, 1)),
    "labels and edit": make(
        labels=(Label(Span(1, 1, 2), "here"), Label(Span(2, 1, 9), "日")),
        help="write `x`",
        found="a",
        expected="b",
        edit=Edit(Span(2, 3, 6), "x"),
    ),
}
TEXTS = {
    "plain": "a: 1\nb: 222\n",
    "wide": "日本: 語\n日 語本: 語\n",
    "combining": "e\u0301: 1\nb: e\u0301e\u0301e\u0301\n",
    "tabs": "a:\t1\n\t\tb:\t2\n",
    "long": f"a: 1\n{'b' * 20_000}\n",
    "crlf": "a: 1\r\nb: 222\r\n",
    "no line break": "a: 1\nb: 222",
    "empty": "",
}


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("format", FORMATS)
def test_every_format_shows_every_place_in_every_text(format, place, text):
    found = PLACES[place]
    shown = render(format, [found], {found.file: TEXTS[text]})
    assert "wrong number" in shown
    assert "VC204" in shown
    assert not CONTROL.search(shown)
    assert shown.endswith("\n")
    assert max(map(len, shown.splitlines())) < 400 or format == "sarif"
    if found.span is not None and format in ("text", "concise"):
        assert f"{found.file or '<spec>'}:{found.span.line}:{found.span.column}" in shown


@pytest.mark.parametrize("text", ["日本語", "e\u0301", "a\tb", "x" * 20_000, "a\r\nb", "\x1b[31m\u202e"])
@pytest.mark.parametrize("format", FORMATS)
def test_every_format_shows_every_message(format, text):
    shown = render(format, [make(text, help=text, file=f"{text[:50]}.yaml")], {})
    assert not CONTROL.search(shown)
    if format == "json":
        assert json.loads(shown)["diagnostics"][0]["message"] == text
    elif format == "sarif":
        assert sarif(shown)["results"][0]["message"]["text"].count("\n") == 1
    elif format == "github":
        assert len(commands(shown)) == 1
    else:
        assert len(shown.splitlines()) == {"concise": 1, "text": 5}[format]


@pytest.mark.parametrize("format", FORMATS)
def test_nothing_found_is_nothing_said(format):
    shown = render(format, [], {})
    if format == "json":
        assert json.loads(shown)["diagnostics"] == []
    elif format == "sarif":
        assert sarif(shown)["results"] == []
    else:
        assert shown == ""


def names(format, shown):
    """The messages in a rendering, in order."""
    return re.findall(r"m-\d+", shown)


@pytest.mark.parametrize("format", HUMAN)
def test_people_see_twenty_and_a_count(format):
    many = [make(f"m-{at}", Span(at, 1, 2)) for at in range(1, 58)]
    shown = render(format, many, {})
    assert names(format, shown) == [f"m-{at}" for at in range(1, 21)]
    assert shown.endswith("\nand 37 more\n")
    assert "more" not in render(format, many[:20], {})
    assert render(format, many[:21], {}).endswith("\nand 1 more\n")
    assert names(format, render(format, many, {}, most=3)) == ["m-1", "m-2", "m-3"]
    assert render(format, many, {}, most=3).endswith("\nand 54 more\n")
    assert len(names(format, render(format, many, {}, most=1000))) == 57


@pytest.mark.parametrize("format", sorted(COMPLETE))
def test_programs_get_all(format):
    many = [make(f"m-{at}", Span(at, 1, 2)) for at in range(1, 58)]
    assert names(format, render(format, many, {}, most=3)) == [f"m-{at}" for at in range(1, 58)]


@pytest.mark.parametrize("format", FORMATS)
def test_they_come_by_file_and_place(format):
    found = [
        make("m-5", Span(9, 1, 2), "b.yaml"),
        make("m-6", Span(10, 1, 2), "b.yaml"),
        make("m-3", Span(2, 5, 6), "a.yaml"),
        make("m-2", Span(2, 1, 2), "a.yaml"),
        make("m-1", None, "a.yaml"),
        make("m-4", Span(2, 5, 9), "a.yaml"),
    ]
    assert names(format, render(format, found, {})) == [f"m-{at}" for at in range(1, 7)]


def test_a_cap_is_exact():
    assert capped([make()] * 3, 3)[1] == ""
    assert capped([make()] * 3, 2) == ([make()] * 2, "and 1 more\n")
    assert capped([make()] * 3000, 1)[1] == "and 2,999 more\n"
    assert ordered([]) == []
