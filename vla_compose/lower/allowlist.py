"""What generated source may hold. Checked on the syntax tree before anything is run."""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterable
from typing import Any

IMPORTS = frozenset({"torch", "torch.nn", "__future__"})
PLAIN = frozenset({
    ast.Module, ast.alias, ast.arguments, ast.arg, ast.keyword,
    ast.Expr, ast.Assign, ast.AnnAssign, ast.Return, ast.If, ast.For, ast.Raise, ast.Pass,
    ast.Tuple, ast.List, ast.Dict, ast.ListComp, ast.comprehension, ast.Subscript, ast.Slice, ast.Starred,
    ast.IfExp, ast.JoinedStr, ast.FormattedValue, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare,
    ast.Load, ast.Store, *ast.operator.__subclasses__(), *ast.unaryop.__subclasses__(),
    *ast.boolop.__subclasses__(), *ast.cmpop.__subclasses__(),
})  # fmt: skip
"""Nodes that are always fine."""
SIMPLE = frozenset({"arg", "attr", "ctx", "name", "op", "ops"})
FIELDS = {
    kind: tuple(field for field in kind._fields if field not in SIMPLE)
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST)
}
"""Where each kind of node holds others, but for names and what is always fine: contexts and operators."""
VALUES = frozenset({str, int, float, bool, type(None)})
CALLS = frozenset(
    {
        "enumerate",
        "int",
        "isinstance",
        "len",
        "list",
        "min",
        "max",
        "range",
        "round",
        "sum",
        "super",
        "zip",
        "ValueError",
    }
)
"""Builtins that may be called. Everything else called by name must be defined or imported in the file."""
BUILTINS = frozenset(dir(builtins)) - CALLS - {"bool", "dict", "float", "object", "str", "tuple"}
"""Builtins that may not even be named, so that none is called under another name."""
MODULES = sys.stdlib_module_names - {"select"}
PLACES = frozenset({"compiler", "functional", "init", "nn"})
"""Where in torch the source may reach. Other parts of torch lead to files, processes and the interpreter."""


class ForbiddenSource(Exception):
    """Generated source holds something that it never should. A bug of this package, not of a spec."""


def check_source(text: str, known: Iterable[str] = ()) -> ast.Module:
    """Parse generated source and check every node.

    Args:
        text: the source.
        known: names that are defined outside it, which it may call.

    Raises:
        ForbiddenSource: a node, an import or a call is not on the list.
    """
    tree = ast.parse(text)
    special = _special(tree)
    defined: set[str] = {"is_dynamo_compiling", "is_exporting", "layer", *known}
    bound: set[str] = set()
    for node in special:
        kind = type(node)
        if kind is ast.ClassDef or kind is ast.FunctionDef:
            defined.add(node.name)
        elif kind is ast.arg:
            bound.add(node.arg)
        elif kind is ast.Name and type(node.ctx) is ast.Store:
            bound.add(node.id)
    forbidden = BUILTINS - defined - bound
    for node in special:
        problem = _problem(node, defined, forbidden)
        if problem:
            raise ForbiddenSource(f"line {getattr(node, 'lineno', '?')}: {problem}")
    return tree


def _special(tree: ast.Module) -> list[Any]:
    """Every node that calls for a look: as `ast.walk` finds them, in a fraction of the time."""
    waiting: list[Any] = [tree]
    found: list[Any] = []
    while waiting:
        node = waiting.pop()
        kind = type(node)
        # Most nodes are names that no builtin has, and plain values: neither calls for another look.
        if kind is ast.Name:
            if node.id in BUILTINS or node.id.startswith("__"):
                found.append(node)
            continue
        if kind is ast.Constant:
            if type(node.value) not in VALUES:
                found.append(node)
            continue
        if kind not in PLAIN or kind is ast.arg:
            if not isinstance(node, ast.AST):
                continue  # a number or a name that stands for itself
            found.append(node)
        for field in FIELDS[kind]:
            value = getattr(node, field, None)
            if type(value) is list:
                waiting += value
            elif value is not None:
                waiting.append(value)
    return found


def _problem(node: ast.AST, defined: set[str], forbidden: frozenset[str]) -> str:
    match node:
        case ast.Attribute():
            return f"attribute {node.attr}" if _outside(node) else ""
        case ast.Call(func=ast.Name(id=name)):
            return "" if name in CALLS or name in defined else f"call of {name}"
        case ast.Call() | ast.arg():
            return ""
        case ast.Name(id=name):
            return f"name {name}" if name in forbidden or name.startswith("__") else ""
        case ast.Constant(value=value):
            return f"constant {value!r}"
        case ast.Import(names=aliases):
            outside = [alias.name for alias in aliases if alias.name not in IMPORTS or alias.asname]
            return f"import of {outside}" if outside else ""
        case ast.ImportFrom():
            return "" if node.module in IMPORTS and not node.level else f"import from {node.module}"
        case ast.ClassDef() | ast.FunctionDef():
            odd = node.decorator_list or getattr(node, "keywords", [])
            return f"decorator or metaclass of {node.name}" if odd else ""
    return f"{type(node).__name__} is not allowed"


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
    return not PLACES.issuperset(inner) or node.attr in MODULES or node.attr in ("hub", "load", "ops", "save")
