"""How generated statements are laid out: short lines, with the type of each step where it can be read."""

from __future__ import annotations

from collections.abc import Sequence

WIDTH = 110
COMMENT_COLUMN = 70
INDENT = "    "


def statements(lines: Sequence[tuple[str, str]], depth: int) -> list[str]:
    """Statements with their comments: behind short ones, above long ones."""
    found: list[str] = []
    pad = INDENT * depth
    for text, comment in lines:
        line = pad + text
        if not comment:
            found += wrapped(line)
        elif len(line) <= COMMENT_COLUMN and len(f"{line.ljust(COMMENT_COLUMN)}  # {comment}") <= WIDTH:
            found.append(f"{line.ljust(COMMENT_COLUMN)}  # {comment}")
        else:
            deeper = line[: len(line) - len(line.lstrip())]
            found += [f"{deeper}# {comment}", *wrapped(line)]
    return found


def wrapped(line: str) -> list[str]:
    """A statement that is too long: one part a line, for a call, a message or a comprehension."""
    if len(line) <= WIDTH or not line.endswith((")", "]")) or line.endswith(("()", "[]")):
        return [line]
    pad = line[: len(line) - len(line.lstrip())]
    opening = _opening(line)
    inner, end = line[opening + 1 : -1], line[opening]
    if line[opening] == "[":
        parts = [part if not at else f"for {part}" for at, part in enumerate(inner.split(" for "))]
    else:
        parts = [inner] if '"' in inner else [f"{part}," for part in _split(inner)]
    return [line[: opening + 1], *(pad + INDENT + part for part in parts), pad + {"(": ")", "[": "]"}[end]]


def _opening(line: str) -> int:
    """Where the bracket stands that the last character closes."""
    depth = 0
    for at in range(len(line) - 1, -1, -1):
        depth += (line[at] in ")]}") - (line[at] in "([{")
        if not depth:
            return at
    return len(line) - 1


def condition(parts: Sequence[str], depth: int, guard: str = "") -> list[str]:
    """`if a or b:`, over several lines when it is long; it will stand two levels deeper."""
    pad = INDENT * depth
    inner = " or ".join(parts)
    short = f"{pad}if {guard} and ({inner}):" if guard else f"{pad}if {inner}:"
    if len(short) <= WIDTH - 2 * len(INDENT):
        return [short]
    body = [f"{pad}{INDENT}{'or ' if at else ''}{part}" for at, part in enumerate(parts)]
    if guard:
        body = [
            f"{pad}{INDENT}{guard}",
            f"{pad}{INDENT}and (",
            *(INDENT + line for line in body),
            f"{pad}{INDENT})",
        ]
    return [f"{pad}if (", *body, f"{pad}):"]


def _split(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for at, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if character == "," and not depth:
            parts.append(text[start:at].strip())
            start = at + 1
    return [*parts, text[start:].strip()]
