"""What is fuzzed: functions that take any bytes and raise only when a promise is broken.

A target is called hundreds of thousands of times, so it keeps no state and touches no file.
"""

from __future__ import annotations

import ast
import contextlib
import json
import keyword
import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from vla_compose.api import check_document
from vla_compose.check.infer import infer
from vla_compose.codes import CODES
from vla_compose.diagnostics import Diagnostic, Span, SpecError
from vla_compose.lower.module import source
from vla_compose.report import FORMATS, render, table
from vla_compose.spec.parse import load_spec
from vla_compose.spec.reader import HOLE, Document, read_text
from vla_compose.types.dim import Dim, DimError
from vla_compose.types.expression import ExpressionError, parse_expression
from vla_compose.types.tensor import PatternError, parse_pattern

VALUES = {
    name: 2 + at for at, name in enumerate("a b c d e f g h i j k l m n o p q r s t u v w x y z".split())
}
"""Sizes with which an expression is worked out twice."""


class Broken(Exception):
    """A promise does not hold."""


def reader(data: bytes) -> None:
    """`read_text` refuses with one diagnostic, or gives plain data: for JSON, what JSON means."""
    partly(data)
    try:
        document = read_text(data)
    except SpecError as error:
        if len(error.diagnostics) != 1:
            raise Broken(f"{len(error.diagnostics)} diagnostics") from None
        _sound(error.diagnostics[0])
        return
    value = document.value
    if json.loads(json.dumps(value, allow_nan=False)) != value:
        raise Broken("the value is not plain data")
    _placed(document)
    try:
        other = json.loads(document.text)
    except ValueError:
        return
    if other != value:
        raise Broken("JSON means something else")


def partly(data: bytes) -> None:
    """Reading on finds what reading finds first, gives places to all it reads, and knows its holes."""
    first = document = None
    try:
        strict = read_text(data)
    except SpecError as error:
        first, strict = error.diagnostics[0], None
    try:
        document = read_text(data, partly=True)
        faults = document.faults
    except SpecError as error:
        faults = error.diagnostics
    for fault in faults:
        _sound(fault)
    if list(faults) != sorted(faults, key=lambda fault: fault.span or Span(0, 0, 0)):
        raise Broken("mistakes are out of order")
    if strict is not None and document != strict:
        raise Broken("reading on changes what is read")
    # `<<: *a` is one mistake, and may be found at either end.
    names = {fault.name for fault in faults} | (
        {"alias"} if any(f.name == "merge-key" for f in faults) else set()
    )
    if first is not None and first.name not in names:
        raise Broken(f"reading on does not find {first}")
    if document is None:
        return
    _placed(document)
    paths = {path for path, value in _walk((), document.value) if value is HOLE}
    if not paths <= document.holes <= document.values.keys():
        raise Broken(f"the holes are {paths}, not {document.holes}")
    if document.holes and not faults:
        raise Broken("holes without a mistake")


def check(data: bytes) -> None:
    """`check` finds mistakes, or the spec can be shown and ejected; every report can be printed."""
    try:
        document = read_text(data, partly=True)
    except SpecError:
        return
    found = check_document(document)
    if document.faults and not found:
        raise Broken("mistakes of reading are lost")
    for diagnostic in found:
        _sound(diagnostic)
    for format in FORMATS:
        printed = render(format, found, {None: document.text})
        if not all(char.isprintable() or char == "\n" for char in printed):
            raise Broken(f"{format} prints a control character")
    if found:
        return
    try:
        spec = load_spec(document)
        graphs = [infer(spec), *(infer(spec, dims) for dims in spec.variants.values())]
    except SpecError as error:
        raise Broken(f"check found nothing, but: {error}") from None
    for graph in graphs:
        printed = table.render(table.describe(graph, None))
        if not all(char.isprintable() or char == "\n" for char in printed):
            raise Broken("the table has a control character")
        ast.parse(source(graph))


