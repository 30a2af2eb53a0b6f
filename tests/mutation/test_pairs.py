"""Two mistakes at once are both reported; `python -m tests.mutation --pairs` tries many more."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import vla_compose
from tests.mutation.kinds import some
from tests.mutation.pairs import STAGES, Alone, Pair, alone, pairs, shares

PAGE = Path(__file__).parents[2] / "docs" / "design" / "mutation.md"


@lru_cache(maxsize=1)
def found() -> list[Alone]:
    return [one for one in map(alone, some(6)) if one is not None]


@lru_cache(maxsize=1)
def made() -> list[Pair]:
    return pairs(found(), 300)


def test_two_mistakes_are_both_reported() -> None:
    lost = [both for both in made() if both.missing()]
    assert len(lost) < len(made()) / 4, shares(made())
    fields = [both for both in made() if {both.first.stage, both.second.stage} == {"fields"}]
    assert len(fields) > 20
    assert sum(not both.missing() for both in fields) > len(fields) * 0.9


def test_two_mistakes_are_no_more() -> None:
    more = [both for both in made() if len(vla_compose.check(both.text)) > 2]
    assert len(more) < len(made()) / 50, [both.text for both in more]


def test_every_stage_takes_part() -> None:
    assert {stage for both in made() for stage in (both.first.stage, both.second.stage)} == set(STAGES)


def test_a_mistake_that_hides_another_is_noticed() -> None:
    first, second = found()[:2]
    assert first.found.span is not None
    both = Pair(first, second, first.mutant.text, (first.found.span.line, 1))
    assert both.missing() == [second]
    assert shares([both]).endswith("| **all** | 1 | 0% |")


def test_page_has_the_table() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| ((?:reading|fields|types)[^|]*|\*\*all\*\*) \| [\d,]+ \| \d+% \|$", text, re.M)
    assert len(rows) == 7
