"""Names that a spec gives to inputs, chains and outputs, and the patterns it writes."""

from __future__ import annotations

import re
from collections.abc import Container, Set
from keyword import iskeyword

from vla_compose.primitives.base import Path
from vla_compose.primitives.fields import CALLED, RESERVED, SAME, check_name, fault
from vla_compose.spec.faults import Faults
from vla_compose.spec.words import safe
from vla_compose.types.tensor import PatternError, TensorType, parse_pattern

SPEC_NAME = r"^[a-z][a-z0-9]*([-.][a-z0-9]+)*$"
LONGEST_NAME = 64


def check_spec_name(name: str) -> str:
    """The name of a spec or of a layout: lower-case words joined by `-` or `.`."""
    if len(name) > LONGEST_NAME or not re.fullmatch(SPEC_NAME, name):
        wanted = f"at most {LONGEST_NAME} lower-case letters and digits, words joined by `-` or `.`"
        raise fault("spec_name", f"`{safe(name)}` is not a name: {wanted}")
    return name


_SCALARS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
"""Words that YAML, or some readers of it, take for something else."""


def other_spec_name(name: object) -> str:
    """A help for a name that no spec may have: the name that is nearest to it."""
    words = re.findall(r"[a-z0-9]+[.]?", str(name).lower())
    better = "-".join(words).replace(".-", ".").strip(".").lstrip("0123456789-.")
    better += "-adapter" * (better in _SCALARS)
    try:
        return f"name it `{check_spec_name(better)}`"
    except ValueError:
        return "use lower-case letters and digits, such as `my-adapter`"


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
        faults.add(code, message, path, key=True, help=other_name(name, dotted=dotted))
    elif variable and name in CALLED:
        message = f"`{name}` is taken by the generated source"
        faults.add("VC302", message, path, key=True, help=f"name it `{faults.free(name)}`")
        return False
    return good


def other_name(name: object, *, dotted: bool = True) -> str:
    """A help for a name that may not be used: the name that is nearest to it."""
    parts = str(name).split(".") if dotted else [str(name)]
    better = ".".join(_part(part, first=at == 0) for at, part in enumerate(parts))
    better = better + "_" * (better.lower() in _SCALARS) if isinstance(name, str) else ""
    try:
        return f"name it `{check_name(better)}`"
    except ValueError:
        return "use letters, digits and `_`" + ", with dots between parts" * dotted


def _part(part: str, *, first: bool) -> str:
    plain = re.sub(r"\W+", "_", part, flags=re.ASCII)
    if plain != part or plain.startswith("__"):
        plain = plain.strip("_")
    if plain[:1].isdigit() and (first or not plain.isdigit()):
        plain = f"_{plain}"
    return plain + "_" * reserved(plain)


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
        help = "write a pattern such as `b (h w) vision`"
        if re.search(r"\b(packed|window) \(", text):
            help = re.sub(r".*\b(packed|window) \(.*", r"write `\1(` without a space", text)
        elif re.search(r"[\w)] (//|[-+*%]) [\w(]", text):
            help = "write each size without spaces, such as `h//merge` or `1+n`"
        faults.add("VC107", f"the pattern is wrong: {error}", path, help=help)
        return None