def expression(data: bytes) -> None:
    """An expression is refused at a place inside it, or has the value that Python gives it."""
    text = data.decode("utf-8", "replace")
    try:
        dim = parse_expression(text)
    except ExpressionError as error:
        _refused(error, error.at, text)
        return
    _prints_as_itself(text, dim)
    names = set(re.findall(r"[A-Za-z_]\w*", text, re.ASCII))
    if not names <= VALUES.keys() or any(keyword.iskeyword(name) for name in names):
        return
    try:
        tree = ast.parse(" ".join(text.split()), mode="eval").body
    except SyntaxError:
        return  # `007`
    try:
        expected = _worked_out(tree)
        got = dim.substitute(VALUES).constant
    except (DimError, ZeroDivisionError):
        return
    if got is not None and got != expected:
        raise Broken(f"`{text}` is {got}, but Python says {expected}")


def pattern(data: bytes) -> None:
    """A pattern is refused at a place inside it, or prints as a pattern that means the same."""
    text = data.decode("utf-8", "replace")
    try:
        parsed = parse_pattern(text, {"vision", "text", "merge"})
    except PatternError as error:
        _refused(error, error.at, text)
        return
    printed = str(parsed)
    if not printed.isascii() or not printed.isprintable():
        raise Broken(f"`{text}` prints as {printed!r}")
    parsed.symbols()
    with contextlib.suppress(DimError):  # a size that cannot be computed: `check` refuses it
        parsed.shape()
    try:
        again = parse_pattern(printed, {"vision", "text", "merge"})
    except PatternError as error:
        if _too_much(error):
            return
        raise Broken(f"`{text}` prints as `{printed}`, which is no pattern: {error}") from None
    if str(again) != printed:
        raise Broken(f"`{text}` prints as `{printed}`, and that as `{again}`")


TARGETS: Mapping[str, Callable[[bytes], None]] = MappingProxyType(
    {"reader": reader, "check": check, "expression": expression, "pattern": pattern}
)


def _sound(found: Diagnostic) -> None:
    if CODES.get(found.code) != found.name:
        raise Broken(f"unknown code {found.code} {found.name}")
    if found.span is None or found.span.line < 1 or not 1 <= found.span.column < found.span.end_column:
        raise Broken(f"{found.code} has the span {found.span}")
    if not found.help:
        raise Broken(f"{found.code} has no help")
    for words in (found.message, found.help):
        if not words.isprintable() or len(words) > 1000:
            raise Broken(f"{found.code} says {words!r}")


def _placed(document: Document) -> None:
    paths = {(): document.value, **dict(_walk((), document.value))}
    if paths.keys() != document.values.keys():
        raise Broken("values and places differ")
    lines = document.text.split("\n")
    for span in (*document.keys.values(), *document.values.values()):
        if not 1 <= span.column < span.end_column <= max(len(lines[span.line - 1]), 1) + 1:
            raise Broken(f"the span {span} lies outside its line")


def _walk(path: tuple[str | int, ...], node: object) -> Iterator[tuple[tuple[str | int, ...], object]]:
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in pairs:
        yield (*path, key), value
        yield from _walk((*path, key), value)


def _refused(error: ValueError, at: int, text: str) -> None:
    if not 0 <= at <= len(text):
        raise Broken(f"{error} at {at} of {len(text)}") from None
    if not str(error):
        raise Broken("an error without words") from None


def _prints_as_itself(text: str, dim: Dim) -> None:
    printed = str(dim)
    try:
        again = parse_expression(printed)
    except ExpressionError as error:
        if _too_much(error):
            return
        raise Broken(f"`{text}` prints as `{printed}`, which is no expression: {error}") from None
    if again != dim:
        raise Broken(f"`{text}` prints as `{printed}`, and that as `{again}`")


def _too_much(error: ValueError) -> bool:
    """Whether a text is refused for its size: what is printed can be longer than what was written."""
    return any(words in str(error) for words in ("longer than", "more than", "deeper than", "larger than"))


def _worked_out(node: ast.expr) -> int:
    match node:
        case ast.Constant(value=int(value)):
            return value
        case ast.Name(id=name):
            return VALUES[name]
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -_worked_out(inner)
        case ast.BinOp(left=left, op=operator, right=right):
            a, b = _worked_out(left), _worked_out(right)
            match operator:
                case ast.Add():
                    return a + b
                case ast.Sub():
                    return a - b
                case ast.Mult():
                    return a * b
                case ast.FloorDiv():
                    return a // b
                case ast.Mod():
                    return a % b
    raise Broken(f"accepted {ast.dump(node)}")
