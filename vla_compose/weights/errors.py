"""What is wrong with a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence

from vla_compose.diagnostics import VlaComposeError
from vla_compose.report.printable import printable

MOST = 20
LONGEST = 120


class CheckpointError(VlaComposeError):
    """A checkpoint cannot be used; no weight was changed.

    `summary` says what is wrong and what to do; `details` lists each tensor or file, when there are several.
    """

    def __init__(self, summary: str, details: Sequence[str] = ()) -> None:
        self.summary = printable(summary)
        self.details = tuple(printable(text) for text in details[:MOST])
        if len(details) > MOST:
            self.details += (f"and {len(details) - MOST:,} more",)
        super().__init__("\n  ".join((self.summary, *self.details)))


def option(name: str, value: str) -> str:
    """An option to give: as Python and as the command line write it."""
    return f"`{name}={value!r}` (`--{name} {value}`)"


def shown(name: str) -> str:
    """A name from a file in backquotes: on one line, and cut where it is long."""
    text = printable(name)
    return f"`{text if len(text) <= LONGEST else f'{text[:LONGEST]}…'}`"
