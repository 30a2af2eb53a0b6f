"""Faults of structure: steps swapped, removed or doubled, fields and entries too many or too few."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from tests.mutation.kinds import LATER, STEP, UNREAD, USE, kind
from tests.mutation.seeds import At, Mutant, Seed

REQUIRED = """name names out hidden size kernel count heads activation newline sizes tile grids index
    steps""".split()
OPTIONAL = """
    eps kind bias init stride padding keys mask kv_heads head_dim when context_norm positions channels
    affine batch in first start end row_end""".split()
EXTRA = ("extra: 1", "nmae: x", "dropout: 0.1", "inn: 3")
OTHERS = (
    "to_map",
    "to_tokens",
    "flatten",
    "activation: relu",
    "norm: {name: other}",
    "drop: {first: 1}",
    "spatial_merge: {size: 2}",
    "linear: {name: other, out: 5}",
    "conv2d: {name: other, out: 5, kernel: 2}",
    "tokens: {start: other}",
    "tokens: {row_end: other}",
    "queries: {name: other, count: 4}",
    "attention: {name: other, heads: 2}",
    "positions: {name: other}",
    "temporal_merge",
    "multihead_attention: {name: other, heads: 2}",
    "residual: [{norm: {name: other}}]",
    "attention: {name: other, heads: 2, keys: self}",
    "matmul: {name: other, out: same}",
    "repeat: {name: other, count: 2, steps: [{norm: {name: n}}]}",
    "unwindow: {index: x}",
)


def moved(seed: Seed, step: At) -> set[int]:
    """Where it shows that another tensor leaves a step: there, later, in `order`, references and inputs."""
    words = set(re.findall(r"\w+", seed.lines(seed.block(step))))
    read = {seed.places["inputs", name].line for name in words.intersection(seed.body["inputs"])}
    return set(seed.block(step)) | seed.later(step) | read


@kind("two steps swapped", LATER)
def swapped(seed: Seed) -> Iterator[Mutant]:
    for path in seed.lists():
        found = seed.below(*path)
        for one, other in pairwise(found):
            first, last = seed.block(one.path), seed.block(other.path)
            lines = range(first.start, last.stop)
            between = seed.lines(range(first.stop, last.start))
            new = seed.lines(last) + between + seed.lines(first)
            made = seed.put_lines(
                "two steps swapped",
                f"steps {one.path[-1]} and {other.path[-1]}",
                lines,
                new,
                seed.later(one.path),
            )
            yield made


@kind("a step left out", LATER)
def removed(seed: Seed) -> Iterator[Mutant]:
    for path in seed.lists():
        for place in seed.below(*path):
            right = moved(seed, place.path) | seed.home(path)
            yield seed.put_lines(
                "a step left out", f"step {place.path[-1]}", seed.block(place.path), "", right
            )


@kind("a step twice", LATER)
def doubled(seed: Seed) -> Iterator[Mutant]:
    for step in seed.steps():
        lines = seed.block(step)
        new = seed.lines(lines) * 2
        yield seed.put_lines("a step twice", seed.kind_of(step), lines, new, seed.later(step))


@kind("a step of another kind put in", LATER)
def put_in(seed: Seed) -> Iterator[Mutant]:
    for at, step in enumerate(seed.steps()):
        line = seed.places[step].line
        pad = seed.lines(range(line, line + 1)).partition("-")[0]
        for more in range(7):
            new = f"{pad}- {OTHERS[(at * 5 + more * 3 + len(seed.name)) % len(OTHERS)]}\n"
            yield seed.put_lines(
                "a step of another kind put in", new.strip(), range(line, line), new, moved(seed, step)
            )


@kind("a step made another", LATER)
def made_another(seed: Seed) -> Iterator[Mutant]:
    for at, step in enumerate(seed.steps()):
        lines = seed.block(step)
        pad = seed.lines(lines).partition("-")[0]
        for more in range(5):
            new = f"{pad}- {OTHERS[(at * 7 + more * 4 + len(seed.name)) % len(OTHERS)]}\n"
            yield seed.put_lines("a step made another", new.strip(), lines, new, moved(seed, step))


@kind("two primitives in one step")
def two(seed: Seed) -> Iterator[Mutant]:
    for step in seed.steps():
        place = seed.places[step]
        if place.scalar is None:
            for entry in ("linear: {name: other, out: 4}", "when: vision == text"):
                yield seed.with_entry("two primitives in one step", step, entry, seed.home(step))


@kind("a required field left out", STEP)
def required(seed: Seed) -> Iterator[Mutant]:
    for place in seed.fields(*REQUIRED):
        step = seed.step_around(place.path) or ()
        kind_of = seed.kind_of(step)
        if (kind_of, place.path[-1]) in (("gated_mlp", "name"), ("attention", "names"), ("drop", "first")):
            continue
        yield seed.without("a required field left out", place.path, seed.home(step))
    for path in (("name",), ("inputs",), ("spec_version",), ("steps",)):
        if path in seed.places:
            start = {1, seed.below()[0].line}  # what is missing at the top is shown at the start
            around = seed.uses("outputs") if path == ("steps",) else set()
            yield seed.without("a required field left out", path, start | around | seed.home(path))


@kind("an optional field left out", LATER)
def left_out(seed: Seed) -> Iterator[Mutant]:
    for place in seed.fields(*OPTIONAL):
        step = seed.step_around(place.path) or ()
        if len(place.path) == len(step) + 2:
            yield seed.without("an optional field left out", place.path, moved(seed, step))
    for top in ("summary", "sources", "variants", "outputs"):
        if (top,) in seed.places:
            yield seed.without(
                "an optional field left out", (top,), seed.home((top,)) | seed.readers(*seed.body["inputs"])
            )
    for path in seed.places:
        if path and path[-1] == "default":
            yield seed.without("an optional field left out", path)
        elif path and path[-1] == "from" and not seed.places[path[:-1]].flow:
            around = seed.readers(*seed.body["inputs"]) | seed.home(path[:-1])
            yield seed.without("an optional field left out", path, around)


@kind("a field that does not exist")
def extra(seed: Seed) -> Iterator[Mutant]:
    for at, step in enumerate(seed.steps()):
        if seed.places[step].scalar is None and seed.below(*step)[0].scalar is None:
            path = (*step, seed.kind_of(step))
            if not isinstance(seed.body, dict) or seed.kind_of(step) == "residual":
                continue
            yield seed.with_entry("a field that does not exist", path, EXTRA[at % 4])
            yield seed.with_entry("a field that does not exist", path, EXTRA[(at + 1) % 4])
    for chain in seed.below("chains"):
        yield seed.with_entry("a field that does not exist", chain.path, "extra: true")
    yield seed.with_entry("a field that does not exist", (), "extra: true")
    yield seed.with_entry("a field that does not exist", (), "imports: [os]")


@kind("a name and names", LATER)
def both_names(seed: Seed) -> Iterator[Mutant]:
    for place in seed.fields("names"):
        step = seed.step_around(place.path) or ()
        if seed.kind_of(step) == "mlp":
            yield seed.with_entry("a name and names", place.path[:-1], "name: both", seed.home(place.path))
        for new in ("[fc1]", "[]", "[fc1, fc1]", "[a, b, c, d, e]", "[1, 2]", "[forward, fc2]", "fc1"):
            yield seed.put("a name and names", place.node, new, seed.home(place.path), seed.later(place.path))
    for place in seed.fields("name"):
        step = seed.step_around(place.path) or ()
        if seed.kind_of(step) == "mlp":
            yield seed.with_entry("a name and names", place.path[:-1], "names: [a, b]", seed.home(place.path))


@kind("a chain left out", USE)
def chain_removed(seed: Seed) -> Iterator[Mutant]:
    for chain in seed.below("chains"):
        name = str(chain.path[-1])
        right = seed.uses(name) | {p.line for p in seed.below("chains")}
        if len(seed.below("chains")) == 1:
            right |= seed.home(("chains",)) | {1, seed.below()[0].line} | seed.uses("outputs")
        yield seed.put_lines("a chain left out", name, seed.block(chain.path), "", right)


@kind("an input left out", USE)
def input_removed(seed: Seed) -> Iterator[Mutant]:
    for place in seed.below("inputs"):
        name = str(place.path[-1])
        value = seed.body["inputs"][name]
        # What an input gave is missed at a step that needs it.
        symbols = str(value.get("sizes", value.get("grid", ""))) if isinstance(value, dict) else ""
        right = seed.uses(name) | seed.home(("inputs",)) | seed.readers(*seed.body["inputs"])
        if not seed.body.get("chains") or name == next(iter(seed.body["inputs"])):
            right |= seed.chain_lines("") if "steps" in seed.body else set()
        label = f"{name} {symbols}".strip()
        yield seed.put_lines("an input left out", label, seed.block(place.path), "", right)


@kind("an output left out", UNREAD)
def output_removed(seed: Seed) -> Iterator[Mutant]:
    for place in seed.below("outputs"):
        yield seed.without("an output left out", place.path, seed.chains())


@kind("`steps` that are no list of steps")
def no_steps(seed: Seed) -> Iterator[Mutant]:
    for path in seed.lists():
        if path[-1] == "residual":
            continue
        key = seed.places[path].key
        assert key is not None
        lines = seed.block(path)
        right = set(lines) | seed.home(path)
        pad = " " * key.start_mark.column
        for new in (
            "steps: []",
            "steps: {}",
            "steps: to_map",
            "steps:",
            "steps: [3]",
            "steps: [[to_map]]",
            "steps: [{}]",
        ):
            yield seed.put_lines("`steps` that are no list of steps", new, lines, f"{pad}{new}\n", right)
