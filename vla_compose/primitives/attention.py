"""`attention`: scaled dot-product attention with projections of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from vla_compose.primitives.base import Drawn, Holds, Member, Node, Primitive, rows
from vla_compose.primitives.fields import Flag, Init, Name, Size
from vla_compose.primitives.linear import linear_member
from vla_compose.primitives.multihead_attention import check_heads, nearest_divisor
from vla_compose.primitives.norm import Norm, norm_member
from vla_compose.types.dim import Dim
from vla_compose.types.tensor import TensorType

if TYPE_CHECKING:
    from vla_compose.check.scope import Scope
    from vla_compose.lower.code import Code


class Attention(Primitive):
    """The stream attends through `torch.nn.functional.scaled_dot_product_attention`: `b q c -> b q c`.

    `keys` says what is read: the `context` (see `queries`), the context followed by the stream itself
    (`context_and_self`, as in perceivers), or the stream alone (`self`). With fewer `kv_heads` than `heads`,
    heads share keys and values. `mask` names an input `b n` of booleans over the context, where `false`
    hides a token. The four maps are `q_proj`, `k_proj`, `v_proj` and `o_proj` below `name`.

    Example: `- attention: {name: self_attn, heads: 16, kv_heads: 4, head_dim: 96, keys: context_and_self}`
    """

    kind: ClassVar[str] = "attention"
    drawn: ClassVar[Drawn] = "attention"
    keeps: ClassVar[Literal["", "type", "tokens"]] = "type"

    name: Name = Field(description="state-dict name that the four maps stand below")
    names_: Annotated[list[Name], Field(min_length=4, max_length=4)] = Field(
        ["q_proj", "k_proj", "v_proj", "o_proj"], alias="names", description="names of the four maps"
    )
    keys: Literal["context", "context_and_self", "self"] = Field("context", description="what is read")
    heads: Size = Field(description="heads of the queries")
    kv_heads: Size | None = Field(None, description="heads of keys and values (default: as many as `heads`)")
    head_dim: Size | None = Field(None, description="channels of a head (default: channels // heads)")
    context_norm: Norm | None = Field(None, description="norm of the context before it is read")
    mask: Name | None = Field(None, description="input that says which tokens of the context are real")
    bias: Flag = Field(False, description="add learned biases")
    init: Init | None = Field(None, description="initial values, where they are not torch's own")

    def names(self) -> list[str]:
        return [*([self.context_norm.name] if self.context_norm else []), *self._projections()]

    def _projections(self) -> list[str]:
        return [f"{self.name}.{name}" for name in self.names_]

    def reads(self) -> Mapping[str, Holds]:
        return {} if self.mask is None else {self.mask: "mask"}

    def infer(self, x: TensorType, scope: Scope) -> TensorType:
        if x.is_map or len(x.axes) != 3:
            scope.fail("VC205", f"`attention` takes tokens `b q c`, but gets `{x}`", help="keep a batch axis")
        width, heads, kv_heads, _ = self._sizes(x, scope)
        if self.head_dim is None:
            check_heads(width, heads, scope)
        if heads % kv_heads:
            message = f"{kv_heads} key heads cannot serve {heads} heads evenly"
            good = nearest_divisor(heads, kv_heads)
            scope.fail(
                "VC203", message, "kv_heads", help=f"use a number that divides {heads}, such as {good}"
            )
        if self.keys == "self":
            if self.context_norm is not None or self.mask is not None:
                message = "`context_norm` and `mask` belong to a context, which `keys: self` does not read"
                scope.fail("VC104", message, "keys", help="leave them out, or write `keys: context`")
            return x
        context = scope.context
        if context is None:
            scope.fail(
                "VC205",
                "`attention` has no context to read",
                help="put `- queries: {name: query, count: 64}` before it",
            )
        if self.keys == "context_and_self" and not scope.equal(x.width, context.width):
            message = f"the stream has {x.width} channels, but the context has {context.width}"
            scope.fail("VC201", message, help="map one of them with `linear` first", why=True)
        if self.mask is not None:
            edge = scope.side(self.mask, "mask")
            stated = [axis.size for axis in (context.axes[0], context.tokens)]
            sizes = [axis.size for axis in edge.type.axes]
            if len(sizes) != 2 or not all(scope.equal(a, b) for a, b in zip(sizes, stated, strict=True)):
                expected = f"{context.axes[0]} {context.tokens}"
                message = f"the mask `{self.mask}` is `{edge.type}`, but the context is `{expected}`"
                scope.fail("VC201", message, "mask", help=f"type the input `{self.mask}` as `{expected}`")
        return x

    def members(self, x: TensorType, y: TensorType, scope: Scope) -> list[Member]:
        read = x.width if self.keys == "self" or scope.context is None else scope.context.width
        found = [norm_member(self.context_norm, read, scope)] if self.context_norm is not None else []
        own, keys = self._inner(x)
        sizes = ((x.width, own), (read, keys), (read, keys), (own, x.width))
        for name, (inside, outside) in zip(self._projections(), sizes, strict=True):
            found.append(linear_member(name, inside, outside, self.bias, self.init, scope))
        return found

    def flops(self, x: TensorType, y: TensorType, scope: Scope) -> Dim:
        width, heads, kv_heads, dim = self._sizes(x, scope)
        own = x.tokens.size if self.keys != "context" else Dim.of(0)
        keys = own + (scope.context.tokens.size if self.keys != "self" and scope.context is not None else 0)
        projected = rows(x) * (2 * width * heads * dim) + x.axes[0].size * keys * (2 * width * kv_heads * dim)
        return (projected + rows(x) * keys * (2 * heads * dim)) * 2

    def lower(self, node: Node, code: Code) -> None:
        width, dim = code.number(node.before.width), None
        heads = code.number(self.heads)
        dim = code.number(self.head_dim) if self.head_dim is not None else width // heads
        kv_heads = code.number(self.kv_heads) if self.kv_heads is not None else heads
        query, key, value, out = (code.attr(name) for name in self._projections())
        read = code.x
        if self.keys != "self":
            read = str(code.context)
            if self.context_norm is not None:
                read = f"{code.attr(self.context_norm.name)}({read})"
        if self.keys == "context_and_self":
            read = f"torch.cat([{read}, {code.x}], dim=-2)"
        if read != code.x:
            read = code.let("read", read)
        split = f".unflatten(-1, ({{}}, {dim})).transpose(1, 2)"
        queries = code.let("queries", f"{query}({code.x}){split.format(heads)}")
        keys = code.let("keys", f"{key}({read}){split.format(kv_heads)}")
        values = code.let("values", f"{value}({read}){split.format(kv_heads)}")
        code.runtime("attend")
        mask = "None" if self.mask is None else self._mask(node, code)
        code.set(f"attend({queries}, {keys}, {values}, {mask}, {dim**-0.5!r})")
        code.set(f"{out}({code.x}.flatten(2))")

    def _mask(self, node: Node, code: Code) -> str:
        given = self.mask or ""
        own = self.keys == "context_and_self"

        def write(outer: Code) -> str:
            outer.runtime("key_mask")
            return f"key_mask({outer.input(given)}, {outer.size(node.before.tokens.size)}, {own})"

        key = (given, str(own), str(node.before.tokens.size.substitute(code.values)))
        return code.hoist(key, f"{given}_keys", write)

    def _inner(self, x: TensorType) -> tuple[Dim, Dim]:
        """The widths of all queries and of all keys."""
        dim = self.head_dim if self.head_dim is not None else x.width // self.heads
        own = x.width if self.head_dim is None else self.heads * dim
        return own, own if self.kv_heads is None else self.kv_heads * dim

    def _sizes(self, x: TensorType, scope: Scope) -> tuple[int, int, int, int]:
        width, heads = scope.value(x.width), scope.value(self.heads, "heads")
        kv_heads = scope.value(self.kv_heads, "kv_heads") if self.kv_heads is not None else heads
        dim = scope.value(self.head_dim, "head_dim") if self.head_dim is not None else max(1, width // heads)
        return width, heads, kv_heads, dim
