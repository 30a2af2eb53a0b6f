"""`queries`: learned vectors that take the place of the tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from vla_compose.primitives.base import Drawn, Member, Node, Primitive, parameter
from vla_compose.primitives.fields import Flag, Init, Name, Size
from vla_compose.primitives.linear import init_lines
from vla_compose.types.tensor import Axis, TensorType

if TYPE_CHECKING:
    from vla_compose.check.scope import Scope
    from vla_compose.lower.code import Code


class Queries(Primitive):
    """From here on a fixed number of learned vectors flows, and the tokens so far are the *context*.

    `attention` and `multihead_attention` after it read the context. With `batch: true` there is one copy of
    the queries for every item of the batch at once, `b queries c`; with `batch: false` they stay one set,
    `queries c`, until an attention step repeats them, as in Qwen-VL.

    Example: `- queries: {name: latents, count: queries}`
    """

    kind: ClassVar[str] = "queries"
    drawn: ClassVar[Drawn] = "tokens"

    name: Name = Field(description="state-dict name of the parameter")
    count: Size = Field(description="how many there are; the number of tokens from here on")
    batch: Flag = Field(True, description="one copy for every item of the batch, from here on")
    init: Init | None = Field(None, description="initial values (default: truncated normal of 0.02)")

    def infer(self, x: TensorType, scope: Scope) -> TensorType:
        if x.is_map or len(x.axes) != 3:
            scope.fail(
                "VC205",
                f"`queries` takes tokens `b n c` as context, but gets `{x}`",
                help="type the input as `b n c`",
            )
        scope.value(self.count, "count")
        scope.value(x.width)
        scope.context = x
        tokens = Axis.of(self.count)
        return x.with_tokens(tokens) if self.batch else TensorType((tokens, x.axes[-1]))

    def members(self, x: TensorType, y: TensorType, scope: Scope) -> list[Member]:
        init = init_lines(self.init, False, scope, "") or ("nn.init.trunc_normal_({self}, std=0.02)",)
        return [parameter(self.name, (self.count, x.width), init, scope)]

    def learned(self) -> dict[str, str]:
        return {"all": self.name}

    def lower(self, node: Node, code: Code) -> None:
        code.context = code.let("context", code.x)
        queries = code.attr(self.name)
        code.set(f"{queries}.unsqueeze(0).expand({code.context}.shape[0], -1, -1)" if self.batch else queries)
