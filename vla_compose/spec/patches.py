"""Reading on behind a syntax error: the lines around it become one value that is not known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from vla_compose.spec.codes import Refused
from vla_compose.spec.limits import Limits
from vla_compose.spec.recovery import Refusals, Source
from vla_compose.spec.tree import TreeBuilder

CONFLICT: Final = re.compile(r"^(?:<{7}|={7}|>{7}|\|{7})(?= |\r?$)", re.M)
"""A conflict marker of git."""
_PATCHED: Final = ("syntax", "tab", "non-string-key")
_MOST_READ: Final = 400_000
"""Characters that are read again in all, so that a large file does not take seconds."""
_MOST_TRIES: Final = 10
_START: Final = re.compile(r"""( *(?:- +)*)((?:[\w.-]+|'[^']*'|"[^"]*") *:(?=\s|$))?""")
_SIGN: Final = "\ue000"
"""Stands in a patched text for what is not known; as a key it is no other one."""


class Patch(NamedTuple):
    """A text in place of another one.

    Attributes:
        text: the text.
        unknown: where the signs in it end.
        left: what was left out.
        guessed: whether a line was read in a way that the next one has to confirm.
    """

    text: str
    unknown: frozenset[int] = frozenset()
    left: str = ""
    guessed: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """A text that was read once, to its end or to the mistake that `ended` it."""

    builder: TreeBuilder
    faults: Refusals
    patch: Patch
    ended: Refused | None

    @property
    def reach(self) -> float:
        """The line to which reading came."""
        return float("inf") if self.ended is None else self.ended.span.line


def read_on(source: Source, limits: Limits, faults: Refusals) -> Reading:
    """Read a text; when `faults` keep mistakes, behind syntax errors too, as far as that is possible."""
    best = _read(Patch(source.text), source, limits, faults)
    patchable = faults.partly and source.text == source.whole and not CONFLICT.search(source.text)
    budget = _MOST_READ if patchable else 0
    while best.ended is not None and best.ended.name in _PATCHED:
        faults = best.faults.copy()
        if not best.faults.follows(best.ended):
            faults.note(best.ended)
        for patch in _patches(best.patch, best.ended):
            budget -= len(patch.text)
            if budget < 0:
                return best
            new = _read(patch, source, limits, faults)
            if new.reach > best.reach + patch.guessed:
                break
        else:
            return best
        best = new
    return best


def _read(patch: Patch, source: Source, limits: Limits, faults: Refusals) -> Reading:
    kept = faults.copy()
    builder = TreeBuilder(source.of(patch.text), limits, kept, patch.unknown)
    try:
        builder.build()
    except Refused as refused:
        return Reading(builder, kept, patch, refused)
    return Reading(builder, kept, patch, None)


def _patches(patch: Patch, ended: Refused) -> Iterator[Patch]:
    """Texts without the mistake, perhaps: those that leave out least come first."""
    lines = patch.text.split("\n")
    at = ended.span.line - 1
    while at and _is_blank(lines[at]):
        at -= 1
    before = next((line for line in range(at - 1, -1, -1) if not _is_blank(lines[line])), at)
    if ended.name == "tab":
        deeper = 2 * lines[before].rstrip().endswith(":")
        line = " " * (_indent(lines[before]) + deeper) + lines[at].replace("\t", " ").lstrip()
        yield _patch(patch, lines, at, at + 1, line, ())._replace(guessed=True)
    if ended.in_list:
        entry = f"{' ' * _indent(lines[at])}- {_SIGN}"
        below = (line for line in range(at + 1, len(lines)) if not _is_blank(lines[line]))
        end = next((line for line in below if _indent(lines[line]) <= _indent(lines[at])), len(lines))
        yield _patch(patch, lines, at, end, entry, [len(entry)])
    opened = [] if ended.opened is None else [ended.opened]
    starts = dict.fromkeys([at, before, *opened, *_around(lines, at), *_around(lines, before)])
    for start in list(starts)[:_MOST_TRIES]:
        found = _START.match(lines[start])
        dashes, key = (found[1], found[2]) if found else ("", None)
        end = _end(lines, start)
        shown = [f"{key} {_SIGN}"] if key else [_SIGN, f"{_SIGN}: {_SIGN}"]
        for text in shown:
            signs = [len(dashes) + len(text)] + ([len(dashes) + 1] if text[1:2] == ":" else [])
            yield _patch(patch, lines, start, end, dashes + text, signs)
        if start in (at, before) and not key and not dashes.strip():
            yield _patch(patch, lines, start, start + 1, "", ())  # it does not belong there


def _patch(patch: Patch, lines: list[str], start: int, end: int, line: str, signs: Iterable[int]) -> Patch:
    """Another line for those from `start` to `end`; `signs` are the places in it where a sign ends."""
    left = "\n".join(lines[start:end])
    first = sum(len(text) + 1 for text in lines[:start])
    new = line + "\n" * (end - start - 1)
    grown = len(new) - len(left)
    last = first + len(left)
    kept = {at if at <= first else at + grown for at in patch.unknown if not first < at <= last}
    text = patch.text[:first] + new + patch.text[last:]
    unknown = frozenset({*kept, *(first + sign for sign in signs)})
    return Patch(text, unknown, f"{patch.left}\n{left}")


def _around(lines: list[str], at: int) -> Iterator[int]:
    """The lines that a line is inside of, from the nearest on."""
    for line in range(at - 1, -1, -1):
        if _is_blank(lines[line]):
            continue
        deeper = _indent(lines[at]) - _indent(lines[line])
        if deeper > 0 or (deeper == 0 and _is_entry(lines[at]) and not _is_entry(lines[line])):
            yield line
            at = line


def _end(lines: list[str], start: int) -> int:
    """The line after what stands in a line and is indented below it."""
    end = start + 1
    for line in range(start + 1, len(lines)):
        if _is_blank(lines[line]):
            continue
        deeper = _indent(lines[line]) - _indent(lines[start])
        if deeper < 0 or (deeper == 0 and (_is_entry(lines[start]) or not _is_entry(lines[line]))):
            break
        end = line + 1
    return end


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))


def _is_entry(line: str) -> bool:
    return line.lstrip().startswith("-")


def _is_blank(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")
