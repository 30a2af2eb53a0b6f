"""Dims from numbers: integer equations over dims, solved exactly or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations
from math import inf

from vla_compose.types.dim import Dim, DimError
from vla_compose.weights.errors import CheckpointError

LARGEST = 2**31


@dataclass(frozen=True, slots=True)
class Equation:
    """`size == value`, and where the checkpoint says so."""

    size: Dim
    value: int
    where: str


@dataclass(frozen=True, slots=True)
class Solved:
    """The value of a dim, and where it comes from, in words."""

    value: int
    origin: str


def solve(equations: Iterable[Equation], known: dict[str, Solved]) -> list[Equation]:
    """Find every dim that follows, and add it to `known`.

    An equation with one unknown dim is solved when it has one positive integer solution at most. Of two
    equations that share their unknown factors, the quotient is one more equation.

    Returns:
        The equations that are left, with what is known put in.

    Raises:
        CheckpointError: an equation does not hold, or has no solution.
    """
    given = list(equations)
    while True:
        left: list[tuple[Equation, Equation]] = []
        before = len(known)
        for equation in given:
            size = equation.size.substitute({name: solved.value for name, solved in known.items()})
            if size.constant is not None:
                if size.constant != equation.value:
                    raise _contradiction(equation, known)
                continue
            root = _root(size, equation.value)
            if root is None:
                left.append((Equation(size, equation.value, equation.where), equation))
            elif root < 1:
                raise _contradiction(equation, known)
            else:
                known[next(iter(size.symbols()))] = Solved(root, equation.where)
        if len(known) == before:
            more = _quotients([short for short, _ in left])
            if not more:
                return [short for short, _ in left]
            given = [*more, *given]
            continue
        given = [whole for _, whole in left]


def _root(size: Dim, value: int) -> int | None:
    """The value of its only dim for which `size` is `value`: 0 for none, `None` where that is unclear."""
    if len(size.symbols()) != 1:
        return None
    if not size.increasing:
        size, value = size * -1, -value
        if not size.increasing:
            return None
    (name,) = size.symbols()
    low, high = 1, LARGEST
    while low < high:
        middle = (low + high) // 2
        if _number(size, name, middle) >= value:
            high = middle
        else:
            low = middle + 1
    return low if _number(size, name, low) == value else 0


def _number(size: Dim, name: str, value: int) -> float:
    """`size` for one value of its only dim; infinity beyond the bounds."""
    try:
        found = size.substitute({name: value}).constant
    except DimError:
        return inf
    return inf if found is None else found


def _quotients(left: Sequence[Equation]) -> list[Equation]:
    """Quotients of equations that are no equation yet."""
    seen = {equation.size for equation in left}
    found: list[Equation] = []
    for above, below in permutations(left, 2):
        size = above.size // below.size
        if size.constant is None and size * below.size == above.size and size not in seen:
            if above.value % below.value:
                what = f"{above.size} is {above.value} by {above.where}"
                raise CheckpointError(f"{what}, no multiple of {below.size}, {below.value} by {below.where}")
            seen.add(size)
            found.append(Equation(size, above.value // below.value, f"{above.where} and {below.where}"))
    return found


def _contradiction(equation: Equation, known: dict[str, Solved]) -> CheckpointError:
    used = sorted(equation.size.symbols() & known.keys())
    because = ", ".join(f"`{name}` is {known[name].value} by {known[name].origin}" for name in used)
    message = f"{equation.where} says that {equation.size} is {equation.value}"
    if equation.size.constant is not None:
        return CheckpointError(f"{message}; name another spec or checkpoint")
    reason = f", but {because}" if because else ", which no size can be"
    return CheckpointError(f"{message}{reason}; name another spec or checkpoint")
