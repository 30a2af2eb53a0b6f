"""Names that a spec gives to inputs, chains and outputs, and the patterns it writes."""

from __future__ import annotations

from vla_compose.primitives.base import Path
from vla_compose.primitives.fields import RESERVED, check_name
from vla_compose.spec.faults import Faults, safe
from vla_compose.types.tensor import PatternError, TensorType, parse_pattern


def good_name(name: str, path: Path, faults: Faults, *, dotted: bool = False) -> bool:
    """Whether a name may be used; reports it when not."""
    try:
        good = dotted or "." not in check_name(name)
        check_name(name)
        message = f"`{safe(name)}` must be one name without dots"
    except ValueError as error:
        good, message = False, str(error)
    if not good:
        code = "VC302" if name in RESERVED else "VC109"
        faults.add(code, message, path, key=True, help="use letters, digits and `_`")
    return good


def pattern(text: str, dims: set[str], path: Path, faults: Faults) -> TensorType | None:
    """A pattern, or `None` after reporting what is wrong with it."""
    try:
        return parse_pattern(text, dims)
    except PatternError as error:
        faults.add(
            "VC107", f"the pattern is wrong: {error}", path, help="write a pattern such as `b (h w) vision`"
        )
        return None
