"""Where commands put text that they make: standard output, or a file."""

from __future__ import annotations

import sys


def deliver(text: str, file: str | None, *, force: bool = False) -> None:
    """Print `text`, or write it to a file at once.

    Raises:
        FileError: the file is there already, or cannot be written.
    """
    if file is None or file == "-":
        sys.stdout.write(text)
        return
    from vla_compose.files import write_text

    write_text(file, text, overwrite=force)
    print(f"wrote {file}", file=sys.stderr)
