import pytest

from vla_compose.report import formula
from vla_compose.types.dim import Dim
from vla_compose.types.expression import parse_expression
from vla_compose.types.tensor import parse_pattern

VALUES = {"vision": 1152, "text": 2048, "merge": 2}


@pytest.mark.parametrize(
    ("pattern", "size", "tokens"),
    [
        ("n (merge merge vision)", "n 4608", "n"),
        ("(n merge merge) vision", "4*n 1152", "4*n"),
        ("b (h w) vision", "b h*w 1152", "h*w"),
        ("b 1+(h//merge w//merge+1)+1 text", "b 2+(h//2)*(w//2+1) 2048", "2 + (h//2)*(w//2+1)"),
        ("b vision h w", "b 1152 h w", "h*w"),
        ("packed(t h w) vision", "packed(h*t*w) 1152", "sum over images of t*h*w"),
        ("text", "2048", "1"),
    ],
)
def test_sizes_and_tokens(pattern, size, tokens):
    type_ = parse_pattern(pattern, VALUES)
    assert formula.size(type_, VALUES) == size
    assert formula.tokens(type_, VALUES) == tokens


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ([], "0"),
        (["68157440*n"], "68,157,440*n"),
        (["1000*b", "999", "2*b*(h//2)"], "2*b*(h//2) + 1,000*b + 999"),
        (["n//(a+1000)"], "n//(a+1,000)"),
    ],
)
def test_costs(parts, text):
    assert formula.cost(map(parse_expression, parts)) == text


def test_a_cost_with_too_many_terms_says_so():
    assert formula.cost(Dim.of(f"s{at}") for at in range(100)).startswith("no formula: ")


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (68_175_872, "65.0 MiB"),
        (3 * 2**30, "3.0 GiB"),
        (5 * 2**50, "5120.0 TiB"),
    ],
)
def test_memory(count, text):
    assert formula.memory(count) == text
