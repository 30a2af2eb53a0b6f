"""The files of a gallery: all there, the same bytes every time, and those that are committed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import vla_compose
from tools.adapter_pages import pages
from vla_compose.diagnostics import BuildError
from vla_compose.site.pages import files
from vla_compose.spec.parse import load_spec
from vla_compose.spec.reader import read_text

ROOT = Path(__file__).parent.parent.parent
MAIN = "import hashlib, sys; from tools.adapter_pages import pages; \
print(hashlib.sha256(repr(sorted(pages().items())).encode()).hexdigest(), 'torch' in sys.modules)"


@pytest.fixture(scope="module")
def made() -> dict[Path, str]:
    return pages()


def test_committed_pages_are_what_the_specs_say(made: dict[Path, str]) -> None:
    wrong = [str(path) for path, text in made.items() if (ROOT / path).read_text("utf-8") != text]
    assert not wrong, "run `python tools/generate.py`"


def test_every_process_makes_the_same_bytes_without_torch(tmp_path: Path) -> None:
    said = set()
    for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo")):
        environment = {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed, "TZ": zone, "PATH": ""}
        done = subprocess.run(
            [sys.executable, "-c", MAIN], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        said.add(done.stdout)
    (only,) = said
    assert only.endswith(" False\n")


@pytest.mark.parametrize("name", vla_compose.list_specs())
def test_a_page_has_everything(made: dict[Path, str], name: str) -> None:
    text = made[Path(f"docs/adapters/{name}.md")]
    sections = re.findall(r"^## (.+?)(?: \{ data-search-exclude \})?$", text, re.M)
    assert sections == [
        "Steps", "Spec", "PyTorch source", "Sizes", "State dict", "Parity", "At run time", "Differs from",
    ]  # fmt: skip
    graph = vla_compose.compose(name)
    assert graph.spec.text in text
    assert vla_compose.eject(name) in text
    for variant in graph.spec.variants:
        assert f"{vla_compose.compose(name, variant=variant).parameters():,}" in text
    plain = re.sub(r"&#([0-9]+);", lambda found: chr(int(found[1])), text)
    for entry, shape in graph.entries():
        assert f"<code>{entry}</code> | <code>{' × '.join(f'{size:,}' for size in shape)}</code>" in plain
    for layout in graph.spec.layouts.values():
        assert all(f"<code>{layout.there(entry)}</code>" in plain for entry, _ in graph.entries())
    assert len(text.encode()) < 500_000


def test_pages_name_no_other_host(made: dict[Path, str]) -> None:
    """Links aside, which a reader follows."""
    for path, text in made.items():
        loads = re.findall(r"""(?:src|srcset|data|poster)\s*=\s*["']|@import|url\(""", text)
        assert not [found for found in loads if "data" not in found or "http" in found], path


def spec(name: str) -> str:
    return f"""spec_version: 1
name: {name}
dims: {{d: 8}}
inputs: {{x: n d}}
steps:
  - linear: {{name: fc, out: d}}
outputs: {{tokens: n d}}
"""


def test_one_spec_is_a_gallery_too() -> None:
    found = files([load_spec(read_text(spec("alone")))])
    page = found[next(path for path in found if path.stem == "alone")]
    assert "Differs from" not in page
    assert "## Parity" not in page


@pytest.mark.parametrize("names", [("same", "same"), ("index",), ("compare",)])
def test_a_name_that_is_taken_is_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(BuildError, match=names[0]):
        files([load_spec(read_text(spec(name))) for name in names])
