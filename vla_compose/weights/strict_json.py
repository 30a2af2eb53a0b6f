"""JSON that means one thing only: no key twice, no NaN, no deep nesting."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

DEPTH = 32
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class JsonError(ValueError):
    """The text is not the JSON that it should be."""


def parse(data: bytes, *, finite: bool = True) -> Any:
    """Parse UTF-8 JSON.

    Args:
        data: the text.
        finite: refuse NaN and infinity, which Python writes, but which are not JSON.

    Raises:
        JsonError: it is not valid, names a key twice, or nests deeper than `DEPTH`.
    """
    _check_depth(data)
    hooks: dict[str, Any] = {"parse_constant": _constant, "parse_float": _float} if finite else {}
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_pairs, **hooks)
    except UnicodeDecodeError:
        raise JsonError("it is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise JsonError(f"{error.msg.lower()} at character {error.pos:,}") from None
    except JsonError:
        raise
    except ValueError:
        raise JsonError("a number has too many digits") from None


def _check_depth(data: bytes) -> None:
    # All of one kind, because one pass over two kinds could take away two levels.
    brackets = _STRING.sub(b"", data).translate(bytes.maketrans(b"{}", b"[]"), _NOT_BRACKETS)
    for _ in range(DEPTH):
        brackets = brackets.replace(b"[]", b"")
    if brackets:
        raise JsonError(f"brackets nest deeper than {DEPTH} levels, or do not match")


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        (twice, _), *_ = Counter(key for key, _ in pairs).most_common(1)
        raise JsonError(f"the key {twice[:80]!r} is there twice")
    return found


def _constant(text: str) -> Any:
    raise JsonError(f"{text} is no JSON number")


def _float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise JsonError("a number is too large")
    return value
