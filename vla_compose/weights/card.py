"""The model card of a saved adapter, made from its spec."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from huggingface_hub import ModelCardData

from vla_compose.check.graph import Graph
from vla_compose.report.printable import printable
from vla_compose.report.table import Section, describe

LIBRARY = "vla-compose"
TAGS = ("vla-compose", "vision-language-adapter")
# What has a meaning anywhere, and what has one except in a plain word or at the end of one.
_SPECIAL = re.compile(
    r"[\\`*{}\[\]()#+!|<>&\"~^=$@/]|(?<![A-Za-z])['_.:-]|['_-](?![A-Za-z])|[.:](?=\S)",
)
_MARK = re.compile(r"<!-- vla_compose ([0-9a-f]{64}) -->\n\Z")
_PLAIN = re.compile(r"[0-9][0-9,]*")


def model_card(graph: Graph, dtype: str, name: str, more: Mapping[str, Any]) -> str:
    """The card as Markdown with its front matter.

    The last line is a comment with the hash of the rest, so that a later save can tell a card that nobody
    edited from one that somebody did.

    Args:
        graph: what was saved.
        dtype: of the parameters, in a word.
        name: what to load it by in the example.
        more: entries of the front matter, such as `license`, `base_model` or `tags`.
    """
    text = "\n".join([*_front(more), *_body(graph, dtype, name)]) + "\n"
    return f"{text}<!-- vla_compose {_digest(text)} -->\n"


def is_untouched(card: str) -> bool:
    """Whether a card is as `model_card` made it."""
    found = _MARK.search(card)
    return found is not None and found[1] == _digest(card[: found.start()])


def escaped(text: str) -> str:
    """Text that Markdown and HTML show as it is: every character with a meaning as a number, on one line."""
    return _SPECIAL.sub(lambda found: f"&#{ord(found[0])};", printable(" ".join(text.split())))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _front(more: Mapping[str, Any]) -> Iterator[str]:
    given = dict(more)
    try:
        yaml.safe_dump(given)
    except yaml.YAMLError:
        raise TypeError(
            "the entries of `model_card_kwargs` must be text, numbers, lists or mappings"
        ) from None
    tags = given.pop("tags", None) or []
    every = [*TAGS, *([tags] if isinstance(tags, str) else tags)]
    data = ModelCardData(**{"library_name": LIBRARY, **given}, tags=every)
    yield "---"
    yield data.to_yaml(line_break="\n").rstrip("\n")
    yield "---"


def _body(graph: Graph, dtype: str, name: str) -> Iterator[str]:
    spec = graph.spec
    yield ""
    yield f"# {spec.name}"
    if spec.summary:
        yield ""
        yield escaped(spec.summary)
    yield ""
    yield "A vision-language adapter: the part of a model between its vision encoder and its language model."
    yield "[spec.yaml](spec.yaml) says what it computes, and `vla_compose` builds the PyTorch module from it:"
    yield "`pip install 'vla-compose[torch]'`."
    links = [("paper", spec.sources.paper), ("code", spec.sources.code)]
    if any(link for _, link in links):
        yield ""
        # A link of a spec holds neither blanks nor angle brackets, so it cannot end early.
        yield from (f"- {what}: <{link}>" for what, link in links if link)
    yield from ("", "## Load", "", "```python", "import vla_compose", "")
    yield f"adapter = vla_compose.from_pretrained({json.dumps(name)})"
    yield from ("```", "", "## What it computes", "")
    if graph.values:
        yield f"With {', '.join(f'{_code(dim)} = {value}' for dim, value in graph.values.items())}."
    for section in describe(graph)[1:]:
        yield ""
        yield f"### {escaped(section.title[:1].upper() + section.title[1:])}"
        yield ""
        yield from _table(section) if section.header else _list(section)
    yield f"- stored in {_code(dtype)}"
    yield ""


def _table(section: Section) -> Iterator[str]:
    yield f"| {' | '.join(section.header)} |"
    yield f"|{'|'.join('---:' if at in section.right else '---' for at in range(len(section.header)))}|"
    for row in section.rows:
        yield f"| {' | '.join(map(_code, row))} |"


def _list(section: Section) -> Iterator[str]:
    for head, *rest in section.rows:
        yield f"- {': '.join((escaped(head), *map(_code, rest)))}"


def _code(text: str) -> str:
    """A word of the spec language as code, where nothing in it can end the code or the cell."""
    if not text or _PLAIN.fullmatch(text):
        return text
    safe = text.isprintable() and text == text.strip() and not set(text) & set("`|")
    return f"`{text}`" if safe else escaped(text)
