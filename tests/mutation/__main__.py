"""The full run: prints the table, and every mutant that shows a fault of the checker.

python -m tests.mutation              all kinds
python -m tests.mutation typo order   kinds whose name holds one of these words
python -m tests.mutation --pairs      two mutants at a time: whether both are reported
"""

from __future__ import annotations

import sys
import time
import warnings
from collections import Counter

from tests.mutation.harness import REJECTED, WRONG, Verdict, judge, table
from tests.mutation.kinds import KINDS, mutants
from tests.mutation.pairs import alone, pairs, shares

PAIRS = 2000
SHOWN = 1000
"""Findings of one sort that are printed."""


def main(words: list[str]) -> int:
    """Run the mutants, print the table, and what is wrong."""
    warnings.simplefilter("ignore")
    if words == ["--pairs"]:
        print(shares(pairs([one for one in map(alone, mutants()) if one is not None], PAIRS)))
        return 0
    kinds = [name for name in KINDS if not words or any(word in name for word in words)]
    start = time.perf_counter()
    verdicts = [judge(mutant) for mutant in mutants() if mutant.kind in kinds]
    print(table(verdicts, kinds))
    print(f"\n{len(verdicts)} mutants of {len(kinds)} kinds in {time.perf_counter() - start:.0f} s")
    rejected = [v for v in verdicts if v.outcome == REJECTED]
    print("errors of a rejected mutant:", dict(sorted(Counter(v.errors for v in rejected).items())))
    wrong = [v for v in verdicts if v.outcome == WRONG]
    show("wrong", wrong)
    show("wrong line", [v for v in rejected if not v.right_line])
    show("several errors", [v for v in rejected if v.errors > 1])
    return int(bool(wrong))


def show(title: str, found: list[Verdict]) -> None:
    """One line a finding."""
    for v in found[:SHOWN]:
        right = sorted(v.mutant.right)[:6]
        print(
            f"{title}: {v.mutant.kind}: {v.mutant.seed}: {v.mutant.label!r} (right: {right}): {v.why[:300]!r}"
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
