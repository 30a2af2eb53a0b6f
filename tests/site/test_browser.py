"""The site in a browser: what readers do, on screens of two sizes, in light and in dark."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]

from tools import site

KINDS = {
    "home": "",
    "gallery": "adapters/",
    "adapter": "adapters/hunyuan-ocr/",
    "comparison": "adapters/compare/",
    "tutorial": "tutorial/",
    "guide": "guide/exactness/",
    "primitives": "reference/primitives/",
    "primitive": "primitives/norm/",
    "commands": "reference/cli/",
    "API": "reference/api/",
    "error": "errors/VC201/",
    "design": "design/mutation/",
}
"""One page of every kind."""
HEAVY = ("home", "gallery", "adapter", "comparison", "API")
TABS = 6
LEVEL = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "resultTypes": ["violations"]}
MOST_BYTES = 1_000_000


def addresses(built: Path) -> list[str]:
    """Every page of the site, as it is linked."""
    pages = sorted(built.rglob("*.html"))
    return [str(page.relative_to(built)).removesuffix("index.html") for page in pages]


def test_every_page_is_quiet_local_and_as_wide_as_a_phone(built, visit):
    """Nothing on the console, nothing asked from elsewhere, nothing missing, and no scrolling to the side.

    Pages take turns in a few tabs, so that each has time to complain.
    """
    made = visit(width=390)
    tabs = [made.page, *(made.tab() for _ in range(TABS - 1))]
    wide = []
    for at, name in enumerate(addresses(built)):
        tab = tabs[at % TABS]
        tab.goto(f"{made.address}/{name}", wait_until="load")
        if tab.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            wide.append(name)
    for tab in tabs:
        tab.wait_for_load_state("networkidle")
    assert made.complaints == []
    assert made.elsewhere == []
    assert wide == []


def test_weight(built, visit):
    """All that a first visit loads, of the kinds with scripts and pictures and of the longest page."""
    longest = max(built.rglob("index.html"), key=lambda page: page.stat().st_size).parent
    for name in (*(KINDS[kind] for kind in HEAVY), f"{longest.relative_to(built)}/"):
        made = visit(search=True)
        bodies: dict[str, int] = {}
        made.page.on("response", lambda got, bodies=bodies: bodies.update({got.url: len(got.body())}))
        made.open(name)
        assert any(url.endswith("search_index.json") for url in bodies)
        assert sum(bodies.values()) <= MOST_BYTES, bodies


@pytest.mark.parametrize("kind", KINDS)
def test_accessible(kind, visit):
    """Level AA of WCAG 2.1, as far as axe-core can tell, in light and in dark, with folded parts open."""
    page = visit().open(KINDS[kind])
    page.evaluate("document.querySelectorAll('details').forEach((part) => (part.open = true))")
    page.add_style_tag(content="* { transition: none !important }")
    for scheme in ("default", "slate"):
        page.evaluate("(scheme) => document.body.setAttribute('data-md-color-scheme', scheme)", scheme)
        result = Axe().run(page, options=LEVEL)
        assert result.violations_count == 0, (scheme, result.generate_report())


def results(page, words: str):
    """The links that the search finds."""
    box = page.get_by_role("textbox", name="Search")
    box.click()
    box.press_sequentially(words, delay=20)
    page.locator(".md-search-result__link").first.wait_for()
    return page.locator(".md-search-result__link").evaluate_all(
        "(links) => links.map((link) => link.pathname)"
    )


def test_search_finds_the_resampler(visit):
    page = visit(search=True).open("")
    found = results(page, "resampler")
    assert "/adapters/qwen-vl/" in found
    assert "/adapters/" not in found, "the table of all is no answer to a word"
    page.locator(".md-search-result__link[href*='/adapters/qwen-vl/']").first.click()
    page.wait_for_url("**/adapters/qwen-vl/**")


def test_search_knows_primitives_and_errors(visit):
    assert "/primitives/spatial_merge/" in results(visit(search=True).open(""), "spatial_merge")
    assert "/errors/VC201/" in results(visit(search=True).open(""), "VC201")


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("primitives/norm/", "tools/examples/norm.yaml"),
        ("adapters/hunyuan-ocr/", "specs/hunyuan-ocr.yaml"),
        ("adapters/ernie4-5-vl-moe/", "specs/ernie4-5-vl-moe.yaml"),
    ],
)
def test_copy_button_copies_the_whole_spec(visit, name, path):
    page = visit().open(name)
    block = page.locator("pre").first
    block.hover()
    block.get_by_title("Copy to clipboard").click()
    page.wait_for_function("navigator.clipboard.readText().then((text) => text.length > 0)")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.strip() == (site.ROOT / path).read_text(encoding="utf-8").strip()


def test_palette_toggle_stays_on_the_next_page(visit):
    page = visit("light").open("")
    page.get_by_title("Switch to dark mode").click()
    assert page.locator("body").get_attribute("data-md-color-scheme") == "slate"
    assert page.locator("img[src*='dark']").is_visible()
    assert not page.locator("img[src*='light']").is_visible()
    page.goto(page.url + "tutorial/")
    assert page.locator("body").get_attribute("data-md-color-scheme") == "slate"


def test_navigation_on_a_phone(visit):
    page = visit("light", 390, 844).open("")
    page.locator(".md-header__button[for='__drawer']").click()
    page.locator(".md-nav--primary").get_by_role("link", name="Tutorial", exact=True).click()
    page.wait_for_url("**/tutorial/")
