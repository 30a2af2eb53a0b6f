"""The small picture of a spec: the tokens that go in, and those that come out."""

from __future__ import annotations

from vla_compose.check.graph import Graph
from vla_compose.report.table import first_input
from vla_compose.site.cells import draw_cells, size
from vla_compose.site.sketch import Sketch, sketches
from vla_compose.site.svg import Drawing

ARROW = 42


def thumbnail(graph: Graph) -> str:
    """The picture as one `<svg>` without words."""
    drawing = Drawing()
    width, height = draw_thumbnail(drawing, graph, 1, 1)
    name = f"thumbnail-{graph.spec.name.replace('.', '-')}"
    before, after = _ends(graph)
    about = f"{before.caption if before else 'a tensor'}, then {after.caption if after else 'a tensor'}"
    title = f"Tokens in and out of {graph.spec.name}"
    return drawing.svg(width + 2, height + 2, name, title, about, "vc-thumbnail")


def draw_thumbnail(
    drawing: Drawing, graph: Graph, x: float, y: float, *, numbers: bool = False
) -> tuple[float, float]:
    """Draw it with its upper left corner at `x`, `y`; width and height."""
    before, after = _ends(graph)
    sizes = [size(sketch) if sketch else (60.0, 18.0) for sketch in (before, after)]
    height = max(tall for _, tall in sizes)
    left = x
    for at, sketch in enumerate((before, after)):
        wide, tall = sizes[at]
        if sketch is not None:
            draw_cells(drawing, sketch, left, y + (height - tall) / 2, numbers=numbers)
        else:
            drawing.rect(left, y + (height - tall) / 2, wide, tall, "vc-cell vc-free", radius=3)
        left += wide
        if not at:
            middle = y + height / 2
            drawing.path(f"M{left + 8:.0f} {middle:.0f}h{ARROW - 20}", "vc-line")
            drawing.path(f"M{left + ARROW - 18:.0f} {middle - 5:.0f}l6 5l-6 5", "vc-line")
            left += ARROW
    return left - x, height


def _ends(graph: Graph) -> tuple[Sketch | None, Sketch | None]:
    output, _ = graph.outputs[0]
    found = sketches(graph)
    return found.inputs[first_input(graph, output.source)], found.outputs[output.name]
