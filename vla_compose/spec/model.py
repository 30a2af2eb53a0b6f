"""The spec as data: what a YAML file says, after its fields were checked and before types were inferred."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, StrictBool, StrictStr, WithJsonSchema, model_validator

from vla_compose.primitives.base import Path, Step
from vla_compose.primitives.fields import STEPS_REF, Model, Name, Size, fault
from vla_compose.spec.inputs import Input
from vla_compose.spec.layouts import Layout, Layouts
from vla_compose.spec.names import LONGEST_NAME, SPEC_NAME, check_spec_name
from vla_compose.spec.reader import Document
from vla_compose.spec.words import safe
from vla_compose.types.dim import Dim
from vla_compose.types.tensor import TensorType, parse_pattern

SPEC_VERSION = 1
ROOT = ""
"""Name of the chain that top-level `steps` make: its members have no level of their own."""

Steps = Annotated[list[Any], WithJsonSchema({"$ref": STEPS_REF})]


class ChoiceFields(Model):
    """One of two chains, chosen by a flag when `forward` is called; the other does not run."""

    flag: StrictStr = Field(description="the flag input that chooses")
    then: StrictStr = Field(description="the chain when the flag is set")
    else_: StrictStr = Field(alias="else", description="the chain when it is not")


class CombineFields(Model):
    """Several inputs or chains as one: side by side, after one another, or added."""

    concat: Annotated[list[StrictStr], Field(min_length=1, max_length=64)] | None = Field(
        None, description="inputs or chains to join; one list input joins its tensors"
    )
    add: Annotated[list[StrictStr], Field(min_length=2, max_length=64)] | None = Field(
        None, description="inputs or chains to add"
    )
    axis: Literal["channels", "tokens"] = Field("channels", description="where `concat` joins")

    @model_validator(mode="after")
    def _one_way(self) -> CombineFields:
        if (self.concat is None) == (self.add is None):
            help = "add `concat: [a, b]`" if self.concat is None else "leave one of them out"
            raise fault("value", "it needs `concat` or `add`, and not both", help=help)
        return self


OriginFields = StrictStr | ChoiceFields | CombineFields | None


class ChainFields(Model):
    """A named run of steps; a submodule of that name."""

    from_: OriginFields = Field(
        None,
        alias="from",
        description="the input or chain that it starts from, a choice by a flag, or several",
    )
    each: StrictBool = Field(
        False, description="one copy of the chain, with weights of its own, a tensor of the list"
    )
    per_image: StrictStr | None = Field(
        None, description="grid input; the chain runs once for each image of a packed input"
    )
    inline: StrictBool = Field(False, description="its members have no level of their own in the state dict")
    steps: Steps = Field(description="what happens to it, one primitive an entry")
    order: list[Name] = Field(
        [], description="state-dict order of submodules, where it is not the order of steps"
    )
    unused: dict[str, Size] = Field({}, description="parameters of the checkpoint that `forward` never reads")


_LINK = r"^https://[^\s<>\"']+$"


def _check_link(text: str) -> str:
    if not re.fullmatch(_LINK, text):
        raise fault("link", f"`{safe(text)}` is not a link that begins with `https://`")
    return text


SpecName = Annotated[
    StrictStr,
    AfterValidator(check_spec_name),
    WithJsonSchema({"type": "string", "pattern": SPEC_NAME, "maxLength": LONGEST_NAME}),
]
Link = Annotated[StrictStr, AfterValidator(_check_link), WithJsonSchema({"type": "string", "pattern": _LINK})]


class Sources(Model):
    """Where the architecture is published."""

    paper: Link | None = Field(None, description="link to the paper")
    code: Link | None = Field(None, description="link to the original code")


class OutputFields(Model):
    """A tensor that `forward` returns."""

    from_: OriginFields = Field(
        None, alias="from", description="the chain that makes it, a choice by a flag, or several"
    )
    type: StrictStr | None = Field(None, description="asserted type, checked against the inferred one")


class SpecFields(Model):
    """A vision-language adapter."""

    elsewhere: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("each", "per_image", "inline"), "move it into a chain, with the steps: `chains: {main: {steps: …}}`"
    )
    """Helps for fields that others have."""

    spec_version: Annotated[int, WithJsonSchema({"const": SPEC_VERSION})] = Field(
        description="version of the spec language"
    )
    name: SpecName = Field(description="the name of the spec")
    summary: StrictStr = Field("", description="one sentence about the adapter", max_length=2000)
    sources: Sources = Field(Sources(), description="paper and code, so that a reader can check the spec")
    dims: dict[str, Size] = Field({}, description="integers that are known when the module is built")
    inputs: dict[str, Any] = Field(description="what `forward` takes, by name and in order")
    from_: OriginFields = Field(
        None,
        alias="from",
        description="where top-level `steps` start: an input, a chain, a choice, or several",
    )
    steps: Steps | None = Field(None, description="what happens to the input, one primitive an entry")
    chains: dict[str, Any] = Field({}, description="named runs of steps, each a submodule")
    order: list[Name] = Field(
        [], description="state-dict order of submodules, where it is not the order of steps"
    )
    unused: dict[str, Size] = Field({}, description="parameters of the checkpoint that `forward` never reads")
    outputs: dict[str, Any] = Field({}, description="what `forward` returns, by name and in order")
    variants: dict[str, dict[str, Size]] = Field({}, description="released sizes: dims by name of the size")
    layouts: Layouts = Field({}, description="names of the parameters in released checkpoints")


@dataclass(frozen=True, slots=True)
class Choice:
    """One of two chains, chosen by a flag."""

    flag: str
    then: str
    otherwise: str

    def __str__(self) -> str:
        return f"{self.then} if {self.flag} else {self.otherwise}"


@dataclass(frozen=True, slots=True)
class Combine:
    """Several inputs or chains as one: `channels`, `tokens` or `add`."""

    how: str
    parts: tuple[str, ...]

    def __str__(self) -> str:
        return f"{' + '.join(self.parts)}" if self.how == "add" else f"{', '.join(self.parts)} by {self.how}"


Origin = str | Choice | Combine
"""Where a chain or an output starts: an input or chain, a choice of chains, or several together."""


def names(origin: Origin) -> tuple[str, ...]:
    """The inputs or chains that an origin names."""
    if isinstance(origin, Choice):
        return (origin.then, origin.otherwise)
    return origin.parts if isinstance(origin, Combine) else (origin,)


@dataclass(frozen=True, slots=True)
class Chain:
    """A run of steps. `inline` chains, top-level steps among them, add no level to state-dict names."""

    name: str
    source: Origin
    each: bool
    per_image: str | None
    inline: bool
    steps: tuple[Step, ...]
    order: tuple[str, ...]
    unused: Mapping[str, Dim]
    path: Path


@dataclass(frozen=True, slots=True)
class Output:
    """A value that `forward` returns; `type` is an assertion."""

    name: str
    source: Origin
    type: TensorType | None
    path: Path


@dataclass(frozen=True, slots=True)
class Spec:
    """A vision-language adapter as a spec describes it. Made by `vla_compose.load`."""

    version: int
    name: str
    summary: str
    sources: Sources
    dims: Mapping[str, Dim]
    inputs: Mapping[str, Input]
    chains: Mapping[str, Chain]
    outputs: tuple[Output, ...]
    variants: Mapping[str, Mapping[str, Dim]]
    layouts: Mapping[str, Layout]
    document: Document

    def __repr__(self) -> str:
        return f"Spec({self.name!r}, chains={[name or 'steps' for name in self.chains]})"

    @property
    def text(self) -> str:
        """The YAML it was read from."""
        return self.document.text

    def pattern(self, text: str) -> TensorType:
        """Parse a pattern with this spec's dims.

        Raises:
            PatternError: the text is not a pattern.
        """
        return parse_pattern(text, self.dims)
