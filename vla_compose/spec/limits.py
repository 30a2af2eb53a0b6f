"""How much of a spec is read before the reader gives up."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

from vla_compose.spec.codes import START, Refused, shown


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest spec that is read. A value equal to a limit is accepted, one more is refused."""

    file_bytes: int = 256 * 1024
    depth: int = 32
    """Mappings and lists inside each other; the root counts as one."""
    nodes: int = 20_000
    """Keys, values, mappings and lists together."""
    scalar_chars: int = 16 * 1024
    key_chars: int = 128
    int_min: int = -(2**63)
    int_max: int = 2**63 - 1
    float_chars: int = 64
    """Characters of a number with a point or an exponent, as written."""
    shown_errors: int = 20


DEFAULT_LIMITS = Limits()


def read_bytes(file: str, size: int) -> bytes:
    """The first `size` bytes of a regular file; never blocks.

    Raises `Refused` if there is no such file, it is no regular file, or it cannot be read.
    """
    name = shown(file, 80)
    flags = (
        os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    )
    try:
        # Before opening, which can do things to a device; and after, because the name may have moved.
        _check_regular(name, os.stat(file).st_mode)
        with open(os.open(file, flags), "rb") as stream:
            _check_regular(name, os.fstat(stream.fileno()).st_mode)
            return stream.read(size)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        help = f"run `ls {shown(os.path.dirname(file) or '.', 80)}` to see the names"
        raise Refused("missing-file", f"there is no file `{name}`", help, START) from None
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        help = f"run `ls -l {name}` to see who may read it"
        raise Refused("unreadable-file", f"`{name}` cannot be read: {reason}", help, START) from None


def _check_regular(name: str, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise Refused(
            "not-a-file", f"`{name}` is a directory", f"name a file in it: `{name}/NAME.yaml`", START
        )
    if not stat.S_ISREG(mode):
        help = "copy the spec into a `.yaml` file and name that"
        raise Refused("not-a-file", f"`{name}` is a pipe or a device, not a file", help, START)
