"""What commands share to speak: terminal or pipe, messages on stderr, examples in help."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import IO, TYPE_CHECKING

from vla_compose.diagnostics import Diagnostic, SpecError
from vla_compose.report.printable import printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from vla_compose.report import Sources

CLEAN, FINDINGS, FAILURE = 0, 1, 2
"""Exit codes: nothing found; mistakes in a spec; a wrong command line or an internal error."""


def examples(*lines: str) -> str:
    """A block of example commands for the help of a command."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def lenient() -> None:
    """Never fail to print: what the encoding of the output lacks is escaped."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Callable[..., None] | None = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def is_terminal(stream: IO[str]) -> bool:
    """Whether a person is looking, on something that can do more than plain text."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def terminal(stream: IO[str]) -> Console:
    """A console that adds colours (unless NO_COLOR says otherwise) and nothing that was not asked for."""
    from rich.console import Console

    return Console(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=False)


def show(plain: Callable[[], str], styled: Callable[[], RenderableType]) -> None:
    """Print one thing: for a terminal with boxes and colour, for a pipe as plain text."""
    if is_terminal(sys.stdout):
        terminal(sys.stdout).print(styled())
    else:
        sys.stdout.write(plain())


def show_diagnostics(
    found: Sequence[Diagnostic], sources: Sources, stream: IO[str], *, most: int | None = None
) -> None:
    """Print diagnostics as text, in colour on a terminal; at most `most` of them."""
    from vla_compose.report import MOST, capped, ordered, render, text

    most = MOST if most is None else most
    if is_terminal(stream):
        console = terminal(stream)
        shown, more = capped(ordered(found), most)
        # A message longer than the terminal is wrapped by the terminal, so that it can be copied.
        console.print(text.styled(shown, sources, width=console.width), end="", soft_wrap=True)
        stream.write(more)
    else:
        stream.write(render("text", found, sources, most=most))


def report(error: SpecError) -> None:
    """Print the mistakes of a spec to stderr."""
    from vla_compose.cli.documents import sources_of

    show_diagnostics(error.diagnostics, sources_of(error.diagnostics), sys.stderr)


def complain(message: str, details: Sequence[str] = ()) -> None:
    """Print to stderr what is wrong with the command line or the machine, details on lines of their own."""
    print(f"error: {printable(message)}", file=sys.stderr)
    for text in details:
        print(f"  {printable(text)}", file=sys.stderr)
