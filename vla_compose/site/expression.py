"""Sizes as data: trees of sums, products, quotients and remainders that a page can compute.

A tree is an integer, the name of a size, `["+" | "*", tree, ...]`, `["//" | "%", tree, tree]`, or
`{"anyres": ...}` for what the pixels of an image decide. Quotients and remainders round down, as in Python.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vla_compose.types.dim import Dim

Tree = Any
HEIGHT, WIDTH = "pixel_height", "pixel_width"
"""Names under which trees find the pixels of an image."""


def tree(dim: Dim) -> Tree:
    """A size as a tree."""
    terms: list[Tree] = []
    for monomial, factor in dim.terms():
        parts: list[Tree] = [factor] if factor != 1 or not monomial else []
        for atom, power in monomial:
            if isinstance(atom, str):
                part: Tree = atom
            else:
                part = ["%" if atom.remainder else "//", tree(atom.numerator), tree(atom.divisor)]
            parts += [part] * power
        terms.append(parts[0] if len(parts) == 1 else ["*", *parts])
    return added(terms)


def added(terms: Sequence[Tree]) -> Tree:
    """The sum of trees."""
    if not terms:
        return 0
    return terms[0] if len(terms) == 1 else ["+", *terms]


def evaluate(found: Tree, values: Mapping[str, int]) -> int:
    """The value of a tree: what the page must compute.

    Raises:
        ZeroDivisionError: a divisor is 0.
        KeyError: a size has no value.
    """
    if isinstance(found, int):
        return found
    if isinstance(found, str):
        return values[found]
    if isinstance(found, Mapping):
        return _anyres(found, values[HEIGHT], values[WIDTH])
    operator, *parts = found
    numbers = [evaluate(part, values) for part in parts]
    if operator == "+":
        return sum(numbers)
    if operator == "*":
        total = 1
        for number in numbers:
            total *= number
        return total
    return numbers[0] // numbers[1] if operator == "//" else numbers[0] % numbers[1]


def _anyres(rule: Mapping[str, Any], height: int, width: int) -> int:
    """Tiles, or tokens, of an image that is cut into tiles: the rule of `pack_anyres`."""
    rows, columns = _best(rule["grids"], rule["tile"], height, width)
    if rule["anyres"] == "tiles":
        return 1 + rows * columns
    side, across = rule["sides"]
    whole, rows, columns = side * across, rows * side, columns * across
    if width / height > columns / rows:
        rows -= 2 * ((rows - height * columns // width) // 2)
    else:
        columns -= 2 * ((columns - width * rows // height) // 2)
    return int(whole + rows * (columns + 1))


def _best(grids: Sequence[Sequence[int]], tile: int, height: int, width: int) -> tuple[int, int]:
    """The grid that keeps most of the image; of equal ones, the one that wastes least."""
    best, most, least = (1, 1), -1, 0
    for rows, columns in grids:
        scale = min(columns * tile / width, rows * tile / height)
        kept = min(int(width * scale) * int(height * scale), width * height)
        wasted = rows * columns * tile * tile - kept
        if kept > most or (kept == most and wasted < least):
            best, most, least = (rows, columns), kept, wasted
    return best
