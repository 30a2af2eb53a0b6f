"""Writing the files of a folder so that all of them are there, or none is."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Collection

from vla_compose.files import FileError


def write_folder(
    directory: str | os.PathLike[str], names: Collection[str], write: Callable[[str], None]
) -> None:
    """Put files into a folder; other files that are there stay.

    A new folder appears at once, with everything in it. In one that is there already, each file is replaced
    at once, after all of them were written; when one cannot be, those before it get their old content back.

    Args:
        directory: the folder; it and the folders above it are made where they are missing.
        names: the files that `write` may write.
        write: writes files of these names into the folder that it is given, which is a draft.

    Raises:
        FileError: the folder or one of the files is a symbolic link or something else than that, or cannot be
            written.
    """
    target = os.path.abspath(os.fspath(directory))
    try:
        there = _check(target, names)
        parent, name = os.path.split(target)
        if not there:
            os.makedirs(parent, exist_ok=True)
        # Inside a folder that is there: it may be a mount, and the one above it read-only.
        draft = os.path.join(target if there else parent, f".{name[:64]}.{secrets.token_hex(8)}.tmp")
        os.mkdir(draft)
        try:
            write(draft)
            written = sorted(os.listdir(draft))
            for file in written:
                _settle(os.path.join(draft, file), os.path.join(target, file))
            if there:
                _replace(draft, target, written)
            else:
                os.rename(draft, target)
            _sync(target if there else parent)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FileError(f"`{os.fspath(directory)}` cannot be written: {reason.lower()}") from None


def _check(target: str, names: Collection[str]) -> bool:
    """Whether the folder is there already."""
    for path, wanted in ((target, stat.S_ISDIR), *((os.path.join(target, n), stat.S_ISREG) for n in names)):
        try:
            mode = os.lstat(path).st_mode
        except FileNotFoundError:
            if path == target:
                return False
            continue
        if stat.S_ISLNK(mode):
            raise FileError(f"`{path}` is a symbolic link: name what it points to, or remove it")
        if not wanted(mode):
            kind = "a directory" if stat.S_ISDIR(mode) else "a file" if stat.S_ISREG(mode) else "no file"
            raise FileError(f"`{path}` is {kind}: name another folder, or remove it")
    return True


def _settle(path: str, old: str) -> None:
    """Bring a file to the disk, with the permissions of the one that it replaces, or those of its folder."""
    try:
        mode = stat.S_IMODE(os.lstat(old).st_mode)
    except FileNotFoundError:
        mode = os.stat(os.path.dirname(path)).st_mode & 0o666
    os.chmod(path, mode)
    with open(path, "rb+") as stream:
        os.fsync(stream.fileno())


def _replace(draft: str, target: str, names: Collection[str]) -> None:
    kept = os.path.join(draft, secrets.token_hex(8))
    os.mkdir(kept)
    done: list[str] = []
    new_ones = {name for name in names if not os.path.lexists(os.path.join(target, name))}
    try:
        for name in names:
            new, place, old = (os.path.join(folder, name) for folder in (draft, target, kept))
            # A second name for the old content; a file system without links replaces all the same.
            with contextlib.suppress(OSError):
                os.link(place, old)
            os.replace(new, place)
            done.append(name)
    except BaseException:
        for name in done:
            old, place = os.path.join(kept, name), os.path.join(target, name)
            with contextlib.suppress(OSError):
                if name in new_ones:
                    os.unlink(place)
                else:
                    os.replace(old, place)
        raise


def _sync(folder: str) -> None:
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
