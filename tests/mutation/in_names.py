"""Faults of names: typos where something is declared or used, names that lead nowhere, names used twice."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.mutation.kinds import LATER, USE, kind, rename_key, typo
from tests.mutation.seeds import Mutant, Place, Seed

LITERALS = ("kind", "activation", "keys", "channels", "axis", "resize", "bias")
REFERENCES = ("from", "then", "else", "flag", "mask", "index", "sizes", "per_image")


@kind("typo in a top-level field")
def top_level(seed: Seed) -> Iterator[Mutant]:
    for place in seed.below():
        yield rename_key(seed, "typo in a top-level field", place, typo(str(place.path[-1])))


@kind("typo in a field of a step")
def step_field(seed: Seed) -> Iterator[Mutant]:
    for place in seed.fields():
        yield rename_key(seed, "typo in a field of a step", place, typo(str(place.path[-1])))


@kind("typo in a field of a chain")
def chain_field(seed: Seed) -> Iterator[Mutant]:
    for chain in seed.below("chains"):
        for place in seed.below(*chain.path):
            yield rename_key(seed, "typo in a field of a chain", place, typo(str(place.path[-1])))


@kind("typo in a field of an input, an origin or an output", USE)
def other_field(seed: Seed) -> Iterator[Mutant]:
    name = "typo in a field of an input, an origin or an output"
    for path, place in seed.places.items():
        top = path[:1] in (("inputs",), ("outputs",), ("sources",)) and len(path) > (
            1 + (path[0] != "sources")
        )
        if isinstance(path[-1:] and path[-1], str) and (top or "from" in path[:-1]):
            yield rename_key(
                seed, name, place, typo(str(path[-1])), seed.home(path[:2]) | seed.home(path[:-1])
            )


@kind("typo in a primitive")
def primitive(seed: Seed) -> Iterator[Mutant]:
    for step in seed.steps():
        place = seed.places[step]
        if place.scalar is not None:
            yield seed.put("typo in a primitive", place.node, typo(place.scalar))
        else:
            first = seed.below(*step)[0]
            yield rename_key(seed, "typo in a primitive", first, typo(str(first.path[-1])))


@kind("a literal that is none of those allowed")
def literal(seed: Seed) -> Iterator[Mutant]:
    name = "a literal that is none of those allowed"
    for place in seed.fields(*LITERALS):
        if place.scalar not in (None, "true", "false"):
            yield seed.put(name, place.node, typo(str(place.scalar)))
            yield seed.put(name, place.node, "other")
            yield seed.put(name, place.node, str(place.scalar).upper())
    for step in seed.steps():
        if seed.kind_of(step) == "activation":
            yield seed.put(name, seed.below(*step)[0].node, "gellu")
            yield seed.put(name, seed.below(*step)[0].node, "swish")


def dim_uses(seed: Seed) -> Iterator[tuple[Place, str]]:
    """Every value that holds a dim, with the dim."""
    dims = list(seed.body["dims"])
    for path, place in seed.places.items():
        if place.scalar is None or path[:1] in (("name",), ("summary",), ("sources",), ("order",)):
            continue
        if isinstance(path[-1], int) or path[-1] in ("name", "from", *LITERALS, *REFERENCES):
            continue
        for dim in dims:
            if re.search(rf"(?<![\w.]){dim}(?![\w])", place.scalar):
                yield place, dim


@kind("typo in a dim where it is used", USE)
def dim_used(seed: Seed) -> Iterator[Mutant]:
    for place, dim in dim_uses(seed):
        new = re.sub(rf"(?<![\w.]){dim}(?![\w])", typo(dim), place.scalar or "")
        right = seed.home(place.path)
        if place.path[0] == "inputs":
            # A word that is no dim is a run-time size in a pattern, so it shows where the two should meet.
            right |= seed.readers(str(place.path[1])) | seed.uses(str(place.path[1]))
        yield seed.put("typo in a dim where it is used", place.node, new, right)


@kind("typo in a dim where it is declared", USE)
def dim_declared(seed: Seed) -> Iterator[Mutant]:
    for place in seed.below("dims"):
        dim = str(place.path[-1])
        right = seed.uses(dim) - seed.home(("name",))
        for source in seed.below("inputs"):
            if source.line in right:
                right |= seed.readers(str(source.path[-1]))
        yield rename_key(seed, "typo in a dim where it is declared", place, typo(dim), right)


@kind("another name for an input", USE)
def input_declared(seed: Seed) -> Iterator[Mutant]:
    for place in seed.below("inputs"):
        name = str(place.path[-1])
        for new in (typo(name), f"{name}_2"):
            yield rename_key(seed, "another name for an input", place, new, seed.uses(name))


@kind("another name for a chain", USE)
def chain_declared(seed: Seed) -> Iterator[Mutant]:
    for place in seed.below("chains"):
        name = str(place.path[-1])
        for new in (typo(name), f"{name}_2"):
            yield rename_key(seed, "another name for a chain", place, new, seed.uses(name))


def references(seed: Seed) -> Iterator[Place]:
    """Every value that names an input or a chain."""
    for path, place in seed.places.items():
        if place.scalar is None or not path:
            continue
        listed = isinstance(path[-1], int) and path[-2] in ("concat", "add")
        named = path[-1] in REFERENCES and "sizes" not in (path[-1] if path[0] == "inputs" else "")
        output = path[0] == "outputs" and len(path) == 2 and place.scalar in seed.body.get("chains", {})
        if (listed or named or output) and path[0] != "inputs":
            yield place


@kind("a reference that leads nowhere")
def dangling(seed: Seed) -> Iterator[Mutant]:
    for place in references(seed):
        for new in (typo(place.scalar or ""), "nothing", '""'):
            yield seed.put("a reference that leads nowhere", place.node, new, seed.home(place.path))


@kind("a reference to something else", f"{LATER}, or a chain that nothing reads any more")
def another(seed: Seed) -> Iterator[Mutant]:
    name = "a reference to something else"
    known = [*seed.body["inputs"], *seed.body.get("chains", {})]
    for place in references(seed):
        chain = seed.chain_of(place.path)
        right = seed.home(place.path) | seed.chains() | seed.readers(chain)
        right |= seed.chain_lines(chain) if place.path[0] != "outputs" else set()
        # A circle is shown at one of the chains in it.
        right |= {p.line for path, p in seed.places.items() if path and path[-1] == "from"}
        for new in known:
            # What is no stream at all, such as a mask, is shown where it is declared.
            yield seed.put(name, place.node, new, right, seed.uses(new))


@kind("a chain that starts from itself", USE)
def circle(seed: Seed) -> Iterator[Mutant]:
    for chain in seed.below("chains"):
        path = (*chain.path, "from")
        if path in seed.places:
            for new in seed.body["chains"]:
                if chain.path[-1] in (new, *seed.sources(new)):
                    yield seed.put(
                        "a chain that starts from itself", seed.places[path].node, new, seed.uses("from")
                    )


@kind("dims that depend on each other", USE)
def dim_circle(seed: Seed) -> Iterator[Mutant]:
    places = seed.below("dims")
    for at, place in enumerate(places):
        other = str(places[at - 1].path[-1])
        yield seed.put(
            "dims that depend on each other", place.node, f"2 * {place.path[-1]}", seed.home(place.path)
        )
        if len(places) > 1 and other in str(place.scalar):
            yield seed.put("dims that depend on each other", places[at - 1].node, str(place.path[-1]))
        yield seed.put(
            "dims that depend on each other", place.node, f"{other} + missing", seed.home(place.path)
        )


@kind("a name used twice", LATER)
def twice(seed: Seed) -> Iterator[Mutant]:
    named = [p for p in seed.fields("name", "newline", "start", "end", "row_end") if p.scalar]
    for at, place in enumerate(named):
        others = [p for p in named if seed.chain_of(p.path) == seed.chain_of(place.path) and p is not place]
        for other in others[at % 2 :: 2]:
            # Both stand for the name; the second is reported. `order` may have lost the old name.
            right = seed.later(place.path)
            for path in (place.path, other.path):
                right |= set(seed.block(seed.step_around(path) or path))
            yield seed.put("a name used twice", place.node, str(other.scalar), right)
    for chain in seed.below("chains"):
        for new in [*seed.body["inputs"], *seed.body["chains"]]:
            right = seed.uses(str(chain.path[-1]), new)
            yield rename_key(seed, "a name used twice", chain, new, right)


@kind("a reserved name", USE)
def reserved(seed: Seed) -> Iterator[Mutant]:
    words = ["forward", "training", "class", "self", "state_dict", "__dict__"]
    for at, place in enumerate([p for p in seed.fields("name", "newline", "start", "end") if p.scalar]):
        yield seed.put("a reserved name", place.node, words[at % 6], seed.home(place.path))
    for at, place in enumerate([*seed.below("inputs"), *seed.below("chains"), *seed.below("dims")]):
        yield rename_key(
            seed,
            "a reserved name",
            place,
            words[at % 6] if place.path[0] != "dims" else "same",
            seed.home(place.path),
        )


@kind("a name with wrong characters")
def characters(seed: Seed) -> Iterator[Mutant]:
    words = ["1st", "a-b", "a b", "a..b", "a.", "é", '"a\\n"']
    for at, place in enumerate([p for p in seed.fields("name", "newline", "start", "end") if p.scalar]):
        yield seed.put("a name with wrong characters", place.node, words[at % 7], seed.home(place.path))
        yield seed.put("a name with wrong characters", place.node, words[(at + 3) % 7], seed.home(place.path))
    for at, place in enumerate([*seed.below("inputs"), *seed.below("chains"), *seed.below("outputs")]):
        yield rename_key(seed, "a name with wrong characters", place, words[at % 7], seed.home(place.path))
    for new in ("Big", "a_b", "-a", "a--b", "1a", '""', "a" * 65):
        yield seed.put("a name with wrong characters", seed.places[("name",)].node, new)


@kind("another name for a step", LATER)
def renamed(seed: Seed) -> Iterator[Mutant]:
    for place in seed.fields("name"):
        yield seed.put("another name for a step", place.node, f"{place.scalar}_2", seed.later(place.path))
        yield seed.put("another name for a step", place.node, f"part.{place.scalar}", seed.later(place.path))
    for path, place in seed.places.items():
        if isinstance(path[-1:] and path[-1], int) and path[-2] == "names":
            yield seed.put("another name for a step", place.node, f"{place.scalar}.x", seed.later(path))
            yield seed.put("another name for a step", place.node, "fc", seed.later(path))


@kind("`order` changed")
def order(seed: Seed) -> Iterator[Mutant]:
    for path, place in seed.places.items():
        if path and path[-1] == "order":
            for entry in seed.below(*path):
                yield seed.put("`order` changed", entry.node, typo(entry.scalar or ""))
                yield seed.put("`order` changed", entry.node, "nothing")
                yield seed.without("`order` changed", entry.path)
            names = [p.scalar or "" for p in seed.below(*path)]
            yield seed.put("`order` changed", place.node, f"[{', '.join(names[::-1])}]")
            yield seed.put("`order` changed", place.node, f"[{', '.join([*names, names[0]])}]")
            yield seed.without("`order` changed", path)
    if ("order",) not in seed.places and ("steps",) in seed.places:
        at = ("steps",)
        lines = range(seed.places[at].line, seed.places[at].line)
        yield seed.put_lines("`order` changed", "order of nothing", lines, "order: [nothing]\n")


@kind("`unused` changed", LATER)
def unused(seed: Seed) -> Iterator[Mutant]:
    entry = "unused: {spare: text}\n"
    for path in seed.places:
        if path and path[-1] == "unused":
            yield seed.without("`unused` changed", path)
            for parameter in seed.below(*path):
                for new in ("0", "-1", "txet", "0.5", "h", '""'):
                    yield seed.put("`unused` changed", parameter.node, new)
                yield rename_key(seed, "`unused` changed", parameter, "mlp")
                yield rename_key(seed, "`unused` changed", parameter, "forward")
    if ("unused",) not in seed.places and ("steps",) in seed.places:
        line = seed.places[("steps",)].line
        for new in (
            entry,
            entry.replace("text", "txet"),
            entry.replace("spare", "a b"),
            entry.replace("text", "0"),
        ):
            yield seed.put_lines("`unused` changed", new.strip(), range(line, line), new)


@kind("a dim of a variant that there is not")
def variant_dim(seed: Seed) -> Iterator[Mutant]:
    for variant in seed.below("variants"):
        for place in seed.below(*variant.path):
            yield rename_key(seed, "a dim of a variant that there is not", place, typo(str(place.path[-1])))
        yield seed.with_entry("a dim of a variant that there is not", variant.path, "depth_2: 3")
