"""Symbolic integer sizes: polynomials over named symbols, with floor division and remainder.

A `Dim` is immutable and kept in one normal form, so that `==` is equality of polynomials.
Every operation is bounded: coefficients stay within 2**53 and a polynomial within 64 terms.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, total_ordering

LARGEST = 2**53
MOST_TERMS = 64


class DimError(ArithmeticError):
    """A size cannot be computed: division by zero, or larger than the documented bounds."""


@dataclass(frozen=True, slots=True)
class Quotient:
    """`numerator // divisor` (or `%` when `remainder`) that did not simplify away."""

    numerator: Dim
    divisor: Dim
    remainder: bool = False

    def __str__(self) -> str:
        operator = "%" if self.remainder else "//"
        return f"{_operand(self.numerator)}{operator}{_operand(self.divisor)}"


Atom = str | Quotient
Monomial = tuple[tuple[Atom, int], ...]


def _operand(dim: Dim) -> str:
    text = str(dim)
    return text if text.isidentifier() or text.isdigit() else f"({text})"


def _atom_key(atom: Atom) -> tuple[int, str]:
    return (0, atom) if isinstance(atom, str) else (1, str(atom))


@total_ordering
class Dim:
    """An integer size, known (`Dim.of(4)`) or symbolic (`Dim.of("n") * 4`)."""

    __slots__ = ("_hash", "_symbols", "_terms", "_text")

    def __init__(self, terms: Mapping[Monomial, int]) -> None:
        kept: dict[Monomial, int] = {}
        for monomial, factor in terms.items():
            if factor:
                if not -LARGEST <= factor <= LARGEST:
                    raise DimError("the size is larger than 2^53")
                kept[monomial] = factor
        if len(kept) > MOST_TERMS:
            raise DimError(f"the size has more than {MOST_TERMS} terms")
        self._terms = kept
        self._hash: int | None = None
        self._text: str | None = None
        self._symbols: frozenset[str] | None = None

    @staticmethod
    def of(value: int | str | Dim) -> Dim:
        """A known size from an `int`, a symbol from its name."""
        return value if isinstance(value, Dim) else _made(value)

    @property
    def constant(self) -> int | None:
        """The value, when it holds no symbol."""
        if not self._terms:
            return 0
        return self._terms.get(()) if len(self._terms) == 1 else None

    @property
    def symbol(self) -> str | None:
        """The name, when the size is one symbol and nothing else."""
        if len(self._terms) != 1:
            return None
        ((monomial, factor),) = self._terms.items()
        if factor == 1 and len(monomial) == 1 and monomial[0][1] == 1 and isinstance(monomial[0][0], str):
            return monomial[0][0]
        return None

    def terms(self) -> Iterator[tuple[Monomial, int]]:
        """Every monomial with its factor, in the order in which it is printed."""
        yield from sorted(self._terms.items(), key=lambda term: (-_degree(term[0]), _names(term[0])))

    def symbols(self) -> frozenset[str]:
        """Every name in it."""
        if self._symbols is None:
            self._symbols = frozenset(self._names())
        return self._symbols

    def _names(self) -> Iterator[str]:
        for monomial in self._terms:
            for atom, _ in monomial:
                if isinstance(atom, str):
                    yield atom
                else:
                    yield from atom.numerator.symbols() | atom.divisor.symbols()

    def __add__(self, other: Dim | int) -> Dim:
        added = {(): other} if isinstance(other, int) else other._terms
        terms = dict(self._terms)
        for monomial, factor in added.items():
            terms[monomial] = terms.get(monomial, 0) + factor
        return Dim(terms)

    def __sub__(self, other: Dim | int) -> Dim:
        return self + Dim.of(other) * -1

    def __mul__(self, other: Dim | int) -> Dim:
        if not isinstance(other, int):
            known = other.constant
            if known is None and self.constant is not None:
                return other * self.constant
            if known is None:
                return self._product(other)
            other = known
        return (
            self
            if other == 1
            else Dim({monomial: factor * other for monomial, factor in self._terms.items()})
        )

    def _product(self, other: Dim) -> Dim:
        terms: dict[Monomial, int] = {}
        for left, left_factor in self._terms.items():
            for right, right_factor in other._terms.items():
                monomial = _times(left, right)
                terms[monomial] = terms.get(monomial, 0) + left_factor * right_factor
        return Dim(terms)

    def __floordiv__(self, other: Dim | int) -> Dim:
        divisor = Dim.of(other)
        whole, rest = self._split(divisor)
        if not rest._terms:
            return whole
        if rest.constant is not None and divisor.constant is not None:
            return whole + Dim.of(rest.constant // divisor.constant)
        inner = rest._nested_quotient()
        if inner is not None and _positive(inner.divisor) and _positive(divisor):
            return whole + inner.numerator // (inner.divisor * divisor)
        return whole + Dim({((Quotient(rest, divisor), 1),): 1})

    def __mod__(self, other: Dim | int) -> Dim:
        divisor = Dim.of(other)
        _, rest = self._split(divisor)
        if not rest._terms:
            return Dim.of(0)
        if rest.constant is not None and divisor.constant is not None:
            return Dim.of(rest.constant % divisor.constant)
        return Dim({((Quotient(rest, divisor, remainder=True), 1),): 1})

    def _split(self, divisor: Dim) -> tuple[Dim, Dim]:
        """`self == whole * divisor + rest`, with the terms that divide exactly moved to `whole`."""
        if not divisor._terms:
            raise DimError("division by zero")
        if self == divisor:
            return Dim.of(1), Dim.of(0)
        if len(divisor._terms) != 1:
            return Dim.of(0), self
        ((below, below_factor),) = divisor._terms.items()
        whole: dict[Monomial, int] = {}
        rest: dict[Monomial, int] = {}
        for monomial, factor in self._terms.items():
            left = _over(monomial, below)
            if left is not None and factor % below_factor == 0:
                whole[left] = factor // below_factor
            else:
                rest[monomial] = factor
        return Dim(whole), Dim(rest)

    def _nested_quotient(self) -> Quotient | None:
        if len(self._terms) != 1:
            return None
        ((monomial, factor),) = self._terms.items()
        if factor == 1 and len(monomial) == 1 and monomial[0][1] == 1:
            atom = monomial[0][0]
            if isinstance(atom, Quotient) and not atom.remainder:
                return atom
        return None

    def divisible_by(self, divisor: int) -> bool:
        """True when every value of the symbols gives a multiple of `divisor`."""
        return all(factor % divisor == 0 for factor in self._terms.values())

    @property
    def increasing(self) -> bool:
        """Whether it grows with each of its symbols, for positive values; not so known with quotients."""
        return all(
            factor > 0 and all(isinstance(atom, str) for atom, _ in monomial)
            for monomial, factor in self._terms.items()
            if monomial
        )

    def coefficient(self, base: Dim) -> int:
        """The factor of a monomial such as `n` or `s*s`; 0 when it does not occur."""
        ((monomial, _),) = base._terms.items()
        return self._terms.get(monomial, 0)

    def substitute(self, values: Mapping[str, int | Dim]) -> Dim:
        """Replace symbols; those not named stay.

        Raises:
            DimError: the result leaves the bounds, or divides by zero.
        """
        symbols = self.symbols()
        if symbols.isdisjoint(values):
            return self
        name = self.symbol if len(symbols) == 1 else None
        if name is not None:
            return Dim.of(values[name])
        given = tuple([(symbol, values[symbol]) for symbol in symbols if symbol in values])
        return _substituted(self, given)

    def source(self) -> str:
        """A Python expression of the same value."""
        return str(self)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, int):
            other = Dim.of(other)
        return isinstance(other, Dim) and self._terms == other._terms

    def __lt__(self, other: Dim) -> bool:
        return str(self) < str(other)

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(frozenset(self._terms.items()))
        return self._hash

    def __str__(self) -> str:
        if self._text is None:
            self._text = self._printed()
        return self._text

    def _printed(self) -> str:
        if not self._terms:
            return "0"
        text = "+".join(_term(monomial, factor) for monomial, factor in self.terms())
        return text.replace("+-", "-")

    def __repr__(self) -> str:
        return f"Dim({self})"


@lru_cache(maxsize=4096)
def _made(value: int | str) -> Dim:
    return Dim({((value, 1),): 1} if isinstance(value, str) else {(): value})


@lru_cache(maxsize=4096)
def _substituted(dim: Dim, given: tuple[tuple[str, int | Dim], ...]) -> Dim:
    values = dict(given)
    total = Dim.of(0)
    for monomial, factor in dim._terms.items():
        term = Dim.of(factor)
        for atom, power in monomial:
            base: int | Dim
            if isinstance(atom, str):
                base = values.get(atom, Dim.of(atom))
            else:
                above, below = atom.numerator.substitute(values), atom.divisor.substitute(values)
                base = above % below if atom.remainder else above // below
            for _ in range(power):
                term = term * base
        total = total + term
    return total


def product(dims: Iterable[Dim]) -> Dim:
    """The product of sizes; 1 for none."""
    return _multiplied(tuple(dims))


@lru_cache(maxsize=4096)
def _multiplied(dims: tuple[Dim, ...]) -> Dim:
    total = Dim.of(1)
    for dim in dims:
        total = total * dim
    return total


def _positive(dim: Dim) -> bool:
    return dim.constant is not None and dim.constant > 0


def _degree(monomial: Monomial) -> int:
    return sum(power for _, power in monomial)


def _names(monomial: Monomial) -> list[tuple[int, str, int]]:
    return [(*_atom_key(atom), -power) for atom, power in monomial]


def _term(monomial: Monomial, factor: int) -> str:
    parts = [str(abs(factor))] if abs(factor) != 1 or not monomial else []
    for atom, power in monomial:
        alone = not parts and factor > 0 and _degree(monomial) == 1
        text = atom if isinstance(atom, str) else str(atom) if alone else f"({atom})"
        parts += [text] * power
    return ("-" if factor < 0 else "") + "*".join(parts)


def _times(left: Monomial, right: Monomial) -> Monomial:
    powers = dict(left)
    for atom, power in right:
        powers[atom] = powers.get(atom, 0) + power
    return tuple(sorted(powers.items(), key=lambda item: _atom_key(item[0])))


def _over(monomial: Monomial, below: Monomial) -> Monomial | None:
    powers = dict(monomial)
    for atom, power in below:
        if powers.get(atom, 0) < power:
            return None
        powers[atom] -= power
        if not powers[atom]:
            del powers[atom]
    return tuple(sorted(powers.items(), key=lambda item: _atom_key(item[0])))
