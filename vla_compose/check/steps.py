"""Run the type rules of steps one after another, and go on after a mistake as far as that is certain."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from vla_compose.check.names import check_names
from vla_compose.check.scope import Scope, StepFault
from vla_compose.primitives.base import Node, Primitive, Step
from vla_compose.primitives.fields import SAME
from vla_compose.types.dim import Dim, DimError
from vla_compose.types.tensor import TensorType

LOCAL = frozenset({"VC201", "VC203", "VC204", "VC206", "VC301", "VC303", "VC305"})
"""Mistakes of one step that leave no doubt about the tokens that it gives."""

Lost = Literal["", "width", "type"]
"""What a mistake has left unknown of the type that arrives: nothing, its channels, or all of it."""


def run(scope: Scope, steps: Iterable[Step], x: TensorType, body: list[Node]) -> TensorType:
    """The type after the steps; `body` gets a node for each.

    Raises:
        StepFault: some step has a mistake, which was reported.
    """
    outer, broken = scope.path, False
    lost: Lost = ""
    for step in steps:
        scope.path = step.path
        try:
            if step.body.when is not None and not scope.holds(step.body.when):
                scope.skipped.update(step.body.names())
                continue
            if lost:
                check_names(step, scope)
                lost, x = _found_again(step.body, lost, x, scope)
            else:
                x = _step(scope, step, x, body)
        except StepFault:
            broken = True
            lost, x = _after_fault(step.body, lost, x, scope)
        finally:
            scope.path = outer
    if broken:
        raise StepFault
    return x


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


def _after_fault(primitive: Primitive, lost: Lost, x: TensorType, scope: Scope) -> tuple[Lost, TensorType]:
    """What is known of the type after a step that has a mistake."""
    if lost:
        return _found_again(primitive, lost, x, scope)
    if scope.faults.found[-1].code not in LOCAL or x.is_map or x.each is not None:
        return "type", x
    return _found_again(primitive, "width", x, scope) if primitive.keeps == "tokens" else _kept(primitive, x)


def _kept(primitive: Primitive, x: TensorType) -> tuple[Lost, TensorType]:
    return ("", x) if primitive.keeps == "type" else ("type", x)


def _found_again(primitive: Primitive, lost: Lost, x: TensorType, scope: Scope) -> tuple[Lost, TensorType]:
    """A step that states its channels makes them known, when only they were lost."""
    if lost == "width" and primitive.keeps == "tokens":
        out: Dim = getattr(primitive, "out")  # noqa: B009 - each of them has it
        if SAME in out.symbols():
            return lost, x
        try:
            width = out.substitute(scope.values).constant
        except DimError:
            return lost, x
        return ("", x.with_width(out)) if width is not None and width > 0 else (lost, x)
    return (lost, x) if lost == "width" and primitive.keeps == "type" else ("type", x)
