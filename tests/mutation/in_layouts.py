"""Faults of layouts: typos in their fields, paths and dims that lead nowhere, prefixes, names used twice."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from tests.mutation.kinds import kind, rename_key, typo
from tests.mutation.seeds import Mutant, Place, Seed


def entries(seed: Seed, field: str) -> Iterator[Place]:
    """The entries of `names` or of `config` of every layout."""
    for layout in seed.below("layouts"):
        yield from seed.below(*layout.path, field)


@kind("typo in a field of a layout")
def layout_field(seed: Seed) -> Iterator[Mutant]:
    for layout in seed.below("layouts"):
        for place in seed.below(*layout.path):
            yield rename_key(seed, "typo in a field of a layout", place, typo(str(place.path[-1])))


@kind("a layout's path that no parameter has")
def layout_path(seed: Seed) -> Iterator[Mutant]:
    name = "a layout's path that no parameter has"
    for place in entries(seed, "names"):
        for new in (typo(str(place.path[-1])), f"{place.path[-1]}.0", "nothing", "a b"):
            yield rename_key(seed, name, place, new)


@kind("a layout's name that is no name, or another's")
def layout_name(seed: Seed) -> Iterator[Mutant]:
    name = "a layout's name that is no name, or another's"
    for layout in seed.below("layouts"):
        if (at := (*layout.path, "prefix")) in seed.places:
            place = seed.places[at]
            for new in ((place.scalar or "")[:-1], f"{place.scalar}.", "a b.", "5"):
                yield seed.put(name, place.node, new)
        named = seed.below(*layout.path, "names")
        for left, right in pairwise(named):
            yield seed.put(name, right.node, f'"{left.scalar}"', seed.home(left.path))


@kind("a layout's setting of a dim that there is not, or no path")
def layout_setting(seed: Seed) -> Iterator[Mutant]:
    name = "a layout's setting of a dim that there is not, or no path"
    for place in entries(seed, "config"):
        yield rename_key(seed, name, place, typo(str(place.path[-1])))
        for new in (f"{place.scalar}.", "a / b", "a b", "7", "[a]"):
            yield seed.put(name, place.node, new)
