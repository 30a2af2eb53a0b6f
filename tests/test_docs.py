"""Every example in the README and the docs runs, and prints what the page says."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import vla_compose

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES += [page for folder in ("guide", "reference") for page in sorted((ROOT / "docs" / folder).glob("*.md"))]
PRIMITIVE = ROOT / "docs/guide/primitive.md"
ONE_PROGRAM = {"real-weights.md"}
"""Pages whose blocks of Python go on where the last one ended; elsewhere each stands alone."""
BLOCK = re.compile(r"^```(\w+)(?: title=\"([\w./-]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[tuple[str, str, str]]:
    """Language, title and text of the fenced blocks of a page."""
    return BLOCK.findall(page.read_text(encoding="utf-8"))


def run(command: str, folder: Path) -> str:
    """What a command of ours prints, errors included."""
    name, *arguments = shlex.split(command)
    assert name == "vla-compose"
    environment = os.environ | {"NO_COLOR": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "vla_compose", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def expected(text: str) -> str:
    """A pattern in which a line of `...` stands for any lines."""
    parts = [re.escape(part) for part in re.split(r"^\.\.\.\n", text, flags=re.MULTILINE)]
    return "(?:.*\n)*?".join(parts)


@pytest.mark.parametrize("page", [page for page in PAGES if page != PRIMITIVE], ids=lambda page: page.name)
def test_examples(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    follow(page, tmp_path)


def follow(page: Path, tmp_path: Path) -> None:
    """Do what a page says, in a folder; a block of `output` is what the Python before it prints."""
    space: dict[str, Any] = {}
    printed = io.StringIO()
    for language, title, text in blocks(page):
        if title:
            (tmp_path / title).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / title).write_text(text, encoding="utf-8")
        elif language == "yaml" and text.startswith("spec_version"):
            assert vla_compose.check(text) == []
        elif language == "python":
            space = space if page.name in ONE_PROGRAM else {}
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                exec(compile(text, f"{page.name}", "exec"), space)
        elif language == "output":
            lines = "".join(f"{line.rstrip()}\n" for line in printed.getvalue().splitlines())
            assert re.fullmatch(expected(text), lines), f"{page.name} printed:\n{lines}"
        elif language == "console":
            for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                command, _, answer = part.partition("\n")
                got = run(command, tmp_path)
                lines = "\n".join(line.rstrip() for line in got.splitlines()) + "\n"
                assert re.fullmatch(expected(answer), lines), f"{command} printed:\n{lines}"


def test_a_primitive_is_added_as_the_guide_says(tmp_path: Path) -> None:
    """In a copy of the package and of what the new tests need."""
    for part in ("vla_compose", "tests/primitives", "tests/parity"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__", "test_*"))
    shutil.copytree(ROOT / "specs", tmp_path / "specs")
    registry = tmp_path / "vla_compose/primitives/__init__.py"
    source = registry.read_text(encoding="utf-8")
    wanted = [text for _, title, text in blocks(PRIMITIVE) if not title and "LayerScale" in text]
    before = ["from vla_compose.primitives.linear", "            Linear,\n"]
    for line, place in zip(wanted, before, strict=True):
        assert source.count(place) == 1
        source = source.replace(place, line + place)
    registry.write_text(source, encoding="utf-8")
    follow(PRIMITIVE, tmp_path)
    tests = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "tests/primitives/test_layer_scale.py",
    ]
    ran = subprocess.run(
        tests, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert "4 passed" in ran.stdout, ran.stdout + ran.stderr


def test_readme_names_every_shipped_spec() -> None:
    listed = (ROOT / "README.md").read_text(encoding="utf-8").split("Shipped today:")[1].split("Read on")[0]
    assert sorted(re.findall(r"`([\w.-]+)`", listed)) == vla_compose.list_specs()


def test_the_reference_has_every_public_name() -> None:
    page = (ROOT / "docs/reference/api.md").read_text()
    functions = re.findall(r"members: \[(.*)\]", page)
    listed = {*re.findall(r"^::: vla_compose\.(\w+)$", page, re.MULTILINE), *", ".join(functions).split(", ")}
    names = {name for name in dir(vla_compose) if not name.startswith("_")}
    public = {name for name in names if not isinstance(getattr(vla_compose, name), ModuleType)}
    # A type alias, of what a spec can be given as, and what the module itself imports.
    assert public - listed == {"Source", "TYPE_CHECKING", "Any", "annotations"} & public


def test_readme_lists_every_command() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = set(re.findall(r"^\| `vla-compose (\w+)", text, re.MULTILINE))
    listed = set(
        re.findall(r"^\W*(\w+)\s", run("vla-compose --help", ROOT).split("Commands")[1], re.MULTILINE)
    )
    assert commands == {name for name in listed if name.islower()}
