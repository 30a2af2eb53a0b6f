"""Sizes in messages."""

from __future__ import annotations

from vla_compose.types.dim import Dim


def too_small(name: object, value: int, dim: Dim, least: float) -> tuple[str, str]:
    """A message and a help for a size below the least that it may be."""
    message = f"`{name}` is {value}, but must be at least {least}"
    if dim.constant is not None:
        return message, f"give `{name}` at least {least}"
    return message, f"change the dims so that `{dim}` is at least {least}"


def sized(size: Dim, value: Dim) -> str:
    """`side` = 15, or the number alone."""
    return f"{value}" if size == value else f"`{size}` = {value}"
