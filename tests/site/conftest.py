"""The site, built once and served; a browser; pages that remember what they asked for and said."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tools import site

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


@dataclass
class Visit:
    """A page in a browser context of its own, with what happened since it was opened."""

    page: Page
    address: str
    complaints: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def tab(self) -> Page:
        """One more page in the same context, watched as the first."""
        page = self.page.context.new_page()
        self.watch(page)
        return page

    def watch(self, page: Page) -> None:
        """Remember what a page complains about."""
        page.on("console", lambda said: self.complaints.append(said.text) if said.type in BAD else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def open(self, name: str) -> Page:
        """Go to a page by its address in the site and wait until it is quiet."""
        self.page.goto(f"{self.address}/{name}", wait_until="networkidle")
        return self.page


class Quiet(SimpleHTTPRequestHandler):
    """Serves files that stay in the cache of a visit, prints nothing."""

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "max-age=3600")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built site."""
    folder = tmp_path_factory.mktemp("site")
    site.build(folder)
    return folder


@pytest.fixture(scope="session")
def address(built: Path) -> Iterator[str]:
    """Where the site is served."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(built))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def executable() -> str | None:
    """A Chromium of this machine."""
    wanted = os.environ.get("CHROMIUM")
    return wanted or next((found for name in NAMES if (found := shutil.which(name))), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium: of $CHROMIUM, of PATH, or the one that Playwright installed."""
    with sync_playwright() as playwright:
        path = executable() or playwright.chromium.executable_path
        if not Path(path).is_file():
            pytest.skip("no browser: install Chromium, or name one in $CHROMIUM")
        with playwright.chromium.launch(executable_path=path, args=["--no-sandbox"]) as running:
            yield running


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Callable[..., Visit]]:
    """Open a page: `visit(scheme="dark", width=390)`.

    Each page builds the index of the search, which takes longer than everything else; `search` leaves it in.
    """
    contexts: list[BrowserContext] = []

    def start(
        scheme: Literal["light", "dark"] = "light", width: int = 1280, height: int = 900, search: bool = False
    ) -> Visit:
        context = browser.new_context(
            color_scheme=scheme,
            viewport={"width": width, "height": height},
            permissions=["clipboard-read", "clipboard-write"],
        )
        contexts.append(context)
        if not search:
            context.route("**/search_index.json", lambda route: route.fulfill(json=NOTHING))
        made = Visit(context.new_page(), address)
        made.watch(made.page)
        context.on("request", lambda asked: _outside(asked.url, made))
        context.on("response", lambda got: made.complaints.append(got.url) if got.status >= 400 else None)
        return made

    yield start
    for context in contexts:
        context.close()


FIELDS = {"title": {"boost": 1000}, "text": {"boost": 1}, "tags": {"boost": 1000000}}
NOTHING = {"config": {"lang": ["en"], "separator": "\\s+", "pipeline": [], "fields": FIELDS}, "docs": []}
BAD = frozenset({"error", "warning"})


def _outside(url: str, made: Visit) -> None:
    if not url.startswith((made.address, "data:", "blob:")):
        made.elsewhere.append(url)
