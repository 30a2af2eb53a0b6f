"""Words of a spec: which name one was meant to be, and how it is shown in a message."""

from __future__ import annotations

import difflib
import heapq
import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The one name that `word` was most likely meant to be; `None` when two are equally near."""
    letters = _letters(word)

    def unlike(name: str) -> tuple[int, int]:
        return (letters ^ _letters(name)).bit_count(), abs(len(name) - len(word))

    # Only what has nearly the same letters is compared well, so that a thousand mistakes take no minute.
    names = heapq.nsmallest(8, dict.fromkeys(islice(known, 500)), key=unlike)
    same = [name for name in names if _folded(name) == _folded(word)]
    slips = same or [name for name in names if slip(word, name)]
    if slips:
        return slips[0] if len(slips) == 1 else None
    matches = difflib.get_close_matches(word, names, n=2, cutoff=0.7)
    if len(matches) == 2 and _ratio(matches[0], word) == _ratio(matches[1], word):
        return None
    if not matches and word != word.lower():
        return nearest(word.lower(), names)
    return matches[0] if matches else None


_MEANT = {
    "type": "kind", "if": "when", "dim": "axis", "order": "channels", "dtype": "", "epsilon": "eps",
    "in_features": "in", "in_channels": "in", "out_features": "out", "out_channels": "out",
    "kernel_size": "kernel", "strides": "stride", "act": "activation", "act_fn": "activation",
    "num_heads": "heads", "n_heads": "heads", "num_key_value_heads": "kv_heads", "hidden_size": "hidden",
    "intermediate_size": "hidden", "hidden_dim": "hidden", "depth": "count", "n": "count",
    "layers": "steps", "input": "from", "source": "from", "merge_size": "size", "scale": "size",
}  # fmt: skip
"""What fields are called elsewhere; empty where a name that is near would be wrong."""


def field_meant(word: str, known: Iterable[str]) -> str | None:
    """The one field that `word` was most likely meant to be."""
    names = list(known)
    meant = _MEANT.get(word, word)
    return meant if meant in names else nearest(word, names) if meant else None


def _folded(word: str) -> str:
    return word.lower().replace("-", "_")


@lru_cache(4096)
def _letters(word: str) -> int:
    """The letters of a word as bits of a number."""
    mask = 0
    for char in word.lower():
        mask |= 1 << (ord(char) & 63)
    return mask


def _ratio(name: str, word: str) -> float:
    return difflib.SequenceMatcher(None, name, word).ratio()


def slip(word: str, name: str) -> bool:
    """Whether `word` is `name` with a slip of the keyboard: no doubt, where `nearest` is a guess.

    At most one letter was added, left out, exchanged or swapped with the next, in names of six letters or
    more two. Digits are never a slip: `ln_q1` is not `ln_q2`.
    """
    if word == name or re.sub(r"\D", "", word) != re.sub(r"\D", "", name):
        return False
    left, right = _folded(word), _folded(name)
    most = 1 if len(name) < 6 else 2
    if abs(len(left) - len(right)) > most or len(left) < 2:
        return False
    above: list[int] = []
    row = list(range(len(right) + 1))
    for at, char in enumerate(left, start=1):
        above, before, row = row, above, [at]
        for column, other in enumerate(right, start=1):
            cost = min(row[-1] + 1, above[column] + 1, above[column - 1] + (char != other))
            if at > 1 and column > 1 and (char, other) == (right[column - 2], left[at - 2]):
                cost = min(cost, before[column - 2] + 1)
            row.append(cost)
    return row[-1] <= most


def safe(value: object) -> str:
    """Text from a spec for use in a message: ASCII, at most 60 characters."""
    text = ascii(value)[1:-1] if isinstance(value, str) else ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
