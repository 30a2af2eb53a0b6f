"""Sizes agree with Python's integers, and have one normal form."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vla_compose.types.dim import LARGEST, MOST_TERMS, Dim, DimError, product

NAMES = ("a", "b", "n")
OPERATORS: dict[str, Any] = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "//": lambda x, y: x // y,
    "%": lambda x, y: x % y,
}
leaves = st.one_of(st.integers(-6, 12), st.sampled_from(NAMES))
trees = st.recursive(
    leaves, lambda inner: st.tuples(st.sampled_from(list(OPERATORS)), inner, inner), max_leaves=9
)
numbers = st.fixed_dictionaries({name: st.integers(1, 40) for name in NAMES})


def evaluated(tree: Any, leaf: Any) -> Any:
    if isinstance(tree, tuple):
        return OPERATORS[tree[0]](evaluated(tree[1], leaf), evaluated(tree[2], leaf))
    return leaf(tree)


def symbolic(tree: Any) -> Dim:
    try:
        return evaluated(tree, Dim.of)
    except DimError:
        assume(False)
        raise


def exact(tree: Any, values: dict[str, int]) -> int:
    try:
        return evaluated(tree, lambda leaf: values.get(leaf, leaf))
    except ZeroDivisionError:
        assume(False)
        raise


@settings(max_examples=600, deadline=None)
@given(trees, numbers)
def test_agrees_with_integers(tree: Any, values: dict[str, int]) -> None:
    dim, expected = symbolic(tree), exact(tree, values)
    assert dim.substitute(values) == expected
    assert dim.substitute(values).constant == expected


@settings(max_examples=300, deadline=None)
@given(trees, numbers)
def test_source_is_python_of_the_same_value(tree: Any, values: dict[str, int]) -> None:
    dim, expected = symbolic(tree), exact(tree, values)
    assert eval(dim.source(), {}, dict(values)) == expected


@settings(max_examples=300, deadline=None)
@given(trees, numbers, st.sampled_from(NAMES))
def test_substitution_in_two_steps(tree: Any, values: dict[str, int], first: str) -> None:
    dim = symbolic(tree)
    expected = exact(tree, values)
    assert dim.substitute({first: values[first]}).substitute(values) == expected


@settings(max_examples=300, deadline=None)
@given(trees, trees, trees)
def test_laws(one: Any, two: Any, three: Any) -> None:
    a, b, c = symbolic(one), symbolic(two), symbolic(three)
    try:
        pairs = [(a + b, b + a), (a * b, b * a), ((a + b) + c, a + (b + c)), (a * (b + c), a * b + a * c)]
        pairs += [((a * b) * c, a * (b * c)), (a - a, Dim.of(0)), (a + 0, a), (a * 1, a), (a * 0, Dim.of(0))]
    except DimError:
        assume(False)
        raise
    for left, right in pairs:
        assert left == right
        assert hash(left) == hash(right)
        assert str(left) == str(right)


@settings(max_examples=300, deadline=None)
@given(trees, st.integers(1, 9), numbers)
def test_division_and_remainder_belong_together(tree: Any, divisor: int, values: dict[str, int]) -> None:
    dim, expected = symbolic(tree), exact(tree, values)
    whole, rest = dim // divisor, dim % divisor
    assert (whole * divisor + rest).substitute(values) == expected
    if dim.divisible_by(divisor):
        assert expected % divisor == 0


@settings(max_examples=200, deadline=None)
@given(trees, numbers)
def test_symbols_are_what_a_value_depends_on(tree: Any, values: dict[str, int]) -> None:
    dim = symbolic(tree)
    exact(tree, values)
    assert dim.symbols() <= set(NAMES)
    kept = {name: values[name] for name in dim.symbols()}
    assert dim.substitute(kept).constant is not None


def n(name: str = "n") -> Dim:
    return Dim.of(name)


@pytest.mark.parametrize(
    ("dim", "text"),
    [
        (Dim.of(0), "0"),
        (Dim.of(-3), "-3"),
        (n(), "n"),
        (n() * 2 + 1, "2*n+1"),
        (Dim.of(1) - n(), "-n+1"),
        (n("b") * n("a"), "a*b"),
        (n("a") * n("a") * n("b") + n("a") * n("b") * n("b"), "a*a*b+a*b*b"),
        (n("a") * n("b") * n("b") + n("a") * n("a") * n("b"), "a*a*b+a*b*b"),
        (n() // 2, "n//2"),
        ((n() + 1) // 2, "(n+1)//2"),
        (n() % 3, "n%3"),
        ((n() // 2) * 4, "4*(n//2)"),
        (n() // 2 // 3, "n//6"),
        ((n() * 2 + 1) // 2, "n"),
        ((n() * 4 + 3) % 4, "3"),
        ((n() * 6) // 4, "(6*n)//4"),
        (n() * n("m") // n("m"), "n"),
        (n() // n(), "1"),
        (n() % n(), "0"),
        ((n("a") + n("b")) // n(), "(a+b)//n"),
        ((n() // 2) % 2, "(n//2)%2"),
        (Dim.of(7) // 2, "3"),
        (Dim.of(-7) // 2, "-4"),
        (Dim.of(-7) % 4, "1"),
    ],
)
def test_normal_form(dim: Dim, text: str) -> None:
    assert str(dim) == text
    assert repr(dim) == f"Dim({text})"


def test_constant_and_symbol() -> None:
    assert Dim.of(0).constant == 0
    assert Dim.of(5).constant == 5
    assert n().constant is None
    assert (n() - n()).constant == 0
    assert n().symbol == "n"
    assert (
        (n() * 2).symbol
        is (n() * n()).symbol
        is (n() // 2).symbol
        is Dim.of(1).symbol
        is (n() + 1).symbol
        is None
    )
    assert Dim.of(3) == 3
    assert Dim.of(3) != 4
    assert n() != "n"
    assert Dim.of(n()) is n() or Dim.of(n()) == n()


def test_divisible_by() -> None:
    assert (n() * 4 + 8).divisible_by(4)
    assert not (n() * 4 + 6).divisible_by(4)
    assert not n().divisible_by(2)
    assert Dim.of(0).divisible_by(7)
    assert ((n() // 2) * 6).divisible_by(3)


def test_coefficient() -> None:
    assert (n() * 3 + n() * n() * 5 + 7).coefficient(n()) == 3
    assert (n() * 3 + n() * n() * 5 + 7).coefficient(n() * n()) == 5
    assert (n() * 3).coefficient(n("m")) == 0


def test_bounds() -> None:
    assert (Dim.of(LARGEST) + 0).constant == LARGEST
    for make in (lambda: Dim.of(LARGEST) + 1, lambda: Dim.of(-LARGEST) - 1, lambda: n() * LARGEST * 2):
        with pytest.raises(DimError, match=r"^the size is larger than 2\^53$"):
            make()
    most = Dim.of(0)
    for at in range(MOST_TERMS):
        most = most + n(f"n{at}")
    with pytest.raises(DimError, match="more than 64 terms"):
        most + n("one_more")
    with pytest.raises(DimError):
        most * (n("a") + n("b"))
    for make in (lambda: n() // 0, lambda: n() % 0, lambda: n() // (n("a") - n("a")), lambda: Dim.of(0) // 0):
        with pytest.raises(DimError, match="division by zero"):
            make()
    with pytest.raises(DimError, match="division by zero"):
        (n() // (n("a") - n("b"))).substitute({"a": 2, "b": 2})
    with pytest.raises(DimError, match="larger"):
        (n() * n()).substitute({"n": 2**30})


def test_product() -> None:
    assert product([]) == 1
    assert product([n(), Dim.of(2), n("m")]) == n() * n("m") * 2


def test_order_is_by_text() -> None:
    assert sorted([n("b"), Dim.of(2), n("a")]) == [Dim.of(2), n("a"), n("b")]
    assert n("a") < n("b")
    assert n("b") >= n("a")
