"""Files of a folder appear together; what was there is kept or put back."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from vla_compose.files import FileError
from vla_compose.weights.folder import write_folder

NAMES = ("a", "b", "c")


def writer(text: str, names: tuple[str, ...] = NAMES):
    def write(draft: str) -> None:
        for name in names:
            Path(draft, name).write_text(f"{name} {text}")

    return write


def content(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_a_new_folder_and_those_above_it(tmp_path: Path) -> None:
    write_folder(tmp_path / "x" / "y", NAMES, writer("new"))
    assert content(tmp_path / "x" / "y") == {"a": "a new", "b": "b new", "c": "c new"}
    assert os.listdir(tmp_path) == ["x"]
    assert os.listdir(tmp_path / "x") == ["y"]


def test_a_trailing_slash_and_the_folder_one_stands_in(tmp_path: Path, monkeypatch) -> None:
    write_folder(f"{tmp_path / 'x'}/", NAMES, writer("new"))
    monkeypatch.chdir(tmp_path / "x")
    write_folder(".", NAMES, writer("again"))
    assert content(tmp_path / "x")["a"] == "a again"


def test_other_files_stay(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    (tmp_path / "other").write_text("mine")
    write_folder(tmp_path, NAMES, writer("new"))
    assert content(tmp_path) == {"a": "a new", "b": "b new", "c": "c new", "other": "mine"}


def test_permissions_follow_the_umask_and_then_the_old_file(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write_folder(tmp_path / "x", NAMES, writer("new"))
        assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o750
        assert stat.S_IMODE((tmp_path / "x" / "a").stat().st_mode) == 0o640
        (tmp_path / "x" / "b").chmod(0o600)
        write_folder(tmp_path / "x", NAMES, writer("again"))
        assert stat.S_IMODE((tmp_path / "x" / "b").stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / "x" / "a").stat().st_mode) == 0o640
    finally:
        os.umask(old)


@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_nothing_changes_when_writing_fails(tmp_path: Path, exists: bool, error: BaseException) -> None:
    target = tmp_path / "x"
    if exists:
        write_folder(target, NAMES, writer("old"))

    def write(draft: str) -> None:
        Path(draft, "a").write_text("half")
        raise error

    before = content(target) if exists else None
    expected = FileError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected, match="no space left" if isinstance(error, OSError) else None):
        write_folder(target, NAMES, write)
    assert (content(target) if exists else None) == before
    assert os.listdir(tmp_path) == (["x"] if exists else [])


@pytest.mark.parametrize("fails_at", NAMES)
@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_replaced_files_get_their_old_content_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_at: str, links: bool
) -> None:
    (tmp_path / "b").write_text("b old")
    (tmp_path / "c").write_text("c old")
    real = os.replace

    def replace(source: str, target: str) -> None:
        if Path(target) == tmp_path / fails_at and Path(source).read_text().endswith("new"):
            raise OSError(5, "Input/output error")
        real(source, target)

    def link(source: str, target: str) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "replace", replace)
    if not links:
        monkeypatch.setattr(os, "link", link)
    with pytest.raises(FileError, match="input/output error"):
        write_folder(tmp_path, NAMES, writer("new"))
    if links:
        assert content(tmp_path) == {"b": "b old", "c": "c old"}
    else:
        # Nothing to go back to: what was replaced stays replaced, and nothing is lost.
        assert {"b", "c"} <= content(tmp_path).keys() <= {"a", "b", "c"}
        assert not any(name.endswith(".tmp") for name in os.listdir(tmp_path))


def test_links_and_wrong_kinds_are_refused(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "link").symlink_to(real)
    with pytest.raises(FileError, match="link` is a symbolic link"):
        write_folder(tmp_path / "link", NAMES, writer("new"))
    (real / "b").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileError, match="b` is a symbolic link"):
        write_folder(real, NAMES, writer("new"))
    (real / "b").unlink()
    (real / "c").mkdir()
    with pytest.raises(FileError, match="c` is a directory"):
        write_folder(real, NAMES, writer("new"))
    assert [path.name for path in real.iterdir()] == ["c"]
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileError, match="file` is a file"):
        write_folder(tmp_path / "file", NAMES, writer("new"))
    with pytest.raises(FileError, match="not a directory"):
        write_folder(tmp_path / "file" / "x", NAMES, writer("new"))
    assert (tmp_path / "file").read_text() == "mine"
