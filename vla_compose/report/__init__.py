"""How diagnostics and graphs are shown. A format is one module with `render(diagnostics, sources) -> str`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from types import MappingProxyType

from vla_compose.diagnostics import Diagnostic

Sources = Mapping[str | None, str]
"""The text of each file that diagnostics name; `None` stands for text that came from no file."""

FORMATS: Mapping[str, str] = MappingProxyType(
    {
        "text": "vla_compose.report.text",
        "concise": "vla_compose.report.concise",
        "json": "vla_compose.report.json",
    }
)
"""Format to module. A module is imported when its format is asked for."""


def render(format: str, diagnostics: Sequence[Diagnostic], sources: Sources) -> str:
    """Diagnostics in one of `FORMATS`; ends with a line break unless there is nothing to say."""
    rendered: str = import_module(FORMATS[format]).render(diagnostics, sources)
    return rendered
