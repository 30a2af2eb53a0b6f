"""Dims of a checkpoint: from shapes, list lengths and `config.json`, then from what was stated."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from vla_compose.api import overrides
from vla_compose.check.dims import dim_values
from vla_compose.check.graph import Graph
from vla_compose.check.infer import infer
from vla_compose.check.slots import ANY, Slot, conditional, first, slots
from vla_compose.diagnostics import SpecError
from vla_compose.primitives.fields import Condition
from vla_compose.spec.faults import Faults
from vla_compose.spec.layouts import Layout
from vla_compose.spec.model import Spec
from vla_compose.types.dim import Dim
from vla_compose.weights.equations import LARGEST, Equation, Solved, solve
from vla_compose.weights.errors import CheckpointError, option, shown

Shapes = Mapping[str, tuple[int, ...]]


def dims_of(
    spec: Spec,
    layout: Layout,
    shapes: Shapes,
    config: Mapping[str, Any] | None = None,
    variant: str | None = None,
    given: Mapping[str, int] | None = None,
) -> dict[str, int]:
    """Every dim of the adapter in a checkpoint; see `solved_dims`."""
    solved = solved_dims(spec, layout, shapes, config, variant, given)
    return {name: dim.value for name, dim in solved.items()}


def solved_dims(
    spec: Spec,
    layout: Layout,
    shapes: Shapes,
    config: Mapping[str, Any] | None = None,
    variant: str | None = None,
    given: Mapping[str, int] | None = None,
) -> dict[str, Solved]:
    """Every dim of the adapter in a checkpoint, with where it comes from.

    What shapes and names determine is solved exactly. `config.json` adds what it tells, then the dims given
    and the variant, and all of them must agree. What is still open is as the spec says.

    Args:
        spec: the spec of the adapter.
        layout: how the checkpoint names its parameters.
        shapes: the shape of every tensor in the checkpoint.
        config: its `config.json`.
        variant: a released size that the checkpoint is said to have.
        given: dims that it is said to have.

    Raises:
        CheckpointError: two of them disagree, or shapes have no solution.
        BuildError: there is no such variant or dim.
        SpecError: the spec has mistakes.
    """
    stated = _numbers(overrides(spec, None, given or {}), "the given dims")
    named = {name: solved for name, solved in _variant(spec, variant).items() if name not in stated}
    told = _configured(layout, config)
    equations = [*_equations(spec, layout, shapes, {**named, **stated, **told})]
    known: dict[str, Solved] = {}
    left = solve(equations, known)
    for source in (told, stated, named):
        for name, solved in source.items():
            if name not in known:
                known[name] = solved
                left = solve(left, known)
            elif known[name].value != solved.value:
                raise _conflict(spec, name, known, solved)
    faults = Faults(spec.document)
    values = dim_values(spec, {name: solved.value for name, solved in known.items()}, faults)
    if faults.found:
        raise SpecError(faults.found)
    for equation in left:
        if equation.size.substitute(values).constant != equation.value:
            raise _open(spec, equation, values, known)
    return {name: known.get(name, Solved(value, "the spec")) for name, value in values.items()}


def _variant(spec: Spec, variant: str | None) -> dict[str, Solved]:
    """What a variant sets to a number."""
    return _numbers(overrides(spec, variant, {}), f"variant `{variant}`")


def _numbers(dims: Mapping[str, int | Dim], origin: str) -> dict[str, Solved]:
    numbers = {name: Dim.of(value).constant for name, value in dims.items()}
    return {name: Solved(value, origin) for name, value in numbers.items() if value is not None}


def _configured(layout: Layout, config: Mapping[str, Any] | None) -> dict[str, Solved]:
    """What `config.json` tells; a setting that is not there tells nothing."""
    found: dict[str, Solved] = {}
    for name, setting in layout.config.items() if config is not None else ():
        parts = [_setting(config, path) for path in setting.split(" // ")]
        numbers = [number for number in parts if number is not None]
        if len(numbers) == len(parts):
            value = numbers[0] if len(numbers) == 1 else numbers[0] // numbers[1]
            found[name] = Solved(value, f"`{setting}` in config.json")
    return found


def _setting(config: Any, path: str) -> int | None:
    """The positive integer at a path; the sides of a square count as one."""
    value = config
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    if isinstance(value, list) and value and all(side == value[0] for side in value):
        value = value[0]
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST:
        message = f"`{path}` in config.json is {shown(repr(value))}, but must be a positive integer"
        raise CheckpointError(f"{message}; correct config.json")
    return value


def _equations(
    spec: Spec, layout: Layout, shapes: Shapes, stated: Mapping[str, Solved]
) -> Iterator[Equation]:
    present = [(condition, _present(layout, name, shapes)) for name, condition in conditional(spec)]
    graph = _agreeing(spec, stated, present)
    for condition, here in present:
        if here is condition.equal:
            what = "holds" if here else "lacks"
            where = f"a step with the condition `{condition}`, which the checkpoint {what},"
            yield Equation(condition.left - condition.right, 0, where)
    found = slots(graph)
    for slot in found:
        name = layout.there(slot.first())
        shape = shapes.get(name)
        if shape is None or len(shape) != len(slot.shape):
            continue  # said by the comparison of all headers
        for size, number in zip(slot.shape, shape, strict=True):
            yield Equation(size, number, f"the shape of {shown(name)}")
    yield from _lengths(found, layout, shapes)


def _present(layout: Layout, name: str, shapes: Shapes) -> bool:
    theirs = layout.there(first(name))
    return any(key == theirs or key.startswith(f"{theirs}.") for key in shapes)


def _agreeing(spec: Spec, stated: Mapping[str, Solved], present: list[tuple[Condition, bool]]) -> Graph:
    """A graph with the steps that the checkpoint has: sizes over dims depend on them, and on nothing else."""
    graph = infer(spec)
    bent: dict[str, int | Dim] = {
        condition.left.symbol: condition.right.substitute(graph.values)
        if here is condition.equal
        else condition.left.substitute(graph.values) * 2
        for condition, here in present
        if condition.left.symbol is not None
    }
    candidates: list[dict[str, int | Dim]] = [{}, {name: dim.value for name, dim in stated.items()}, bent]
    for candidate in candidates if present else ():
        try:
            other = infer(spec, candidate)
        except SpecError:
            continue
        if all(condition.holds(other.values) is here for condition, here in present):
            return other
    return graph


def _lengths(found: Iterable[Slot], layout: Layout, shapes: Shapes) -> Iterator[Equation]:
    """How long lists are, by the numbers in the names of what is in them."""
    lists: dict[str, tuple[Dim, set[int]]] = {}
    for slot in found:
        parts = slot.name.split(".")
        stars = [at for at, part in enumerate(parts) if part == ANY]
        for length, star in zip(slot.lengths, stars, strict=True):
            one = ["0" if part == ANY and at != star else part for at, part in enumerate(parts)]
            start, end = layout.there(".".join(one)).split(ANY)
            _, numbers = lists.setdefault(start, (length, set()))
            inside = (
                key[len(start) : -len(end)] for key in shapes if key.startswith(start) and key.endswith(end)
            )
            numbers.update(int(part) for part in inside if re.fullmatch("[0-9]{1,6}", part))
    for start, (length, numbers) in lists.items():
        missing = min(set(range(len(numbers))) - numbers, default=None)
        if missing is not None:
            there, gone = shown(f"{start}{max(numbers)}"), shown(f"{start}{missing}")
            raise CheckpointError(f"the checkpoint has {there}, but not {gone}; name a whole checkpoint")
        if numbers:
            yield Equation(length, len(numbers), f"the number of {shown(f'{start}{ANY}')}")


def _conflict(spec: Spec, name: str, known: Mapping[str, Solved], other: Solved) -> CheckpointError:
    message = f"dim `{name}` is {known[name].value} by {known[name].origin}"
    message += f", but {other.value} by {other.origin}"
    if "config.json" in other.origin:
        return CheckpointError(
            f"{message}; name another spec, if `{spec.name}` is not what this model has, or another "
            "checkpoint, if weights and config.json are of two models"
        )
    fitting = _fitting(spec, known)
    if other.origin.startswith("variant"):
        fix = f"write {option('variant', fitting[0])}" if fitting else "leave out the variant"
    else:
        fix = f"leave out `{name}`"
    return CheckpointError(f"{message}; {fix}")


def _open(
    spec: Spec, equation: Equation, values: Mapping[str, int], known: Mapping[str, Solved]
) -> CheckpointError:
    """Shapes tell a product, and the dims of the spec have another."""
    names = sorted(equation.size.symbols())
    message = f"{equation.size} is {equation.value} by {equation.where}"
    message += f", which does not tell {' and '.join(f'`{name}`' for name in names)} apart"
    message += f"; the spec has {', '.join(f'{name} = {values[name]}' for name in names)}"
    fitting = [
        name
        for name in _fitting(spec, known)
        if equation.size.substitute(
            {**values, **{dim: solved.value for dim, solved in _variant(spec, name).items()}}
        ).constant
        == equation.value
    ]
    fix = (
        f"write {option('variant', fitting[0])}"
        if fitting
        else f"give `{names[0]}=N` (`--dim {names[0]}=N`) with the size that it has"
    )
    return CheckpointError(f"{message}; {fix}")


def _fitting(spec: Spec, known: Mapping[str, Solved]) -> list[str]:
    """The variants that agree with what is known."""
    return [
        name
        for name in spec.variants
        if all(
            known[dim].value == solved.value for dim, solved in _variant(spec, name).items() if dim in known
        )
    ]
