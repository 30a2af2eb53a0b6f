"""`repeat`: the same steps several times, with weights of their own each time."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from vla_compose.primitives.base import Drawn, Member, Node, Primitive
from vla_compose.primitives.fields import Name, Size, Steps
from vla_compose.types.dim import Dim
from vla_compose.types.tensor import TensorType, same_order

if TYPE_CHECKING:
    from vla_compose.check.scope import Scope
    from vla_compose.lower.code import Code

MOST_LAYERS = 10_000


class Repeat(Primitive):
    """Run steps `count` times in a row, each time with weights of their own: the layers of a transformer.

    The steps must give back the type they were given. Their state-dict names stand below `name.0`,
    `name.1` and so on.

    Example:
        - repeat:
            name: layers
            count: depth
            steps:
              - residual:
                  - norm: {name: norm}
                  - gated_mlp: {name: mlp, hidden: 4 * same, out: same}
    """

    kind: ClassVar[str] = "repeat"
    drawn: ClassVar[Drawn] = "group"
    keeps: ClassVar[Literal["", "type", "tokens"]] = "type"
    nested: ClassVar[tuple[str, ...]] = ("steps",)

    name: Name = Field(description="state-dict name of the list of layers")
    count: Size = Field(description="how many layers")
    steps: Steps = Field(description="one layer")

    def infer(self, x: TensorType, scope: Scope) -> TensorType:
        count = scope.value(self.count, "count")
        if count > MOST_LAYERS:
            scope.fail(
                "VC209", f"{count} layers are more than {MOST_LAYERS}", "count", help="use fewer layers"
            )
        node = scope.node
        node.own_class = True
        y = scope.child(self.name).run(self.steps, x, node.body)
        left, right = x.substitute(scope.values), y.substitute(scope.values)
        if left.shape() != right.shape() or not all(
            same_order(a, b) for a, b in zip(left.axes, right.axes, strict=True)
        ):
            message = f"a layer of `{self.name}` turns `{x}` into `{y}`, so it cannot be repeated"
            scope.fail("VC201", message, help="make the last step give back the type that went in")
        return x

    def members(self, x: TensorType, y: TensorType, scope: Scope) -> list[Member]:
        from vla_compose.check.class_names import class_name
        from vla_compose.check.graph import in_order, members
        from vla_compose.check.scope import MOST_ENTRIES

        count = scope.value(self.count)
        registered = in_order(list(members(scope.node.body)), ())
        inside = [entry for member in registered for entry in member.entries()]
        if count * len(inside) > MOST_ENTRIES:
            message = f"{count} layers of {len(inside)} parameters are more than {MOST_ENTRIES:,} parameters"
            scope.fail("VC209", message, "count", help="use fewer layers")
        parameters = tuple((f"{at}.{name}", shape) for at in range(count) for name, shape in inside)
        made = class_name(f"{scope.prefix}.{self.name}")
        runtime = tuple(piece for member in members(scope.node.body) for piece in member.runtime)
        call = f"nn.ModuleList([{made}() for _ in range({count})])"
        return [Member(self.name, call, parameters, runtime=runtime, made_of=made)]

    def flops(self, x: TensorType, y: TensorType, scope: Scope) -> Dim:
        total = Dim.of(0)
        for node in scope.node.body:
            total = total + node.flops
        return total * self.count

    def lower(self, node: Node, code: Code) -> None:
        from vla_compose.lower.classes import layer_class

        arguments = layer_class(node.members[0].made_of, node, code)
        if code.x != code.target:
            code.set(code.x)
        code.line(f"for layer in {code.attr(self.name)}:")
        code.line(f"    {code.target} = layer({', '.join([code.x, *arguments])})")
        code.x = code.target
