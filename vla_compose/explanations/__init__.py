"""The page of every code: what it means, why, a bad spec and the good one. Both are run as tests."""

from __future__ import annotations

from pathlib import Path


def explanation(code: str) -> str:
    """The page of a code of `vla_compose.codes.CODES`, in Markdown.

    Raises:
        KeyError: there is no such code.
    """
    from vla_compose.codes import CODES

    if code not in CODES:
        raise KeyError(code)
    return (Path(__file__).parent / f"{code}.md").read_text(encoding="utf-8")
