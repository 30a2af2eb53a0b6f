"""`cross_attention`: learned queries that read the tokens."""

from __future__ import annotations

from math import isqrt
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from vla_compose.primitives.base import Member, Node, Primitive, module
from vla_compose.primitives.fields import Init, Model, Name, Size
from vla_compose.primitives.linear import init_lines
from vla_compose.primitives.norm import Norm, norm_member
from vla_compose.types.dim import Dim
from vla_compose.types.tensor import Axis, TensorType

if TYPE_CHECKING:
    from vla_compose.check.scope import Scope
    from vla_compose.lower.code import Code


class Queries(Model):
    """Learned vectors that ask."""

    name: Name = Field(description="state-dict name of the parameter")
    count: Size = Field(description="how many there are; the number of tokens after the step")
    norm: Norm | None = Field(None, description="norm of the queries before they ask")
    init: Init | None = Field(None, description="initial values (default: truncated normal of 0.02)")


class Positions(Model):
    """Positions on a grid, added to queries and keys."""

    name: Name = Field(description="state-dict name; the table is in the checkpoint and is not trained")
    kind: Literal["sincos_2d"] = Field("sincos_2d", description="fixed sines and cosines of row and column")
    resize: Literal["bicubic"] = Field("bicubic", description="how the table is fitted to the grid of the keys")


class CrossAttention(Primitive):
    """A fixed number of learned queries reads the tokens: `b (s s) c -> b queries c`.

    Keys and values are the incoming tokens, projected inside `torch.nn.MultiheadAttention` (packed weights
    `in_proj_weight`, `in_proj_bias`). `positions` is a table for the square grid of the queries; it is added
    to the queries as it is, and to the keys resized to their grid. `mask` names an input of type
    `queries keys`: booleans where `true` hides a key, or numbers added to the scores.

    Example:

        - cross_attention:
            name: attn
            queries: {name: query, count: queries, norm: {name: ln_q, eps: 1e-6}}
            positions: {name: pos_embed}
            heads: heads
            mask: attn_mask
    """

    kind: ClassVar[str] = "cross_attention"

    name: Name = Field(description="state-dict name of the attention")
    queries: Queries = Field(description="the learned queries")
    positions: Positions | None = Field(None, description="positions added to queries and keys")
    heads: Size = Field(description="attention heads; must divide the channels")
    mask: Name | None = Field(None, description="input that hides keys from queries")
    init: Init | None = Field(None, description="initial values of the output projection")

    def infer(self, x: TensorType, scope: Scope) -> TensorType:
        if x.is_map or len(x.axes) != 3:
            message = f"`cross_attention` takes tokens `b n c`, but gets `{x}`"
            scope.fail("VC205", message, help="type the input as `b (s s) c`")
        width, heads = scope.value(x.width), scope.value(self.heads, "heads")
        if width % heads:
            good = next(h for h in range(heads, 0, -1) if width % h == 0)
            message = f"{heads} heads cannot share {width} channels evenly"
            scope.fail("VC203", message, "heads", help=f"use a number that divides {width}, such as {good}", why=True)
        count = scope.value(self.queries.count, "queries", "count")
        if self.positions is not None:
            self._check_positions(x, width, count, scope)
        if self.mask is not None:
            edge = scope.side(self.mask, "mask")
            keys = x.tokens.size
            sizes = [axis.size for axis in edge.type.axes]
            if len(sizes) != 2 or not scope.equal(sizes[0], self.queries.count) or not scope.equal(sizes[1], keys):
                expected = f"{self.queries.count} {x.tokens}"
                message = f"the mask `{self.mask}` is `{edge.type}`, but queries and keys are `{expected}`"
                scope.fail("VC201", message, "mask", help=f"type the input `{self.mask}` as `{expected}`")
        return x.with_tokens(Axis.of(self.queries.count))

    def _check_positions(self, x: TensorType, width: int, count: int, scope: Scope) -> None:
        if isqrt(count) ** 2 != count:
            message = f"{count} queries are no square grid, which `positions` needs"
            near = max(1, round(count**0.5)) ** 2
            scope.fail("VC203", message, "queries", "count", help=f"use a square number, such as {near}")
        if width % 4:
            scope.fail("VC203", f"sincos_2d needs channels in fours, not {width}", "positions", help="change the width")
        group = x.tokens.group
        if group is None or len(group.factors) != 2:
            message = f"positions of keys need rows and columns, but the tokens are `{x.tokens}`"
            scope.fail("VC202", message, "positions", help=f"type the input as `b (s s) {x.axes[-1]}`")
        scope.known(*group.factors)

    def members(self, x: TensorType, y: TensorType, scope: Scope) -> list[Member]:
        width, count = scope.value(x.width), scope.value(self.queries.count)
        found: list[Member] = []
        if self.positions is not None:
            table = f"nn.Parameter(sincos_2d({width}, {isqrt(count)}), requires_grad=False)"
            shape = (("", (count, width)),)
            found.append(Member(self.positions.name, table, shape, runtime=("sincos_2d",)))
        init = init_lines(self.queries.init, False, scope, "") or ("nn.init.trunc_normal_({self}, std=0.02)",)
        query = f"nn.Parameter(torch.empty({count}, {width}))"
        found.append(Member(self.queries.name, query, (("", (count, width)),), init))
        parameters: dict[str, tuple[int, ...]] = {
            "in_proj_weight": (3 * width, width),
            "in_proj_bias": (3 * width,),
            "out_proj.weight": (width, width),
            "out_proj.bias": (width,),
        }
        attention = f"nn.MultiheadAttention({width}, {scope.value(self.heads)})"
        out = tuple(line.replace("{self}", "{self}.out_proj") for line in init_lines(self.init, True, scope))
        found.append(module(self.name, attention, parameters, init=out))
        if self.queries.norm is not None:
            found.append(norm_member(self.queries.norm, width))
        return found

    def flops(self, x: TensorType, y: TensorType, scope: Scope) -> Dim:
        batch, keys, width, queries = x.axes[0].size, x.tokens.size, x.width, self.queries.count
        projections = queries * 2 + keys * 2
        return batch * (projections * width * width + queries * keys * width * 2) * 2

    def lower(self, node: Node, code: Code) -> None:
        x = code.x
        query = code.attr(self.queries.name)
        if self.queries.norm is not None:
            query = f"{code.attr(self.queries.norm.name)}({query})"
        queries = code.let("queries", f"{query}.unsqueeze(1).repeat(1, {x}.shape[0], 1)")
        code.set(f"{x}.permute(1, 0, 2)")
        keys = x
        if self.positions is not None:
            group = node.before.tokens.group
            assert group is not None
            height, width = (code.size(factor) for factor in group.factors)
            table = code.attr(self.positions.name)
            code.runtime("resize_positions")
            positions = code.let("positions", f"resize_positions({table}, ({height}, {width}))")
            code.line(f"{queries} = {queries} + {table}.unsqueeze(1)")
            keys = code.let("keys", f"{x} + {positions}.unsqueeze(1)")
        mask = f", attn_mask={code.input(self.mask)}" if self.mask is not None else ""
        code.set(f"{code.attr(self.name)}({queries}, {keys}, {x}{mask})[0].permute(1, 0, 2)")
