"""Numbers for run-time sizes, so that a module can be run once: those of an image, or small ones."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from vla_compose.check.graph import CheckedChain, Graph, Requirement
from vla_compose.diagnostics import BuildError
from vla_compose.spec.inputs import GridInput, SizesInput
from vla_compose.types.dim import Dim
from vla_compose.types.tensor import Group, TensorType

Sizes = dict[str, int]

SMALL = 16
ROWS, COLUMNS = "rows", "columns"
LARGEST = 1024
LARGE_SIDE = 5040
"""A side that many numbers divide."""


def small_sizes(graph: Graph) -> Sizes:
    """Sizes that hold the contracts: one image, and the defaults of the spec or a grid of about 16 by 16.

    Raises:
        BuildError: no small sizes hold them.
    """
    fixed = fixed_sizes(graph)
    for value in graph.spec.inputs.values():
        if isinstance(value, SizesInput) and value.default:
            fixed |= dict(zip(value.names, value.default, strict=False))
    free = [name for name in symbols(graph) if name not in fixed]
    for size in (SMALL, *range(1, LARGEST)):
        sizes = {**dict.fromkeys(free, size), **fixed}
        if all(_holds(requirement, sizes) for requirement in contracts(graph)):
            return sizes
    wanted = ", ".join(str(requirement) for requirement in contracts(graph))
    raise BuildError(f"found no sizes up to {LARGEST} for which {wanted}; try `--image-size`")


def grid_of(graph: Graph, image: tuple[int, int], patch: int) -> tuple[int, int]:
    """Rows and columns of patches of an image, resized as processors do: to whole merge cells.

    Args:
        image: width and height in pixels.
        patch: side of a patch in pixels.
    """
    unit = cell(graph)
    width, height = image
    return _rounded(height, patch, unit), _rounded(width, patch, unit)


def grid_sizes(graph: Graph, grid: tuple[int, int]) -> Sizes:
    """Sizes for one image of that many rows and columns of patches.

    Raises:
        BuildError: an input cannot hold such a grid.
    """
    sizes = fixed_sizes(graph)
    rows, columns = grid
    placed = placed_sizes(graph)
    if not placed:
        inputs = ", ".join(f"`{name}: {edge.type}`" for name, edge in graph.inputs.items())
        raise BuildError(
            f"`--image-size` cannot be used for `{graph.spec.name}`: it takes as many patches "
            f"whatever the size of an image ({inputs}); leave it out"
        )
    for name, size in placed:
        value = size.substitute({ROWS: rows, COLUMNS: columns}).constant
        assert value is not None
        if sizes.setdefault(name, value) != value:
            raise BuildError(
                f"{rows} x {columns} patches do not fit the inputs: try an image with equal sides"
            )
    for name in symbols(graph):
        sizes.setdefault(name, SMALL)
    broken = next((r for r in contracts(graph) if not _holds(r, sizes)), None)
    if broken is not None:
        raise BuildError(f"the image does not fit: {broken}")
    return sizes


def cell(graph: Graph) -> int:
    """The side in patches that both sides of an image are a multiple of."""
    told = [r.multiple_of for r in contracts(graph)] + [_block(type_) for type_ in _types(graph)]
    return math.lcm(1, *told, *(_shrinks(checked, graph) for checked in graph.chains))


def _shrinks(checked: CheckedChain, graph: Graph) -> int:
    """How many rows of the maps in a chain become one: 2 for a convolution of stride 2."""
    product = 1
    for node in checked.nodes:
        if node.before.is_map and node.after.is_map:
            before, after = (_rows(type_, graph) for type_ in (node.before, node.after))
            product *= max(1, round(before / after)) if before and after else 1
    return product


def _rows(type_: TensorType, graph: Graph) -> int | None:
    """The rows of a map of a large image; nothing where they do not depend on it."""
    rows = type_.axes[-2].size.substitute(graph.values)
    return (
        None
        if rows.constant is not None
        else rows.substitute(dict.fromkeys(rows.symbols(), LARGE_SIDE)).constant
    )


def placed_sizes(graph: Graph) -> list[tuple[str, Dim]]:
    """Sizes that an image of `ROWS` by `COLUMNS` patches decides; a name may be told more than one value.

    Empty when the inputs take as many patches whatever the size of an image.
    """
    grid = (Dim.of(ROWS), Dim.of(COLUMNS))
    told = [
        (name, side * _pixels(name, graph))
        for names in _grids(graph)
        for name, side in zip(names[-2:], grid, strict=True)
    ]
    # Inputs without a known number of channels are no features: masks, for example.
    features = [type_ for type_ in _types(graph) if type_.width.constant is not None]
    laid_out = [pair for type_ in features for pair in _laid_out(type_, grid)]
    return [*told, *laid_out]


def _pixels(name: str, graph: Graph) -> int:
    """How much of a size makes one row or column of patches: 14 where features have `height//14` rows."""
    for type_ in _types(graph):
        for factor in type_.factors():
            if name in factor.symbols() and type_.width.constant is not None:
                rows = factor.substitute({name: LARGE_SIDE}).constant
                return max(1, round(LARGE_SIDE / (rows * _block(type_)))) if rows else 1
    return 1


def _rounded(pixels: int, patch: int, unit: int) -> int:
    return max(1, round(pixels / (patch * unit))) * unit


def _types(graph: Graph) -> list[TensorType]:
    return [edge.type.substitute(graph.values) for edge in graph.inputs.values()]


def symbols(graph: Graph) -> list[str]:
    """Every size that is not known before run time, in order of appearance."""
    found = [name for type_ in _types(graph) for name in type_.symbols()]
    found += [
        name for type_ in _types(graph) if type_.each is not None for name in sorted(type_.each.symbols())
    ]
    for value in graph.spec.inputs.values():
        if isinstance(value, SizesInput | GridInput):
            found += value.names
    return list(dict.fromkeys(found))


def fixed_sizes(graph: Graph) -> Sizes:
    """One image of one frame: the leading axes of tokens and maps, and what a grid has before its sides."""
    lead = [type_.axes[0].size.symbol for type_ in _types(graph) if len(type_.axes) >= 3]
    frames = [name for names in _grids(graph) for name in names[:-2]]
    return {name: 1 for name in (*lead, *frames) if name is not None}


def _grids(graph: Graph) -> list[list[str]]:
    """The names of inputs that tell rows and columns of features, such as `t h w`."""
    used = {name for type_ in _types(graph) for name in type_.symbols()}
    told = [value.names for value in graph.spec.inputs.values() if isinstance(value, SizesInput | GridInput)]
    return [names for names in told if len(names) >= 2 and used >= set(names)]


def contracts(graph: Graph) -> list[Requirement]:
    """The contracts that a formula holds."""
    return [r for checked in graph.chains for r in checked.requirements if not r.text]


def _holds(requirement: Requirement, sizes: Mapping[str, int]) -> bool:
    size = requirement.size.substitute(sizes).constant
    return size is None or (size % requirement.multiple_of == 0 and size >= requirement.at_least)


def _group(type_: TensorType) -> Group | None:
    """The part of the token axis that holds patches."""
    groups = (
        [group for group in type_.axes[-2].segments if group.size.constant is None]
        if len(type_.axes) > 1
        else []
    )
    return groups[0] if groups else None


def _block(type_: TensorType) -> int:
    """The side of a merge cell when tokens come in block order, else 1."""
    group = _group(type_)
    if group is None or len(group.factors) < 2 or type_.is_map:
        return 1
    rows, columns = group.factors[-2].constant, group.factors[-1].constant
    return rows if rows is not None and rows == columns else 1


def _laid_out(type_: TensorType, grid: tuple[Dim, Dim]) -> Iterator[tuple[str, Dim]]:
    """What the symbols of a type are when one image of that grid flows in."""
    if type_.is_map:
        yield from _bound((type_.axes[-2].size, type_.axes[-1].size), grid)
        return
    group, side = _group(type_), _block(type_)
    if group is None:
        return
    rows, columns = grid
    if len(group.factors) == 1:
        yield from _bound(group.factors, (rows * columns,))
    elif side > 1:
        lead = (Dim.of(1),) * (len(group.factors) - 3)
        yield from _bound(group.factors[:-2], (*lead, rows * columns // side**2))
    else:
        yield from _bound(group.factors, (*(Dim.of(1) for _ in group.factors[:-2]), rows, columns))


def _bound(factors: tuple[Dim, ...], values: tuple[Dim, ...]) -> Iterator[tuple[str, Dim]]:
    for factor, value in zip(factors, values, strict=True):
        if factor.symbol is not None:
            yield factor.symbol, value
