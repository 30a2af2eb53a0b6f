"""Every link inside the site leads to a page and to a place on it."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

HOME = "https://site.invalid/"
OWN = "https://vla-compose.github.io/"


class Links(HTMLParser):
    """The places of a page, and where its links, pictures and scripts lead."""

    def __init__(self) -> None:
        super().__init__()
        self.places: set[str] = set()
        self.targets: set[str] = set()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name in ("id", "name") and value:
                self.places.add(value)
            if name in ("href", "src") and value and tag != "use":
                self.targets.add(value)


def pages(built: Path) -> dict[str, Links]:
    """Every page by its address."""
    found = {}
    for path in sorted(built.rglob("*.html")):
        links = Links()
        links.feed(path.read_text(encoding="utf-8"))
        found[HOME + str(path.relative_to(built)).removesuffix("index.html")] = links
    return found


def test_links(built):
    known = pages(built)
    broken = set()
    for page, links in known.items():
        for target in links.targets:
            address, place = urldefrag(urljoin(page, target.replace(OWN, HOME, 1)))
            if not address.startswith(HOME):
                continue
            if address in known:
                place = unquote(place)
                # The comparison reads its own addresses.
                if place and place not in known[address].places and "=" not in place:
                    broken.add((page, target))
            elif not (built / unquote(urlsplit(address).path).lstrip("/")).is_file():
                broken.add((page, target))
    assert not broken
    assert sum(len(links.targets) for links in known.values()) > 1000


def test_addresses_that_are_printed_exist(built):
    """What diagnostics, the schema and old links point to."""
    from vla_compose.codes import CODES
    from vla_compose.diagnostics import DOCS_URL
    from vla_compose.primitives import REGISTRY
    from vla_compose.spec.schema import SCHEMA_ID

    for code in CODES:
        assert (built / DOCS_URL.removeprefix(OWN) / code / "index.html").is_file()
    assert (built / SCHEMA_ID.removeprefix(OWN)).is_file()
    places = pages(built)[f"{HOME}reference/primitives/"].places
    assert set(REGISTRY) <= places


def test_two_builds_are_equal(built, tmp_path):
    """Byte for byte, with another order of Python's sets."""
    from tools import site

    site.build(tmp_path / "again", "7")
    assert site.differing(built, tmp_path / "again") == []
