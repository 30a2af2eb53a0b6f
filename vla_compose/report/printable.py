"""Text from a spec, made safe to print, and how wide it is on a terminal."""

from __future__ import annotations

import unicodedata

TAB = " " * 4


def printable(text: str) -> str:
    """`text` with everything that does not print, or changes what prints around it, as an escape."""
    return text if text.isascii() and text.isprintable() else "".join(map(glyph, text))


def glyph(char: str) -> str:
    """What stands for one character."""
    if char == "\t":
        return TAB
    return char if char.isprintable() else char.encode("unicode_escape").decode("ascii")


def cells(text: str) -> int:
    """How many columns of a terminal printable text takes."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def pad(text: str, width: int, *, right: bool = False) -> str:
    """`text` filled up with spaces to a number of columns."""
    fill = " " * max(0, width - cells(text))
    return fill + text if right else text + fill


def _cells(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
