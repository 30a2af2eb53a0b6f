import os
import stat

import pytest

from vla_compose.files import FileError, check_target, write_text


def test_a_new_file_is_whole_and_alone(tmp_path):
    path = tmp_path / "a.py"
    write_text(path, "é\n")
    assert path.read_bytes() == "é\n".encode()
    assert list(tmp_path.iterdir()) == [path]


def test_permissions_follow_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "a.py", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.py").stat().st_mode) == 0o640


def test_what_is_there_stays_unless_told_otherwise(tmp_path):
    path = tmp_path / "a.py"
    path.write_text("old")
    path.chmod(0o604)
    with pytest.raises(FileError, match="is there already: add `--force`"):
        write_text(path, "new")
    assert path.read_text() == "old"
    write_text(path, "new", overwrite=True)
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o604
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("overwrite", [False, True])
def test_links_are_refused(tmp_path, overwrite):
    target = tmp_path / "target"
    target.write_text("old")
    for name, aim in (("link", target), ("dangling", tmp_path / "nowhere")):
        link = tmp_path / name
        link.symlink_to(aim)
        with pytest.raises(FileError, match="is a symbolic link"):
            write_text(link, "new", overwrite=overwrite)
        assert link.is_symlink()
    assert target.read_text() == "old"
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("name", ["no/such/folder/a.py", "a\0b", "x" * 300, "there", "link", "."])
def test_a_target_is_refused_before_it_is_written(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").write_text("old")
    (tmp_path / "link").symlink_to("there")
    for refuse in (check_target, lambda path: write_text(path, "new")):
        with pytest.raises(FileError):
            refuse(name)
    check_target("new")
    check_target("there", overwrite=True)
    assert sorted(os.listdir(tmp_path)) == ["link", "there"]


def test_folders_and_pipes_are_refused(tmp_path):
    with pytest.raises(FileError, match="is a directory"):
        write_text(tmp_path, "x", overwrite=True)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileError, match="no regular file"):
        write_text(tmp_path / "pipe", "x", overwrite=True)


@pytest.mark.parametrize("name", ["no/such/folder/a.py", "a\0b", "x" * 300])
def test_places_that_cannot_be(tmp_path, name):
    with pytest.raises(FileError, match="cannot be written"):
        write_text(f"{tmp_path}/{name}", "x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("function", ["fsync", "replace", "chmod"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_whatever_goes_wrong_the_old_file_stays_and_no_draft(tmp_path, monkeypatch, function, error):
    path = tmp_path / "a.py"
    path.write_text("old")

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(os, function, fail)
    expected = FileError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        write_text(path, "new", overwrite=True)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_draft_that_somebody_else_put_there_is_not_followed(tmp_path, monkeypatch):
    monkeypatch.setattr("secrets.token_hex", lambda _: "0")
    victim = tmp_path / "victim"
    victim.write_text("old")
    (tmp_path / ".a.py.0.tmp").symlink_to(victim)
    with pytest.raises(FileError):
        write_text(tmp_path / "a.py", "new")
    assert victim.read_text() == "old"
