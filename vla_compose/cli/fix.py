"""`vla-compose validate --fix`: write what leaves no choice, show what was written."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from typing import IO

from vla_compose.cli.checking import WHOLE, Format, check, mistakes, specs, tell
from vla_compose.cli.console import complain, is_terminal, terminal
from vla_compose.diagnostics import Diagnostic, SpecError
from vla_compose.fixes import Fixed, fix
from vla_compose.report.printable import printable


def repair(names: Sequence[str], format: Format, most: int) -> bool:
    """Fix specs and print what is left; whether all are valid now. Standard input is printed fixed.

    Raises:
        FileError: a file cannot be written; those before it are.
    """
    piped = list(names) == ["-"]
    # What programs read stands alone on stdout, and so does the text of standard input.
    notes = sys.stderr if piped or format in WHOLE or format is Format.github else sys.stdout
    results: dict[str, Sequence[Diagnostic]] = {}
    count = files = 0
    for name in names:
        work = _Work(name)
        results[name] = work.fixed.left
        if piped:
            work.pass_on()
        elif work.fixed.applied:
            work.write()
        if work.fixed.applied:
            _show(work.diff(), notes)
            count, files = count + len(work.fixed.applied), files + 1
        elif work.fixed.withheld:
            complain(f"`{work.file}` was left alone: a fix would bring or hide other mistakes")
    if count:
        notes.write(f"fixed {mistakes(count)} in {specs(files)}\n")
    return tell(results, format, most, sys.stderr if piped else sys.stdout)


def preview(names: Sequence[str]) -> bool:
    """Show what `repair` would do; whether there is nothing to do."""
    count = files = left = 0
    for name in names:
        work = _Work(name)
        left += len(work.fixed.left)
        if work.fixed.applied:
            _show(work.diff(), sys.stdout)
            count, files = count + len(work.fixed.applied), files + 1
    sys.stdout.flush()
    if count:
        print(f"would fix {mistakes(count)} in {specs(files)}", file=sys.stderr)
    if left:
        print(f"{mistakes(left)} cannot be fixed without a choice", file=sys.stderr)
    return not count and not left


class _Work:
    """One spec, and what its fixes make of it."""

    def __init__(self, name: str) -> None:
        from vla_compose.cli.documents import located, piped, remember
        from vla_compose.report.paths import STDIN
        from vla_compose.spec.codes import Refused
        from vla_compose.spec.limits import DEFAULT_LIMITS, read_bytes

        self.file = STDIN if name == "-" else located(name)
        try:
            self.data = piped() if name == "-" else read_bytes(self.file, DEFAULT_LIMITS.file_bytes + 1)
            self.fixed = fix(self.data.decode(), file=self.file)
        except Refused:
            self.fixed = Fixed("", (), tuple(check(name)))
        except UnicodeDecodeError:
            self.fixed = Fixed("", (), _unreadable(self.data, self.file))
        if name == "-" and self.fixed.text:
            remember(self.fixed.text)

    def diff(self) -> str:
        from vla_compose.report.diff import unified

        return unified(self.data.decode(), self.fixed.text, printable(self.file))

    def write(self) -> None:
        """Put the fixed text in the place of the file, if that is still what was read."""
        from vla_compose.files import FileError, write_text
        from vla_compose.spec.codes import Refused
        from vla_compose.spec.limits import read_bytes

        try:
            same = read_bytes(self.file, len(self.data) + 1) == self.data
        except Refused:
            same = False
        if not same:
            raise FileError(f"`{self.file}` was changed by another program: run the command again")
        write_text(self.file, self.fixed.text, overwrite=True)

    def pass_on(self) -> None:
        """Print the text, byte for byte where nothing was fixed, however long it is."""
        sys.stdout.flush()
        sys.stdout.buffer.write(self.fixed.text.encode() if self.fixed.applied else self.data)
        shutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def _unreadable(data: bytes, file: str) -> tuple[Diagnostic, ...]:
    """The mistake of bytes that are no text."""
    from vla_compose.spec.reader import read_text

    try:
        read_text(data, file=file)
    except SpecError as error:
        return error.diagnostics
    raise AssertionError("a reader that takes what is not UTF-8")


def _show(diff: str, stream: IO[str]) -> None:
    """Print a diff: for a pipe as `patch` takes it, for a terminal in colour."""
    if not is_terminal(stream):
        stream.write(diff)
        return
    from rich.text import Text

    text = Text()
    for line in diff.split("\n")[:-1]:
        style = {"-": "red", "+": "green", "@": "cyan"}.get(line[:1], "")
        shown = printable(line.rstrip("\r"))
        text.append(f"{shown}\n", "bold" if line.startswith(("---", "+++")) else style)
    terminal(stream).print(text, end="", soft_wrap=True)
