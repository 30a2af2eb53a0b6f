"""The expression grammar of specs: `+ - * // % ( )` over names and integers, parsed to a `Dim`.

    sum     := product (("+" | "-") product)*
    product := unary (("*" | "//" | "%") unary)*
    unary   := "-" unary | integer | name | "(" sum ")"

Nothing is evaluated by Python: the parser builds a polynomial, and every step is bounded.
"""

from __future__ import annotations

import re

from vla_compose.types.dim import Dim, DimError

LONGEST = 200
MOST_NODES = 64
DEEPEST = 16

_TOKEN = re.compile(
    r"\s*(?:(?P<int>[0-9]{1,16}(?![0-9A-Za-z_.]))|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<op>//|[-+*%()]))"
)


class ExpressionError(ValueError):
    """A text is not an expression; `at` is the offset of the first character that is wrong."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


def parse_expression(text: str) -> Dim:
    """Parse `text` into a size.

    Raises:
        ExpressionError: the text is not in the grammar, or its value leaves the bounds.
    """
    if len(text) > LONGEST:
        raise ExpressionError(f"the expression is longer than {LONGEST} characters", 0)
    parser = _Parser(text)
    value = parser.sum(0)
    if parser.kind != "end":
        raise ExpressionError(f"`{parser.token}` was not expected here", parser.at)
    return value


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.next_at = 0
        self.nodes = 0
        self.advance()

    def advance(self) -> None:
        rest = self.text[self.next_at :]
        self.at = self.next_at + len(rest) - len(rest.lstrip())
        if not rest.strip():
            self.kind, self.token = "end", "the end"
            return
        match = _TOKEN.match(self.text, self.next_at)
        if match is None:
            found = self.text[self.at : self.at + 12]
            found = found if found.isprintable() else ascii(found)[1:-1]
            hint = "; division is `//`" if found.startswith("/") else ""
            raise ExpressionError(f"`{found}` is not part of an expression{hint}", self.at)
        self.kind = str(match.lastgroup)
        self.token = match.group(self.kind)
        self.next_at = match.end()
        self.nodes += 1
        if self.nodes > MOST_NODES:
            raise ExpressionError(f"the expression has more than {MOST_NODES} parts", self.at)

    def apply(self, left: Dim, operator: str, right: Dim, at: int) -> Dim:
        try:
            if operator == "+":
                return left + right
            if operator == "-":
                return left - right
            if operator == "*":
                return left * right
            return left // right if operator == "//" else left % right
        except DimError as error:
            raise ExpressionError(str(error), at) from None

    def sum(self, depth: int) -> Dim:
        if depth > DEEPEST:
            raise ExpressionError(f"the expression is nested deeper than {DEEPEST}", self.at)
        value = self.product(depth)
        while self.kind == "op" and self.token in "+-":
            operator, at = self.token, self.at
            self.advance()
            value = self.apply(value, operator, self.product(depth), at)
        return value

    def product(self, depth: int) -> Dim:
        value = self.unary(depth)
        while self.kind == "op" and self.token in ("*", "//", "%"):
            operator, at = self.token, self.at
            self.advance()
            value = self.apply(value, operator, self.unary(depth), at)
        return value

    def unary(self, depth: int) -> Dim:
        kind, token, at = self.kind, self.token, self.at
        if kind == "op" and token == "-":
            if depth > DEEPEST:
                raise ExpressionError(f"the expression is nested deeper than {DEEPEST}", at)
            self.advance()
            return self.apply(Dim.of(0), "-", self.unary(depth + 1), at)
        if kind == "op" and token == "(":
            self.advance()
            value = self.sum(depth + 1)
            if self.token != ")":
                raise ExpressionError("a `)` is missing", self.at)
            self.advance()
            return value
        if kind not in ("int", "name"):
            raise ExpressionError(f"a name or a number was expected, not `{token}`", at)
        self.advance()
        if kind == "name":
            return Dim.of(token)
        if token != "0" and token.startswith("0"):
            raise ExpressionError(f"`{token}` starts with a zero: write `{token.lstrip('0') or '0'}`", at)
        if int(token) > 2**53:
            raise ExpressionError("the number is larger than 2^53", at)
        return Dim.of(int(token))
