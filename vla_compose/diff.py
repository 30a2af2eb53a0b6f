"""What differs between two specs, in words: steps, their fields, inputs, outputs and dims; not names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from vla_compose.check.graph import Graph
from vla_compose.primitives.base import Node
from vla_compose.spec.inputs import FlagInput, GridInput, SizesInput
from vla_compose.spec.model import ROOT, Origin

NAMES = frozenset({"name", "names", "when", "init", "newline", "start", "end", "row_end"})
"""Fields that say what a weight is called, or how a fresh one is drawn: no part of what is computed."""


PAIR = 10_000
"""What a pair of lines is worth, in changed fields."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a spec's outline: what it is, its fields as text, and which of them are worth showing."""

    what: str
    fields: tuple[tuple[str, str], ...] = ()
    shown: frozenset[str] = frozenset()

    def __str__(self) -> str:
        shown = ", ".join(
            f"{name} = {value}" if name else value for name, value in self.fields if name in self.shown
        )
        return f"{self.what} ({shown})" if shown else self.what


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference: a line that only one side has (`added`, `removed`), or a field of a line of both."""

    kind: Literal["added", "removed", "changed"]
    what: str
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        if self.kind == "changed":
            return f"{self.what}: {self.before or 'nothing'} → {self.after or 'nothing'}"
        return f"{'+' if self.kind == 'added' else '-'} {self.what}"


def difference(left: Graph, right: Graph) -> list[Difference]:
    """What turns `left` into `right`; empty when both compute the same from inputs of the same types.

    Lines of the two outlines are paired in order, as many as possible, and then so that the fewest fields
    change. Names of weights and initial values do not count.
    """
    return compared(outline(left), outline(right))


def distance(found: Sequence[Difference]) -> int:
    """How much differs: lines of one side weigh more than fields, and sizes of dims least."""
    weights = {"added": 4, "removed": 4, "changed": 2}
    return sum(1 if part.what.startswith("dim ") else weights[part.kind] for part in found)


def outline(graph: Graph) -> list[Line]:
    """A spec as lines: inputs, chains with their steps in order, outputs, dims."""
    return list(_outline(graph))


def compared(left: Sequence[Line], right: Sequence[Line]) -> list[Difference]:
    """The differences of two outlines."""
    found: list[Difference] = []
    for one, other in _paired(left, right):
        if one is None and other is not None:
            found.append(Difference("added", str(other)))
        elif other is None and one is not None:
            found.append(Difference("removed", str(one)))
        elif one is not None and other is not None:
            found += _fields(one, other)
    return found


def _fields(left: Line, right: Line) -> list[Difference]:
    before, after = dict(left.fields), dict(right.fields)
    return [
        Difference("changed", f"{left.what} {name}".rstrip(), before.get(name, ""), after.get(name, ""))
        for name in dict.fromkeys((*before, *after))
        if before.get(name) != after.get(name)
    ]


def _paired(left: Sequence[Line], right: Sequence[Line]) -> list[tuple[Line | None, Line | None]]:
    """Lines of both in order, equal ones side by side: as many as possible, then with the fewest changes."""
    gain = [
        [PAIR - len(_fields(one, other)) if one.what == other.what else 0 for other in right] for one in left
    ]
    best = [[0] * (len(right) + 1) for _ in range(len(left) + 1)]
    for at in range(len(left) - 1, -1, -1):
        for to in range(len(right) - 1, -1, -1):
            paired = gain[at][to] + best[at + 1][to + 1] if gain[at][to] else 0
            best[at][to] = max(paired, best[at + 1][to], best[at][to + 1])
    found: list[tuple[Line | None, Line | None]] = []
    at = to = 0
    while at < len(left) and to < len(right):
        if gain[at][to] and best[at][to] == gain[at][to] + best[at + 1][to + 1]:
            found.append((left[at], right[to]))
            at, to = at + 1, to + 1
        elif best[at][to] == best[at + 1][to]:
            found.append((left[at], None))
            at += 1
        else:
            found.append((None, right[to]))
            to += 1
    return found + [(line, None) for line in left[at:]] + [(None, line) for line in right[to:]]


def _outline(graph: Graph) -> Iterator[Line]:
    spec = graph.spec
    for name, value in spec.inputs.items():
        if isinstance(value, SizesInput | GridInput):
            kind = "sizes" if isinstance(value, SizesInput) else "sizes of every image"
            names = value.sizes if isinstance(value, SizesInput) else value.grid
            yield _line(f"input of {kind}", ("", names))
        elif isinstance(value, FlagInput):
            yield _line("input that chooses", ("", name), ("default", text(value.flag)))
        else:
            edge = graph.inputs[name]
            optional = [("optional", "yes")] if edge.optional else []
            copies = "list " if edge.each is not None else ""
            features = edge.type.width.substitute(graph.values).constant is not None
            what = f"{copies}input" if features else "input of a mask or an index"
            yield _line(what, ("type", str(edge.type)), *optional)
    ended: Origin | None = None
    for checked in graph.chains:
        chain = checked.chain
        fields = [("copies", str(checked.copies))] if chain.each else []
        fields += [("per image", "yes")] if chain.per_image else []
        # A chain that goes on where the one before ended adds a name and nothing else.
        if chain.name != ROOT and (fields or ended not in (None, chain.source)):
            yield _line("chain for every tensor of a list" if chain.each else "chain", *fields)
        yield from _steps(checked.nodes, "")
        ended = chain.name
    for output, edge in graph.outputs:
        yield _line(f"output {output.name}", ("type", str(edge.type)))
    for name, size in graph.values.items():
        yield _line(f"dim {name}", ("", f"{size:,}"))


def _line(what: str, *fields: tuple[str, str]) -> Line:
    return Line(what, fields, frozenset(name for name, _ in fields))


def _steps(nodes: Sequence[Node], prefix: str) -> Iterator[Line]:
    for node in nodes:
        kind = f"{prefix}{node.step.kind}"
        fields = settings(node.step.body)
        places = " and ".join(place.replace("_", " ") for place in node.step.body.learned())
        told = {name for name, (value, default) in fields.items() if value != default} | {"learned"}
        named = (("learned", places),) if places else ()
        yield Line(kind, (*((name, value) for name, (value, _) in fields.items()), *named), frozenset(told))
        yield from _steps(node.body, f"{kind} > ")


def settings(body: BaseModel, prefix: str = "") -> dict[str, tuple[str, str]]:
    """The fields of a step that decide what it computes: value and default, as text."""
    found: dict[str, tuple[str, str]] = {}
    for field, about in type(body).model_fields.items():
        name, value = about.alias or field, getattr(body, field)
        if name in NAMES or field in getattr(body, "nested", ()) or value is None:
            continue
        if isinstance(value, BaseModel):
            inner = settings(value, f"{prefix}{name} ")
            if all(said == usual for said, usual in inner.values()):
                # A part that is there and set as usual is still there: it is told.
                inner = {key: (said, "") for key, (said, _) in inner.items()}
            found |= inner
        else:
            default = "" if about.is_required() else text(about.default)
            found[f"{prefix}{name}"] = (text(value), default)
    return found


def text(value: Any) -> str:
    """A field as a spec writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(text, value))}]"
    return repr(value) if isinstance(value, float) else str(value)
