"""Names that a spec gives to inputs, chains and outputs, and the patterns it writes."""

from __future__ import annotations

from collections.abc import Container, Set
from keyword import iskeyword

from vla_compose.primitives.base import Path
from vla_compose.primitives.fields import CALLED, RESERVED, SAME, check_name
from vla_compose.spec.faults import Faults
from vla_compose.spec.words import safe
from vla_compose.types.tensor import PatternError, TensorType, parse_pattern


def good_name(name: str, path: Path, faults: Faults, *, dotted: bool = False, variable: bool = False) -> bool:
    """Whether a name may be used, as a `variable` of generated source too; reports it when not."""
    try:
        good = dotted or "." not in check_name(name)
        check_name(name)
        message = f"`{safe(name)}` must be one name without dots"
    except ValueError as error:
        good, message = False, str(error)
    if not good:
        code = "VC302" if reserved(name) else "VC109"
        help = "choose another name, such as the same with `_` at the end" if code == "VC302" else _HELP
        faults.add(code, message, path, key=True, help=help)
    elif variable and name in CALLED:
        message = f"`{name}` is taken by the generated source"
        faults.add("VC302", message, path, key=True, help=f"choose another name, such as `{name}_`")
        return False
    return good


_HELP = "use letters, digits and `_`"


def reserved(name: str) -> bool:
    """Whether a part of a name is taken by Python or by torch."""
    parts = name.split(".")
    return any(part in RESERVED or part.startswith("__") or iskeyword(part) for part in parts)


def good_symbol(symbol: str, taken: Container[str]) -> bool:
    """Whether a size that is known only at run time may have that name."""
    good = symbol.isascii() and symbol.isidentifier() and not reserved(symbol)
    return good and symbol not in CALLED and symbol != SAME and symbol not in taken


def pattern(text: str, dims: Set[str], path: Path, faults: Faults) -> TensorType | None:
    """A pattern, or `None` after reporting what is wrong with it."""
    try:
        return parse_pattern(text, dims)
    except PatternError as error:
        faults.add(
            "VC107", f"the pattern is wrong: {error}", path, help="write a pattern such as `b (h w) vision`"
        )
        return None
