"""Text from a spec, made safe for Markdown, for HTML and for data inside a page.

Python-Markdown passes HTML through, and its extensions give meaning to many characters. So every character
that could mean something is written as a character reference, which is text and nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from vla_compose.report.printable import glyph

_SPECIAL = frozenset("\\`*_{}[]()#+-.!|<>&:\"'~^=$@/")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_PLAIN_IN_STRING = re.compile(r'[^\w "\\.,:;/()-]|_')
_ACTIVE = re.compile(r"8<|\{\{|\{%|\{#|:::|^%|^@@", re.MULTILINE)
"""What page generators run or include, even inside a fence."""


def escape(text: str) -> str:
    """`text` as one line of Markdown or HTML that shows it and does nothing."""
    line = "".join(map(glyph, " ".join(text.split())))
    return "".join(f"&#{ord(char)};" if char in _SPECIAL else char for char in line)


def code(text: str) -> str:
    """`text` in the type of code."""
    return f"<code>{escape(text)}</code>"


def prose(text: str) -> str:
    """A sentence of ours about a spec: what stands between backticks is code."""
    return "".join(code(part) if at % 2 else escape(part) for at, part in enumerate(text.split("`")))


def block(text: str, language: str) -> str:
    """`text` as a block of code, with colours where nothing in it could be taken for an instruction."""
    shown = "\n".join("".join(map(glyph, line)) for line in text.rstrip("\n").split("\n"))
    if _ACTIVE.search(shown):
        lines = "&#10;".join(map(_line, shown.split("\n")))
        return f'<div class="highlight"><pre><code>{lines}</code></pre></div>'
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{shown}\n{fence}"


def _line(text: str) -> str:
    """One line of code with its spaces."""
    return "".join(f"&#{ord(char)};" if char in _SPECIAL or char == " " else char for char in text)


def data(value: Any, name: str) -> str:
    """A value as JSON in a `<script>` that is never run, for the page's own script to read."""
    text = json.dumps(value, separators=(",", ":"))
    text = _STRING.sub(lambda found: _PLAIN_IN_STRING.sub(_escaped, found.group()), text)
    return f'<script type="application/json" class="{name}">{text}</script>'


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found.group()):04x}"


def table(header: Iterable[str], rows: Iterable[Iterable[str]], right: Iterable[int] = ()) -> str:
    """A Markdown table of cells that are escaped already; the columns `right` hold numbers."""
    header, numbers = list(header), set(right)
    lines = [header, ["---:" if at in numbers else "---" for at in range(len(header))], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def link(text: str, address: str) -> str:
    """A link to an address that the spec language allows, which is `https:` only."""
    return f'<a href="{escape(address)}">{escape(text)}</a>'
