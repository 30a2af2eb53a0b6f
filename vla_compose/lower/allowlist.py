"""What generated source may hold. Checked on the syntax tree before anything is run."""

from __future__ import annotations

import ast

IMPORTS = frozenset({"torch", "torch.nn", "__future__"})
NODES: tuple[type[ast.AST], ...] = (
    ast.Module, ast.Import, ast.ImportFrom, ast.alias, ast.ClassDef, ast.FunctionDef, ast.arguments, ast.arg,
    ast.Expr, ast.Assign, ast.Return, ast.If, ast.IfExp, ast.For, ast.Raise, ast.Pass,
    ast.Call, ast.keyword, ast.Attribute, ast.Name, ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.ListComp,
    ast.comprehension, ast.Subscript, ast.Slice, ast.Starred, ast.JoinedStr, ast.FormattedValue,
    ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.operator, ast.unaryop, ast.boolop, ast.cmpop,
    ast.AnnAssign, ast.Load, ast.Store,
)  # fmt: skip
CALLS = frozenset({"int", "len", "list", "min", "max", "range", "round", "sum", "super", "zip", "ValueError"})
"""Builtins that may be called. Everything else called by name must be defined or imported in the file."""


class ForbiddenSource(Exception):
    """Generated source holds something that it never should. A bug of this package, not of a spec."""


def check_source(text: str) -> ast.Module:
    """Parse generated source and check every node.

    Raises:
        ForbiddenSource: a node, an import or a call is not on the list.
    """
    tree = ast.parse(text)
    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    for node in ast.walk(tree):
        problem = _problem(node, defined)
        if problem:
            raise ForbiddenSource(f"line {getattr(node, 'lineno', '?')}: {problem}")
    return tree


def _problem(node: ast.AST, defined: set[str]) -> str:
    if not isinstance(node, NODES):
        return f"{type(node).__name__} is not allowed"
    if isinstance(node, ast.Import):
        outside = [alias.name for alias in node.names if alias.name not in IMPORTS or alias.asname]
        return f"import of {outside}" if outside else ""
    if isinstance(node, ast.ImportFrom):
        return "" if node.module in IMPORTS and not node.level else f"import from {node.module}"
    if isinstance(node, ast.Attribute) and node.attr.startswith("__") and node.attr != "__init__":
        return f"attribute {node.attr}"
    if isinstance(node, ast.Name) and node.id.startswith("__"):
        return f"name {node.id}"
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        known = node.func.id in CALLS or node.func.id in defined or node.func.id in ("layer",)
        return "" if known else f"call of {node.func.id}"
    if isinstance(node, ast.Constant) and not isinstance(node.value, str | int | float | bool | type(None)):
        return f"constant {node.value!r}"
    return ""
