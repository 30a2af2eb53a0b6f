"""Files as other programs find them: relative to the current folder, with `/` between folders."""

from __future__ import annotations

import os

STDIN = "<stdin>"
"""The name that is shown for standard input."""


def relative(file: str) -> str:
    """A path relative to the current folder; as it is, where there is no such path."""
    try:
        return os.path.relpath(file).replace(os.sep, "/")
    except (OSError, ValueError):
        return file.replace(os.sep, "/")
