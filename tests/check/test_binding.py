"""Which sizes the shapes of inputs give."""

from __future__ import annotations

import pytest

from vla_compose.check.binding import Binding, solve
from vla_compose.types.tensor import parse_pattern


@pytest.mark.parametrize(
    ("axis", "known", "factor", "power", "offset", "source"),
    [
        ("n", (), 1, 1, 0, "N"),
        ("2*n", (), 2, 1, 0, "N // 2"),
        ("n+1", (), 1, 1, 1, "(N - 1)"),
        ("1+n+2", (), 1, 1, 3, "(N - 3)"),
        ("(n 2 2)", (), 4, 1, 0, "N // 4"),
        ("(s s)", (), 1, 2, 0, "int(N ** 0.5)"),
        ("1+(s s)", (), 1, 2, 1, "int((N - 1) ** 0.5)"),
        ("(s s 4)", (), 4, 2, 0, "int((N // 4) ** 0.5)"),
        ("1+(2*s s)", (), 2, 2, 1, "int(((N - 1) // 2) ** 0.5)"),
    ],
)
def test_solved(axis: str, known: tuple[str, ...], factor: int, power: int, offset: int, source: str) -> None:
    found = solve("x", 1, parse_pattern(f"b {axis} c").axes[1], {}, set(known))
    assert found is not None
    assert (found.factor, found.power, found.offset) == (factor, power, offset)
    size = parse_pattern(f"b {axis} c").axes[1].size
    for value in range(1, 30):
        length = size.substitute({found.symbol: value}).constant
        assert eval(found.source("N"), {"N": length}) == value
    assert found.source("N") == source


@pytest.mark.parametrize(
    ("axis", "known"),
    [
        ("(h w)", ()),
        ("4", ()),
        ("n", ("n",)),
        ("h*w", ("h",)),
        ("n-1", ()),
        ("n//2", ()),
        ("(n n n)", ()),
        ("(s s+1)", ()),
        ("4-n", ()),
    ],
)
def test_not_solved(axis: str, known: tuple[str, ...]) -> None:
    assert solve("x", 1, parse_pattern(f"b {axis} c").axes[1], {}, set(known)) is None


def test_dims_are_put_in() -> None:
    found = solve("x", 0, parse_pattern("(n m m) c").axes[0], {"m": 3}, set())
    assert found == Binding("n", "x", 0, 9, 1, 0)


def test_packed_rows_give_nothing() -> None:
    assert solve("x", 0, parse_pattern("packed(n) c").axes[0], {}, set()) is None
