"""A checkpoint on disk, read through memory-mapped windows.

A window is copied and unmapped before the next is mapped, so that the peak is what is loaded and one window,
not what is loaded twice. Sizes are checked before mapping: to touch a mapping past the end of its file kills
the process.
"""

from __future__ import annotations

import mmap
import os
import re
import stat
from collections.abc import Collection
from pathlib import Path

import torch
from torch import Tensor

from vla_compose.weights.errors import CheckpointError, shown
from vla_compose.weights.store import CONFIG, INDEX, PICKLED, Store

WINDOW = 8 * 2**20
REQUEST = 2**17
"""How much to ask the system for at once; it drops what is over its own limit."""
CONVERT = (
    "pickles can run code and are never loaded: convert it with the library it comes from, for transformers "
    "`AutoModel.from_pretrained(DIR).save_pretrained(NEW_DIR)`, and name the new folder"
)
_SNAPSHOT = re.compile(r"(models--[^/\\]+)[/\\]snapshots[/\\][^/\\]+")


class LocalStore(Store):
    """The `.safetensors`, index and configuration files of one folder, or one `.safetensors` file.

    Args:
        path: the folder or file.
        where: the repository of which the folder is a snapshot in the cache.
        revision: its commit.

    Raises:
        CheckpointError: there is nothing of that name, or nothing in it that may be read.
    """

    def __init__(self, path: Path, *, where: str | None = None, revision: str | None = None) -> None:
        super().__init__(where or str(path))
        self.revision = revision
        # `Path.is_dir` raises where a name is too long.
        self._folder = path if os.path.isdir(path) else None
        if self._folder is None and path.name in (CONFIG, INDEX):
            raise CheckpointError(f"{shown(str(path))} holds no weights: name its folder")
        self._paths = {file.name: file for file in (_listed(path) if self._folder else [path])}
        self._files: dict[str, tuple[int, int]] = {}
        if self._folder is None:
            self._opened(path.name)

    def names(self) -> Collection[str]:
        return self._paths

    def size(self, file: str) -> int:
        return self._opened(file)[1]

    def read(self, file: str, begin: int, end: int) -> bytes:
        descriptor = self._checked(file, end)
        parts, at = [], begin
        while at < end:
            # `pread` is not on every system; the position is not shared, because the descriptor is not.
            os.lseek(descriptor, at, os.SEEK_SET)
            part = os.read(descriptor, min(end - at, WINDOW))
            if not part:
                raise CheckpointError(f"{shown(file)} became shorter while it was read")
            parts.append(part)
            at += len(part)
        self.count(end - begin)
        return b"".join(parts)

    def copy(self, file: str, begin: int, into: Tensor) -> int:
        end = begin + into.numel()
        at = begin
        while at < end:
            stop = min(end, at - at % WINDOW + WINDOW)
            descriptor = self._checked(file, end)
            _copy_window(descriptor, at, into[at - begin : stop - begin])
            self.count(stop - at)
            at = stop
        return at - begin

    def close(self) -> None:
        for descriptor, _ in self._files.values():
            os.close(descriptor)
        self._files = {}

    def _opened(self, file: str) -> tuple[int, int]:
        if file not in self._files:
            self._files[file] = _open(self._paths[file], self._folder)
        return self._files[file]

    def _checked(self, file: str, end: int) -> int:
        descriptor, size = self._opened(file)
        if end > size or os.fstat(descriptor).st_size != size:
            raise CheckpointError(f"{shown(file)} changed its size while it was read")
        return descriptor


def _copy_window(descriptor: int, begin: int, into: Tensor) -> None:
    start = begin - begin % mmap.ALLOCATIONGRANULARITY
    length = begin - start + into.numel()
    # A private mapping: nothing is written, but torch warns of memory that it may not write to.
    with mmap.mmap(descriptor, length, access=mmap.ACCESS_COPY, offset=start) as window:
        _ask_for(window, length)
        source = torch.frombuffer(window, dtype=torch.uint8, offset=begin - start)
        into.copy_(source)
        del source


def _ask_for(window: mmap.mmap, length: int) -> None:
    """Let the system read all of a window, and nothing after it: left alone, it reads megabytes ahead."""
    if hasattr(mmap, "MADV_RANDOM") and hasattr(mmap, "MADV_WILLNEED"):
        window.madvise(mmap.MADV_RANDOM)
        for at in range(0, length, REQUEST):
            window.madvise(mmap.MADV_WILLNEED, at, min(REQUEST, length - at))


def _listed(folder: Path) -> list[Path]:
    """What may be read in a folder, in order of names.

    Raises:
        CheckpointError: there are only pickles, or nothing.
    """
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except OSError as error:
        raise CheckpointError(f"{shown(str(folder))} cannot be read: {_reason(error)}") from None
    found = [folder / name for name in names if name.endswith(".safetensors") or name in (INDEX, CONFIG)]
    if not any(path.name != CONFIG for path in found):
        pickled = [name for name in names if name.endswith(PICKLED)]
        if pickled:
            raise CheckpointError(
                f"{shown(str(folder))} holds only pickles, such as {shown(pickled[0])}; {CONVERT}"
            )
        raise CheckpointError(
            f"{shown(str(folder))} holds no `.safetensors` file; name the folder that holds "
            f"`model.safetensors` or `{INDEX}`"
        )
    return found


def _open(path: Path, folder: Path | None) -> tuple[int, int]:
    """A descriptor of a regular file and its size; never blocks, and never leaves the folder."""
    name = str(path) if folder is None else path.name
    if path.suffix in PICKLED:
        raise CheckpointError(f"{shown(name)} is a pickle by its name; {CONVERT}")
    flags = (
        os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    )
    try:
        target = os.path.realpath(path, strict=True)
        if folder is not None and not any(_inside(target, root) for root in _roots(folder)):
            raise CheckpointError(
                f"{shown(name)} is a symbolic link that leaves the folder: copy the file into the folder"
            )
        # Before opening, which can do things to a device; and after, because the name may have moved.
        _check_regular(name, os.stat(target).st_mode)
        descriptor = os.open(target, flags | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        raise CheckpointError(_missing(path, name)) from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{shown(name)} cannot be read: {_reason(error)}") from None
    try:
        found = os.fstat(descriptor)
        _check_regular(name, found.st_mode)
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_RANDOM)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, found.st_size


def _missing(path: Path, name: str) -> str:
    if path.is_symlink():
        return f"{shown(name)} is a symbolic link to a file that is not there; download the checkpoint again"
    return (
        f"there is no file or folder {shown(name)}; name a folder, a `.safetensors` file, "
        "or `owner/name` on the Hub"
    )


def _roots(folder: Path) -> list[str]:
    """Where the files of a folder may lie: in it; for a snapshot of the Hub's cache, in the cache's blobs."""
    root = os.path.realpath(folder)
    cache = os.path.dirname(os.path.dirname(os.path.dirname(root)))
    match = _SNAPSHOT.fullmatch(os.path.relpath(root, cache))
    if match is None:
        return [root]
    return [root, os.path.join(cache, match[1], "blobs"), os.path.join(cache, "blobs")]


def _inside(path: str, root: str) -> bool:
    return os.path.commonpath([path, root]) == root


def _check_regular(name: str, mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"
        raise CheckpointError(f"{shown(name)} is {kind}, not a file")


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or "its name is not valid").lower()
