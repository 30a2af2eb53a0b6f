"""Text from a spec is text on its page: it runs nothing, makes no element, and stays as it was written."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Dialog, Page

import vla_compose
from tests.site.conftest import Quiet
from tests.site.hostile import PAYLOADS, hostile
from vla_compose.site.folder import write
from vla_compose.site.pages import files
from vla_compose.spec.parse import load_spec
from vla_compose.spec.reader import read_text

NAMES = [f"evil-{at}" for at in range(len(PAYLOADS))]
HARMLESS = "evil-harmless"


class Elements(HTMLParser):
    """Every element of a page with its attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attributes)))


def said_of(said: list[str]) -> Callable[[Dialog], None]:
    """Close a dialog and remember what it said."""

    def close(dialog: Dialog) -> None:
        said.append(dialog.message)
        dialog.dismiss()

    return close


def elements(page: Path, start: str = "") -> list[tuple[str, dict[str, str | None]]]:
    """All elements from the first `start` on."""
    parser = Elements()
    text = page.read_text("utf-8")
    parser.feed(text[text.index(start) :])
    return parser.found


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of specs with one payload each, and of one without, built by MkDocs."""
    folder = tmp_path_factory.mktemp("hostile")
    texts = [hostile(name, payload) for name, payload in zip(NAMES, PAYLOADS, strict=True)]
    texts.append(hostile(HARMLESS, "harmless"))
    for text in texts:
        assert vla_compose.check(text) == []
    write(folder, files([load_spec(read_text(text)) for text in texts]))
    command = [sys.executable, "-m", "mkdocs", "build", "-q", "--strict"]
    environment = {"NO_MKDOCS_2_WARNING": "1", "PATH": ""}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return folder / "site"


@pytest.fixture(scope="module")
def hostile_address(gallery: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(gallery))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("name", NAMES)
def test_a_payload_makes_no_element(gallery: Path, name: str) -> None:
    """The page has the elements of the page of a harmless spec, those that colour code aside."""
    here = [tag for tag, _ in elements(gallery / "adapters" / name / "index.html", "<article")]
    there = [tag for tag, _ in elements(gallery / "adapters" / HARMLESS / "index.html", "<article")]
    allowed = {"span", "a"}  # colours and line anchors of the YAML, whose comments differ
    assert [tag for tag in here if tag not in allowed] == [tag for tag in there if tag not in allowed]


@pytest.mark.parametrize("page", [*NAMES, "", "compare"])
def test_no_handler_and_no_other_address(gallery: Path, page: str) -> None:
    for tag, attributes in elements(gallery / "adapters" / page / "index.html"):
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
        for name in ("href", "src", "action", "formaction", "xlink:href"):
            value = (attributes.get(name) or "").strip().lower()
            assert not value.startswith(("javascript:", "data:", "vbscript:")), (tag, attributes)
        assert tag not in {"iframe", "object", "embed", "base"}


@pytest.fixture(scope="module")
def page(browser, hostile_address: str) -> Iterator[Page]:
    """A page that fails the test when anything of a spec has run."""
    opened = browser.new_page(base_url=hostile_address)
    said: list[str] = []
    opened.on("dialog", said_of(said))
    opened.on("pageerror", lambda error: said.append(str(error)))
    yield opened
    opened.close()
    assert said == []


@pytest.mark.parametrize(("name", "payload"), list(zip(NAMES, PAYLOADS, strict=True)))
def test_a_payload_reads_as_it_was_written(page: Page, name: str, payload: str) -> None:
    """In the summary and in the YAML."""
    page.goto(f"/adapters/{name}/", wait_until="load")
    page.locator("a[href^='https://evil.example/']").first.hover()
    assert page.title().startswith(name)
    assert " ".join(payload.split()) in page.locator("article").inner_text()
    code = page.locator("article pre code").first.text_content() or ""
    assert f"# {payload}\nspec_version: 1" in code.replace("\u00a0", " ")


def test_nothing_runs_in_the_gallery_and_the_comparison(page: Page) -> None:
    page.goto("/adapters/", wait_until="load")
    assert page.locator(".vc-gallery tbody tr").count() == len(NAMES) + 1
    for name in NAMES:
        page.goto(f"/adapters/compare/#a={name}&b={HARMLESS}", wait_until="load")
        page.wait_for_function("name => document.querySelector('select[name=a]').value === name", arg=name)
        assert page.locator(".vc-changes li").all_inner_texts() == ["Nothing but names."]
    assert page.title().startswith("Compare")
