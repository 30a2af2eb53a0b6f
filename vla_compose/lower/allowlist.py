"""What generated source may hold. Checked on the syntax tree before anything is run."""

from __future__ import annotations

import ast
import builtins
import sys

IMPORTS = frozenset({"torch", "torch.nn", "__future__"})
NODES: tuple[type[ast.AST], ...] = (
    ast.Module, ast.Import, ast.ImportFrom, ast.alias, ast.ClassDef, ast.FunctionDef, ast.arguments, ast.arg,
    ast.Expr, ast.Assign, ast.Return, ast.If, ast.IfExp, ast.For, ast.Raise, ast.Pass,
    ast.Call, ast.keyword, ast.Attribute, ast.Name, ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.ListComp,
    ast.comprehension, ast.Subscript, ast.Slice, ast.Starred, ast.JoinedStr, ast.FormattedValue,
    ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.operator, ast.unaryop, ast.boolop, ast.cmpop,
    ast.AnnAssign, ast.Load, ast.Store,
)  # fmt: skip
CALLS = frozenset(
    {"enumerate", "int", "len", "list", "min", "max", "range", "round", "sum", "super", "zip", "ValueError"}
)
"""Builtins that may be called. Everything else called by name must be defined or imported in the file."""
BUILTINS = frozenset(dir(builtins)) - CALLS - {"bool", "dict", "float", "str", "tuple"}
"""Builtins that may not even be named, so that none is called under another name."""
PLACES = frozenset({"compiler", "functional", "init", "nn"})
"""Where in torch the source may reach. Other parts of torch lead to files, processes and the interpreter."""


class ForbiddenSource(Exception):
    """Generated source holds something that it never should. A bug of this package, not of a spec."""


def check_source(text: str) -> ast.Module:
    """Parse generated source and check every node.

    Raises:
        ForbiddenSource: a node, an import or a call is not on the list.
    """
    tree = ast.parse(text)
    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    bound = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    bound |= {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    for node in ast.walk(tree):
        problem = _problem(node, defined, bound)
        if problem:
            raise ForbiddenSource(f"line {getattr(node, 'lineno', '?')}: {problem}")
    return tree


def _problem(node: ast.AST, defined: set[str], bound: set[str]) -> str:
    if not isinstance(node, NODES):
        return f"{type(node).__name__} is not allowed"
    if isinstance(node, ast.Import):
        outside = [alias.name for alias in node.names if alias.name not in IMPORTS or alias.asname]
        return f"import of {outside}" if outside else ""
    if isinstance(node, ast.ImportFrom):
        return "" if node.module in IMPORTS and not node.level else f"import from {node.module}"
    if isinstance(node, ast.ClassDef | ast.FunctionDef) and (
        node.decorator_list or getattr(node, "keywords", [])
    ):
        return f"decorator or metaclass of {node.name}"
    if isinstance(node, ast.Attribute):
        return f"attribute {node.attr}" if _outside(node) else ""
    if isinstance(node, ast.Name) and (node.id.startswith("__") or node.id in BUILTINS - defined - bound):
        return f"name {node.id}"
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        known = node.func.id in CALLS or node.func.id in defined or node.func.id in ("layer",)
        return "" if known else f"call of {node.func.id}"
    if isinstance(node, ast.Constant) and not isinstance(node.value, str | int | float | bool | type(None)):
        return f"constant {node.value!r}"
    return ""


def _outside(node: ast.Attribute) -> bool:
    """Whether an attribute is special, or leads out of the parts of torch that compute."""
    if node.attr.startswith("__") and node.attr != "__init__":
        return True
    inner: list[str] = []
    base = node.value
    while isinstance(base, ast.Attribute):
        inner.append(base.attr)
        base = base.value
    if not isinstance(base, ast.Name) or base.id not in ("torch", "nn", "F"):
        return False
    modules = sys.stdlib_module_names - {"select"}
    return not PLACES.issuperset(inner) or node.attr in modules or node.attr in ("hub", "load", "ops", "save")
