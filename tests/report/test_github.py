import pytest

from tests.report.readers import commands
from vla_compose.diagnostics import Diagnostic, Label, Span
from vla_compose.report import github, render

PLACE = Span(3, 7, 9)


def make(message="too wide", span=PLACE, file="specs/a.yaml", **more):
    return Diagnostic("VC201", "width-conflict", message, span, file, **more)


def only(found):
    (command,) = commands(github.render([found], {}))
    return command


def test_the_line_is_a_workflow_command():
    assert github.render([make(help="write `4`")], {}) == (
        "::error file=specs/a.yaml,line=3,col=7,endColumn=9,title=VC201 width-conflict"
        "::too wide%0Ahelp: write `4`\n"
    )


def test_a_warning_is_a_warning():
    assert only(make(severity="warning")).name == "warning"


def test_a_file_without_a_span_is_annotated_whole():
    assert only(make(span=None)).properties == {"file": "specs/a.yaml", "title": "VC201 width-conflict"}


@pytest.mark.parametrize(
    ("file", "span", "message"),
    [
        (None, None, "<spec>: too wide"),
        (None, Span(3, 7, 9), "<spec>:3:7: too wide"),
        ("<stdin>", Span(3, 7, 9), "<stdin>:3:7: too wide"),
    ],
)
def test_without_a_file_the_message_says_where(file, span, message):
    command = only(make(file=file, span=span))
    assert command.properties == {"title": "VC201 width-conflict"}
    assert command.message == message


def test_files_are_relative_to_the_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert only(make(file=str(tmp_path / "b" / "c.yaml"))).properties["file"] == "b/c.yaml"
    assert only(make(file="./c.yaml")).properties["file"] == "c.yaml"


HOSTILE = [
    "a\n::error::b",
    "a\r::set-output name=x::y",
    "a\r\n::stop-commands::z",
    "%0A::error::b",
    "##[set-env name=PATH]x",
    "::add-mask::x",
    "a,line=9,title=b::c",
    "a\x1b[31m\u2028::error::",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_spec_says_is_never_a_command_or_a_property(text):
    found = make(text, file=f"specs/{text}.yaml", help=text, labels=(Label(Span(1, 1, 2), text),))
    command = only(found)
    assert command.name == "error"
    assert set(command.properties) == {"file", "line", "col", "endColumn", "title"}
    assert command.properties["line"] == "3"
    assert command.properties["title"] == "VC201 width-conflict"
    assert command.message.count("\n") == 1


def test_percent_signs_come_back():
    command = only(make("100%0A of %25", file="a%2C,b:c.yaml"))
    assert command.message == "100%0A of %25"
    assert command.properties["file"] == "a%2C,b:c.yaml"


def test_the_count_of_the_others_is_no_command():
    text = render("github", [make()] * 25, {})
    assert len(commands(text)) == 20
    assert text.endswith("\nand 5 more\n")
