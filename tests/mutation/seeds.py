"""Valid specs to put faults into: the text of each with tiny dims, and where everything stands in it.

Places come from PyYAML's own marks, not from the reader under test.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
FILES = [
    *sorted((ROOT / "specs").glob("*.yaml")),
    *sorted((ROOT / "tests" / "specs" / "paper").glob("*.yaml")),
    *sorted((ROOT / "tests" / "mutation" / "seeds").glob("*.yaml")),
]
TINY = {
    "vision": 8, "text": 12, "intermediate": 10, "hidden": 14, "merged": 20, "middle": 6, "pixels": 20,
    "queries": 4, "depth": 2, "heads": 4, "kv_heads": 2, "head_dim": 3, "side": 8, "tile": 16, "patch": 2,
    "layers": 2,
}  # fmt: skip
OWN = {"qwen-vl": {"text": 256}, "qwen-vl-full": {"text": 256}}

At = tuple[str | int, ...]


def line_of(node: yaml.Node) -> int:
    """The line on which a node starts."""
    return int(node.start_mark.line) + 1


@dataclass(frozen=True)
class Place:
    """One value, with the key that leads to it."""

    path: At
    node: yaml.Node
    key: yaml.ScalarNode | None

    @property
    def line(self) -> int:
        """Where the entry starts."""
        return line_of(self.key or self.node)

    @property
    def scalar(self) -> str | None:
        """The text of a scalar, `None` for a collection."""
        return str(self.node.value) if isinstance(self.node, yaml.ScalarNode) else None

    @property
    def flow(self) -> bool:
        """Whether it is a collection in braces or brackets."""
        return bool(getattr(self.node, "flow_style", False))


@dataclass(frozen=True)
class Mutant:
    """A seed with one fault. `right` are the lines at which a report of it is at the right place."""

    kind: str
    seed: str
    label: str
    text: str
    right: frozenset[int]
    touched: frozenset[int]


@dataclass(frozen=True)
class Seed:
    """One valid spec."""

    name: str
    text: str

    @cached_property
    def body(self) -> Any:
        """The spec as plain data."""
        return yaml.safe_load(self.text)

    @cached_property
    def places(self) -> dict[At, Place]:
        """Every value by its path, in the order of the file."""
        found: dict[At, Place] = {}
        root = yaml.compose(self.text)
        assert root is not None

        def walk(path: At, node: yaml.Node, key: yaml.ScalarNode | None) -> None:
            found[path] = Place(path, node, key)
            if isinstance(node, yaml.MappingNode):
                for name, value in node.value:
                    walk((*path, name.value), value, name)
            elif isinstance(node, yaml.SequenceNode):
                for at, value in enumerate(node.value):
                    walk((*path, at), value, None)

        walk((), root, None)
        return found

    # --- places -------------------------------------------------------------------------------------------

    def below(self, *path: str | int) -> list[Place]:
        """The entries of a collection."""
        return [p for at, p in self.places.items() if len(at) == len(path) + 1 and at[:-1] == path]

    def within(self, path: At) -> list[Place]:
        """Everything at and below a path."""
        return [p for at, p in self.places.items() if at[: len(path)] == path]

    def block(self, path: At) -> range:
        """The lines of an entry, comments after it left out."""
        found = [p.line for p in self.within(path)]
        found += [line_of(p.node) for p in self.within(path)]
        return range(min(found), max(found) + 1)

    def lists(self) -> Iterator[At]:
        """Every list of steps."""
        for path, place in self.places.items():
            inner = path and (path[-1] == "steps" or (path[-1] == "residual" and isinstance(path[-2], int)))
            if inner and isinstance(place.node, yaml.SequenceNode):
                yield path

    def steps(self) -> list[At]:
        """The path of every entry of every list of steps."""
        return [place.path for path in self.lists() for place in self.below(*path)]

    def kind_of(self, step: At) -> str:
        """The primitive of a step."""
        place = self.places[step]
        return place.scalar or str(self.below(*step)[0].path[-1])

    def step_around(self, path: At) -> At | None:
        """The innermost step that holds a path."""
        return max((step for step in self.steps() if path[: len(step)] == step), key=len, default=None)

    def fields(self, *names: str) -> Iterator[Place]:
        """Fields of steps, at any depth; of these names, or all."""
        for path, place in self.places.items():
            step = self.step_around(path)
            if step is None or len(path) < len(step) + 2 or not isinstance(path[-1], str):
                continue
            if path[-1] == "steps" or path[-2] == "unused":
                continue
            if not names or path[-1] in names:
                yield place

    # --- lines at which a fault may show ------------------------------------------------------------------

    def home(self, path: At) -> set[int]:
        """The line of a place, and the line that names the step or the chain that it belongs to."""
        while path not in self.places:
            path = path[:-1]
        found = {self.places[path].line}
        step = self.step_around(path)
        if step is not None:
            found.add(self.places[step].line)
        elif path[:1] == ("chains",) and len(path) > 1:
            found.add(self.places[path[:2]].line)
        return found

    def uses(self, *names: str) -> set[int]:
        """Lines on which a name stands, outside comments."""
        word = re.compile("|".join(rf"(?<![\w.]){re.escape(name)}(?![\w])" for name in names))
        lines = (line.partition(" #")[0] for line in self.text.split("\n"))
        return {at for at, line in enumerate(lines, start=1) if word.search(line)}

    def chain_of(self, path: At) -> str:
        """The chain that a path is in; empty for top-level steps."""
        return str(path[1]) if path[:1] == ("chains",) else ""

    def sources(self, chain: str) -> list[str]:
        """What a chain starts from."""
        body = self.body["chains"][chain] if chain else self.body
        given = body.get("from")
        if given is None:
            return [str(next(iter(self.body["inputs"])))]
        if isinstance(given, str):
            return [given]
        return [
            str(n)
            for n in (given.get("then"), given.get("else"), *given.get("concat", ()), *given.get("add", ()))
            if n
        ]

    def chain_lines(self, chain: str) -> set[int]:
        """Every line of a chain."""
        if chain:
            return set(self.block(("chains", chain)))
        found: set[int] = set()
        for field in ("from", "steps", "order", "unused"):
            if (field,) in self.places:
                found |= set(self.block((field,)))
        return found

    def chains(self) -> set[int]:
        """The lines at which chains start."""
        found = {place.line for place in self.below("chains")}
        return found | (self.home(("steps",)) if ("steps",) in self.places else set())

    def readers(self, *names: str) -> set[int]:
        """Every line of the chains that start from these, directly or not, and of the outputs."""
        known, found = set(names), set(self.block(("outputs",))) if ("outputs",) in self.places else set()
        chains = [*self.body.get("chains", {}), *([""] if "steps" in self.body else [])]
        for _ in chains:
            for chain in chains:
                if chain not in known and known & set(self.sources(chain)):
                    known.add(chain)
                    found |= self.chain_lines(chain)
        return found

    def later(self, path: At) -> set[int]:
        """What comes after a step: later steps of its chain, `order`, layouts, readers of it, outputs."""
        chain, found = self.chain_of(path), set()
        for step in self.steps():
            if self.chain_of(step) == chain and self.places[step].line > self.places[path].line:
                found |= set(self.block(step))
        around = self.step_around(path[:-1])
        while around is not None:
            found.add(self.places[around].line)
            around = self.step_around(around[:-1])
        for field in ("order", "unused"):
            at: At = ("chains", chain, field) if chain else (field,)
            if at in self.places:
                found |= set(self.block(at))
        named = {p.line for at, p in self.places.items() if at[:1] == ("layouts",) and at[2:3] == ("names",)}
        return found | named | self.readers(chain)

    # --- changes ------------------------------------------------------------------------------------------

    def change(
        self, kind: str, label: str, start: int, end: int, new: str, right: Iterable[int] = ()
    ) -> Mutant:
        """The text with one stretch replaced; `right` counts in the lines of the seed."""
        first = self.text.count("\n", 0, start) + 1
        old_last = self.text.count("\n", 0, end) + 1
        shift = new.count("\n") - self.text.count("\n", start, end)
        touched = frozenset(range(first, max(first, old_last + shift) + 1))
        moved = {line if line < first else max(line + shift, first) for line in right}
        text = self.text[:start] + new + self.text[end:]
        return Mutant(kind, self.name, label, text, frozenset(moved) | touched, touched)

    def put(self, kind: str, node: yaml.Node, new: str, *right: Iterable[int]) -> Mutant:
        """Another text for a scalar or a flow collection."""
        lines = {line for lines in right for line in lines}
        old = self.text[node.start_mark.index : node.end_mark.index]
        label = f"line {line_of(node)}: {old} -> {new}"
        return self.change(kind, label, node.start_mark.index, node.end_mark.index, new, lines)

    def offset(self, line: int) -> int:
        """Where a line starts."""
        return sum(len(text) + 1 for text in self.text.split("\n")[: line - 1])

    def lines(self, lines: range) -> str:
        """The text of lines, with the break at their end."""
        return self.text[self.offset(lines.start) : self.offset(lines.stop)]

    def put_lines(self, kind: str, label: str, lines: range, new: str, right: Iterable[int] = ()) -> Mutant:
        """Other lines for these."""
        start, end = self.offset(lines.start), self.offset(lines.stop)
        made = self.change(kind, f"line {lines.start}: {label}", start, end, new, right)
        touched = range(lines.start, lines.start + max(1, new.count("\n")))
        moved = made.right - made.touched | frozenset(touched)
        shift = new.count("\n") - len(lines)
        moved |= {line + shift for line in right if line >= lines.stop} | {
            line for line in right if line < lines.start
        }
        return Mutant(kind, self.name, made.label, made.text, frozenset(moved), frozenset(touched))

    def without(self, kind: str, path: At, right: Iterable[int] = ()) -> Mutant:
        """The spec without one entry of a mapping or a list."""
        place, around = self.places[path], self.places[path[:-1]]
        if not around.flow:
            return self.put_lines(kind, f"without {path[-1]}", self.block(path), "", right)
        start = (place.key or place.node).start_mark.index
        end = place.node.end_mark.index
        after = re.compile(r",\s*").match(self.text, end)
        before = re.compile(r".*(,\s*)\Z", re.S).match(self.text[:start])
        if after:
            end = after.end()
        elif before:
            start = before.start(1)
        return self.change(kind, f"line {place.line}: without {path[-1]}", start, end, "", right)

    def with_entry(self, kind: str, path: At, entry: str, right: Iterable[int] = ()) -> Mutant:
        """The spec with one more entry at the start of a mapping."""
        place = self.places[path]
        if place.flow:
            at = place.node.start_mark.index + 1
            comma = ", " if place.node.value else ""
            return self.change(kind, f"line {place.line}: {entry}", at, at, entry + comma, right)
        first = place.node.value[0][0]
        at = first.start_mark.index
        pad = "\n" + " " * first.start_mark.column
        made = self.change(kind, f"line {line_of(first)}: {entry}", at, at, entry + pad, right)
        new = frozenset({line_of(first)})
        moved = frozenset(line + (line >= line_of(first)) for line in right)
        return Mutant(kind, self.name, made.label, made.text, moved | new, new)


def tiny(path: Path) -> Seed:
    """A spec with tiny dims, on the same lines."""
    text = path.read_text(encoding="utf-8")
    seed = Seed(path.stem, text)
    table = TINY | OWN.get(path.stem, {})
    edits: list[tuple[int, int, str]] = []
    base = seed.body["dims"]
    for place in [*seed.below("dims"), *(p for v in seed.below("variants") for p in seed.below(*v.path))]:
        name, value = str(place.path[-1]), place.scalar or ""
        if not value.isdigit() or name not in table:
            continue
        size = table[name] * (1 if int(value) == base[name] else 2)
        edits.append((place.node.start_mark.index, place.node.end_mark.index, str(size)))
    for start, end, new in reversed(edits):
        text = text[:start] + new + text[end:]
    return Seed(path.stem, text)


@lru_cache(maxsize=1)
def seeds() -> tuple[Seed, ...]:
    """Every seed: the shipped specs, those of `tests/specs/paper`, and our own."""
    return tuple(tiny(path) for path in FILES)
