"""The kinds of single faults, and every mutant that they make."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

from tests.mutation.seeds import Mutant, Place, Seed, seeds

Kind = Callable[[Seed], Iterator[Mutant]]
KINDS: dict[str, Kind] = {}
RULES: dict[str, str] = {}
MOST = 9
"""Mutants of one kind of one seed, spread over all that there are."""

LINE = "the changed line"
USE = "the changed line, or one that uses the name"
NEXT = "the changed line, or the next, where YAML notices"
STEP = "a line of the changed step; the start of the spec for what is missing at its top"
PLACE = "the changed line, or one around it that belongs to something else now"
SUITS = "the changed line, or an input, a chain or a step that it no longer suits"
UNREAD = "the changed line, or a chain that nothing reads any more"
LATER = "the changed line, an input of the step, or a later step, `order`, output or layout"


def kind(name: str, right: str = LINE) -> Callable[[Kind], Kind]:
    """Declare a kind of fault. `right` says in words which lines are a right place for a report of it.

    The line that names the step or the chain of a changed field counts as the changed line.
    """

    def declare(function: Kind) -> Kind:
        assert name not in KINDS
        KINDS[name], RULES[name] = function, right
        return function

    return declare


def typo(word: str) -> str:
    """A slip of the keyboard: two letters swapped, or one too many."""
    for at in range(1, len(word) - 1):
        if len(word) >= 4 and word[at] != word[at + 1] and word[at : at + 2].isalpha():
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return f"{word}q"


def rename_key(seed: Seed, name: str, place: Place, new: str, right: set[int] | None = None) -> Mutant:
    """Another key for an entry."""
    assert place.key is not None
    return seed.put(name, place.key, new, right or set(), seed.home(place.path))


def spread(found: list[Mutant], most: int) -> list[Mutant]:
    """At most so many, evenly spaced."""
    if len(found) <= most:
        return found
    return [found[at * len(found) // most] for at in range(most)]


@lru_cache(maxsize=1)
def mutants() -> tuple[Mutant, ...]:
    """All mutants: no two of one text, none equal to its seed."""
    made: dict[str, Mutant] = {}
    for name, function in KINDS.items():
        for seed in seeds():
            fresh = [m for m in function(seed) if m.text not in made and m.text != seed.text]
            assert all(m.kind == name for m in fresh)
            made.update({m.text: m for m in spread(fresh, MOST)})
    return tuple(made.values())


def some(each: int) -> list[Mutant]:
    """Some mutants of every kind, the same ones every time."""
    return [m for name in KINDS for m in spread([m for m in mutants() if m.kind == name], each)]


# Each declares its kinds, in this order.
from tests.mutation import in_names, in_steps, in_types, in_values, in_settings, in_yaml, in_layouts  # noqa: E402, F401, I001
