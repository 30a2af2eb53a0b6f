"""How diagnostics and graphs are shown. A format is one module with `render(diagnostics, sources) -> str`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from types import MappingProxyType

from vla_compose.diagnostics import Diagnostic
from vla_compose.spec.limits import DEFAULT_LIMITS

Sources = Mapping[str | None, str]
"""The text of each file that diagnostics name; `None` stands for text that came from no file."""

FORMATS: Mapping[str, str] = MappingProxyType(
    {
        "text": "vla_compose.report.text",
        "concise": "vla_compose.report.concise",
        "json": "vla_compose.report.json",
        "github": "vla_compose.report.github",
        "sarif": "vla_compose.report.sarif",
    }
)
"""Format to module. A module is imported when its format is asked for."""
COMPLETE = frozenset({"json", "sarif"})
"""Formats that programs read; they hold every diagnostic, however many there are."""
MOST = DEFAULT_LIMITS.shown_errors
"""How many diagnostics a person is shown."""


def render(format: str, diagnostics: Iterable[Diagnostic], sources: Sources, *, most: int = MOST) -> str:
    """Diagnostics in one of `FORMATS`; ends with a line break unless there is nothing to say.

    They are ordered by file and place. Formats for people end after `most` of them with the number of the
    others.
    """
    shown, more = ordered(diagnostics), ""
    if format not in COMPLETE:
        shown, more = capped(shown, most)
    rendered: str = import_module(FORMATS[format]).render(shown, sources)
    return rendered + more


def ordered(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """By file, then from the top; as found where two share a place. What has no file or place comes first."""

    def place(found: Diagnostic) -> tuple[str, int, int]:
        line, column = (found.span.line, found.span.column) if found.span is not None else (0, 0)
        return found.file or "", line, column

    return sorted(diagnostics, key=place)


def capped(diagnostics: Sequence[Diagnostic], most: int) -> tuple[list[Diagnostic], str]:
    """The first `most`, and a line that counts the others: empty when there are none."""
    rest = len(diagnostics) - most
    return list(diagnostics[:most]), f"and {rest:,} more\n" if rest > 0 else ""
