"""The site in a browser: what readers do, on screens of two sizes, in light and in dark."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

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
TABS = 6
LEVEL = {"runOnly": ["wcag2a", "wcag2aa"]}
MOST_BYTES = 1_000_000


def addresses(built: Path) -> list[str]:
    """Every page of the site, as it is linked."""
    pages = sorted(built.rglob("*.html"))
    return [str(page.relative_to(built)).removesuffix("index.html") for page in pages]


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_every_page_is_quiet_local_and_as_wide_as_the_screen(built, visit, width, scheme):
    """Nothing on the console, nothing asked from elsewhere, nothing missing, and no scrolling to the side.

    Pages take turns in a few tabs, so that each has time to complain.
    """
    made = visit(scheme, width)
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


@pytest.mark.parametrize("kind", KINDS)
def test_weight(kind, visit):
    """All that a first visit loads."""
    made = visit()
    bodies: dict[str, int] = {}
    made.page.on("response", lambda got: bodies.update({got.url: len(got.body())}))
    made.open(KINDS[kind])
    assert sum(bodies.values()) <= MOST_BYTES, bodies


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", KINDS)
def test_accessible(kind, scheme, visit):
    """Level AA of WCAG 2, as far as axe-core can tell, with folded parts open."""
    page = visit(scheme).open(KINDS[kind])
    page.evaluate("document.querySelectorAll('details').forEach((part) => (part.open = true))")
    assert (
        page.locator("body").get_attribute("data-md-color-scheme")
        == {"light": "default", "dark": "slate"}[scheme]
    )
    result = Axe().run(page, options=LEVEL)
    assert result.violations_count == 0, result.generate_report()


def test_search_finds_the_resampler(visit):
    page = visit().open("")
    page.get_by_role("textbox", name="Search").fill("resampler")
    first = page.locator(".md-search-result__link").first
    first.wait_for()
    assert "resampler" in first.inner_text().lower()
    found = page.locator(".md-search-result__link").evaluate_all(
        "(links) => links.map((link) => link.pathname)"
    )
    assert any(path.startswith("/adapters/qwen-vl") for path in found)
    first.click()
    page.wait_for_url(re.compile("/(adapters|primitives|guide|reference|design|changelog|errors)/"))


def test_search_knows_primitives_commands_and_errors(visit):
    page = visit().open("")
    for words, path in {"spatial_merge": "/primitives/spatial_merge/", "VC201": "/errors/VC201/"}.items():
        page.get_by_role("textbox", name="Search").fill(words)
        page.locator(f".md-search-result__link[href*='{path}']").first.wait_for()


def test_copy_button_copies_the_whole_spec(visit):
    page = visit().open("primitives/norm/")
    block = page.locator(".language-yaml.highlight").first
    block.hover()
    block.locator("button.md-code__button[data-md-type='copy']").click()
    page.wait_for_function("navigator.clipboard.readText().then((text) => text.length > 0)")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.strip() == Path("tools/examples/norm.yaml").read_text(encoding="utf-8").strip()


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
    page.locator("label[for='__drawer']").first.click()
    page.get_by_text("Tutorial", exact=True).first.click()
    page.wait_for_url("**/tutorial/")
