"""The gallery filters and sorts, with a mouse and without; the comparison says what Python says."""

from __future__ import annotations

import random

import pytest

import vla_compose
from vla_compose.diff import difference
from vla_compose.site.adapter import adapter, glance
from vla_compose.site.facts import facts

NAMES = vla_compose.list_specs()
FACTS = {name: facts(vla_compose.compose(name)) for name in NAMES}
GLANCES = {name: dict(glance(adapter(vla_compose.load(name)))) for name in NAMES}


def shown(page) -> list[str]:
    """The names in the rows that can be seen, in order."""
    rows = page.locator(".vc-gallery tbody tr:visible td:first-child")
    return [text.strip() for text in rows.all_inner_texts()]


def test_every_adapter_is_there_without_a_script(browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/adapters/")
    assert shown(page) == NAMES
    page.get_by_role("link", name="qwen2-vl", exact=True).last.click()
    assert page.url == f"{address}/adapters/qwen2-vl/"
    assert page.locator(".vc-diagram").is_visible()
    context.close()


@pytest.mark.parametrize(
    ("label", "value", "fits"),
    [
        ("family", "resampler", lambda f: f.family == "resampler"),
        ("patches per token", "4", lambda f: "4" in f.patches_per_token.split(" or ")),
        ("order of tokens in", "block", lambda f: f.order == "block"),
        ("needs the grid", "yes", lambda f: f.grid),
        ("learned tokens", "queries", lambda f: "queries" in f.learned),
        ("learned tokens", "none", lambda f: not f.learned),
        ("attention", "no", lambda f: not f.attention),
    ],
)
def test_filters(visit, label: str, value: str, fits) -> None:
    page = visit().open("adapters/")
    page.get_by_label(label).select_option(value)
    expected = [name for name in NAMES if fits(FACTS[name])]
    assert 0 < len(expected) < len(NAMES)
    assert shown(page) == expected
    assert page.locator(".vc-count").inner_text() == f"{len(expected)} of {len(NAMES)} adapters"
    page.get_by_label(label).select_option("any")
    assert shown(page) == NAMES


def test_filters_add_up(visit) -> None:
    page = visit().open("adapters/")
    page.get_by_label("family").select_option("patch merger")
    page.get_by_label("text").fill("qwen3")
    assert shown(page) == ["qwen3-vl"]


def test_sorting_with_the_keyboard(visit) -> None:
    page = visit().open("adapters/")
    button = page.get_by_role("button", name="parameters")
    button.focus()
    page.keyboard.press("Enter")
    up = sorted(NAMES, key=lambda name: FACTS[name].parameters)
    assert shown(page) == up
    heading = page.get_by_role("columnheader", name="parameters")
    assert heading.get_attribute("aria-sort") == "ascending"
    page.keyboard.press("Enter")
    assert shown(page) == up[::-1]
    assert heading.get_attribute("aria-sort") == "descending"
    page.get_by_role("button", name="adapter").click()
    assert shown(page) == NAMES


def test_rows_are_cards_on_a_phone(visit) -> None:
    page = visit(width=390).open("adapters/")
    assert shown(page) == NAMES
    box = page.locator(".vc-gallery tbody tr").first.bounding_box()
    assert box is not None
    assert box["width"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_comparison_says_what_python_says(visit) -> None:
    made = visit()
    page = made.open("adapters/compare/")
    rng = random.Random(0)
    pairs = [(a, b) for a in NAMES for b in NAMES]
    for left, right in [(NAMES[0], NAMES[0]), *rng.sample(pairs, 40)]:
        page.locator("select[name=a]").select_option(left)
        page.locator("select[name=b]").select_option(right)
        expected = [str(d) for d in difference(vla_compose.compose(left), vla_compose.compose(right))]
        assert page.locator(".vc-changes li").all_inner_texts() == (expected or ["Nothing but names."])
        assert page.evaluate("location.hash") == f"#a={left}&b={right}"
        pair = zip(GLANCES[left].items(), GLANCES[right].values(), strict=True)
        marked = page.locator(".vc-differs th").all_inner_texts()
        assert marked == [name for (name, one), other in pair if one != other]
    assert not made.complaints


def test_an_address_names_the_two(visit) -> None:
    page = visit().open("adapters/qwen3-vl/")
    page.get_by_role("link", name="Compare side by side").first.click()
    page.wait_for_url("**/compare/#a=*&b=qwen3-vl")
    assert page.locator("select[name=b]").input_value() == "qwen3-vl"
    assert page.locator(".vc-changes li").count() > 0
    page.evaluate("location.hash = '#a=llava-next&b=nobody'")
    page.wait_for_function("document.querySelector('select[name=a]').value === 'llava-next'")
