"""One line a diagnostic: `file:line:column: VC201 message [fix: …]`, for editors, logs and `grep`."""

from __future__ import annotations

from collections.abc import Sequence

from vla_compose.diagnostics import Diagnostic
from vla_compose.report import Sources
from vla_compose.report.printable import printable


def render(diagnostics: Sequence[Diagnostic], sources: Sources) -> str:
    """Diagnostics, one line each; the text of the files is not needed."""
    return "".join(f"{_line(found)}\n" for found in diagnostics)


def _line(found: Diagnostic) -> str:
    place = found.file or "<spec>"
    if found.span is not None:
        place += f":{found.span.line}:{found.span.column}"
    fix = f" [fix: {found.help}]" if found.help else ""
    return printable(f"{place}: {found.code} {found.message}{fix}")
