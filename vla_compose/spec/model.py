"""The spec as data: what a YAML file says, after its fields were checked and before types were inferred."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, StrictBool, StrictStr, WithJsonSchema

from vla_compose.primitives.base import Path, Step
from vla_compose.primitives.fields import Model, Name, Size
from vla_compose.spec.reader import Document
from vla_compose.types.dim import Dim
from vla_compose.types.tensor import TensorType, parse_pattern

SPEC_VERSION = 1
ROOT = ""
"""Name of the chain that top-level `steps` make: its members have no level of their own."""

Steps = Annotated[list[Any], WithJsonSchema({"$ref": "#/$defs/Steps"})]




class TensorInput(Model):
    """A tensor that `forward` takes."""

    type: StrictStr = Field(
        description="the shape and order as an einops pattern", examples=["b (h w) vision", "(n merge merge) vision"]
    )
    each: Size | None = Field(None, description="the input is a list of this many tensors of that type")
    optional: StrictBool = Field(False, description="`forward` may be called without it (`None`)")


class SizesInput(Model):
    """A tuple of integers that `forward` takes, which gives sizes of other inputs their value."""

    sizes: StrictStr = Field(description="the names it binds, in order", examples=["h w"])
    default: list[Annotated[int, Field(strict=True, ge=1, le=2**31)]] | None = Field(
        None, description="used when `forward` is called without it", examples=[[16, 16]]
    )


Input = TensorInput | SizesInput


class ChainFields(Model):
    """A named run of steps; a submodule of that name."""

    from_: StrictStr | None = Field(None, alias="from", description="the input or chain that it starts from")
    each: StrictBool = Field(False, description="one copy of the chain, with weights of its own, a tensor of the list")
    steps: Steps = Field(description="what happens to it, one primitive an entry")
    order: list[Name] = Field([], description="state-dict order of submodules, where it is not the order of steps")
    unused: dict[str, Size] = Field({}, description="parameters of the checkpoint that `forward` never reads")


class Sources(Model):
    """Where the architecture is published."""

    paper: StrictStr | None = Field(None, description="link to the paper", pattern=r"^https://[^\s<>\"']+$")
    code: StrictStr | None = Field(None, description="link to the original code", pattern=r"^https://[^\s<>\"']+$")


class OutputFields(Model):
    """A tensor that `forward` returns."""

    from_: StrictStr | None = Field(None, alias="from", description="the chain that makes it")
    type: StrictStr | None = Field(None, description="asserted type, checked against the inferred one")


class SpecFields(Model):
    """A vision-language adapter."""

    spec_version: Annotated[int, WithJsonSchema({"const": SPEC_VERSION})] = Field(
        description="version of the spec language"
    )
    name: StrictStr = Field(
        description="the name of the spec", pattern=r"^[a-z][a-z0-9]*([-.][a-z0-9]+)*$", max_length=64
    )
    summary: StrictStr = Field("", description="one sentence about the adapter", max_length=2000)
    sources: Sources = Field(Sources(), description="paper and code, so that a reader can check the spec")
    dims: dict[str, Size] = Field({}, description="integers that are known when the module is built")
    inputs: dict[str, Any] = Field(description="what `forward` takes, by name and in order")
    from_: StrictStr | None = Field(None, alias="from", description="where top-level `steps` start")
    steps: Steps | None = Field(None, description="what happens to the input, one primitive an entry")
    chains: dict[str, Any] = Field({}, description="named runs of steps, each a submodule")
    order: list[Name] = Field([], description="state-dict order of submodules, where it is not the order of steps")
    unused: dict[str, Size] = Field({}, description="parameters of the checkpoint that `forward` never reads")
    outputs: dict[str, Any] = Field({}, description="what `forward` returns, by name and in order")
    variants: dict[str, dict[str, Size]] = Field({}, description="released sizes: dims by name of the size")


@dataclass(frozen=True, slots=True)
class Chain:
    """A run of steps. `source` names an input or another chain."""

    name: str
    source: str
    each: bool
    steps: tuple[Step, ...]
    order: tuple[str, ...]
    unused: Mapping[str, Dim]
    path: Path


@dataclass(frozen=True, slots=True)
class Output:
    """A value that `forward` returns; `type` is an assertion."""

    name: str
    source: str
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


