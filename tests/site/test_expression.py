"""Trees have the value of the size that they were made from."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vla_compose.runtime.pack_anyres import best_grid, pack_anyres
from vla_compose.site.expression import HEIGHT, WIDTH, added, evaluate, tree
from vla_compose.types.dim import Dim, DimError

NAMES = ("h", "w", "n")
LEAVES = st.integers(-20, 20).map(Dim.of) | st.sampled_from(NAMES).map(Dim.of)


def grown(inner):
    pairs = st.tuples(inner, inner)
    whole = pairs.map(lambda p: p[0] + p[1]) | pairs.map(lambda p: p[0] * p[1])
    over = st.tuples(inner, st.integers(1, 7), st.booleans())
    return whole | over.map(lambda o: o[0] // o[1] if o[2] else o[0] % o[1])


@given(st.recursive(LEAVES, grown, max_leaves=8), st.tuples(*[st.integers(-50, 50)] * 3))
def test_a_tree_has_the_value_of_its_size(size: Dim, numbers: tuple[int, ...]) -> None:
    values = dict(zip(NAMES, numbers, strict=True))
    try:
        expected = size.substitute(values).constant
    except DimError:
        return
    assert evaluate(tree(size), values) == expected


def test_trees_are_short() -> None:
    h = Dim.of("h")
    assert tree(h) == "h"
    assert tree(Dim.of(0)) == 0
    assert tree(h // 2 * 3 + 1) == ["+", ["*", 3, ["//", "h", 2]], 1]
    assert added([]) == 0


@pytest.mark.parametrize("side", [1, 2, 3, 24])
def test_tiles_are_counted_as_the_module_packs_them(side: int) -> None:
    grids, tile = [[1, 2], [2, 1], [2, 2], [3, 1], [1, 3]], 28
    generator = torch.Generator().manual_seed(side)
    newline = torch.zeros(1)
    for _ in range(60):
        height, width = torch.randint(1, 900, (2,), generator=generator).tolist()
        rule = {"anyres": "tiles", "sides": [side, side], "tile": tile, "grids": grids}
        values = {HEIGHT: height, WIDTH: width}
        rows, columns = best_grid(height, width, [(r * tile, c * tile) for r, c in grids])
        tiles = evaluate(rule, values)
        assert tiles == 1 + (rows // tile) * (columns // tile)
        x = torch.zeros(tiles, side * side, 1)
        scaled = [(r * tile, c * tile) for r, c in grids]
        packed = pack_anyres(x, [[height, width]], scaled, tile, (side, side), newline)
        assert evaluate(rule | {"anyres": "tokens"}, values) == packed[0].shape[0]
