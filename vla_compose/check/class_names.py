"""Names in generated source."""

from __future__ import annotations

import re

from vla_compose.check.graph import CheckedChain, Graph


def class_name(text: str) -> str:
    """`qwen2.5-vl` to `Qwen25Vl`."""
    parts = re.split(r"[-._]+", text)
    made = "".join(part[:1].upper() + part[1:] for part in parts)
    return f"{made}_" if made in ("F", "Tensor") else made


def chain_class(graph: Graph, checked: CheckedChain) -> str:
    """The class of a chain; the one of top-level steps carries the name of the spec alone."""
    return class_name(graph.spec.name) + class_name(checked.chain.name)
