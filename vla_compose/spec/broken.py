"""A step with a mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from vla_compose.primitives.base import Node, Primitive
from vla_compose.primitives.fields import Size, Steps
from vla_compose.types.tensor import TensorType

if TYPE_CHECKING:
    from vla_compose.check.scope import Scope
    from vla_compose.lower.code import Code


class Broken(Primitive):
    """Stands for a step whose fields have a mistake, so that the steps around it are checked as well.

    It holds what is certain all the same: `kept` is what such a step keeps of the type, `out` its channels,
    `steps` those inside it. A spec with such a step never becomes a graph.
    """

    kind: ClassVar[str] = "a step with a mistake"
    nested: ClassVar[tuple[str, ...]] = ("steps",)

    kept: Literal["", "type", "tokens"] = ""
    out: Size | None = None
    steps: Steps = ()

    def infer(self, x: TensorType, scope: Scope) -> TensorType:
        scope.give_up()

    def lower(self, node: Node, code: Code) -> None:
        raise AssertionError("a spec with a mistake has no source")
