"""Writing a file so that it is there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat

from vla_compose.diagnostics import VlaComposeError


class FileError(VlaComposeError):
    """A file cannot be written; nothing was changed."""


def write_text(path: str | os.PathLike[str], text: str, *, overwrite: bool = False) -> None:
    """Write `text` in UTF-8 to a file that appears at once, or stays as it was.

    Args:
        path: the file. Its folder must exist; a symbolic link is refused, because another file would change.
        overwrite: replace a file that is there already, and keep its permissions.

    Raises:
        FileError: the file is there already, is no regular file, or cannot be written.
    """
    target = os.fspath(path)
    try:
        mode = _mode(target, overwrite)
        folder, name = os.path.split(target)
        draft = os.path.join(folder, f".{name[:64]}.{secrets.token_hex(8)}.tmp")
        _write(draft, text.encode(), mode)
        try:
            os.replace(draft, target)
        except BaseException:
            _remove(draft)
            raise
    except (OSError, ValueError) as error:
        raise _unwritable(target, error) from None


def check_target(path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Refuse what `write_text` would refuse, before the work that it would lose.

    Raises:
        FileError: the file is there already, is no regular file, or its folder does not exist.
    """
    target = os.fspath(path)
    folder = os.path.dirname(target) or os.curdir
    if not os.path.isdir(folder):
        raise FileError(f"`{target}` cannot be written: there is no folder `{folder}`")
    try:
        _mode(target, overwrite)
    except (OSError, ValueError) as error:
        raise _unwritable(target, error) from None


def _unwritable(target: str, error: Exception) -> FileError:
    reason = getattr(error, "strerror", None) or str(error)
    return FileError(f"`{target}` cannot be written: {reason.lower()}")


def _mode(target: str, overwrite: bool) -> int | None:
    """The permissions of the file that is replaced; `None` when there is none."""
    try:
        found = os.lstat(target).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(found):
        raise FileError(f"`{target}` is a symbolic link: name the file that it points to")
    if not stat.S_ISREG(found):
        raise FileError(f"`{target}` is {'a directory' if stat.S_ISDIR(found) else 'no regular file'}")
    if not overwrite:
        raise FileError(
            f"`{target}` is there already: add `--force` (`overwrite=True`) to replace it, or "
            "choose another name"
        )
    return stat.S_IMODE(found)


def _write(draft: str, data: bytes, mode: int | None) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(draft, flags | getattr(os, "O_CLOEXEC", 0), 0o666)
    try:
        with open(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        if mode is not None:
            os.chmod(draft, mode)
    except BaseException:
        _remove(draft)
        raise


def _remove(draft: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(draft)
