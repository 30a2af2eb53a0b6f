"""The site in a browser."""

from __future__ import annotations

from pathlib import Path


def addresses(built: Path) -> list[str]:
    """Every page of the site, as it is linked."""
    pages = sorted(built.rglob("*.html"))
    return [str(page.relative_to(built)).removesuffix("index.html") for page in pages]


def test_every_page_is_quiet_local_and_light(built, visit):
    """No complaints on the console, nothing from elsewhere."""
    made = visit()
    for name in addresses(built):
        made.open(name)
        assert not made.complaints, (name, made.complaints)
        assert not made.elsewhere, (name, made.elsewhere)
