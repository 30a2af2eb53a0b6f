"""Excerpts with marks: one expected picture a case."""

import re
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

import vla_compose
from vla_compose.diagnostics import Diagnostic, Label, Span
from vla_compose.report import text

CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


PLACE = Span(2, 3, 6)


def make(span=PLACE, file="my.yaml", **more):
    return Diagnostic("VC204", "bad-size", "wrong number", span, file, url="https://docs/VC204/", **more)


def render(found, source, **more):
    return text.render([found], {found.file: source}, **more)


def picture(block):
    return textwrap.dedent(block).lstrip("\n")


def test_the_place_is_marked_under_the_line():
    assert render(make(help="write `4`"), "a: 1\nb: 222\n") == picture(
        """
        error[VC204]: wrong number
          --> my.yaml:2:3
           |
         2 | b: 222
           |   ^^^
           |
        help: write `4`
        docs: https://docs/VC204/

        """
    )


def test_a_real_diagnostic_shows_both_ends():
    spec = picture(
        """
        spec_version: 1
        name: my-adapter
        dims: {vision: 1152, text: 2048}
        inputs:
          x: b n vision
        steps:
          - norm: {name: norm, kind: layer}
          - linear: {name: linear_fc1, in: 4608, out: text}
        """
    )
    (found,) = vla_compose.check(spec)
    assert text.render([found], {None: spec}) == picture(
        """
        error[VC201]: `linear_fc1` is told to take 4608 channels, but gets 1152
          --> <spec>:8:36
           |
         5 |   x: b n vision
           |      ---------- 1152 channels here, set by input `x`
        ...
         8 |   - linear: {name: linear_fc1, in: 4608, out: text}
           |                                    ^^^^ expected 4608, found 1152
           |
        help: put `- spatial_merge: {size: 2}` before this step (4 * 1152 = 4608)
        docs: https://vla-compose.github.io/errors/VC201/

        """
    )


@pytest.mark.parametrize(
    ("line", "between"),
    [(2, []), (3, [" 2 | two"]), (4, ["..."])],
    ids=["next to it", "one line between", "far"],
)
def test_what_lies_between_two_labels(line, between):
    source = "one\ntwo\nthree\nfour\n"
    found = make(Span(line, 1, 3), labels=(Label(Span(1, 1, 4), "first here"),))
    lines = render(found, source).splitlines()
    assert lines[3:5] == [" 1 | one", "   | --- first here"]
    assert lines[5:-5] == between
    assert lines[-5].startswith(f" {line} | ")
    assert lines[-4] == "   | ^^"


def test_two_marks_on_one_line_keep_their_own_rows():
    found = make(Span(1, 5, 6), labels=(Label(Span(1, 1, 2), "this"),))
    assert render(found, "a b c d\n").splitlines()[3:6] == [" 1 | a b c d", "   | - this", "   |     ^"]


def test_the_gutter_is_as_wide_as_the_largest_number():
    found = make(Span(1000, 1, 2), labels=(Label(Span(2, 1, 2), "here"),))
    lines = render(found, "x\n" * 1000).splitlines()
    assert lines[1:6] == ["     --> my.yaml:1000:1", "      |", "    2 | x", "      | - here", "..."]
    assert lines[6:9] == [" 1000 | x", "      | ^", "      |"]


@pytest.mark.parametrize("source", [None, "", "one line\n"])
def test_without_the_line_there_is_no_excerpt(source):
    sources: dict[str | None, str] = {} if source is None else {"my.yaml": source}
    lines = text.render([make(Span(7, 1, 2))], sources).splitlines()
    assert lines == ["error[VC204]: wrong number", "  --> my.yaml:7:1", "docs: https://docs/VC204/", ""]


def test_without_file_and_span_there_is_no_place():
    lines = text.render([make(None, None)], {}).splitlines()
    assert lines == ["error[VC204]: wrong number", "docs: https://docs/VC204/", ""]


def test_a_file_without_a_span_is_named():
    assert "  --> my.yaml\n" in text.render([make(None)], {"my.yaml": "a\n"})


def test_marks_stand_under_wide_characters_and_tabs():
    lines = render(make(Span(1, 4, 6)), "\t日x本語\n").splitlines()
    assert lines[3:5] == [" 1 |     日x本語", "   |        ^^^^"]


def test_combining_characters_take_no_column():
    lines = render(make(Span(1, 3, 4)), "e\u0301x\n").splitlines()
    assert lines[4] == "   |  ^"


def test_carriage_returns_of_windows_are_no_part_of_a_line():
    assert render(make(), "a: 1\r\nb: 222\r\n") == render(make(), "a: 1\nb: 222\n")


def test_a_mark_past_the_end_of_the_line_follows_it():
    assert render(make(Span(1, 9, 10)), "abc\n").splitlines()[4] == "   |     ^"


def test_an_empty_span_is_still_marked():
    assert render(make(Span(1, 2, 2)), "abc\n").splitlines()[4] == "   |  ^"


@pytest.mark.parametrize("column", [1, 50, 150, 297])
def test_a_long_line_is_cut_around_the_mark(column):
    source = "".join(f"{at:03}" for at in range(100))
    lines = render(make(Span(1, column, column + 3)), source, width=60).splitlines()
    assert max(map(len, lines[:-2])) <= 60
    shown, marks = lines[3][5:], lines[4][5:]
    start = marks.index("^")
    assert shown[start : start + 3] == source[column - 1 : column + 2]
    assert shown.startswith("...") == (column >= 50)
    assert shown.endswith("...") == (column < 290)


def test_a_label_that_does_not_fit_stands_below_its_mark():
    found = make(Span(1, 50, 55), expected="something long", found="something else")
    lines = render(found, "x" * 56, width=60).splitlines()
    assert lines[4].endswith("^^^^^")
    assert lines[5].strip(" |") == "expected something long, found something else"
    assert len(lines[5]) <= 60


def test_control_characters_are_escaped_everywhere():
    nasty = "\x1b[31m\u202e\u2028\x85\ufeff"
    found = Diagnostic(
        "VC204", "bad-size", nasty, Span(1, 3, 4), nasty, (Label(Span(1, 1, 2), nasty),), nasty, nasty, nasty
    )
    shown = text.render([found], {nasty: nasty})
    assert not CONTROL.search(shown)
    assert shown.count("\\x1b[31m\\u202e\\u2028\\x85\\ufeff") == 7


@given(st.text(max_size=200), st.integers(1, 9), st.integers(1, 220), st.integers(0, 30), st.integers(1, 120))
def test_no_text_breaks_the_picture(source, line, column, length, width):
    labels = (Label(Span(max(1, line - 2), 1, 3), "label"),)
    shown = render(make(Span(line, column, column + length), labels=labels), source, width=width)
    assert not CONTROL.search(shown)
    assert shown.startswith("error[VC204]: wrong number\n")
    assert shown.endswith("docs: https://docs/VC204/\n\n")


def test_styled_says_the_same_in_colour():
    pytest.importorskip("rich")
    found = [make(help="do", labels=(Label(Span(1, 1, 2), "here"),)), make(severity="warning")]
    sources: dict[str | None, str] = {"my.yaml": "a: 1\nb: [red]222[/red]\n"}
    styled = text.styled(found, sources)
    assert styled.plain == text.render(found, sources)
    assert {str(span.style) for span in styled.spans} >= {"bold red", "bold blue", "bold yellow"}
