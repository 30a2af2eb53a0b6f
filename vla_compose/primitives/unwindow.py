"""`unwindow`: put tokens that were permuted window by window back into the order of the image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from vla_compose.primitives.base import Drawn, Holds, Node, Primitive
from vla_compose.primitives.fields import Name
from vla_compose.types.tensor import Axis, TensorType

if TYPE_CHECKING:
    from vla_compose.check.scope import Scope
    from vla_compose.lower.code import Code


class Unwindow(Primitive):
    """Undo a permutation of tokens: `window(n) c -> n c`.

    Vision towers with window attention permute tokens so that each window lies together. `index` names the
    input that holds the permutation: entry `i` says which token of the image stands at place `i`. The step
    applies its inverse, not the permutation once more, which is right on some square grids only. That each
    token stands in it once is not checked: that would read the index back from a GPU.

    Example: `- unwindow: {index: window_index}`
    """

    kind: ClassVar[str] = "unwindow"
    drawn: ClassVar[Drawn] = "order"

    index: Name = Field(description="input of type `n` with the permutation that was applied")

    def reads(self) -> Mapping[str, Holds]:
        return {self.index: "integers"}

    def infer(self, x: TensorType, scope: Scope) -> TensorType:
        group = None if x.is_map or len(x.axes) != 2 else x.tokens.group
        if group is None or not group.window:
            message = f"`unwindow` takes tokens `window(n) c`, but gets `{x}`"
            scope.fail("VC202", message, help="leave it out, or type the input as `window(n m m) c`")
        edge = scope.side(self.index, "index")
        axes = edge.type.axes
        if edge.optional or len(axes) != 1 or not scope.equal(axes[0].size, group.size):
            expected = replace(group, window=False).size
            message = f"the index `{self.index}` is `{edge.type}`, but there are `{expected}` tokens"
            scope.fail("VC201", message, "index", help=f"type the input `{self.index}` as `{expected}`")
        return x.with_tokens(Axis((replace(group, window=False),)))

    def lower(self, node: Node, code: Code) -> None:
        code.set(f"{code.x}[torch.argsort({code.input(self.index)}), :]")
