"""`vla-compose validate --watch`: check again what changes, until Ctrl-C."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence

from vla_compose.cli.checking import Format, check, expanded, summary, tell
from vla_compose.cli.console import complain, is_terminal, terminal
from vla_compose.diagnostics import BuildError, Diagnostic

INTERVAL = 0.025
"""Seconds between two looks at the files."""
SETTLE = 0.01
"""Seconds without a change after which a file counts as saved."""
RESCAN = 1.0
"""Seconds between two looks for new files in folders."""

Stamp = tuple[int, int, int] | None
"""What differs when a file was written or replaced; `None` when there is none."""


def watch(specs: Sequence[str], format: Format, most: int) -> None:
    """Check specs now, and those that change whenever they do. Returns on Ctrl-C.

    Raises:
        BuildError: a folder has no specs at the start.
    """
    try:
        _Watch(specs, format, most).run()
    except KeyboardInterrupt:
        if is_terminal(sys.stdout):
            print()


class _Watch:
    """What is watched, and what was found in it."""

    def __init__(self, specs: Sequence[str], format: Format, most: int) -> None:
        self.specs, self.format, self.most = specs, format, most
        self.names = expanded(specs)
        self.stamps: dict[str, Stamp] = {}
        self.found: dict[str, list[Diagnostic]] = {}

    def run(self) -> None:
        """Look, check and tell, without an end."""
        scanned = time.monotonic()
        while True:
            start = time.monotonic()
            seen = self.look()
            if seen != self.stamps or start - scanned > RESCAN:
                self.names, scanned = self.listed(), start
                seen = self.look()
            if seen != self.stamps:
                self.settled(seen)
                self.tell()
            # Many files take long to look at: leave the machine to others most of the time.
            time.sleep(max(INTERVAL, 4 * (time.monotonic() - start) if seen == self.stamps else INTERVAL))

    def look(self) -> dict[str, Stamp]:
        """The stamp of every file."""
        return {name: stamp(name) for name in self.names}

    def listed(self) -> list[str]:
        """Every spec that is there now; those of an empty folder are none."""
        names: list[str] = []
        for spec in self.specs:
            try:
                names += expanded([spec])
            except BuildError:
                continue
        return list(dict.fromkeys(names))

    def settled(self, seen: dict[str, Stamp]) -> None:
        """Check what changed, once nobody writes to it any more."""
        for _ in range(5):
            time.sleep(SETTLE)
            now = self.look()
            if now == seen:
                break
            seen = now
        changed = [
            name for name, found in seen.items() if name not in self.found or found != self.stamps.get(name)
        ]
        # The stamps are older than what is read next, so that no change goes unseen.
        self.stamps = seen
        self.found = {name: check(name) if name in changed else self.found[name] for name in seen}

    def tell(self) -> None:
        """Print what is known now: instead of what was there on a terminal, below it in a pipe."""
        if is_terminal(sys.stdout):
            terminal(sys.stdout).clear()
        if not self.found:
            complain("there are no specs any more; waiting for some")
            return
        tell(self.found, self.format, self.most)
        if self.format is not Format.text and any(self.found.values()):
            print(summary(self.found))
        if is_terminal(sys.stdout):
            print(f"{time.strftime('%H:%M:%S')}, watching for changes: Ctrl-C ends")
        sys.stdout.flush()


def stamp(name: str) -> Stamp:
    """What tells one state of a file from the next."""
    from vla_compose.cli.documents import located

    try:
        found = os.stat(located(name))
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
