"""The cells of a sketch as a picture."""

from __future__ import annotations

from vla_compose.site.sketch import WINDOW, Cell, Part, Sketch
from vla_compose.site.svg import Drawing

SIDE = 17
GAP = 1
BLOCK_GAP = 3
WINDOW_GAP = 5
PART_GAP = 7
SIGNS = {"newline": "↵", "start": "[", "end": "]", "other": "+"}
COLOURS = 8


def draw_cells(
    drawing: Drawing, sketch: Sketch, x: float, y: float, *, numbers: bool = True
) -> tuple[float, float]:
    """Draw a sketch with its upper left corner at `x`, `y`.

    Returns:
        Width and height.
    """
    height = max(_extent(part.rows, part) for part in sketch.parts)
    at = x
    for index, part in enumerate(sketch.parts):
        # What comes after the grid stands at its last row.
        last = index == len(sketch.parts) - 1 and index > 0 and part.rows == 1
        top = y + height - _extent(part.rows, part) if last else y
        for cell in part.cells:
            _draw(drawing, cell, at + _place(cell.column, part), top + _place(cell.row, part), numbers)
        at += _extent(part.columns, part) + PART_GAP
    if sketch.more:
        drawing.text(at - 2, y + height - 4, "…", "vc-t vc-muted")
        at += 14
    return at - x - PART_GAP, height


def size(sketch: Sketch) -> tuple[float, float]:
    """Width and height of a sketch."""
    width = sum(_extent(part.columns, part) + PART_GAP for part in sketch.parts) - PART_GAP
    return width + (14 if sketch.more else 0), max(_extent(part.rows, part) for part in sketch.parts)


def _draw(drawing: Drawing, cell: Cell, x: float, y: float, numbers: bool) -> None:
    middle = x + SIDE / 2
    if cell.role == "query":
        drawing.circle(middle, y + SIDE / 2, SIDE / 2, "vc-cell vc-query")
    else:
        colour = (
            cell.role
            if cell.role != "patch"
            else "free"
            if cell.colour is None
            else f"c{cell.colour % COLOURS}"
        )
        drawing.rect(x, y, SIDE, SIDE, f"vc-cell vc-{colour}", radius=2)
    sign = SIGNS.get(cell.role, str(cell.number) if numbers else "")
    if sign:
        drawing.text(middle, y + SIDE / 2 + 4, sign, "vc-number")


def _place(at: int, part: Part) -> float:
    blocks = at // part.block
    gap = BLOCK_GAP if part.block > 1 else 0
    windows = blocks // WINDOW if part.window else 0
    return at * (SIDE + GAP) + blocks * gap + windows * WINDOW_GAP


def _extent(count: int, part: Part) -> float:
    return _place(count - 1, part) + SIDE
