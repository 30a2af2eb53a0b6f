"""Faults of settings: how chains run, what may be left out, initial values, conditions, lists of numbers."""

from __future__ import annotations

from collections.abc import Iterator

from tests.mutation.in_values import reach
from tests.mutation.kinds import LATER, SUITS, kind
from tests.mutation.seeds import Mutant, Seed


@kind("`each`, `inline` or `per_image` flipped", SUITS)
def chain_flags(seed: Seed) -> Iterator[Mutant]:
    name = "`each`, `inline` or `per_image` flipped"
    grids = [str(n) for n, v in seed.body["inputs"].items() if isinstance(v, dict) and "grid" in v]
    for chain in seed.below("chains"):
        right = seed.chain_lines(str(chain.path[-1])) | seed.readers(str(chain.path[-1]))
        # Members of an inline chain, and chains below it, meet names elsewhere.
        names = (
            right | {p.line for p in seed.below("chains")} | {p.line for p in seed.fields("name", "names")}
        )
        for field in ("each", "inline", "per_image"):
            if (*chain.path, field) in seed.places:
                yield seed.without(name, (*chain.path, field), names)
                if field != "per_image":
                    yield seed.put(name, seed.places[*chain.path, field].node, "false", names)
            elif field != "per_image":
                yield seed.with_entry(name, chain.path, f"{field}: true", names)
            else:
                yield from (
                    seed.with_entry(name, chain.path, f"per_image: {grid}", names) for grid in grids[:1]
                )


@kind("`optional` flipped", SUITS)
def optional(seed: Seed) -> Iterator[Mutant]:
    for place in seed.below("inputs"):
        name = str(place.path[-1])
        right = (
            seed.uses(name) | {p.line for p in seed.below("inputs")} | {p.line for p in seed.below("chains")}
        )
        if place.scalar is not None:
            new = f"{{optional: true, type: {place.scalar}}}"
            yield seed.put(
                "`optional` flipped", place.node, new, right | seed.home(("inputs",)) | seed.uses("steps")
            )
        elif (*place.path, "optional") in seed.places:
            yield seed.put("`optional` flipped", seed.places[*place.path, "optional"].node, "false", right)
            yield seed.without("`optional` flipped", (*place.path, "optional"), right)
        elif (*place.path, "type") in seed.places:
            yield seed.with_entry("`optional` flipped", place.path, "optional: true", right)


@kind("wrong initial values")
def init(seed: Seed) -> Iterator[Mutant]:
    for place in seed.fields("normal", "trunc_normal", "constant"):
        for new in ("0", "-0.02", ".nan", "1000", "text^-1", "txet^-0.5", "n^-0.5", "true", "wide", "[1]"):
            yield seed.put("wrong initial values", place.node, new, seed.home(place.path))
    for step in seed.steps():
        if seed.kind_of(step) in ("linear", "mlp", "conv2d", "matmul"):
            for new in (
                "{normal: -1}",
                "{normall: 0.02}",
                "{bias: ones}",
                "{normal: vison^-0.5}",
                "{normal: 0^-0.5}",
                "0.02",
            ):
                if (*step, seed.kind_of(step), "init") not in seed.places:
                    yield seed.with_entry("wrong initial values", (*step, seed.kind_of(step)), f"init: {new}")


@kind("a wrong condition", LATER)
def when(seed: Seed) -> Iterator[Mutant]:
    wrong = (
        "vision == text",
        "vision != vision",
        "text",
        "vision = text",
        "vison != text",
        "true",
        "vision != text == 2",
        "1 // 0 == 1",
    )
    for place in seed.fields("when"):
        for new in wrong:
            yield seed.put("a wrong condition", place.node, new, reach(seed, place))
    for step in seed.steps():
        if seed.places[step].scalar is None and seed.below(*step)[0].flow:
            for new in (*wrong, "n == 3"):
                if (*step, seed.kind_of(step), "when") not in seed.places:
                    yield seed.with_entry(
                        "a wrong condition", (*step, seed.kind_of(step)), f"when: {new}", seed.later(step)
                    )


@kind("wrong lists of numbers")
def numbers(seed: Seed) -> Iterator[Mutant]:
    for path, place in seed.places.items():
        if path and path[-1] in ("default", "grids"):
            for new in (
                "[]",
                "[16]",
                "[16, 16, 16]",
                "[0, 4]",
                "[-1, 2]",
                "[[1, 2, 3]]",
                "[a, b]",
                "[1.5, 2]",
                "16",
                "[[1, 0]]",
                "[[1, 65]]",
            ):
                yield seed.put("wrong lists of numbers", place.node, new, seed.home(path))
