"""Escaped text means what it was, and nothing else."""

from __future__ import annotations

import html
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.site.hostile import PAYLOADS
from vla_compose.report.printable import printable
from vla_compose.site.escape import block, code, data, escape, link, table

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60)


@given(TEXT)
def test_a_browser_reads_what_was_written(text: str) -> None:
    assert html.unescape(escape(text)) == printable(" ".join(text.split()))


@given(TEXT)
def test_nothing_special_is_left(text: str) -> None:
    rest = re.sub(r"&#[0-9]+;", "", escape(text))
    assert not set(rest) & set("\\`*_{}[]()#+-.!|<>&:\"'~^=$@/\n")


@pytest.mark.parametrize("payload", PAYLOADS)
def test_code_and_links_hold_their_text(payload: str) -> None:
    assert html.unescape(code(payload)) == f"<code>{payload}</code>"
    made = link(payload, "https://example.org/a_b*c")
    assert html.unescape(made) == f'<a href="https://example.org/a_b*c">{payload}</a>'


@given(st.recursive(st.integers() | TEXT, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner)))
def test_data_is_the_same_value_and_ends_no_script(value: object) -> None:
    text = data(value, "vc-data")
    inner = re.fullmatch(r'<script type="application/json" class="vc-data">(.*)</script>', text, re.S)
    assert inner is not None
    assert json.loads(inner[1]) == value
    assert not set(inner[1]) & set("<>&`\n*")


def test_a_fence_is_longer_than_any_in_the_text() -> None:
    text = "a\n````\nb\n```\n"
    assert block(text, "yaml") == f"`````yaml\n{text}`````"


@pytest.mark.parametrize("line", ["--8<-- 'x'", "{{7*7}}", "{% x %}", "{# x #}", "::: os", "% x", "@@ x"])
def test_what_a_generator_would_run_is_in_no_fence(line: str) -> None:
    made = block(f"  a: 1\n{line}\n", "yaml")
    assert line not in made
    assert html.unescape(made) == f'<div class="highlight"><pre><code>  a: 1\n{line}</code></pre></div>'
    assert "\n" not in made


def test_table() -> None:
    assert table(("a", "b"), [["1", "2"]], (1,)) == "| a | b |\n| --- | ---: |\n| 1 | 2 |"
