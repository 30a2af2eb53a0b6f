"""What a primitive's lowering writes with: statements of one `forward`, over the variable `x`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vla_compose.lower.members import reach
from vla_compose.primitives.base import Node
from vla_compose.types.dim import Dim


class Code:
    """The body of one `forward` while it is written."""

    def __init__(
        self, values: Mapping[str, int], containers: Mapping[str, bool], x: str, taken: Iterable[str] = ()
    ) -> None:
        self.values = values
        self.containers = containers
        self.x = x
        self.lines: list[tuple[str, str]] = []
        self.sizes: set[str] = set()
        self.inputs: list[str] = []
        self.pieces: set[str] = set()
        self._locals: set[str] = {x, *taken}

    def attr(self, path: str) -> str:
        """Source that reaches the member of that state-dict path."""
        return reach(path, self.containers)

    def set(self, expression: str) -> None:
        """`x = expression`."""
        self.lines.append((f"{self.x} = {expression}", ""))

    def line(self, statement: str) -> None:
        """A statement as it stands."""
        self.lines.append((statement, ""))

    def let(self, name: str, expression: str) -> str:
        """A new local variable; gives back its name."""
        unique, number = name, 2
        while unique in self._locals:
            unique, number = f"{name}_{number}", number + 1
        self._locals.add(unique)
        self.lines.append((f"{unique} = {expression}", ""))
        return unique

    def runtime(self, piece: str) -> None:
        """Ask for a file of `vla_compose.runtime` in the generated source."""
        self.pieces.add(piece)

    def input(self, name: str) -> str:
        """Source of a side input."""
        if name not in self.inputs:
            self.inputs.append(name)
        return name

    def size(self, dim: Dim) -> str:
        """Source of a size that may be known only at run time."""
        resolved = dim.substitute(self.values)
        self.sizes |= resolved.symbols()
        return spaced(resolved)

    def number(self, dim: Dim) -> int:
        """The value of a compile-time size."""
        value = dim.substitute(self.values).constant
        assert value is not None
        return value

    def equal(self, left: Dim, right: Dim) -> bool:
        """Whether two sizes are equal for these dims."""
        return left.substitute(self.values) == right.substitute(self.values)

    def steps(self, nodes: Iterable[Node]) -> None:
        """Write steps one after another, each with the type after it as a comment."""
        for node in nodes:
            before = len(self.lines)
            node.step.body.lower(node, self)
            if len(self.lines) > before and not self.lines[-1][1]:
                self.lines[-1] = (self.lines[-1][0], str(node.after.substitute(self.values)))


def spaced(dim: Dim) -> str:
    """A size as Python source in the usual style."""
    text = dim.source()
    for operator in ("//", "%"):
        text = text.replace(operator, f" {operator} ")
    return text.replace("+", " + ").replace("*", " * ") if dim.constant is None else text
