"""Which run-time sizes can be computed from what `forward` is given, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vla_compose.check.graph import Edge
from vla_compose.spec.inputs import SizesInput
from vla_compose.spec.model import Spec
from vla_compose.types.dim import Dim
from vla_compose.types.tensor import Axis


@dataclass(frozen=True, slots=True)
class Binding:
    """`symbol` from the length of an axis: `length == factor * symbol**power + offset`."""

    symbol: str
    input: str
    axis: int
    factor: int
    power: int
    offset: int

    def source(self, length: str) -> str:
        """Python source of the value, given the source of the length."""
        value = length if not self.offset else f"({length} - {self.offset})"
        value = value if self.factor == 1 else f"{value} // {self.factor}"
        if self.power == 1:
            return value
        bare = " " not in value or (value.startswith("(") and value.endswith(")") and "//" not in value)
        return f"int({value} ** 0.5)" if bare else f"int(({value}) ** 0.5)"


def solve(name: str, at: int, axis: Axis, values: Mapping[str, int], known: set[str]) -> Binding | None:
    """The one size that the length of an axis determines, if it does."""
    if axis.packed:
        return None
    size = axis.size.substitute(values)
    unknown = size.symbols() - known
    if len(unknown) != 1 or size.symbols() != unknown:
        return None
    symbol = next(iter(unknown))
    for power in (1, 2):
        base = Dim.of(symbol) if power == 1 else Dim.of(symbol) * Dim.of(symbol)
        factor = size.coefficient(base)
        offset = (size - base * factor).constant
        if factor and factor > 0 and offset is not None and offset >= 0:
            return Binding(symbol, name, at, factor, power, offset)
    return None


def bindings(spec: Spec, inputs: Mapping[str, Edge], values: Mapping[str, int]) -> list[Binding]:
    """How each run-time size is found in the shapes of the inputs; the first place that gives it counts."""
    known = given(spec)
    found: list[Binding] = []
    for name, edge in inputs.items():
        if edge.optional or edge.each is not None:
            continue
        for at, axis in enumerate(edge.type.axes):
            binding = solve(name, at, axis, values, known)
            if binding is not None:
                known.add(binding.symbol)
                found.append(binding)
    return found


def given(spec: Spec) -> set[str]:
    """Sizes that `forward` is told."""
    return {name for value in spec.inputs.values() if isinstance(value, SizesInput) for name in value.names}


def bindable(spec: Spec, inputs: Mapping[str, Edge], values: Mapping[str, int]) -> set[str]:
    """Every run-time size that has a value when `forward` runs."""
    return given(spec) | {binding.symbol for binding in bindings(spec, inputs, values)}
