"""The kinds of input that a spec may declare."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictBool, StrictStr

from vla_compose.primitives.fields import Model, Size
from vla_compose.spec.words import nearest


class TensorInput(Model):
    """A tensor that `forward` takes, or a list of them."""

    type: StrictStr = Field(
        description="the shape and order as an einops pattern",
        examples=["b (h w) vision", "(n merge merge) vision"],
    )
    each: Size | None = Field(None, description="the input is a list of this many tensors of that type")
    optional: StrictBool = Field(False, description="`forward` may be called without it (`None`)")


class SizesInput(Model):
    """A tuple of integers that `forward` takes, which gives sizes of other inputs their value."""

    sizes: StrictStr = Field(description="the names it binds, in order", examples=["h w"])
    default: list[Annotated[int, Field(strict=True, ge=1, le=2**31)]] | None = Field(
        None, description="used when `forward` is called without it", examples=[[16, 16]]
    )

    @property
    def names(self) -> list[str]:
        """The sizes it binds."""
        return self.sizes.split()


class GridInput(Model):
    """An integer tensor with one row an image, such as `grid_thw`: sizes of each part of a packed input."""

    grid: StrictStr = Field(description="the names of the columns, in order", examples=["t h w"])

    @property
    def names(self) -> list[str]:
        """The sizes it gives for every image."""
        return self.grid.split()


class FlagInput(Model):
    """A boolean that `forward` takes, which chooses between chains."""

    flag: StrictBool = Field(description="its value when `forward` is called without it")


Input = TensorInput | SizesInput | GridInput | FlagInput


def input_kind(fields: object) -> type[TensorInput] | type[SizesInput] | type[GridInput] | type[FlagInput]:
    """The kind of input that a mapping of fields declares, with a typo perhaps."""
    kinds: dict[str, type[SizesInput] | type[GridInput] | type[FlagInput]] = {
        "sizes": SizesInput,
        "grid": GridInput,
        "flag": FlagInput,
    }
    if isinstance(fields, dict):
        for field, kind in kinds.items():
            if field in fields:
                return kind
        if "type" not in fields:
            for word in fields:
                near = nearest(str(word), ("type", *kinds))
                if near is not None and near != "type":
                    return kinds[near]
    return TensorInput
