"""`drop`: leave out the first or last tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, model_validator

from vla_compose.primitives.base import Drawn, Node, Primitive
from vla_compose.primitives.fields import Size, fault
from vla_compose.types.dim import Dim
from vla_compose.types.tensor import Axis, Group, TensorType

if TYPE_CHECKING:
    from vla_compose.check.scope import Scope
    from vla_compose.lower.code import Code


class Drop(Primitive):
    """Leave out tokens at the start or the end, such as the class token of a vision tower.

    The type must show them: `b 1+(s s) c -> b (s s) c`. The result is a view, as in the originals.

    Example: `- drop: {first: 1}`
    """

    kind: ClassVar[str] = "drop"
    drawn: ClassVar[Drawn] = "order"

    first: Size = Field(Dim.of(0), description="how many tokens to leave out at the start")
    last: Size = Field(Dim.of(0), description="how many tokens to leave out at the end")

    @model_validator(mode="after")
    def _something(self) -> Drop:
        if self.first == 0 and self.last == 0:
            raise fault("value", "it leaves out nothing", help="write `drop: {first: 1}`")
        return self

    def infer(self, x: TensorType, scope: Scope) -> TensorType:
        first, last = scope.value(self.first, "first", least=0), scope.value(self.last, "last", least=0)
        if x.is_map or len(x.axes) < 2:
            scope.fail("VC205", f"`drop` takes tokens, but gets `{x}`", help="put `- to_tokens` before it")
        segments = _cut(_cut(list(x.tokens.segments), first, scope)[::-1], last, scope)[::-1]
        if not segments:
            scope.fail("VC203", f"`drop` leaves no token of `{x.tokens}`", help="drop fewer tokens")
        return x.with_tokens(Axis(tuple(segments)))

    def lower(self, node: Node, code: Code) -> None:
        first, last = code.number(self.first), code.number(self.last)
        cut = f"{first or ''}:{-last if last else ''}"
        lead = ":, " * (len(node.before.axes) - 2)
        code.set(f"{code.x}[{lead}{cut}]")


def drop_fixed(x: TensorType, scope: Scope) -> str:
    """A help for a step that takes one grid, where fixed tokens stand beside it."""
    sizes = [segment.size.substitute(scope.values).constant for segment in x.tokens.segments]
    many = [at for at, s in enumerate(x.tokens.segments) if len(s.factors) > 1 or sizes[at] is None]
    if len(many) != 1:
        return "give the parts inputs of their own"
    first, last = (sum(size or 0 for size in part) for part in (sizes[: many[0]], sizes[many[0] + 1 :]))
    fields = [f"{name}: {count}" for name, count in (("first", first), ("last", last)) if count]
    return f"put `- drop: {{{', '.join(fields)}}}` before it"


def _cut(segments: list[Group], count: int, scope: Scope) -> list[Group]:
    """Without the first `count` tokens, which must be whole segments or part of a counted one."""
    while count:
        if not segments:
            scope.fail("VC203", "`drop` takes more tokens than there are", help="drop fewer tokens")
        size = segments[0].size.substitute(scope.values).constant
        if size is None or segments[0].packed:
            message = f"`drop` would cut {count} of `{segments[0]}`, which does not say that they stand apart"
            scope.fail("VC202", message, help=f"write `{count}+{segments[0]}` in the type of the input")
        if size > count:
            return [Group((Dim.of(size - count),)), *segments[1:]]
        count -= size
        segments = segments[1:]
    return segments
