"""Faults of types: an input or an output that is declared in another order or another shape than it has."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.mutation.kinds import LATER, SUITS, kind
from tests.mutation.seeds import Mutant, Place, Seed


def patterns(seed: Seed, top: str) -> Iterator[Place]:
    """Every pattern of inputs or outputs."""
    for path, place in seed.places.items():
        chain = place.scalar in seed.body.get("chains", {})
        if (
            path[:1] == (top,)
            and place.scalar is not None
            and not chain
            and (len(path) == 2 or path[-1] == "type")
        ):
            yield place


def orders(pattern: str) -> Iterator[str]:
    """The same rows in another order, or with less said about it."""
    for word in ("packed", "window"):
        if f"{word}(" in pattern:
            yield pattern.replace(word, "")
            yield pattern.replace(word, "window" if word == "packed" else "packed")
        else:
            yield re.sub(r"(?<!\w)\(", f"{word}(", pattern, count=1)
    group = re.search(r"\(([^()]+(?:\([^()]*\)[^()]*)*)\)", pattern)
    if group:
        factors = group[1].split(" ")
        start, end = group.span(1)
        for new in (
            " ".join(factors[::-1]),
            "h w",
            "n merge merge",
            "n 2 2",
            "side side",
            " ".join(["k", *factors]),
            " ".join(factors[:-1]),
            "*".join(f"({f})" if "/" in f else f for f in factors),
        ):
            if new:
                yield pattern[:start] + new + pattern[end:]
        yield pattern.replace("1+(", "(").replace(")+1", ")")
        yield pattern.replace("1+(", "2+(").replace(")+1", ")+2")
    else:
        yield re.sub(r"\bn\b", "(h w)", pattern)
        yield re.sub(r"\bn\b", "1+n", pattern)
    yield pattern.replace("(s s)", "(h w)").replace("(side side)", "(s s)")


def shapes(pattern: str) -> Iterator[str]:
    """Another number of axes, or axes in another order."""
    axes = re.findall(r"\S*\([^()]*(?:\([^()]*\)[^()]*)*\)\S*|\S+", pattern)
    for at in range(len(axes)):
        yield " ".join(axes[:at] + axes[at + 1 :])
    yield " ".join(["b", *axes])
    yield " ".join(axes[::-1])
    yield " ".join([*axes[:-1], "n", axes[-1]])
    yield " ".join([*axes[:-1], f"2*{axes[-1]}"])
    yield " ".join([*axes[:-1], "7"])


BAD = (
    "(",
    "b (h w vision",
    "b h) w",
    "b ( ) vision",
    "b - vision",
    "packed(",
    "1 +",
    "b h//0 vision",
    "b 0 vision",
    "b n **",
    "b,n,c",
    "packed(packed(h)) c",
    "b n -3",
    "...",
)


@kind("another order declared for an input", LATER)
def input_order(seed: Seed) -> Iterator[Mutant]:
    for place in patterns(seed, "inputs"):
        right = seed.readers(str(place.path[1])) | seed.uses(str(place.path[1]))
        for new in orders(place.scalar or ""):
            yield seed.put("another order declared for an input", place.node, new, right)


@kind("another shape declared for an input", LATER)
def input_shape(seed: Seed) -> Iterator[Mutant]:
    for place in patterns(seed, "inputs"):
        right = seed.readers(str(place.path[1])) | seed.uses(str(place.path[1]))
        for new in shapes(place.scalar or ""):
            if new:
                yield seed.put("another shape declared for an input", place.node, new, right)


@kind("an input that is no pattern", LATER)
def input_bad(seed: Seed) -> Iterator[Mutant]:
    for place in patterns(seed, "inputs"):
        for new in BAD:
            text = f"'{new}'"
            yield seed.put("an input that is no pattern", place.node, text, seed.readers(str(place.path[1])))


@kind("another order stated for an output")
def output_order(seed: Seed) -> Iterator[Mutant]:
    for place in patterns(seed, "outputs"):
        for new in orders(place.scalar or ""):
            yield seed.put("another order stated for an output", place.node, new)


@kind("another shape stated for an output")
def output_shape(seed: Seed) -> Iterator[Mutant]:
    for place in patterns(seed, "outputs"):
        for new in (*shapes(place.scalar or ""), "vision", "b txet", "n 0", '""'):
            if new:
                yield seed.put("another shape stated for an output", place.node, new)


@kind("an output that is no pattern")
def output_bad(seed: Seed) -> Iterator[Mutant]:
    for place in patterns(seed, "outputs"):
        for new in BAD:
            yield seed.put("an output that is no pattern", place.node, f"'{new}'")


@kind("a list made a tensor, or a tensor a list", LATER)
def listed(seed: Seed) -> Iterator[Mutant]:
    name = "a list made a tensor, or a tensor a list"
    for place in seed.below("inputs"):
        right = seed.readers(str(place.path[-1])) | seed.uses(str(place.path[-1]))
        each = (*place.path, "each")
        if each in seed.places:
            yield seed.without(name, each, right)
            for new in ("1", "5", "n", "20000", "2 * deepstack"):
                yield seed.put(name, seed.places[each].node, new, right)
        elif place.scalar is not None:
            for each_ in ("3", "1", "n"):
                yield seed.put(name, place.node, f"{{each: {each_}, type: {place.scalar}}}", right)


@kind("other sizes given", LATER)
def given(seed: Seed) -> Iterator[Mutant]:
    for path, place in seed.places.items():
        if path[:1] == ("inputs",) and path[-1] in ("sizes", "grid") and place.scalar is not None:
            names = place.scalar.split()
            right = seed.readers(*seed.body["inputs"]) | seed.uses(str(path[1]))
            more = [
                " ".join(names[::-1]),
                " ".join(names[:-1]),
                " ".join([*names, "more"]),
                " ".join([*names, names[0]]),
            ]
            for new in (*more, "vision", '""', "a b", "h-w", "class", "h,w", "1 2"):
                if new:
                    yield seed.put("other sizes given", place.node, new, right)


@kind("an input of another kind", SUITS)
def other_kind(seed: Seed) -> Iterator[Mutant]:
    for place in seed.below("inputs"):
        name = str(place.path[-1])
        right = seed.uses(name) | seed.readers(*seed.body["inputs"]) | seed.home(("inputs",))
        right |= {p.line for p in seed.below("inputs")} | {p.line for p in seed.below("chains")}
        for new in (
            "{flag: false}",
            "{sizes: h w}",
            "{grid: h w}",
            "{sizes: h w, grid: h w}",
            "{flag: 1}",
            "{}",
            "{type: b n, flag: true}",
        ):
            yield seed.put("an input of another kind", place.node, new, right)
