"""What a primitive's lowering writes with: statements of one `forward`, over the variable `x`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from vla_compose.lower.members import reach
from vla_compose.primitives.base import Node
from vla_compose.types.dim import Dim

BUILTINS = frozenset({"int", "len", "list", "sum", "zip", "super", "self", "torch", "nn", "F", "Tensor"})


class Code:
    """The body of one `forward` while it is written.

    Args:
        values: the dims.
        containers: paths that hold members, see `members.containers`.
        source: the variable that holds the input.
        target: the variable that steps assign; the same by default.
        taken: names that local variables must not use.
    """

    def __init__(
        self,
        values: Mapping[str, int],
        containers: Mapping[str, bool],
        source: str,
        target: str | None = None,
        taken: Iterable[str] = (),
    ) -> None:
        self.values = values
        self.containers = containers
        self.x = source
        self.target = target or source
        self.context: str | None = None
        self.lines: list[tuple[str, str]] = []
        self.sizes: set[str] = set()
        self.inputs: list[str] = []
        self.pieces: set[str] = set()
        self.classes: list[str] = []
        self.hoisted: dict[str, Callable[[Code], str]] = {}
        self.outer: Code | None = None
        self.grids: dict[str, list[str]] = {}
        self._locals: set[str] = {source, self.target, *BUILTINS, *taken}

    def attr(self, path: str) -> str:
        """Source that reaches the member of that state-dict path."""
        return reach(path, self.containers)

    def set(self, expression: str) -> None:
        """`x = expression`."""
        self.lines.append((f"{self.target} = {expression}", ""))
        self.x = self.target

    def line(self, statement: str) -> None:
        """A statement as it stands."""
        self.lines.append((statement, ""))

    def let(self, name: str, expression: str) -> str:
        """A new local variable; gives back its name."""
        unique = self.local(name)
        self.lines.append((f"{unique} = {expression}", ""))
        return unique

    def local(self, name: str) -> str:
        """A name that no other local variable has."""
        unique, number = name, 2
        while unique in self._locals:
            unique, number = f"{name}_{number}", number + 1
        self._locals.add(unique)
        return unique

    def runtime(self, piece: str) -> None:
        """Ask for a file of `vla_compose.runtime` in the generated source."""
        self.pieces.add(piece)

    def input(self, name: str) -> str:
        """Source of a side input."""
        if name not in self.inputs:
            self.inputs.append(name)
        return name

    def hoist(self, name: str, write: Callable[[Code], str]) -> str:
        """A value that does not change from layer to layer: computed once, before the layers run."""
        if self.outer is None:
            if name not in self.hoisted:
                self.hoisted[name] = write
                self.let(name, write(self))
            return name
        self.hoisted[name] = write
        return name

    def grid(self, symbols: Iterable[str]) -> tuple[str, str]:
        """For a loop over images: the names of the columns, and the rows that hold them."""
        wanted = set(symbols)
        name = next(name for name, columns in self.grids.items() if wanted <= set(columns))
        return ", ".join(self.grids[name]), self.grid_rows(name)

    def grid_rows(self, name: str) -> str:
        """The rows of a grid input as lists of numbers."""
        self.input(name)
        return f"{name}_rows"

    def per_image(self, dim: Dim) -> str:
        """Source of a size inside a loop over images."""
        return spaced(dim.substitute(self.values))

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

    def inner(self, containers: Mapping[str, bool]) -> Code:
        """The body of a class inside this one: it is given the stream, the context and what it asks for."""
        code = Code(self.values, containers, "x", taken=self._locals)
        code.outer = self
        code.grids = self.grids
        code.context = "context" if self.context is not None else None
        return code

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
