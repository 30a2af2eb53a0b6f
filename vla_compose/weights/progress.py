"""A progress bar for what takes long, and nothing for what does not."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vla_compose.weights.loading import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

DELAY = 2.0
"""Seconds before a bar appears."""


@contextmanager
def shown_progress(what: str, *, wanted: bool | None = None, counted: bool = False) -> Iterator[Progress]:
    """A function to call with bytes done and bytes in all; draws on stderr once `DELAY` has passed.

    Args:
        what: what is read, in few words.
        wanted: draw at once, or never; on a terminal and after `DELAY` otherwise.
        counted: things are counted, not bytes.
    """
    start = time.monotonic()
    bar: Bar | None = None
    delay = 0.0 if wanted else DELAY
    visible = _is_terminal() if wanted is None else wanted

    def update(done: int, total: int | None) -> None:
        nonlocal bar
        if not visible or (bar is None and time.monotonic() - start < delay):
            return
        if bar is None:
            bar = _bar(counted)
            bar.add_task(what)
            bar.start()
        bar.update(bar.task_ids[0], completed=done, total=total)

    try:
        yield update
    finally:
        if bar is not None:
            bar.stop()


def _is_terminal() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def _bar(counted: bool) -> Bar:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.progress import Progress as Bar

    amounts = (
        [MofNCompleteColumn()] if counted else [DownloadColumn(binary_units=True), TransferSpeedColumn()]
    )
    return Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        *amounts,
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
