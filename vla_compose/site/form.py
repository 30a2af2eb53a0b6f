"""The fields of a calculator. They work without a mouse, and say nothing until the page's script runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from vla_compose.site.escape import escape

WIDE = (1280, 720)
SQUARE = (448, 448)


@dataclass(frozen=True, slots=True)
class Start:
    """What a calculator starts with: the side of a patch, and width and height of an image; all in pixels."""

    patch: int = 14
    image: tuple[int, int] | None = None


USUAL = Start()


def form(formulas: dict[str, Any], start: Start) -> str:
    """Fields for the data of `calculator`: image and patch, or free sizes, and what else can be chosen."""
    return (
        f'<div class="vc-fields">{"".join(_fields(formulas, start))}</div>'
        '<p class="vc-wrong" role="alert" hidden></p><dl class="vc-answer" aria-live="polite"></dl>'
        "<noscript>The calculator needs JavaScript; the formulas are in the tables above.</noscript>"
    )


def _fields(formulas: dict[str, Any], start: Start) -> Iterator[str]:
    first = formulas["choices"][0]
    width, height = start.image or (SQUARE if _square(first["placed"]) else WIDE)
    if len(formulas["choices"]) > 1:
        yield _select("size", "choice", [choice["label"] for choice in formulas["choices"]])
    if first["mode"] != "sizes":
        yield _number("image width", "width", width, 32768)
        yield _number("image height", "height", height, 32768)
    if first["mode"] == "patches":
        yield _number("patch size", "patch", start.patch, 1024)
    for name, default, label in first["free"]:
        yield _number(label, f"size-{name}", default, 1_000_000)
    if len(first["routes"]) > 1:
        labels = sorted(first["routes"], key=lambda route: not route["default"])
        yield _select("route", "route", [route["label"] for route in labels])


def _square(placed: list[list[Any]]) -> bool:
    """Whether one size is told both by rows and by columns."""
    told = [name for name, _ in placed]
    return len(told) != len(set(told))


def _number(label: str, name: str, value: int, most: int) -> str:
    return (
        f'<label>{escape(label)}<input type="number" name="{escape(name)}" value="{value}" min="1" '
        f'max="{most}" step="1" inputmode="numeric"></label>'
    )


def _select(label: str, name: str, options: list[str]) -> str:
    listed = "".join(f'<option value="{escape(text)}">{escape(text)}</option>' for text in options)
    return f'<label>{escape(label)}<select name="{name}">{listed}</select></label>'
