"""`vla-compose validate --fix`: write what leaves no choice, show what was written."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from typing import IO

from vla_compose.cli.checking import WHOLE, Format, check, mistakes, specs, tell
from vla_compose.cli.console import complain, is_terminal, terminal
from vla_compose.diagnostics import BuildError, Diagnostic
from vla_compose.fixes import Fixed, fix
from vla_compose.report import Sources
from vla_compose.report.printable import printable


def repair(names: Sequence[str], format: Format, most: int) -> bool:
    """Fix specs and print what is left; whether all are valid now. Standard input is printed fixed.

    Raises:
        FileError: a file cannot be written; those before it are.
    """
    piped = list(names) == ["-"]
    # What programs read stands alone on stdout, and so does the text of standard input.
    output = sys.stderr if piped else sys.stdout
    notes = sys.stderr if piped or format in WHOLE or format is Format.github else sys.stdout
    results: dict[str, Sequence[Diagnostic]] = {}
    count = files = 0
    for name in names:
        work = _Work(name)
        results[name] = work.left
        if piped:
            _pass_on(work)
        if work.changed:
            if not piped:
                work.write()
            _show(work.diff(), notes)
            count, files = count + work.count, files + 1
    if count:
        notes.write(f"fixed {mistakes(count)} in {specs(files)}\n")
    return tell(results, format, most, output)


def preview(names: Sequence[str]) -> bool:
    """Show what `repair` would do; whether there is nothing to do."""
    count = files = left = 0
    for name in names:
        work = _Work(name)
        left += len(work.left)
        if work.changed:
            _show(work.diff(), sys.stdout)
            count, files = count + work.count, files + 1
    rest = f"; {mistakes(left)} would be left" if left else ""
    sys.stdout.flush()
    sys.stderr.write(f"would fix {mistakes(count)} in {specs(files)}{rest}\n" if count else "")
    if left and not count:
        sys.stderr.write(f"nothing can be fixed without a choice; there {'is' if left == 1 else 'are'} {mistakes(left)}\n")
    return not count and not left


class _Work:
    """One spec and what its fixes make of it."""

    def __init__(self, name: str) -> None:
        from vla_compose.cli.documents import STDIN, located, remember

        self.file = STDIN if name == "-" else located(name)
        self.data = _data(name)
        self.fixed: Fixed | None = None
