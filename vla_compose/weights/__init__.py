"""Weights of released checkpoints: their names, reading, loading and saving. Imports without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vla_compose.weights.loading import LoadReport as LoadReport
    from vla_compose.weights.loading import report_of as report_of

_LATER = ("LoadReport", "report_of")


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'vla_compose.weights' has no attribute {name!r}")
    from vla_compose.weights import loading

    return getattr(loading, name)
