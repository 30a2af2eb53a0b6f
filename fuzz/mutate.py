"""Changes to a spec that keep most of it in order, so that they get past the reader."""

from __future__ import annotations

import random
import re

_TOKEN = re.compile(r"[A-Za-z_][\w.-]*|\d+(?:\.\d+)?(?:e-?\d+)?|[^\w\s]")
_VOCABULARY = """
0 1 -1 2 3 7 16 1024 1280 2147483648 9007199254740992 9007199254740993 9223372036854775807 1e-6 1e999 .nan 0.5
true false null same text vision merge h w n b s t x tokens "" '' [] {} "a b" "a\\nb" "\\u00e9"
""".split()


def mutated(text: str, random_: random.Random, other: str = "") -> str:
    """`text` after one to four small changes; `other` is another spec to take lines from."""
    for _ in range(random_.randint(1, 4)):
        text = random_.choice((_token, _token, _line, _swap, _steal, _cut))(text, random_, other)
    return text


def _token(text: str, random_: random.Random, other: str) -> str:
    tokens = list(_TOKEN.finditer(text))
    if not tokens:
        return text
    token = random_.choice(tokens)
    pool = [match[0] for match in _TOKEN.finditer(other)] or _VOCABULARY
    word = random_.choice(random_.choice((_VOCABULARY, pool, [match[0] for match in tokens], [""])))
    return text[: token.start()] + word + text[token.end() :]


def _line(text: str, random_: random.Random, other: str) -> str:
    lines = text.splitlines(keepends=True)
    if lines:
        at = random_.randrange(len(lines))
        lines[at : at + 1] = random_.choice(
            ([], [lines[at]] * 2, ["  " + lines[at]], [lines[at].lstrip(" ")])
        )
    return "".join(lines)


def _swap(text: str, random_: random.Random, other: str) -> str:
    lines = text.splitlines(keepends=True)
    if len(lines) > 1:
        a, b = random_.randrange(len(lines)), random_.randrange(len(lines))
        lines[a], lines[b] = lines[b], lines[a]
    return "".join(lines)


def _steal(text: str, random_: random.Random, other: str) -> str:
    lines, others = text.splitlines(keepends=True), other.splitlines(keepends=True)
    if others:
        at, start = random_.randint(0, len(lines)), random_.randrange(len(others))
        lines[at:at] = others[start : start + random_.randint(1, 3)]
    return "".join(lines)


def _cut(text: str, random_: random.Random, other: str) -> str:
    at = random_.randint(0, len(text))
    return text[:at] + text[at + random_.randint(1, 8) :]
