"""Where the files of a checkpoint lie: one interface to a folder on disk and to a repository on the Hub."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable
from threading import Lock
from typing import TypeVar

from torch import Tensor

T = TypeVar("T")
SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
CONFIG = "config.json"
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")


Listener = Callable[[int], None]
"""Hears how many bytes were read so far."""


class Store(ABC):
    """Files that are read in pieces. `read_bytes` counts every byte of them that was read."""

    def __init__(self, where: str) -> None:
        self.where = where
        self._lock = Lock()

    where: str
    """What the user named, for messages."""
    revision: str | None = None
    """The commit that is read; `None` for what is on disk, outside the cache of the Hub."""
    read_bytes: int = 0
    listener: Listener | None = None
    """Called after each piece that was read."""
    first_read: int = 8
    """How much of a file to read at first: the length of its header, or more where asking costs."""

    @abstractmethod
    def names(self) -> Collection[str]:
        """The files that may be read: weights, index, configuration."""

    @abstractmethod
    def size(self, file: str) -> int:
        """The size of a file in bytes.

        Raises:
            CheckpointError: it cannot be opened.
        """

    @abstractmethod
    def read(self, file: str, begin: int, end: int) -> bytes:
        """Some bytes of a file: all of `begin:end`.

        Raises:
            CheckpointError: they cannot be read.
        """

    @abstractmethod
    def copy(self, file: str, begin: int, into: Tensor) -> int:
        """Fill `into`, a flat tensor of bytes on the CPU, from the file; returns how many bytes it wrote.

        Raises:
            CheckpointError: they cannot be read, or the file ends before.
        """

    def each(self, work: Callable[[str], T], files: Iterable[str]) -> list[T]:
        """`work` on every file, at the same time where that is faster; results in the order of `files`."""
        return [work(file) for file in files]

    def count(self, read: int) -> None:
        """Note that some bytes were read."""
        with self._lock:
            self.read_bytes += read
            if self.listener is not None:
                self.listener(self.read_bytes)

    @abstractmethod
    def close(self) -> None:
        """Let go of what is open."""
