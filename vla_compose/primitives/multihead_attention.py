"""`multihead_attention`: attention to the context by `torch.nn.MultiheadAttention`."""

from __future__ import annotations

from collections.abc import Mapping
from math import isqrt
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from vla_compose.primitives.base import Drawn, Holds, Member, Node, Primitive, module
from vla_compose.primitives.fields import Init, Model, Name, Size
from vla_compose.primitives.linear import init_lines
from vla_compose.types.dim import Dim
from vla_compose.types.tensor import TensorType

if TYPE_CHECKING:
    from vla_compose.check.scope import Scope
    from vla_compose.lower.code import Code


class Positions(Model):
    """Positions on a grid, added to queries and keys."""

    name: Name = Field(description="state-dict name; the table is in the checkpoint and is not trained")
    kind: Literal["sincos_2d"] = Field("sincos_2d", description="fixed sines and cosines of row and column")
    resize: Literal["bicubic"] = Field(
        "bicubic", description="how the table is fitted to the grid of the keys"
    )


class MultiheadAttention(Primitive):
    """The queries read the context through `torch.nn.MultiheadAttention`: `queries c -> b queries c`.

    Its weights are packed: `in_proj_weight`, `in_proj_bias`, `out_proj`. Keys and values are the context.
    `positions` is a table for the square grid of the queries; it is added to the queries as it is, and to
    the keys resized to their grid. `mask` names an input of type `queries keys`: booleans where `true`
    hides a key, or numbers added to the scores.

    Example: `- multihead_attention: {name: attn, heads: heads, positions: {name: pos_embed}}`
    """

    kind: ClassVar[str] = "multihead_attention"
    drawn: ClassVar[Drawn] = "attention"

    name: Name = Field(description="state-dict name of the attention")
    heads: Size = Field(description="attention heads; must divide the channels")
    positions: Positions | None = Field(None, description="positions added to queries and keys")
    mask: Name | None = Field(None, description="input that hides keys from queries")
    init: Init | None = Field(None, description="initial values of the output projection")

    def names(self) -> list[str]:
        return [*([self.positions.name] if self.positions else []), self.name]

    def reads(self) -> Mapping[str, Holds]:
        return {} if self.mask is None else {self.mask: "scores"}

    def infer(self, x: TensorType, scope: Scope) -> TensorType:
        context = scope.context
        if context is None:
            scope.fail(
                "VC205",
                "`multihead_attention` has no context to read",
                help="put `- queries: {name: query, count: 64}` before it",
            )
        batch = len(x.axes) == 3 and scope.equal(x.axes[0].size, context.axes[0].size)
        if not batch and (len(x.axes) != 2 or x.tokens.size.substitute(scope.values).constant is None):
            message = f"`multihead_attention` takes queries `b q c` or `q c`, but gets `{x}`"
            scope.fail("VC205", message, help="put it after `- queries`, before steps that change the axes")
        width, heads = scope.value(x.width), scope.value(self.heads, "heads")
        check_heads(width, heads, scope)
        if not scope.equal(x.width, context.width):
            message = f"queries have {x.width} channels, but the context has {context.width}"
            scope.fail("VC201", message, help="map one of them with `linear` first", why=True)
        if self.positions is not None:
            self._check_positions(x, context, width, scope)
        if self.mask is not None:
            edge = scope.side(self.mask, "mask")
            sizes = [axis.size for axis in edge.type.axes]
            stated = [x.tokens.size, context.tokens.size]
            if len(sizes) != 2 or not all(scope.equal(a, b) for a, b in zip(sizes, stated, strict=True)):
                expected = f"{x.tokens} {context.tokens}"
                message = f"the mask `{self.mask}` is `{edge.type}`, but queries and keys are `{expected}`"
                scope.fail("VC201", message, "mask", help=f"type the input `{self.mask}` as `{expected}`")
        return context.with_tokens(x.tokens)

    def _check_positions(self, x: TensorType, context: TensorType, width: int, scope: Scope) -> None:
        count = scope.value(x.tokens.size)
        if isqrt(count) ** 2 != count:
            near = max(1, round(count**0.5)) ** 2
            message = f"{count} queries are no square grid, which `positions` needs"
            scope.fail("VC203", message, "positions", help=f"use a square number of queries, such as {near}")
        if width % 4:
            scope.fail(
                "VC203",
                f"sincos_2d needs channels in fours, not {width}",
                "positions",
                help="change the width",
            )
        group = context.tokens.group
        if group is None or len(group.factors) != 2:
            message = f"positions of keys need rows and columns, but the context is `{context.tokens}`"
            scope.fail(
                "VC202", message, "positions", help="type the input by its grid, such as `b (s s) vision`"
            )
        scope.known(*group.factors)

    def members(self, x: TensorType, y: TensorType, scope: Scope) -> list[Member]:
        width = scope.value(x.width)
        found: list[Member] = []
        if self.positions is not None:
            count = isqrt(scope.value(x.tokens.size))
            table = f"nn.Parameter(sincos_2d({width}, {count}), requires_grad=False)"
            shape = {"": (x.tokens.size, x.width)}
            found.append(module(self.positions.name, table, shape, scope, runtime=("sincos_2d",)))
        sizes: dict[str, tuple[Dim, ...]] = {
            "in_proj_weight": (x.width * 3, x.width),
            "in_proj_bias": (x.width * 3,),
            "out_proj.weight": (x.width, x.width),
            "out_proj.bias": (x.width,),
        }
        attention = f"nn.MultiheadAttention({width}, {scope.value(self.heads)})"
        out = tuple(line.replace("{self}", "{self}.out_proj") for line in init_lines(self.init, True, scope))
        return [*found, module(self.name, attention, sizes, scope, init=out)]

    def flops(self, x: TensorType, y: TensorType, scope: Scope) -> Dim:
        assert scope.context is not None
        keys, queries, width = scope.context.tokens.size, x.tokens.size, x.width
        return y.axes[0].size * ((queries + keys) * 2 * width * width + queries * keys * width * 2) * 2

    def lower(self, node: Node, code: Code) -> None:
        context = code.context
        batched = len(node.before.axes) == 3
        repeat = "permute(1, 0, 2)" if batched else f"unsqueeze(1).repeat(1, {context}.shape[0], 1)"
        # Under its own name the stream would outlive the copy that is made of it here.
        code.set(f"{code.x}.{repeat}")
        values = keys = code.let("values", f"{context}.permute(1, 0, 2)")
        if self.positions is not None:
            height, width = (code.size(factor) for factor in self._grid(node, code))
            table = code.attr(self.positions.name)
            code.runtime("resize_positions")
            positions = code.let("positions", f"resize_positions({table}, ({height}, {width}))")
            code.set(f"{code.x} + {table}.unsqueeze(1)")
            keys = code.let("keys", f"{values} + {positions}.unsqueeze(1)")
        mask = f", attn_mask={code.input(self.mask)}" if self.mask is not None else ""
        code.set(f"{code.attr(self.name)}({code.x}, {keys}, {values}{mask})[0].permute(1, 0, 2)")

    def _grid(self, node: Node, code: Code) -> tuple[Dim, ...]:
        assert node.context is not None
        group = node.context.tokens.group
        assert group is not None
        return group.factors


def check_heads(width: int, heads: int, scope: Scope) -> None:
    """Channels must be shared evenly among heads."""
    if width % heads:
        good = nearest_divisor(width, heads)
        message = f"{heads} heads cannot share {width} channels evenly"
        scope.fail(
            "VC203", message, "heads", help=f"use a number that divides {width}, such as {good}", why=True
        )


def nearest_divisor(number: int, most: int) -> int:
    """The largest divisor up to `most`, searched below a bound: sizes may be as large as 2^53."""
    return next(h for h in range(min(most, number, 4096), 0, -1) if number % h == 0)
