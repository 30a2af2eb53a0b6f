"""Which name was meant: the most similar one among very many."""

from __future__ import annotations

import difflib
import heapq
from collections.abc import Iterable, Sequence

FEW = 500


def similar(wanted: Sequence[str], known: Iterable[str]) -> dict[str, str]:
    """The most similar known name of each wanted one, where one is similar.

    Only names that share the most dotted parts with those that are wanted are compared letter by letter, so
    that a checkpoint with many thousand names takes no minute.
    """
    parts = {part for name in wanted for part in name.split(".")}
    few = heapq.nlargest(FEW, known, key=lambda name: sum(part in parts for part in name.split(".")))
    found = {name: difflib.get_close_matches(name, few, n=1) for name in wanted}
    return {name: matches[0] for name, matches in found.items() if matches}
