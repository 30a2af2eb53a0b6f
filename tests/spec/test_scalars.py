from __future__ import annotations

import re
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vla_compose.spec.codes import CODES
from vla_compose.spec.limits import DEFAULT_LIMITS
from vla_compose.spec.scalars import ScalarError, check_characters, check_plain_key, resolve_plain

# Each row: the texts, and the value of each.
ACCEPTED: list[tuple[str, list[object]]] = [
    ("true false null", [True, False, None]),
    ("0 -0 5 -17 10", [0, 0, 5, -17, 10]),
    ("9223372036854775807 -9223372036854775808", [2**63 - 1, -(2**63)]),
    ("1e-6 1e6 1e+6 1E-6 -2E+05 1.0e6", [1e-6, 1e6, 1e6, 1e-6, -2e5, 1e6]),
    ("1.e-6 1.0e-6 1.0e+6 .5e-3 .1e-6 5.", [1e-6, 1e-6, 1e6, 0.5e-3, 0.1e-6, 5.0]),
    ("-.5 .5 0.5 1.10 8.0 0e5 0.0 1e-310 5e-324", [-0.5, 0.5, 0.5, 1.1, 8.0, 0.0, 0.0, 1e-310, 5e-324]),
]
TEXTS = """
    y n Y N tRue nuLL yEs oFF none None nil inf nan -.nan +.nan NaN Infinity -Infinity .nAn
    2001-12-14 2001-12-14T21:59:43Z 2001-13-45 2001-12-14T25:00:00Z 2001-12-14T21:59:43+99:99 0000-00-00
    1.2.3 1.. .5.5 . .. - + e5 1e 1e+ -e 0x 0xG 0b2 0o8 0b1f3a 12a 2b _1 :1 1: a:1 1:a 1-2 4*2 h//2 #1
    yes! ${x} @a true. TrueX << <<<
    == === linear qwen2-vl text//128 (s)
""".split()
TEXTS.remove("<<")
TEXTS += [
    "2 * vision",
    "text // 128",
    "1 000",
    "+ 5",
    "b (h w) c",
    "no way",
    " ",
    "1 ",
    " 1",
    "1\n",
    "true\n",
    "no\n",
]

# Text refused as ambiguous, and what to write instead.
AMBIGUOUS = {
    **dict.fromkeys("yes Yes YES on On ON True TRUE".split(), "true"),
    **dict.fromkeys("no No NO off Off OFF False FALSE".split(), "false"),
    **dict.fromkeys("~ Null NULL".split(), "null"),
    **{"0o17": "15", "017": "17", "08": "8", "09.5": "9.5", "-017": "-17", "00": "0", "007.5e3": "7.5e3"},
    **{"1_000": "1000", "1__0": "10", "1_000.5": "1000.5", "1_": "1", "1e1_0": "1e10", "0_": "0"},
    **{"0x1F": "31", "0X1f": "31", "0b101": "5", "-0x10": "-16", "0O17": "15", "0x1_F": "31", "+0b1": "1"},
    **{text: f'"{text}"' for text in "0x_ 0b_ 0o_".split()},
    **{
        text: f'"{text}"'
        for text in "12:30:45 1:30 2:1 12:30:45.5 1:2:3:4 1:99 0:30 1_0:30 -1:30 1:30.".split()
    },
    **{"+5": "5", "+.5": ".5", "+1e5": "1e5", "+017": "17", "+0.5": "0.5", "+1_0": "10"},
    **{"=": '"="', "<<": '"<<"'},
    "0x" + "f" * 16: "18446744073709551615",
}
OUT_OF_RANGE = """
    .inf .Inf .INF +.inf -.inf -.INF .nan .NaN .NAN 1.0e+400 1e400 -1e309 1e-400 -1.5e-999 0.001e-330
    9223372036854775808 -9223372036854775809 18446744073709551616 99999999999999999999
""".split()


def refusal(text: str) -> ScalarError:
    with pytest.raises(ScalarError) as info:
        resolve_plain(text)
    error = info.value
    assert error.name in CODES.values()
    assert len(error.message) < 160
    assert error.message.isprintable()
    assert error.message.isascii()
    assert error.fix.isascii()
    return error


@pytest.mark.parametrize(
    ("text", "value"),
    [pair for texts, values in ACCEPTED for pair in zip(texts.split(), values, strict=True)],
)
def test_words_and_numbers(text: str, value: object) -> None:
    found = resolve_plain(text)
    assert found == value
    assert type(found) is type(value)


def test_nothing_is_null() -> None:
    assert resolve_plain("") is None


def test_minus_zero_keeps_its_sign() -> None:
    assert str(resolve_plain("-0.0")) == "-0.0"


