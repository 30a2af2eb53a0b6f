"""From bytes to characters to scalars: what text a spec may hold, and what an unquoted scalar means.

Scalars follow the core table of YAML 1.2, less all that readers of YAML disagree about.
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import replace
from typing import Final

from vla_compose.diagnostics import Diagnostic, Edit, Span
from vla_compose.spec.codes import FORMATS, START, Refused, shown
from vla_compose.spec.limits import DEFAULT_LIMITS, Limits

Scalar = str | int | float | bool | None

_WORDS: Final[dict[str, Scalar]] = {"true": True, "false": False, "null": None, "": None}
_REFUSED_WORDS: Final = {
    spelling: fix
    for words, fix in (("yes on true", "true"), ("no off false", "false"), ("null", "null"))
    for word in words.split()
    for spelling in (word, word.capitalize(), word.upper())
    if spelling not in _WORDS
} | {"~": "null"}
_NON_FINITE: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")

_INT: Final = re.compile(r"-?(?:0|[1-9][0-9]*)")
_FLOAT: Final = re.compile(r"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")

# Numbers to some readers, in some version of YAML, but not to all or not the same number.
_LOOSE: Final = re.compile(r"[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9][0-9_]*)?")
_BASED: Final = re.compile(r"([-+]?)0(?:[xX]([0-9a-fA-F_]+)|[oO]([0-7_]+)|[bB]([01_]+))")
_SEXAGESIMAL: Final = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-9][0-9_]*)+(?:\.[0-9_]*)?")

# Controls, NEL, LS, PS, bidi, zero-width and other invisible characters, the BOM, lone surrogates,
# noncharacters, tags. An explicit table: `unicodedata` differs between versions of Python.
_INVISIBLE: Final = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f"
)
FORBIDDEN_IN_SOURCE: Final = re.compile(rf"[{_INVISIBLE}]|\r(?!\n)")
_FORBIDDEN_IN_VALUE: Final = re.compile(rf"[{_INVISIBLE}\r]")
_TYPES: Final = {bool: "a truth value", int: "a whole number", float: "a number", type(None): "null"}


class ScalarError(Exception):
    """Internal: a scalar is refused. `name` is a kind of fault in `codes.CODES`, `fix` a help text.

    `meant` is what to write instead, where the scalar can mean only one thing.
    """

    def __init__(self, name: str, message: str, fix: str, meant: str | None = None) -> None:
        super().__init__(message)
        self.name = name
        self.message = message
        self.fix = fix
        self.meant = meant

    def refused(self, span: Span) -> Refused:
        """The same for a scalar that stands in one place."""
        if self.meant is None:
            return Refused(self.name, self.message, self.fix, span)
        return _Meant(self.name, self.message, self.fix, Edit(span, self.meant))


class _Meant(Refused):
    """A refusal that knows what was meant."""

    def __init__(self, name: str, message: str, help: str, edit: Edit) -> None:
        super().__init__(name, message, help, edit.span)
        self.edit = edit

    def diagnostic(self, file: str | None) -> Diagnostic:
        return replace(super().diagnostic(file), edit=self.edit)


def span_at(text: str, index: int, length: int = 1) -> Span:
    """The span of `length` characters from `index` on, all on one line."""
    line = text.count("\n", 0, index) + 1
    column = index - text.rfind("\n", 0, index)
    return Span(line, column, column + length)


def decode(text: str | bytes, limits: Limits) -> str:
    """The characters of a spec, without a byte order mark at the start.

    Raises `Refused` if it is too large, empty, not in UTF-8, or known to be something else than a spec.
    """
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    for other in FORMATS:
        if other.start.match(data):
            raise Refused(other.name, f"this is {other.what}, not a spec in UTF-8", other.help, START)
    if len(data) > limits.file_bytes:
        message = f"the spec has more than {limits.file_bytes} bytes"
        raise Refused("too-large", message, f"shorten it to at most `{limits.file_bytes}` bytes", START)
    try:
        source = text if isinstance(text, str) else text.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"byte 0x{data[error.start]:02X} at offset {error.start} is not UTF-8"
        before = data[: error.start].decode("utf-8").removeprefix("\ufeff")
        raise Refused("not-utf8", message, "save the file as `UTF-8`", span_at(before, len(before))) from None
    source = source.removeprefix("\ufeff")
    if not source.strip():
        raise Refused("empty", "the spec is empty", "start it with `spec_version: 1`", START)
    return source


def check_characters(value: str) -> None:
    """Raises `ScalarError` if a value holds a character that no spec may hold, however it was escaped."""
    if found := _FORBIDDEN_IN_VALUE.search(value):
        raise ScalarError("forbidden-character", *forbidden(found[0]))


def masked(value: str) -> str:
    """`value` with a replacement character for each that no spec may hold."""
    return _FORBIDDEN_IN_VALUE.sub("\ufffd", value)


def forbidden(char: str) -> tuple[str, str]:
    """A message and a help text for a character that no spec may hold."""
    kind = {"Cc": "control character", "Cs": "half of a surrogate pair"}.get(unicodedata.category(char))
    point = f"U+{ord(char):04X}"
    words = kind or unicodedata.name(char, "not a character").lower()
    return f"found the character {point} ({words})", f"delete the character {point}"


def resolve_plain(text: str, limits: Limits = DEFAULT_LIMITS) -> Scalar:
    """The value of an unquoted scalar.

    Raises `ScalarError` for text that other YAML readers take for something else, and for numbers
    that do not fit.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text in _REFUSED_WORDS:
        fix = _REFUSED_WORDS[text]
        raise _ambiguous(text, f"{fix} to some YAML readers, text to others", fix)
    if text in ("=", "<<"):
        raise _ambiguous(text, "an instruction to some YAML readers, text to others", f'"{text}"', sure=False)
    if _NON_FINITE.fullmatch(text):
        message = f"`{text}` is not a finite number"
        raise ScalarError("number-out-of-range", message, "write a finite number such as `1e30`")
    if _INT.fullmatch(text):
        return _int(text, limits)
    if _FLOAT.fullmatch(text):
        return _float(text, limits)
    if _LOOSE.fullmatch(text):
        why = "underscores" if "_" in text else "a plus sign" if text[0] == "+" else "leading zeros"
        clean = re.sub(r"^(-?)0+(?=[0-9])", r"\1", text.lstrip("+").replace("_", ""))
        # `017` is 15 to some readers and 17 to others.
        sure = not re.match(r"[-+]?0[0-9_]", text)
        raise _ambiguous(text, f"YAML readers disagree about numbers with {why}", clean, sure=sure)
    if found := _BASED.fullmatch(text):
        raise _ambiguous(text, "a number to some YAML readers, text to others", _decimal(found))
    if _SEXAGESIMAL.fullmatch(text):
        why = "a number in base 60 to some YAML readers, text to others"
        raise _ambiguous(text, why, f'"{text}"', sure=False)
    return text


