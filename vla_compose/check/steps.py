"""Run the type rules of steps one after another, and go on after a mistake as far as that is certain."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from vla_compose.check.names import check_names
from vla_compose.check.scope import Scope, StepFault
from vla_compose.primitives.base import Node, Primitive, Step
from vla_compose.primitives.fields import SAME
from vla_compose.spec.broken import Broken
from vla_compose.types.dim import Dim, DimError
from vla_compose.types.tensor import TensorType

Lost = Literal["", "width", "type"]
"""What a mistake has left unknown of the type that arrives: nothing, its channels, or all of it."""


def run(scope: Scope, steps: Iterable[Step], x: TensorType, body: list[Node]) -> TensorType:
    """The type after the steps; `body` gets a node for each.

    Raises:
        StepFault: some step has a mistake, which was reported.
    """
    outer, local, broken = scope.path, True, False
    lost: Lost = ""
    for step in steps:
        scope.path = step.path
        try:
            if not _kept(step, scope):
                scope.skipped.update(step.body.names())
                continue
            if lost or isinstance(step.body, Broken):
                check_names(step, scope)
            if isinstance(step.body, Broken):
                scope.give_up()
            if lost:
                lost, x = _found_again(step.body, lost, x, scope)
            else:
                x = _step(scope, step, x, body)
        except StepFault as fault:
            broken, local = True, local and fault.local
            lost, x = _after_fault(step.body, fault.local, lost, x, scope)
        finally:
            scope.path = outer
    if broken:
        raise StepFault(local, None if lost else x)
    return x


def _kept(step: Step, scope: Scope) -> bool:
    """Whether the condition of a step holds."""
    try:
        return step.body.when is None or scope.holds(step.body.when)
    except StepFault:
        check_names(step, scope)
        raise StepFault(local=_keeps(step.body) == "type") from None


def _step(scope: Scope, step: Step, x: TensorType, body: list[Node]) -> TensorType:
    if x.each is not None:
        message = f"`{step.kind}` takes one tensor, but gets the list `{x}`"
        scope.fail("VC205", message, help="put it before the step that makes the list")
    node = Node(step, x, x)
    scope.node = node
    try:
        node.after = step.body.infer(x, scope)
        node.after.check_sizes(scope.values)
        node.context, scope.node, scope.path = scope.context, node, step.path
        node.members = tuple(step.body.members(x, node.after, scope))
        scope.register(node.members)
        node.flops = step.body.flops(x, node.after, scope).substitute(scope.values)
    except DimError as error:
        scope.path = step.path
        message = f"`{step.kind}` is too large to compute with: {error}"
        scope.fail("VC204", message, help="make the sizes smaller")
    if node.after.width != x.width:
        channels = node.after.width.substitute(scope.values)
        scope.width_origin = (step.path, f"{channels} channels from here")
    body.append(node)
    return node.after


def _after_fault(
    primitive: Primitive, local: bool, lost: Lost, x: TensorType, scope: Scope
) -> tuple[Lost, TensorType]:
    """What is known of the type after a step that has a mistake."""
    if lost:
        return _found_again(primitive, lost, x, scope)
    keeps = _keeps(primitive)
    if not local or x.each is not None:
        return "type", x
    if keeps == "tokens" and not x.is_map:
        return _found_again(primitive, "width", x, scope)
    return ("", x) if keeps == "type" else ("type", x)


def _keeps(primitive: Primitive) -> Literal["", "type", "tokens"]:
    return primitive.kept if isinstance(primitive, Broken) else primitive.keeps


def _found_again(primitive: Primitive, lost: Lost, x: TensorType, scope: Scope) -> tuple[Lost, TensorType]:
    """A step that states its channels makes them known, when only they were lost."""
    keeps = _keeps(primitive)
    if lost == "width" and keeps == "tokens":
        out: Dim | None = getattr(primitive, "out")  # noqa: B009 - each of them has it
        if out is None or SAME in out.symbols():
            return lost, x
        try:
            width = out.substitute(scope.values).constant
        except DimError:
            return lost, x
        return ("", x.with_width(out)) if width is not None and width > 0 else (lost, x)
    return (lost, x) if lost == "width" and keeps == "type" else ("type", x)
