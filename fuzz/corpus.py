"""The seed corpus: what the repository has of specs, good, bad and hostile, and every past finding."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
FINDINGS = ROOT / "fuzz" / "findings"
"""Inputs that once broke a promise, in a folder for each target. They are seeds and regression tests."""

_FENCE = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_STRINGS = re.compile(r"[:{,]\s*(\"[^\"\n]*\"|[^\"'{}\[\],#\n:]+)")
_HEAD = b"spec_version: 1\nname: x\ndims: {vision: 8, text: 16}\ninputs: {x: b (h w) vision}"


def seeds(target: str) -> list[bytes]:
    """Inputs to start from, without duplicates, in a fixed order."""
    found = _expressions() if target == "expression" else _patterns() if target == "pattern" else _specs()
    return list(dict.fromkeys((*findings(target), *found)))


def findings(target: str) -> list[bytes]:
    """Past findings of a target."""
    return [path.read_bytes() for path in sorted((FINDINGS / target).glob("*")) if path.is_file()]


def _files() -> Iterator[Path]:
    for folder in ("specs", "tests/specs", "tests/data/nasty"):
        yield from sorted((ROOT / folder).rglob("*.yaml"))


def _specs() -> Iterator[bytes]:
    for path in _files():
        text = path.read_bytes()
        yield text.replace(b"@@HEAD@@", _HEAD)
    for page in sorted((ROOT / "vla_compose" / "explanations").glob("*.md")):
        yield from (block.encode() for block in _FENCE.findall(page.read_text("utf-8")))
    for cases in sorted((ROOT / "tests" / "data").glob("*/cases.json")):
        for case in json.loads(cases.read_text("utf-8")):
            if isinstance(text := case.get("yaml"), str):
                yield text.encode("utf-8", "surrogatepass")


def _scalars() -> Iterator[str]:
    for folder in ("specs", "tests/specs"):
        for path in sorted((ROOT / folder).rglob("*.yaml")):
            for match in _STRINGS.finditer(path.read_text("utf-8")):
                yield match[1].strip(' "')


def _expressions() -> Iterator[bytes]:
    yield from (
        b"4 * vision",
        b"text // 128",
        b"(a+b)*(c-d)",
        b"a % b",
        b"-n",
        b"2*(h//2)*(w//2)",
        b"0",
        b"1//0",
    )
    yield from (b"((((((((((((((((a))))))))))))))))", b"9007199254740993", b"7/2", b"a**2", b"f(1)", b"a.b")
    yield from (
        text.encode() for text in _scalars() if len(text) < 80 and re.fullmatch(r"[\w+*/%() -]+", text)
    )


def _patterns() -> Iterator[bytes]:
    yield from (b"b (h w) vision", b"(n merge merge) vision", b"b 1+(s s)+1 vision", b"packed(t h w) vision")
    yield from (
        b"b vision h w",
        b"n (merge merge vision)",
        b"b ((a+b)*c) (d//2)",
        b"()",
        b")(",
        b"b 1+",
        b"(",
    )
    yield from (text.encode() for text in _scalars() if len(text) < 120 and " " in text)
