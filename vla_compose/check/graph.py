"""The checked graph: a spec whose every edge has a type. Source and tables are made from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vla_compose.primitives.base import Holds, Member, Node
from vla_compose.spec.model import Chain, Output, Spec
from vla_compose.types.dim import Dim
from vla_compose.types.tensor import TensorType


@dataclass(frozen=True, slots=True)
class Edge:
    """What flows: a tensor, or a list of tensors of one type."""

    type: TensorType
    optional: bool = False

    @property
    def each(self) -> Dim | None:
        """The length of the list; `None` for one tensor."""
        return self.type.each


@dataclass(frozen=True, slots=True)
class Requirement:
    """A run-time contract on sizes: `size` must be a multiple of, or at least, a number.

    A contract that no formula holds (it depends on data) has a `text` and is enforced by its step.
    """

    size: Dim
    multiple_of: int = 1
    at_least: int = 0
    why: str = ""
    text: str = ""

    def __str__(self) -> str:
        if self.text:
            return f"{self.text} ({self.why})"
        if self.multiple_of > 1:
            return f"{self.size} is a multiple of {self.multiple_of} ({self.why})"
        return f"{self.size} is at least {self.at_least} ({self.why})"


@dataclass(frozen=True, slots=True)
class CheckedChain:
    """A chain with the type of every edge. `inputs` are the side inputs that its steps read."""

    chain: Chain
    before: Edge
    after: Edge
    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    requirements: tuple[Requirement, ...]
    unused: tuple[Member, ...]

    @property
    def copies(self) -> int:
        """How many modules it makes."""
        length = self.before.each
        return (length.constant or 1) if self.chain.each and length is not None else 1

    def members(self) -> list[Member]:
        """What one copy registers, in the order of steps."""
        return [*members(self.nodes), *self.unused]


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A spec checked for one set of dims."""

    spec: Spec
    values: Mapping[str, int]
    inputs: Mapping[str, Edge]
    chains: tuple[CheckedChain, ...]
    outputs: tuple[tuple[Output, Edge], ...]
    notes: tuple[str, ...] = ()

    def chain(self, name: str) -> CheckedChain:
        """The chain of that name."""
        return next(checked for checked in self.chains if checked.chain.name == name)

    def entries(self) -> list[tuple[str, tuple[int, ...]]]:
        """Every state-dict entry with its shape, in state-dict order."""
        tree: _Tree = {}
        for checked in self.chains:
            prefixes = [""] if checked.chain.inline else [f"{checked.chain.name}."]
            if checked.chain.each:
                prefixes = [f"{prefixes[0]}{at}." for at in range(checked.copies)]
            for prefix in prefixes:
                for member in in_order(checked.members(), checked.chain.order):
                    for name, shape in member.entries():
                        _plant(tree, (prefix + name).split("."), shape)
        return list(_listed(tree, ""))

    def holds(self) -> dict[str, Holds]:
        """What the elements of inputs are that steps read beside the stream; a stream holds floats."""
        found: dict[str, Holds] = {}
        waiting = [node for checked in self.chains for node in checked.nodes]
        while waiting:
            node = waiting.pop()
            found.update(node.step.body.reads())
            waiting += node.body
        return {name: held for name, held in found.items() if name in self.inputs}

    def parameters(self) -> int:
        """How many numbers the state dict holds."""
        return sum(count(shape) for _, shape in self.entries())


_Tree = dict[str, Any]


def _plant(tree: _Tree, parts: list[str], shape: tuple[int, ...]) -> None:
    for part in parts[:-1]:
        tree = tree.setdefault(part, {})
    tree[parts[-1]] = shape


def _listed(tree: _Tree, prefix: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Parameters before submodules, as torch lists them."""
    for name, shape in tree.items():
        if isinstance(shape, tuple):
            yield prefix + name, shape
    for name, inner in tree.items():
        if isinstance(inner, dict):
            yield from _listed(inner, f"{prefix}{name}.")


def in_order(members: Sequence[Member], order: Sequence[str]) -> list[Member]:
    """Bare parameters, then submodules: those named in `order` first, the others in the order of steps."""
    numbered = list(enumerate(members))

    def place(path: str) -> int:
        found = [at for at, name in enumerate(order) if path == name or path.startswith(f"{name}.")]
        return min(found, default=len(order))

    def key(item: tuple[int, Member]) -> tuple[bool, int, int]:
        at, member = item
        return (not member.is_parameter, place(member.path), at)

    return [member for _, member in sorted(numbered, key=key)]


def members(nodes: tuple[Node, ...] | list[Node]) -> Iterator[Member]:
    """What steps register in their own class: nested steps too, unless they make a class of their own."""
    for node in nodes:
        yield from node.members
        if not node.own_class:
            yield from members(node.body)


def count(shape: tuple[int, ...]) -> int:
    """The number of elements of a shape."""
    total = 1
    for size in shape:
        total *= size
    return total
