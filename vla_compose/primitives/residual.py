"""`residual`: add what went in to what came out."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from vla_compose.primitives.base import Drawn, Node, Primitive
from vla_compose.primitives.fields import Steps
from vla_compose.types.dim import Dim
from vla_compose.types.tensor import TensorType, same_order

if TYPE_CHECKING:
    from vla_compose.check.scope import Scope
    from vla_compose.lower.code import Code


class Residual(Primitive):
    """Run steps, then add what went in: `x + steps(x)`.

    The steps must give back the type they were given, order of tokens included.

    Example:
        - residual:
            - norm: {name: ln}
            - mlp: {names: [fc1, fc2], hidden: 4 * same, out: same, activation: gelu}
    """

    kind: ClassVar[str] = "residual"
    drawn: ClassVar[Drawn] = "residual"
    keeps: ClassVar[Literal["", "type", "tokens"]] = "type"
    nested: ClassVar[tuple[str, ...]] = ("steps",)

    steps: Steps = Field(description="what is added to the input")

    def infer(self, x: TensorType, scope: Scope) -> TensorType:
        y = scope.run(self.steps, x, scope.node.body)
        left, right = x.substitute(scope.values), y.substitute(scope.values)
        if left.shape() != right.shape():
            message = f"`residual` cannot add `{y}` to `{x}`: the shapes differ"
            scope.fail("VC201", message, help="make the last step give back the width that went in", why=True)
        if not all(same_order(a, b) for a, b in zip(left.axes, right.axes, strict=True)):
            message = f"`residual` cannot add `{y}` to `{x}`: same shape, other order"
            scope.fail("VC202", message, help="reorder the tokens before the addition")
        return x

    def flops(self, x: TensorType, y: TensorType, scope: Scope) -> Dim:
        total = Dim.of(0)
        for node in scope.node.body:
            total = total + node.flops
        return total

    def lower(self, node: Node, code: Code) -> None:
        kept = code.let("residual", code.x)
        code.steps(node.body)
        code.set(f"{kept} + {code.x}")
