"""Edge types: patterns, counts, order, maps."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vla_compose.types.dim import Dim
from vla_compose.types.tensor import Axis, Group, PatternError, TensorType, normal, parse_pattern, same_order

DIMS = ("vision", "text", "merge", "side")


@pytest.mark.parametrize(
    "text",
    [
        "n",
        "vision",
        "b n vision",
        "b (h w) vision",
        "(n merge merge) vision",
        "b 1+(s s) vision",
        "b 1+(h//2 w//2+1)+1 text",
        "packed(t h w) vision",
        "packed(h//merge w//merge merge merge) vision",
        "b vision h w",
        "n (merge merge vision)",
        "b (t h w) vision",
        "b h*w vision",
        "b 2*n+1 vision",
        "packed(n) vision",
        "queries (s s)",
    ],
)
def test_round_trip(text: str) -> None:
    type_ = parse_pattern(text, DIMS)
    assert str(type_) == text
    assert parse_pattern(str(type_), DIMS) == type_


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("  b   n\tvision ", "b n vision"),
        ("b (n) vision", "b n vision"),
        ("b ((n)) vision", "b n vision"),
        ("b ( h  w ) vision", "b (h w) vision"),
        ("b (1+n) vision", "b n+1 vision"),
        ("b (2 * n) vision", "b 2*n vision"),
        ("packed( t h ) c", "packed(t h) c"),
    ],
)
def test_other_spellings(text: str, same: str) -> None:
    if text == "b (2 * n) vision":
        with pytest.raises(PatternError):
            parse_pattern(text)
        return
    assert str(parse_pattern(text)) == same


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        ("", 0, "the pattern is empty"),
        ("   ", 0, "the pattern is empty"),
        ("b (h w vision", 2, r"a `\(` is not closed"),
        ("b h w) vision", 5, r"a `\)` has no `\(`"),
        ("b () vision", 2, r"`\(\)` holds nothing"),
        ("b (h w)x vision", 5, "expected|missing"),
        ("b 1++n vision", 4, "expected"),
        ("b +n vision", 2, "expected"),
        ("b n+ vision", 4, "expected"),
        ("b n/2 vision", 3, "division is `//`"),
        ("b ... vision", 2, "not part"),
        ("b n,m vision", 3, "not part"),
        ("b (h w)*2 vision", 5, "missing|expected"),
        ("b h//0 vision", 3, "division by zero"),
        ("b packed(h w) vision", 2, "first of two axes"),
        ("n packed(h)", 2, "first of two axes"),
        ("packed(h w)", 0, "first of two axes"),
        ("packed() c", 0, "holds nothing"),
        ("b 1.5 vision", 2, "not part"),
        ("b é vision", 2, "not part"),
    ],
)
def test_errors(text: str, at: int, message: str) -> None:
    with pytest.raises(PatternError, match=message) as info:
        parse_pattern(text, DIMS)
    assert info.value.at == at


@pytest.mark.parametrize(
    ("text", "is_map"),
    [
        ("b vision h w", True),
        ("b 2*vision h w", True),
        ("b n h vision", False),
        ("b h w vision", False),
        ("b vision h", False),
        ("b vision n w vision", False),
    ],
)
def test_maps(text: str, is_map: bool) -> None:
    type_ = parse_pattern(text, DIMS)
    assert type_.is_map is is_map
    assert str(type_.width) == ("vision" if text != "b vision h" else "h") or is_map


def test_parts() -> None:
    type_ = parse_pattern("b 1+(h w) vision", DIMS)
    assert type_.width == Dim.of("vision")
    assert str(type_.tokens) == "1+(h w)"
    assert type_.symbols() == ["b", "h", "w", "vision"]
    assert type_.tokens.group is None
    assert type_.tokens.size == Dim.of("h") * Dim.of("w") + 1
    assert str(type_.with_width(2, Dim.of("text"))) == "b 1+(h w) (2 text)"
    assert str(type_.with_tokens(Axis.of("n"))) == "b n vision"
    assert type_.shape() == "b h*w+1 vision"
    assert type_.shape({"vision": 8, "h": 2}) == "b 2*w+1 8"
    assert str(type_.substitute({"h": 3})) == "b 1+(3 w) vision"
    assert str(TensorType(type_.axes, each=Dim.of("k"))) == "k x [b 1+(h w) vision]"
    assert TensorType(type_.axes, each=Dim.of("k")).substitute({"k": 3}).each == 3
    packed = parse_pattern("packed(t h) c")
    assert packed.tokens.packed
    assert packed.shape() == "packed(h*t) c"


@pytest.mark.parametrize(
    ("axis", "count"),
    [
        ("n", "n"),
        ("(h w)", "h*w"),
        ("1+(h w)+1", "2 + h*w"),
        ("1+(h//2 w//2+1)+1", "2 + (h//2)*(w//2+1)"),
        ("(2 2)", "4"),
        ("3+4", "7"),
        ("(1 n)", "n"),
        ("1", "1"),
    ],
)
def test_count(axis: str, count: str) -> None:
    assert parse_pattern(f"b {axis} c").tokens.count() == count


def test_count_of_packed_rows() -> None:
    assert parse_pattern("packed(t h//2) c").tokens.count() == "sum over images of t*(h//2)"


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("(h w)", "(h w)", True),
        ("(h w)", "(w h)", False),
        ("(h w)", "h*w", False),
        ("(1 h w)", "(h w)", True),
        ("(h 1 w)", "(h w)", True),
        ("1+n", "n", False),
        ("1+n", "n+1", False),
        ("1+2+n", "3+n", True),
        ("(2 2)+n", "4+n", False),
        ("1", "(1 1)", True),
        ("(n m m)", "(n m m)", True),
        ("(n m m)", "(n 2 2)", False),
    ],
)
def test_same_order(left: str, right: str, same: bool) -> None:
    one, other = (parse_pattern(f"b {text} c").tokens for text in (left, right))
    assert same_order(one, other) is same
    assert same_order(other, one) is same
    assert same_order(one, one)


def test_packed_is_another_order() -> None:
    assert not same_order(parse_pattern("packed(h w) c").tokens, parse_pattern("(h w) c").tokens)
    assert normal(Axis((Group((Dim.of(1),)), Group((Dim.of(1),))))) == (Group((Dim.of(2),)),)


sizes = st.sampled_from(["n", "h", "w", "s", "1", "2", "14", "h//2", "w//2+1", "2*n"])
groups = st.lists(sizes, min_size=1, max_size=4).map(lambda f: f[0] if len(f) == 1 else f"({' '.join(f)})")
axes = st.lists(groups, min_size=1, max_size=3).map("+".join)


@settings(max_examples=300, deadline=None)
@given(st.lists(axes, min_size=1, max_size=4))
def test_any_pattern_prints_and_parses_again(parts: list[str]) -> None:
    type_ = parse_pattern(" ".join(parts))
    again = parse_pattern(str(type_))
    values = {"n": 3, "h": 4, "w": 6, "s": 5}
    assert str(again) == str(type_)
    for left, right in zip(type_.axes, again.axes, strict=True):
        assert left.size == right.size
        assert same_order(left, right)
        assert left.size.substitute(values).constant == right.size.substitute(values).constant


@settings(max_examples=300, deadline=None)
@given(st.text("bhn()+*/ 12p", max_size=20))
def test_any_text_is_a_pattern_or_says_where_it_is_wrong(text: str) -> None:
    wrong = None
    try:
        parse_pattern(text)
    except PatternError as error:
        wrong = error.at
    assert wrong is None or 0 <= wrong <= len(text)
