"""Diagnostics: what is wrong with a spec, as data. Rendering lives in `vla_compose.report`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

DOCS_URL = "https://vla-compose.github.io/errors/"

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A place in a file. Lines and columns count from 1; `end_column` is exclusive."""

    line: int
    column: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Label:
    """A second place that explains the first, with a few words about it."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Edit:
    """What to write in place of a span, which lies on one line: a fix without a choice."""

    span: Span
    replacement: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One mistake in one spec.

    `message` is lower case and stands alone; `help` is one fix that can be typed as it stands, and `edit`
    the same for a program, where there is no doubt about it.
    `file` is the name shown to the user, `None` for text that came from no file.
    """

    code: str
    name: str
    message: str
    span: Span | None = None
    file: str | None = None
    labels: tuple[Label, ...] = ()
    help: str | None = None
    found: str | None = None
    expected: str | None = None
    severity: Severity = "error"
    url: str = field(default="")
    edit: Edit | None = None

    def __post_init__(self) -> None:
        if not self.url:
            object.__setattr__(self, "url", f"{DOCS_URL}{self.code}/")

    def __str__(self) -> str:
        where = self.file or "<spec>"
        if self.span is not None:
            where = f"{where}:{self.span.line}:{self.span.column}"
        text = f"{where}: {self.severity}[{self.code}]: {self.message}"
        return f"{text} (help: {self.help})" if self.help else text


class VlaComposeError(Exception):
    """Base of every error that this package raises on purpose."""


class SpecError(VlaComposeError):
    """A spec cannot be used; `diagnostics` holds every mistake found, in file order."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(str(d) for d in self.diagnostics))


class BuildError(VlaComposeError):
    """A valid spec cannot be built with the arguments given."""
