"""Two faults at once: each must be reported in the same run, as it is alone."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import combinations_with_replacement, pairwise

import vla_compose
from tests.mutation.seeds import Mutant, seeds
from vla_compose.diagnostics import Diagnostic

Change = tuple[int, int, tuple[str, ...]]
"""Lines `[start, end)` of the seed, from 0, and what stands there instead."""


STAGES = ("reading", "fields", "types")


@dataclass(frozen=True)
class Alone:
    """A mutant that is rejected with one error."""

    mutant: Mutant
    changes: tuple[Change, ...]
    found: Diagnostic

    @property
    def stage(self) -> str:
        """Where it is found: `reading`, `fields` or `types`."""
        return {"VC0": "reading", "VC1": "fields"}.get(self.found.code[:3], "types")


@dataclass(frozen=True)
class Pair:
    """Two mutants of one seed in one text, with the lines at which both are expected."""

    first: Alone
    second: Alone
    text: str
    lines: tuple[int, int]

    def missing(self) -> list[Alone]:
        """Those of the two that are not reported where they are reported alone."""
        found = vla_compose.check(self.text)
        seen = {(d.code, line) for d in found for line in _lines(d)}
        both = zip((self.first, self.second), self.lines, strict=True)
        return [alone for alone, line in both if (alone.found.code, line) not in seen]


def _lines(found: Diagnostic) -> Iterator[int]:
    """Where something is reported; what has one cause is reported once, with labels for other places."""
    if found.span is not None:
        yield found.span.line
    yield from (label.span.line for label in found.labels if label.text == "and here")


@lru_cache(maxsize=1)
def _texts() -> dict[str, list[str]]:
    return {seed.name: seed.text.split("\n") for seed in seeds()}


def alone(mutant: Mutant) -> Alone | None:
    """The mutant with its one error; `None` when there is none, or several."""
    found = vla_compose.check(mutant.text)
    if len(found) != 1 or found[0].span is None:
        return None
    before, after = _texts()[mutant.seed], mutant.text.split("\n")
    codes = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    changes = tuple((a, b, tuple(after[c:d])) for tag, a, b, c, d in codes if tag != "equal")
    return Alone(mutant, changes, found[0])


def pair(first: Alone, second: Alone) -> Pair | None:
    """Both changes in one text; `None` when they touch each other."""
    changes = sorted([*first.changes, *second.changes])
    if any(b + 1 >= c for (_, b, _), (c, _, _) in pairwise(changes)):
        return None
    lines = list(_texts()[first.mutant.seed])
    for start, end, new in reversed(changes):
        lines[start:end] = new
    assert first.found.span is not None
    assert second.found.span is not None
    places = (
        first.found.span.line + _before(first.found.span.line, first.changes, second.changes),
        second.found.span.line + _before(second.found.span.line, second.changes, first.changes),
    )
    return Pair(first, second, "\n".join(lines), places)


def _before(line: int, own: Iterable[Change], others: Iterable[Change]) -> int:
    """How many lines the other changes put before a line of the text with `own` changes."""
    place = line - 1
    for start, end, new in sorted(own):
        if start + len(new) <= place:
            place -= len(new) - (end - start)
    return sum(len(new) - (end - start) for start, end, new in others if start <= place)


def pairs(found: Sequence[Alone], count: int) -> list[Pair]:
    """So many pairs of one seed each, the same ones every time."""
    chance = random.Random(0)
    by_seed: dict[str, list[Alone]] = {}
    for one in found:
        by_seed.setdefault(one.mutant.seed, []).append(one)
    groups = [group for group in by_seed.values() if len(group) > 1]
    made: list[Pair] = []
    while len(made) < count:
        first, second = chance.sample(chance.choice(groups), 2)
        both = pair(first, second)
        if both is not None:
            made.append(both)
    return made


def shares(made: Iterable[Pair]) -> str:
    """In how many of the pairs both mistakes are reported, as a table in Markdown."""
    rows = {" and ".join(stages): list[bool]() for stages in combinations_with_replacement(STAGES, 2)}
    for both in made:
        stages = sorted((both.first.stage, both.second.stage), key=STAGES.index)
        rows[" and ".join(stages)].append(not both.missing())
    rows["**all**"] = [good for found in rows.values() for good in found]
    lines = [f"| {name} | {len(row):,} | {sum(row) / len(row):.0%} |" for name, row in rows.items() if row]
    return "\n".join(["| found in | pairs | both reported |", "|---|--:|--:|", *lines])
