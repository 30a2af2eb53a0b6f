"""A change of words inside lines as a unified diff, which `patch` and `git apply` take."""

from __future__ import annotations

from collections.abc import Iterator

CONTEXT = 3


def unified(before: str, after: str, file: str) -> str:
    """The diff of two texts of equally many lines; nothing when they are the same."""
    old, new = before.split("\n"), after.split("\n")
    if len(old) != len(new):
        raise ValueError("a fix keeps the number of lines")
    changed = [at for at, pair in enumerate(zip(old, new, strict=True)) if pair[0] != pair[1]]
    if not changed:
        return ""
    # A line break at the end of the file makes no line after it.
    count = len(old) - (old[-1] == "" and new[-1] == "")
    hunks = "".join(_hunk(old, new, first, last, count) for first, last in _hunks(changed, count))
    return f"--- {file}\n+++ {file}\n{hunks}"


def _hunks(changed: list[int], count: int) -> Iterator[tuple[int, int]]:
    """First and last line of each run of changes with the lines around it."""
    first = last = changed[0]
    for at in changed[1:]:
        if at - last > 2 * CONTEXT:
            yield max(0, first - CONTEXT), min(count, last + CONTEXT + 1)
            first = at
        last = at
    yield max(0, first - CONTEXT), min(count, last + CONTEXT + 1)


def _hunk(old: list[str], new: list[str], first: int, last: int, count: int) -> str:
    length = last - first
    span = f"{first + 1},{length}" if length != 1 else f"{first + 1}"
    lines = [f"@@ -{span} +{span} @@\n"]
    at = first
    while at < last:
        if old[at] == new[at]:
            lines.append(_line(" ", old, at))
            at += 1
            continue
        end = at
        while end < last and old[end] != new[end]:
            end += 1
        lines += [_line("-", old, i) for i in range(at, end)] + [_line("+", new, i) for i in range(at, end)]
        at = end
    return "".join(lines)


def _line(sign: str, lines: list[str], at: int) -> str:
    end = "\n" if at < len(lines) - 1 else "\n\\ No newline at end of file\n"
    return f"{sign}{lines[at]}{end}"