@pytest.mark.parametrize("text", TEXTS)
def test_the_rest_is_text(text: str) -> None:
    assert resolve_plain(text) == text


@pytest.mark.parametrize(("text", "fix"), AMBIGUOUS.items())
def test_ambiguous(text: str, fix: str) -> None:
    error = refusal(text)
    assert error.name == "ambiguous-scalar"
    assert f"`{text}` is ambiguous" in error.message
    if fix == "18446744073709551615":
        fix = f'"{text}"'  # what does not fit into an integer can only be meant as text
    assert error.fix == f"write `{fix}`"
    if not fix.startswith('"'):
        resolve_plain(fix)


@pytest.mark.parametrize("text", OUT_OF_RANGE)
def test_out_of_range(text: str) -> None:
    assert refusal(text).name == "number-out-of-range"


@pytest.mark.parametrize(
    "text",
    [
        "9" * 4301,
        "-" + "9" * 100_000,
        "1" + ":59" * 5000,
        "0x" + "f" * 16_000,
        "1_" * 8000 + "1",
        "0" * 16_000,
    ],
)
def test_long_numbers_are_not_computed(text: str) -> None:
    assert len(refusal(text).fix) < 100


def test_length_of_a_float() -> None:
    limit = DEFAULT_LIMITS.float_chars
    assert resolve_plain("0." + "1" * (limit - 2)) == pytest.approx(1 / 9)
    assert refusal("0." + "1" * (limit - 1)).name == "too-long"
    small = replace(DEFAULT_LIMITS, float_chars=3, int_max=10, int_min=-10)
    assert resolve_plain("1.5", small) == 1.5
    assert resolve_plain("10", small) == 10
    for text in ("1.25", "11", "-11"):
        with pytest.raises(ScalarError):
            resolve_plain(text, small)


@pytest.mark.parametrize("key", ["name", "n", "y", "2b", "nan", "2001-12-14", "v1.2.3", "日本"])
def test_keys_that_are_text(key: str) -> None:
    check_plain_key(key)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("1", "non-string-key"),
        ("1.0", "non-string-key"),
        ("true", "non-string-key"),
        ("null", "non-string-key"),
        ("", "non-string-key"),
        (".nan", "non-string-key"),
        ("9" * 30, "non-string-key"),
        ("on", "ambiguous-scalar"),
        ("017", "ambiguous-scalar"),
        ("=", "ambiguous-scalar"),
        ("<<", "merge-key"),
    ],
)
def test_keys_that_are_not(key: str, name: str) -> None:
    with pytest.raises(ScalarError) as info:
        check_plain_key(key)
    assert info.value.name == name
    if key not in ("", "<<"):
        assert info.value.fix == f'write `"{key}"`'


@pytest.mark.parametrize(
    "char",
    list("\0\a\b\x0b\f\r\x1b\x7f\x80\x85\x9f\xad")
    + list("\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202e\u2060\u2066\u2069\u206f")
    + ["\ufeff", "\ufff9", "\ufffe", "\uffff", "\ud800", "\udfff", "\U000e0001", "\U000e0041"],
)
def test_forbidden_characters(char: str) -> None:
    with pytest.raises(ScalarError) as info:
        check_characters(f"a{char}b")
    assert info.value.name == "forbidden-character"
    assert f"U+{ord(char):04X} (" in info.value.message
    assert info.value.message.isprintable()


@pytest.mark.parametrize("text", ["\t\n ~", "\xa0é€\u200a\ufe0f\ufffd", "😀日本語\U0010ffff"])
def test_other_characters_are_fine(text: str) -> None:
    check_characters(text)


@given(st.integers(DEFAULT_LIMITS.int_min, DEFAULT_LIMITS.int_max))
def test_every_integer_is_itself(value: int) -> None:
    found = resolve_plain(str(value))
    assert found == value
    assert type(found) is int


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_is_itself(value: float) -> None:
    found = resolve_plain(repr(value))
    assert repr(found) == repr(value)


def test_the_largest_float() -> None:
    assert resolve_plain(repr(sys.float_info.max)) == sys.float_info.max


@settings(max_examples=500)
@given(st.text(alphabet="0123456789.eE+-_:xXobnfaiNFAI~", max_size=12))
def test_numberish_text_is_one_thing(text: str) -> None:
    try:
        value = resolve_plain(text)
    except ScalarError as error:
        help = re.search("`(.*)`", error.fix)
        assert help
        if error.name == "ambiguous-scalar" and not help[1].startswith('"'):
            resolve_plain(help[1])
        return
    if isinstance(value, str):
        assert value == text
    elif isinstance(value, int | float) and not isinstance(value, bool):
        # What is accepted as a number is the same number to Python and, where it can be, to JSON.
        assert value == float(text)
