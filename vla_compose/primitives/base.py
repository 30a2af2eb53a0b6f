"""What a primitive is: fields, a type rule, a cost rule and a lowering, in one class in one file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from vla_compose.primitives.fields import Model, When
from vla_compose.types.dim import Dim, product
from vla_compose.types.tensor import TensorType

if TYPE_CHECKING:
    from vla_compose.check.scope import Scope
    from vla_compose.lower.code import Code

Path = tuple[str | int, ...]

Drawn = Literal["map", "norm", "convolution", "order", "merge", "tokens", "attention", "group", "residual"]
"""How the box of a step looks in a diagram, by what it does to tokens."""
Holds = Literal["floats", "integers", "mask", "scores"]
"""What the elements of an input must be: a `mask` of booleans or integers, `scores` of booleans or floats."""


@dataclass(frozen=True, slots=True)
class Member:
    """Something that a module registers in its constructor.

    `path` is its state-dict path, `code` the expression that makes it, `parameters` the entries it adds
    to the state dict (path below `path`, or `""` for a bare parameter) with their shapes, and `init` the
    lines that draw its first values, with `{self}` for the member. `runtime` are the files of
    `vla_compose.runtime` that it needs, and `made_of` is the class that it is made of, where the generated
    source defines that. `sizes` are the shapes over dims; a list of layers has none, because its layers
    have them.
    """

    path: str
    code: str
    parameters: tuple[tuple[str, tuple[int, ...]], ...]
    init: tuple[str, ...] = ()
    runtime: tuple[str, ...] = ()
    made_of: str = ""
    sizes: tuple[tuple[Dim, ...], ...] = ()

    @property
    def is_parameter(self) -> bool:
        """Whether it is a bare parameter, which torch lists before submodules."""
        return self.parameters[:1] == (("", self.parameters[0][1]),) if self.parameters else False

    def entries(self) -> list[tuple[str, tuple[int, ...]]]:
        """State-dict names and shapes."""
        return [(f"{self.path}.{name}" if name else self.path, shape) for name, shape in self.parameters]


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of `steps`: the primitive and where it stands in the file."""

    kind: str
    body: Primitive
    path: Path


@dataclass(slots=True)
class Node:
    """A checked step: the types around it, what it registers, and the checked steps inside it."""

    step: Step
    before: TensorType
    after: TensorType
    members: tuple[Member, ...] = ()
    flops: Dim = field(default_factory=lambda: Dim.of(0))
    body: list[Node] = field(default_factory=list)
    own_class: bool = False
    context: TensorType | None = None


class Primitive(Model, ABC):
    """Abstract base: one subclass a kind, no further inheritance."""

    kind: ClassVar[str]
    shorthand: ClassVar[str | None] = None
    """The field that a bare value sets: `- activation: gelu` is `- activation: {kind: gelu}`."""
    nested: ClassVar[tuple[str, ...]] = ()
    """Fields that hold steps of their own."""
    drawn: ClassVar[Drawn] = "map"
    """How its box looks in a diagram."""

    keeps: ClassVar[Literal["", "type", "tokens"]] = ""
    """What comes out of a step that has a mistake, so that the steps after it are checked as well: the type
    that went in, or the same tokens with `out` channels."""

    when: When | None = Field(None, description="keep this step only if the condition on dims holds")

    @abstractmethod
    def infer(self, x: TensorType, scope: Scope) -> TensorType:
        """The type after the step.

        Raises:
            StepFault: the step does not fit `x`; reported through `scope`.
        """

    def members(self, x: TensorType, y: TensorType, scope: Scope) -> Sequence[Member]:
        """What the step registers; nothing by default."""
        return ()

    def flops(self, x: TensorType, y: TensorType, scope: Scope) -> Dim:
        """Floating-point operations of matrix products (2 a multiply-add); 0 by default."""
        return Dim.of(0)

    def names(self) -> list[str]:
        """State-dict names that the step is given by its fields, whether or not `when` holds."""
        name = getattr(self, "name", None)
        return [name] if isinstance(name, str) else list(getattr(self, "names_", None) or [])

    def reads(self) -> Mapping[str, Holds]:
        """The inputs that the step reads beside the stream, and what they hold."""
        return {}

    def learned(self) -> Mapping[str, str]:
        """Learned tokens that it makes, by place: `start`, `end`, `row_end`, or `all` for queries."""
        return {}

    def of_pixels(self, x: TensorType, y: TensorType, values: Mapping[str, int]) -> Mapping[str, Any]:
        """Sizes that depend on the pixels of an image, by name, as `vla_compose.site.expression` trees."""
        return {}

    @abstractmethod
    def lower(self, node: Node, code: Code) -> None:
        """Write the statements that turn `code.x` of type `node.before` into `node.after`."""

    @classmethod
    def page(cls) -> str:
        """The documentation page: the docstring."""
        import inspect

        return inspect.cleandoc(cls.__doc__ or "")


def rows(x: TensorType) -> Dim:
    """How many channel vectors an edge holds."""
    return product(axis.size for at, axis in enumerate(x.axes) if at != len(x.axes) + x.channel)


def module(path: str, call: str, sizes: Mapping[str, tuple[Dim, ...]], scope: Scope, **more: Any) -> Member:
    """A submodule made by `call`."""
    parameters = tuple((name, numbers(shape, scope)) for name, shape in sizes.items())
    return Member(path, call, parameters, sizes=tuple(sizes.values()), **more)


def parameter(path: str, shape: tuple[Dim, ...], init: tuple[str, ...], scope: Scope) -> Member:
    """A bare parameter."""
    code = f"nn.Parameter(torch.empty({', '.join(map(str, numbers(shape, scope)))}))"
    return module(path, code, {"": shape}, scope, init=init)


def numbers(shape: tuple[Dim, ...], scope: Scope) -> tuple[int, ...]:
    """The integers of a shape."""
    return tuple(scope.value(size) for size in shape)
