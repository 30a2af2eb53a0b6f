"""What can be checked of a step when the type that arrives is unknown: the names that it uses."""

from __future__ import annotations

from collections.abc import Iterator

from vla_compose.check.scope import Scope
from vla_compose.primitives.base import Path, Step
from vla_compose.primitives.fields import SAME, Model
from vla_compose.spec.faults import nearest
from vla_compose.types.dim import Dim


def check_names(step: Step, scope: Scope) -> None:
    """Report dims and inputs that do not exist, in a step and the steps inside it."""
    known = {*scope.values, *scope.runtime, SAME}
    said = " ".join(found.message for found in scope.faults.found if found.code in ("VC304", "VC305"))
    for at, dim in _sizes(step.body):
        for name in sorted(dim.symbols() - known):
            if f"`{name}`" in said and f"`{name}` is no dim and no size" not in said:
                continue
            near = nearest(name, [*scope.values, *scope.runtime, SAME])
            help = f"write `{near}`" if near else f"add `{name}` to `dims`"
            message = f"`{name}` is no dim and no size of an input"
            scope.faults.add("VC305", message, (*step.path, *at), help=help)
    inputs = scope.spec.inputs
    for name in step.body.reads():
        if name not in inputs and name not in scope.spec.chains:
            near = nearest(name, inputs)
            help = f"write `{near}`" if near else f"add `{name}` to `inputs`"
            scope.faults.add("VC303", f"there is no input `{name}`", step.path, key=True, help=help)
    for field in step.body.nested:
        for inner in getattr(step.body, field):
            check_names(inner, scope)


def _sizes(model: Model) -> Iterator[tuple[Path, Dim]]:
    for name, field in type(model).model_fields.items():
        value, at = getattr(model, name), field.alias or name
        if isinstance(value, Dim):
            yield (at,), value
        elif isinstance(value, Model):
            yield from (((at, *path), dim) for path, dim in _sizes(value))
