from vla_compose.diagnostics import Diagnostic, Span
from vla_compose.report import concise, render


def test_one_line_with_place_code_and_fix():
    found = Diagnostic("VC201", "width-conflict", "too wide", Span(3, 7, 9), "a.yaml", help="write `4`")
    assert concise.render([found], {}) == "a.yaml:3:7: VC201 too wide [fix: write `4`]\n"


def test_without_file_span_and_fix():
    assert (
        concise.render([Diagnostic("VC201", "width-conflict", "too wide")], {}) == "<spec>: VC201 too wide\n"
    )


def test_one_diagnostic_is_one_line_whatever_it_says():
    found = Diagnostic("VC201", "width-conflict", "a\nb\x1b", Span(1, 1, 2), "a\n.yaml", help="c\u2028d")
    assert (
        concise.render([found] * 2, {}).splitlines() == [r"a\n.yaml:1:1: VC201 a\nb\x1b [fix: c\u2028d]"] * 2
    )


def test_nothing_found_is_nothing():
    assert render("concise", [], {}) == render("text", [], {}) == ""
