"""The hook as others use it: pre-commit clones this repository, installs it, and runs it on theirs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytest.importorskip("pre_commit", reason="pre-commit is not installed")
if shutil.which("git") is None:
    pytest.skip("git is not installed", allow_module_level=True)

ROOT = Path(__file__).parents[2]
MEGABYTES = 40
"""The largest that installing the hook may be."""
PARTS = ("pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml", "vla_compose", "specs")
GOOD = """\
spec_version: 1
name: my-merger
dims: {vision: 1280, text: 1536, merge: 2}
inputs: {x: (n merge merge) vision}
steps:
  - spatial_merge: {size: merge}
  - linear: {name: proj, out: text}
"""
BAD = GOOD.replace("- linear: {name: proj, out: text}", "- linear: {name: proj, in: 1280, out: text}")
NAME = "$(touch PWNED).yaml"
"""A file name that a shell must not see."""


class Project:
    """A repository that uses the hook."""

    def __init__(self, folder: Path, hook: Path, home: Path) -> None:
        self.folder = folder
        self.home = home
        folder.mkdir()
        git(folder, "init", "-q")
        config = {"id": "vla-compose-validate"}
        repo = {"repo": str(hook), "rev": git(hook, "rev-parse", "HEAD").strip(), "hooks": [config]}
        (folder / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [repo]}))
        (folder / "specs").mkdir()

    def run(self, **files: str) -> subprocess.CompletedProcess[str]:
        """Run the hook on specs with these texts, by name."""
        for path in (self.folder / "specs").iterdir():
            path.unlink()
        for name, text in files.items():
            (self.folder / "specs" / name).write_text(text)
        git(self.folder, "add", "--all")
        return subprocess.run(
            [sys.executable, "-m", "pre_commit", "run", "--all-files", "--color", "never"],
            cwd=self.folder,
            env=environment(self.home),
            capture_output=True,
            text=True,
            timeout=300,
        )


def environment(home: Path) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("GIT_", "PYTHON", "VIRTUAL"))
    }
    identity = {f"GIT_{who}_{what}": "a@b.c" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return {**kept, **identity, "PRE_COMMIT_HOME": str(home)}


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "commit.gpgsign=false", *arguments]
    ran = subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True)
    assert not ran.returncode, ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("hook")
    hook = folder / "vla-compose"
    hook.mkdir()
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, hook / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / part, hook / part)
    git(hook, "init", "-q")
    git(hook, "add", "--all")
    git(hook, "commit", "-q", "-m", "The hook")
    return Project(folder / "project", hook, folder / "home")


def test_a_good_spec_passes(project: Project) -> None:
    ran = project.run(**{"good.yaml": GOOD})
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Passed" in ran.stdout


def test_a_bad_spec_fails(project: Project) -> None:
    ran = project.run(**{"good.yaml": GOOD, "bad.yaml": BAD})
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "Failed" in ran.stdout
    assert "exit code: 1" in ran.stdout
    assert "VC201" in ran.stdout
    assert "specs/bad.yaml:7:" in ran.stdout
    assert "specs/good.yaml" not in ran.stdout


def test_names_of_files_are_no_commands(project: Project) -> None:
    ran = project.run(**{NAME: BAD, "-x.yaml": GOOD, "a b.yaml": GOOD})
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert f"specs/{NAME}:7:" in ran.stdout
    assert not list(project.folder.rglob("PWNED"))


def test_other_yaml_is_left_alone(project: Project) -> None:
    (project.folder / "other.yaml").write_text("a: 1\n")
    ran = project.run(**{"notes.txt": "a: 1\n"})
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "no files to check" in ran.stdout


def test_the_environment_is_small_and_has_no_torch(project: Project) -> None:
    project.run(**{"good.yaml": GOOD})
    (made,) = project.home.glob("repo*/py_env-*")
    names = {path.name.partition("-")[0].lower() for path in made.rglob("site-packages/*")}
    assert {"vla_compose", "pydantic", "yaml"} <= names
    assert not names & {"torch", "numpy", "safetensors", "transformers", "huggingface_hub"}
    files = [path for path in made.rglob("*") if path.is_file() and not path.is_symlink()]
    assert 10e6 < size(files) <= MEGABYTES * 1e6


def size(files: list[Path]) -> int:
    return sum(path.stat().st_size for path in files)
