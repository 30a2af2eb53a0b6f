"""`vla-compose docs`."""

from __future__ import annotations

from pathlib import Path

import pytest

from vla_compose.site.folder import drift, write
from vla_compose.site.pages import files

GOOD = """spec_version: 1
name: {name}
dims: {{d: 8}}
inputs: {{x: n d}}
steps:
  - linear: {{name: fc, out: d}}
outputs: {{tokens: n d}}
"""


@pytest.fixture
def specs(tmp_path: Path) -> Path:
    folder = tmp_path / "specs"
    folder.mkdir()
    for name in ("one", "two"):
        (folder / f"{name}.yaml").write_text(GOOD.format(name=name))
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_it_writes_a_project(run, specs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run("docs", specs, "-o", out)
    assert done.code == 0
    assert sorted(tree(out)) == [
        "docs/adapters/compare.md",
        "docs/adapters/index.md",
        "docs/adapters/one.md",
        "docs/adapters/two.md",
        "docs/assets/adapters.css",
        "docs/assets/adapters.js",
        "docs/assets/compare.js",
        "docs/index.md",
        "mkdocs.yml",
    ]
    assert done.out == "".join(f"wrote {out / name}\n" for name in sorted(tree(out)))
    assert "2 specs" in done.err


@pytest.mark.parametrize("inside", ["pages", "."])
def test_the_project_may_lie_among_the_specs(run, specs: Path, inside: str) -> None:
    """Its own mkdocs.yml is YAML and no spec."""
    out = specs / inside
    for wanted in ("9 files changed", "0 files changed"):
        done = run("docs", specs, "-o", out)
        assert (done.code, done.err) == (0, f"2 specs in {out}, {wanted}\n")
    assert run("docs", specs, "-o", out, "--check").code == 0


def test_again_changes_nothing(run, specs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("docs", specs, "-o", out)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    done = run("docs", specs, "-o", out)
    assert done.out == ""
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


def test_check_lists_what_would_change(run, specs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run("docs", specs, "-o", out, "--check").code == 1
    assert not out.exists()
    run("docs", specs, "-o", out)
    assert run("docs", specs, "-o", out, "--check").code == 0
    page = out / "docs" / "adapters" / "one.md"
    page.write_text(page.read_text() + "mine\n")
    before = tree(out)
    done = run("docs", specs, "-o", out, "--check")
    assert done.code == 1
    assert done.out == f"out of date: {page}\n"
    assert tree(out) == before


def test_pages_that_nothing_makes_any_more_are_removed(run, specs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("docs", specs, "-o", out)
    mine = out / "docs" / "adapters" / "mine.md"
    mine.write_text("# Mine\n")
    done = run("docs", specs / "one.yaml", "-o", out)
    assert f"removed {out / 'docs' / 'adapters' / 'two.md'}\n" in done.out
    assert not (out / "docs" / "adapters" / "two.md").exists()
    assert mine.read_text() == "# Mine\n"


def test_files_of_others_are_never_replaced(run, specs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for name in ("docs/adapters/one.md", "docs/assets/adapters.css"):
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
        done = run("docs", specs, "-o", out)
        assert done.code == 2
        assert f"`{path}` was not made by `vla-compose docs`" in done.err
        assert tree(out) == {name: b"mine"}
        path.unlink()


def test_a_configuration_of_ones_own_stays(run, specs: Path, tmp_path: Path) -> None:
    (tmp_path / "mkdocs.yml").write_text("site_name: mine\n")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("# Mine\n")
    assert run("docs", specs, "-o", tmp_path).code == 0
    assert (tmp_path / "mkdocs.yml").read_text() == "site_name: mine\n"
    assert (tmp_path / "docs" / "index.md").read_text() == "# Mine\n"
    assert run("docs", specs, "-o", tmp_path, "--check").code == 0


def test_mistakes_are_all_told_and_nothing_is_written(run, specs: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        text = (specs / f"{name}.yaml").read_text()
        (specs / f"{name}.yaml").write_text(text.replace("out: d", "out: nothing"))
    done = run("docs", specs, "-o", tmp_path / "out")
    assert done.code == 1
    assert done.err.count("error[VC305]") == 2
    assert not (tmp_path / "out").exists()


def test_a_symbolic_link_is_not_followed(run, specs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("docs", specs, "-o", out)
    page = out / "docs" / "adapters" / "one.md"
    other = tmp_path / "other.md"
    other.write_text(page.read_text() + "more\n")
    page.unlink()
    page.symlink_to(other)
    assert run("docs", specs, "-o", out).code == 2
    assert other.read_text().endswith("more\n")


def test_a_file_in_place_of_the_folder(run, specs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("a file")
    done = run("docs", specs, "-o", out)
    assert done.code == 2
    assert out.read_text() == "a file"


def test_a_spec_from_standard_input(run, tmp_path: Path) -> None:
    done = run("docs", "-", "-o", tmp_path, stdin=GOOD.format(name="piped").encode())
    assert done.code == 0
    assert (tmp_path / "docs" / "adapters" / "piped.md").is_file()


def test_a_spec_that_is_not_there_is_told_with_the_others(run, specs: Path, tmp_path: Path) -> None:
    (specs / "one.yaml").write_text("spec_version: 1\n")
    done = run("docs", specs / "one.yaml", "qwen2-v", "-o", tmp_path / "out")
    assert done.code == 1
    assert "error[VC001]" in done.err
    assert "`qwen2-vl`" in done.err
    assert "one.yaml" in done.err


def test_nothing_to_write(tmp_path: Path) -> None:
    made = files([])
    write(tmp_path, made)
    assert drift(tmp_path, made) == []
