"""The types inside and after a chain that runs for each image."""

from __future__ import annotations

from dataclasses import replace

from vla_compose.check.scope import Scope
from vla_compose.spec.inputs import GridInput
from vla_compose.spec.model import Chain
from vla_compose.types.tensor import Axis, Group, TensorType


def one_image(x: TensorType, scope: Scope, chain: Chain) -> TensorType:
    """What a chain that runs for each image is given: the rows of one image, whose sizes are numbers."""
    group = None if x.is_map or len(x.axes) != 2 else x.tokens.group
    grid = scope.spec.inputs.get(chain.per_image or "")
    if grid is None:
        scope.give_up()
    symbols = (
        {name for factor in group.factors for name in factor.substitute(scope.values).symbols()}
        if group
        else set()
    )
    names_ = grid.names if isinstance(grid, GridInput) else []
    if group is None or not group.packed or not symbols <= set(names_):
        message = f"`per_image` needs packed rows that `{chain.per_image}` counts, but gets `{x}`"
        columns = " ".join(names_)
        scope.fail("VC202", message, "per_image", help=f"type the input as `packed({columns}) {x.axes[-1]}`")
    scope.bound |= set(names_)
    scope.loops(chain.per_image or "", "per_image")
    return x.with_tokens(Axis((replace(group, packed=False),)))


def all_images(x: TensorType, scope: Scope) -> TensorType:
    """What comes back: the rows of all images after one another."""
    if x.is_map or len(x.axes) != 2:
        message = f"`per_image` joins rows `n c`, but one image gives `{x}`"
        last = "`- to_tokens` and `- flatten`" if x.is_map else "`- flatten`"
        scope.fail("VC205", message, "per_image", help=f"end the chain with {last}")
    group = x.tokens.group
    factors = group.factors if group is not None else (x.tokens.size,)
    return x.with_tokens(Axis((Group(factors, packed=True),)))