def _ambiguous(text: str, why: str, fix: str, *, sure: bool = True) -> ScalarError:
    if fix[:1] != '"':
        try:
            resolve_plain(fix)
        except ScalarError:
            fix = f'"{text}"'
    if len(fix) > 64:
        fix = f'"{text[:16]}..."'
    meant = fix if sure and fix[:1] != '"' else None
    return ScalarError("ambiguous-scalar", f"`{shown(text)}` is ambiguous: {why}", f"write `{fix}`", meant)


def _decimal(found: re.Match[str]) -> str:
    sign = "-" if found[1] == "-" else ""
    for digits, base in ((found[2], 16), (found[3], 8), (found[4], 2)):
        clean = (digits or "").replace("_", "")
        if clean and len(clean) <= 64:
            return f"{sign}{int(clean, base)}"
    return f'"{found[0]}"'


def _int(text: str, limits: Limits) -> int:
    # Digits are counted first: int() of a long text is slow, and raises past 4300 digits.
    if len(text) <= 1 + len(str(limits.int_max)) and limits.int_min <= int(text) <= limits.int_max:
        return int(text)
    bound = f"down to `{limits.int_min}`" if text[0] == "-" else f"up to `{limits.int_max}`"
    message = f"`{shown(text)}` does not fit into a 64-bit integer"
    raise ScalarError("number-out-of-range", message, f"write a number {bound}")


def _float(text: str, limits: Limits) -> float:
    if len(text) > limits.float_chars:
        message = (
            f"`{shown(text)}` has {len(text)} characters, the limit for a number is {limits.float_chars}"
        )
        raise ScalarError("too-long", message, "write fewer digits: `17` are all that a float holds")
    value = float(text)
    if math.isinf(value):
        message = f"`{text}` is too large for a 64-bit float"
        raise ScalarError("number-out-of-range", message, "write a number up to `1.7976931348623157e308`")
    if value == 0 and re.search("[1-9]", re.split("[eE]", text)[0]):
        message = f"`{text}` is too small for a 64-bit float"
        raise ScalarError("number-out-of-range", message, "write `0.0`")
    return value


def check_plain_key(text: str, limits: Limits = DEFAULT_LIMITS) -> None:
    """Raises `ScalarError` if an unquoted key is anything but text."""
    if text == "":
        raise ScalarError("non-string-key", "found no key before the `:`", "write a name before the `:`")
    if text == "<<":
        message = "found the merge key `<<`; a spec has none"
        raise ScalarError("merge-key", message, "write the keys out instead of `<<`")
    help = f'write `"{shown(text)}"`'
    try:
        value = resolve_plain(text, limits)
    except ScalarError as error:
        name = error.name if error.name == "ambiguous-scalar" else "non-string-key"
        meant = f'"{text}"' if name == "ambiguous-scalar" else None
        raise ScalarError(name, error.message, help, meant) from None
    if not isinstance(value, str):
        message = f"the key `{shown(text)}` is {_TYPES[type(value)]}, not text"
        raise ScalarError("non-string-key", message, help)
