"""The full run: `python -m tests.mutation` prints the table, and every mutant that shows a fault of the checker.

python -m tests.mutation              all kinds
python -m tests.mutation typo order   kinds whose name holds one of these words
"""

from __future__ import annotations

import sys
import time
import warnings
from collections import Counter

from tests.mutation.harness import REJECTED, WRONG, judge, table
from tests.mutation.kinds import KINDS, mutants

SHOWN = 2000


def main(words: list[str]) -> int:
    """Run the mutants, print the table, and say what is wrong."""
    warnings.simplefilter("ignore")
    kinds = [name for name in KINDS if not words or any(word in name for word in words)]
    start = time.perf_counter()
    verdicts = [judge(mutant) for mutant in mutants() if mutant.kind in kinds]
    print(table(verdicts, kinds))
    print(f"\n{len(verdicts)} mutants of {len(kinds)} kinds in {time.perf_counter() - start:.0f} s")
    rejected = [v for v in verdicts if v.outcome == REJECTED]
    print("errors a rejected mutant:", dict(sorted(Counter(v.errors for v in rejected).items())))
    wrong = [v for v in verdicts if v.outcome == WRONG]
    places = [v for v in rejected if not v.right_line]
    several = [v for v in rejected if v.errors > 1]
    for title, found in (("wrong", wrong), ("wrong line", places), ("several errors", several)):
        for v in found[:SHOWN]:
            print(
                f"{title}: {v.mutant.kind}: {v.mutant.seed}: {v.mutant.label!r} (right: {sorted(v.mutant.right)[:6]}): {v.why[:300]!r}"
            )
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
