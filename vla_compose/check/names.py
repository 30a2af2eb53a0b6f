"""What can be checked of a step when the type that arrives is unknown: names, and sizes of weights."""

from __future__ import annotations

from collections.abc import Iterator

from vla_compose.check.scope import Scope
from vla_compose.check.sizes import too_small
from vla_compose.primitives.base import Path, Step
from vla_compose.primitives.fields import SAME, Condition, Model, Std
from vla_compose.primitives.repeat import Repeat
from vla_compose.spec.words import nearest
from vla_compose.types.dim import Dim, DimError


def check_names(step: Step, scope: Scope) -> None:
    """Report what is certainly wrong in a step and the steps inside it.

    That are dims and inputs that do not exist, sizes that are too small, and state-dict names used twice.
    """
    for at, dim, least in _sizes(step.body):
        path = (*step.path, *at)
        unknown = sorted(dim.symbols() - {*scope.values, *scope.runtime, SAME})
        for name in unknown:
            if not scope.doubtful([name]):
                message, help = scope.no_size(name)
                scope.faults.add("VC305", message, path, help=help)
        value = _constant(dim, scope)
        if value is not None and value < least:
            message, help = too_small(at[-1], value, dim, least)
            scope.faults.add("VC204", message, path, help=help)
    inputs = scope.spec.inputs
    for name in step.body.reads():
        if name not in inputs and name not in scope.spec.chains and not scope.doubtful([name]):
            near = nearest(name, inputs)
            help = f"write `{near}`" if near else f"add `{name}` to `inputs`"
            scope.faults.add("VC303", f"there is no input `{name}`", step.path, key=True, help=help)
    scope.claim(step)
    inside = scope.child(step.body.name) if isinstance(step.body, Repeat) else scope
    for field in step.body.nested:
        for inner in getattr(step.body, field):
            check_names(inner, inside)


def _constant(dim: Dim, scope: Scope) -> int | None:
    try:
        return dim.substitute(scope.values).constant
    except DimError:
        return None


def _sizes(model: Model) -> Iterator[tuple[Path, Dim, float]]:
    """Every expression of a model with its field and the least value that it may have."""
    for name, field in type(model).model_fields.items():
        value, at = getattr(model, name), field.alias or name
        if isinstance(value, Dim):
            yield (at,), value, 0 if field.default == Dim.of(0) else 1
        elif isinstance(value, Condition):
            yield (at,), value.left, float("-inf")
            yield (at,), value.right, float("-inf")
        elif isinstance(value, Std) and value.root is not None:
            yield (), value.root, 1
        elif isinstance(value, Model):
            yield from (((at, *path), dim, least) for path, dim, least in _sizes(value))
