"""What a primitive's lowering writes with: statements of one `forward`, over the variable `x`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

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
        self.hoisted: dict[tuple[str, ...], tuple[str, Callable[[Code], str]]] = {}
        self._variables: dict[tuple[str, ...], str] = {}
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

    def hoist(self, key: tuple[str, ...], name: str, write: Callable[[Code], str]) -> str:
        """A value that does not change from layer to layer: computed once, before the layers run.

        Args:
            key: what tells it from other values.
            name: of its variable, where it is free.
            write: its source, given the body that it is computed in.
        """
        variable = self._hoisted_variable(key, name)
        self._locals.add(variable)
        if self.outer is None and key not in self.hoisted:
            self.line(f"{variable} = {write(self)}")
        self.hoisted[key] = (variable, write)
        return variable

    def _hoisted_variable(self, key: tuple[str, ...], name: str) -> str:
        if self.outer is not None:
            return self.outer._hoisted_variable(key, name)
        if key not in self._variables:
            self._variables[key] = self.local(name)
        return self._variables[key]

    def grid(self, symbols: Iterable[str]) -> tuple[str, str]:
        """For a loop over images: the names of the columns, and the rows that hold them."""
        wanted = set(symbols)
        name = next(name for name, columns in self.grids.items() if wanted <= set(columns))
        return columns(self.grids[name]), self.grid_rows(name)

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

    def inner(self, containers: Mapping[str, bool], end: str = "") -> Code:
        """The body of a class inside this one: it is given the stream, the context and what it asks for."""
        code = Code(self.values, containers, f"x{end}", taken=self._locals)
        code.outer = self
        code.grids = self.grids
        code.context = f"context{end}" if self.context is not None else None
        return code

    def steps(self, nodes: Iterable[Node]) -> None:
        """Write steps one after another, each with the type after it as a comment."""
        for node in nodes:
            before = len(self.lines)
            node.step.body.lower(node, self)
            if len(self.lines) > before and not self.lines[-1][1]:
                self.lines[-1] = (self.lines[-1][0], str(node.after.substitute(self.values)))


def columns(names: Sequence[str]) -> str:
    """The columns of a grid, to unpack its rows into."""
    return ", ".join(names) + ("," if len(names) == 1 else "")


def spaced(dim: Dim) -> str:
    """A size as Python source in the usual style."""
    text = dim.source()
    for operator in ("//", "%"):
        text = text.replace(operator, f" {operator} ")
    return text.replace("+", " + ").replace("*", " * ") if dim.constant is None else text
