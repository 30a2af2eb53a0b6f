"""Pieces of `vla_compose.runtime` as source, read as text so that torch is not imported."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

RUNTIME = Path(__file__).parent.parent / "runtime"


@cache
def piece(name: str) -> str:
    """The definitions of one runtime file, without its imports and docstring."""
    text = (RUNTIME / f"{name}.py").read_text(encoding="utf-8")
    lines = text.splitlines()
    kept = [
        "\n".join(lines[_first_line(node) - 1 : node.end_lineno])
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    ]
    return "\n\n\n".join(kept)


def _first_line(node: ast.FunctionDef | ast.ClassDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
