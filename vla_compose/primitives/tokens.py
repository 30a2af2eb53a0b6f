"""`tokens`: learned tokens put between and around the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, model_validator

from vla_compose.primitives.base import Drawn, Member, Node, Primitive, parameter
from vla_compose.primitives.fields import Init, Name, fault
from vla_compose.primitives.linear import init_lines
from vla_compose.types.dim import Dim
from vla_compose.types.tensor import Axis, Group, TensorType

if TYPE_CHECKING:
    from vla_compose.check.scope import Scope
    from vla_compose.lower.code import Code


class Tokens(Primitive):
    """Put learned tokens into the sequence. Each field names the parameter that is put there.

    - `row_end`: one more column at the end of every row of a map: `b c h w -> b c h w+1`.
    - `start`, `end`: one token before and after all others: `b n c -> b 1+n+1 c`.

    A parameter has as many numbers as there are channels at that place.

    Example: `- tokens: {start: image_begin, end: image_end}`
    """

    kind: ClassVar[str] = "tokens"
    drawn: ClassVar[Drawn] = "tokens"

    row_end: Name | None = Field(None, description="parameter for the end of every row of a map")
    start: Name | None = Field(None, description="parameter before the first token")
    end: Name | None = Field(None, description="parameter after the last token")
    init: Init | None = Field(None, description="initial values (default: normal with channels^-0.5)")

    @model_validator(mode="after")
    def _some_place(self) -> Tokens:
        if self.row_end is not None and (self.start is not None or self.end is not None):
            message = "`row_end` stands alone: it belongs to a map, `start` and `end` to tokens"
            raise fault("value", message, help="write `row_end` in a `tokens` step of its own")
        if self.row_end is None and self.start is None and self.end is None:
            raise fault("value", "no token is named", help="add `start`, `end` or `row_end` with a name")
        return self

    def names(self) -> list[str]:
        return [name for name in (self.row_end, self.start, self.end) if name is not None]

    def infer(self, x: TensorType, scope: Scope) -> TensorType:
        scope.value(x.width)
        if self.row_end is not None:
            if not x.is_map:
                message = f"`row_end` needs rows, but the tokens are `{x}`"
                scope.fail("VC205", message, "row_end", help="put this step between `to_map` and `to_tokens`")
            return TensorType((*x.axes[:-1], Axis.of(x.axes[-1].size + 1)), x.channel)
        if x.is_map or len(x.axes) != 3:
            message = f"`start` and `end` work on tokens `b n c`, but get `{x}`"
            scope.fail("VC205", message, help="put `- to_tokens` before it")
        one = Group((Dim.of(1),))
        segments = [*([one] if self.start else []), *x.tokens.segments, *([one] if self.end else [])]
        return x.with_tokens(Axis(tuple(segments)))

    def members(self, x: TensorType, y: TensorType, scope: Scope) -> list[Member]:
        width = scope.value(x.width)
        default = (f"nn.init.normal_({{self}}, std={width**-0.5!r})",)
        init = init_lines(self.init, False, scope, "") or default
        names = [name for name in (self.row_end, self.start, self.end) if name is not None]
        return [parameter(name, (x.width,), init, scope) for name in names]

    def learned(self) -> dict[str, str]:
        places = {"start": self.start, "end": self.end, "row_end": self.row_end}
        return {place: name for place, name in places.items() if name is not None}

    def lower(self, node: Node, code: Code) -> None:
        x = code.x
        if self.row_end is not None:
            name = code.attr(self.row_end)
            column = code.let(
                "column", f"{name}.reshape(1, -1, 1, 1).expand({x}.shape[0], -1, {x}.shape[2], 1)"
            )
            code.set(f"torch.cat([{x}, {column}.to({x}.dtype)], dim=-1)")
            return
        parts = [x]
        for given, place in ((self.start, 0), (self.end, 2)):
            if given is not None:
                row = f"{code.attr(given)}.reshape(1, 1, -1).expand({x}.shape[0], 1, -1).to({x}.dtype)"
                parts.insert(place, code.let("first" if place == 0 else "last", row))
        code.set(f"torch.cat([{', '.join(parts)}], dim=1)")
