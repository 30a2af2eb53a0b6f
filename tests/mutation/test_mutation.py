"""What the checker promises, on some mutants of every kind; `python -m tests.mutation` runs all of them."""

from __future__ import annotations

import re
import statistics
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from tests.mutation.harness import EXACT, REJECTED, WRONG, Verdict, judge, percentile, table
from tests.mutation.kinds import KINDS, RULES, mutants, some
from tests.mutation.seeds import Mutant, Seed, seeds
from vla_compose.primitives.conv2d import Conv2d

PAGE = Path(__file__).parents[2] / "docs" / "design" / "mutation.md"
EACH = 6
"""Mutants of each kind that are run here."""


@lru_cache(maxsize=1)
def verdicts() -> list[Verdict]:
    return [judge(mutant) for mutant in some(EACH)]


def test_accepted_mutants_run_and_give_what_was_inferred() -> None:
    assert [
        (v.mutant.kind, v.mutant.seed, v.mutant.label, v.why) for v in verdicts() if v.outcome == WRONG
    ] == []
    assert sum(v.outcome == EXACT for v in verdicts()) > 50
    assert sum(v.outcome == REJECTED for v in verdicts()) > 300


def test_rejected_mutants_are_reported_at_the_right_line() -> None:
    rejected = [v for v in verdicts() if v.outcome == REJECTED]
    wrong = [(v.mutant.kind, v.mutant.seed, v.mutant.label, v.why) for v in rejected if not v.right_line]
    assert len(wrong) <= len(rejected) / 100, wrong


def test_one_mistake_gives_one_error() -> None:
    errors = sorted(v.errors for v in verdicts() if v.outcome == REJECTED)
    assert statistics.median(errors) == 1
    assert percentile(errors, 0.95) == 1


def test_mutants_are_many_and_distinct() -> None:
    assert len(KINDS) >= 25
    assert len({mutant.text for mutant in mutants()}) == len(mutants()) >= 5000
    assert {mutant.kind for mutant in mutants()} == KINDS.keys()
    assert {mutant.seed for mutant in mutants()} == {seed.name for seed in seeds()}
    assert not {seed.text for seed in seeds()} & {mutant.text for mutant in mutants()}


@pytest.mark.parametrize("seed", seeds(), ids=lambda seed: seed.name)
def test_seeds_are_right(seed: Seed) -> None:
    verdict = judge(Mutant("none", seed.name, "none", seed.text, frozenset(), frozenset()))
    assert (verdict.outcome, verdict.why) == (EXACT, "")


def test_a_checker_that_overlooks_something_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    heads = [mutant for mutant in mutants() if mutant.kind == "impossible heads"]
    seed = next(seed for seed in seeds() if seed.name == "got-ocr2")
    right = Mutant("none", seed.name, "none", seed.text, frozenset(), frozenset())
    assert all(judge(mutant).outcome != WRONG for mutant in [*heads, right])
    monkeypatch.setattr("vla_compose.primitives.attention.check_heads", lambda *_: None)
    monkeypatch.setattr("vla_compose.primitives.multihead_attention.check_heads", lambda *_: None)
    assert sum(judge(mutant).outcome == WRONG for mutant in heads) > 3

    def same_sides(step: Conv2d, x: Any, scope: Any, infer: Any = Conv2d.infer) -> Any:
        y = infer(step, x, scope)
        return replace(y, axes=(*y.axes[:-2], *x.axes[-2:]))

    monkeypatch.setattr(Conv2d, "infer", same_sides)
    assert judge(right).why.startswith("AssertionError: output `tokens` is (")


def test_page_lists_the_kinds() -> None:
    text = PAGE.read_text(encoding="utf-8")
    kinds = re.findall(r"^\| ([^|*]+) \|(?: \d+ \|){6}", text, re.MULTILINE)
    assert kinds == list(KINDS)
    rules = re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", text, re.MULTILINE)
    assert {name: rule for name, rule in rules if name in KINDS} == RULES


def test_table_counts() -> None:
    mutant = mutants()[0]
    found = [
        Verdict(mutant, REJECTED, 1),
        Verdict(mutant, REJECTED, 3, right_line=False, at_fault=False),
        Verdict(mutant, REJECTED, 1, at_fault=False),
        Verdict(mutant, EXACT),
        Verdict(mutant, WRONG),
    ]
    assert table(found, [mutant.kind]).splitlines()[2:] == [
        f"| {mutant.kind} | 5 | 3 | 1 | 1 | 1 | 1 | 1 | 3 |",
        "| **all** | 5 | 3 | 1 | 1 | 1 | 1 | 1 | 3 |",
    ]
    assert [percentile([1] * 95 + [2] * 5, 0.95), percentile([1] * 94 + [2] * 6, 0.95)] == [1, 2]
