"""Workflow commands of GitHub Actions: each diagnostic becomes an annotation on its line in a pull request.

    ::error file=specs/a.yaml,line=8,col=36,endColumn=40,title=VC201 width-conflict::`fc1` is told to ...

A diagnostic is one line that starts with a command of ours; what a spec says cannot end it or start another.
"""

from __future__ import annotations

from collections.abc import Sequence

from vla_compose.diagnostics import Diagnostic
from vla_compose.report import Sources
from vla_compose.report.paths import STDIN, relative
from vla_compose.report.printable import printable


def render(diagnostics: Sequence[Diagnostic], sources: Sources) -> str:
    """Diagnostics, one command each; the text of the files is not needed."""
    return "".join(f"{_command(found)}\n" for found in diagnostics)


def _command(found: Diagnostic) -> str:
    properties: dict[str, object] = {}
    place = ""
    if found.file is not None and found.file != STDIN:
        properties["file"] = relative(found.file)
        if found.span is not None:
            properties["line"], properties["col"] = found.span.line, found.span.column
            properties["endColumn"] = found.span.end_column
    else:
        # There is no file to put it on, so the message says where.
        place = found.file or "<spec>"
        place += f":{found.span.line}:{found.span.column}: " if found.span is not None else ": "
    properties["title"] = f"{found.code} {found.name}"
    told = ",".join(f"{name}={_property(printable(str(value)))}" for name, value in properties.items())
    message = _data(printable(place + found.message))
    if found.help:
        message += f"%0Ahelp: {_data(printable(found.help))}"
    return f"::{found.severity} {told}::{message}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
