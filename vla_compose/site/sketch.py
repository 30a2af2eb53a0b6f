"""Tokens as they lie: a small example of every edge, drawn from its type.

The type says all that is needed: `(n m m)` is blocks one after another, `(h w)` rows, `1+(s s)` a token and
then a grid. A colour follows each cell of the example image from its patches to its token.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from vla_compose.check.graph import CheckedChain, Graph
from vla_compose.primitives.base import Node
from vla_compose.site.example import MOST_FOLDED, Example, features
from vla_compose.site.example import example as example_of
from vla_compose.spec.model import Choice, Combine, Origin, names
from vla_compose.types.dim import DimError
from vla_compose.types.tensor import Group, TensorType

MOST_CELLS = 400
WINDOW = 2
"""Cells of a side of a window in the picture."""

Role = Literal["patch", "other", "newline", "start", "end", "query"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One token: its place in the picture and in the sequence, and the colour of the cell it comes from."""

    row: int
    column: int
    number: int
    role: Role = "patch"
    colour: int | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """Cells on one grid. `block` cells in a row and a column stand together, and `window` groups of these."""

    rows: int
    columns: int
    cells: tuple[Cell, ...]
    block: int = 1
    window: bool = False


@dataclass(frozen=True, slots=True)
class Sketch:
    """The tokens of one example image on one edge; `more` are there that are not drawn."""

    parts: tuple[Part, ...]
    caption: str
    more: bool = False


@dataclass(frozen=True, slots=True)
class Marks:
    """What steps have made of the tokens so far, beyond what the type tells."""

    start: bool = False
    end: bool = False
    newlines: int = 0
    queries: bool = False
    tiles: bool = False

    def after(self, node: Node) -> Marks:
        """The marks behind a step."""
        learned = node.step.body.learned()
        if "all" in learned:
            return Marks(queries=True)
        return replace(
            self,
            start=self.start or "start" in learned,
            end=self.end or "end" in learned,
            newlines=self.newlines + ("row_end" in learned),
            tiles=self.tiles or bool(node.step.body.of_pixels(node.before, node.after, {})),
        )


@dataclass(slots=True)
class Sketches:
    """The sketches of every edge of a graph: `before[chain]`, and `after[chain]` for each of its steps."""

    inputs: dict[str, Sketch | None] = field(default_factory=dict)
    before: dict[str, Sketch | None] = field(default_factory=dict)
    after: dict[str, list[Sketch | None]] = field(default_factory=dict)
    outputs: dict[str, Sketch | None] = field(default_factory=dict)


def sketches(graph: Graph) -> Sketches:
    """Lay an example image through a graph."""
    example = example_of(graph)
    found, marks = Sketches(), dict[str, Marks]()
    for name, edge in graph.inputs.items():
        found.inputs[name] = _sketch(edge.type, example, Marks()) if features(edge, graph) else None
    for checked in _in_order(graph):
        chain = checked.chain
        mark = _marks(chain.source, marks, example)
        found.before[chain.name] = _sketch(checked.before.type, example, mark)
        found.after[chain.name] = []
        for node in checked.nodes:
            mark = mark.after(node)
            found.after[chain.name].append(_sketch(node.after, example, mark))
        marks[chain.name] = mark
    for output, edge in graph.outputs:
        found.outputs[output.name] = _sketch(edge.type, example, _marks(output.source, marks, example))
    return found


def _marks(origin: Origin, marks: Mapping[str, Marks], example: Example) -> Marks:
    if isinstance(origin, Choice):
        return marks.get(origin.then if example.flag else origin.otherwise, Marks())
    if isinstance(origin, Combine) and origin.how == "tokens":
        return Marks()
    return marks.get(names(origin)[0], Marks())


def _in_order(graph: Graph) -> Iterator[CheckedChain]:
    """Chains after those that they start from."""
    waiting, done = list(graph.chains), set(graph.inputs)
    while waiting:
        ready = [c for c in waiting if set(names(c.chain.source)) <= done]
        for checked in ready:
            yield checked
            done.add(checked.chain.name)
            waiting.remove(checked)


def _sketch(type_: TensorType, example: Example, marks: Marks) -> Sketch | None:
    try:
        return _drawn(type_, example, marks)
    except DimError:
        return None


def _drawn(type_: TensorType, example: Example, marks: Marks) -> Sketch | None:
    if marks.queries:
        return _queries(type_, example)
    if marks.tiles:
        return _tiles(example, marks)
    if type_.is_map:
        rows, columns = (axis.size.substitute(example.values).constant for axis in type_.axes[-2:])
        batch = type_.axes[0].size.substitute(example.values).constant or 1
        if not rows or not columns:
            return None
        if batch > 1:
            said = "one vector a cell" if rows == columns == 1 else "one small map a cell"
            return Sketch((_blocked(example, rows, type_.axes[0].window, 0),), said)
        part, _ = _raster(rows, columns, example, marks, 0)
        return Sketch((part,), f"a map of {rows} × {columns}")
    if len(type_.axes) < 2:
        return None
    return _sequence(type_.axes[-2].segments, example, marks)


def _sequence(segments: Sequence[Group], example: Example, marks: Marks) -> Sketch | None:
    parts: list[Part] = []
    said: list[str] = []
    number = 0
    for at, group in enumerate(segments):
        fixed = group.factors[0].constant if len(group.factors) == 1 else None
        if fixed is not None and len(segments) > 1:
            role: Role = "other"
            if at == 0 and marks.start:
                role = "start"
            elif at == len(segments) - 1 and marks.end:
                role = "end"
            cells = tuple(Cell(0, column, number + column, role) for column in range(min(fixed, 4)))
            parts.append(Part(1, len(cells), cells))
            said.append(f"{fixed} {_ROLES[role]}{'s' if fixed > 1 else ''}")
            number += fixed
            continue
        made = _grid(group, example, marks, number)
        if made is None:
            return None
        part, caption = made
        parts += part
        number += sum(len(p.cells) for p in part)
        said.append(caption)
    return Sketch(tuple(parts), ", ".join(said))


_ROLES: dict[Role, str] = {"other": "extra token", "start": "begin token", "end": "end token"}


def _grid(group: Group, example: Example, marks: Marks, number: int) -> tuple[tuple[Part, ...], str] | None:
    sizes = [factor.substitute(example.values).constant for factor in group.factors]
    if any(not size for size in sizes):
        return None
    known = [size for size in sizes if size]
    total = 1
    for size in known:
        total *= size
    if total > MOST_CELLS:
        return None
    order = "window order" if group.window else "block order"
    if len(known) >= 3 and known[-1] == known[-2] and known[-1] <= MOST_FOLDED:
        frames = 1
        for size in known[: -4 if len(known) >= 4 else -3]:
            frames *= size
        if len(known) == 3 and known[0] != example.coarse[0] * example.coarse[1]:
            part, number = _raster(known[-2], known[-1], example, marks, number)
            return (part,), f"{known[-2]} × {known[-1]} in rows"
        made: list[Part] = []
        for _ in range(min(frames, 2)):
            block = _blocked(example, known[-1], group.window, number)
            number += len(block.cells)
            made.append(block)
        several = f"{frames} frames of " if frames > 1 else ""
        return tuple(made), f"{several}{example.coarse[0] * example.coarse[1]} cells in {order}"
    if len(known) >= 2:
        frames = 1
        for size in known[:-2]:
            frames *= size
        made = []
        for _ in range(min(frames, 2)):
            part, number = _raster(known[-2], known[-1], example, marks, number)
            made.append(part)
        several = f"{frames} frames of " if frames > 1 else ""
        line = ", the last column learned" if marks.newlines else ""
        return tuple(made), f"{several}{known[-2]} × {known[-1]} in rows{line}"
    rows, columns = example.coarse
    if group.factors[0].symbol not in example.unordered and known[0] == rows * columns:
        return (_blocked(example, 1, group.window, number),), (
            f"{known[0]} tokens, one a cell" + (", in window order" if group.window else "")
        )
    cells = tuple(Cell(at // 6, at % 6, number + at) for at in range(known[0]))
    return (Part(-(-known[0] // 6), min(6, known[0]), cells),), f"{known[0]} tokens, order not stated"


def _raster(rows: int, columns: int, example: Example, marks: Marks, number: int) -> tuple[Part, int]:
    """Row by row; the last columns are learned where a step has put them there."""
    cells = []
    own = columns - marks.newlines
    for row in range(rows):
        for column in range(columns):
            if column >= own:
                cells.append(Cell(row, column, number, "newline"))
            else:
                cells.append(Cell(row, column, number, colour=_colour(row, column, rows, own, example)))
            number += 1
    return Part(rows, columns, tuple(cells)), number


def _colour(row: int, column: int, rows: int, columns: int, example: Example) -> int:
    down, across = example.coarse
    return (row * down // rows) * across + column * across // max(1, columns)


def _blocked(example: Example, side: int, window: bool, number: int) -> Part:
    """Blocks of `side * side` cells one after another; in window order, window by window."""
    down, across = example.coarse
    order = [(row, column) for row in range(down) for column in range(across)]
    if window:
        order.sort(key=lambda place: place[1] // WINDOW)
    cells = []
    for row, column in order:
        for y in range(side):
            for x in range(side):
                colour = row * across + column
                cells.append(Cell(row * side + y, column * side + x, number, colour=colour))
                number += 1
    return Part(down * side, across * side, tuple(cells), side, window)


def _queries(type_: TensorType, example: Example) -> Sketch | None:
    count = type_.axes[-2].size.substitute(example.values).constant
    if not count:
        return None
    shown = min(count, 16)
    cells = tuple(Cell(at // 8, at % 8, at, "query") for at in range(shown))
    return Sketch((Part(-(-shown // 8), min(8, shown), cells),), f"{count} learned queries", count > shown)


def _tiles(example: Example, marks: Marks) -> Sketch:
    """The small view of the whole image, and its tiles as one map with learned ends of rows."""
    rows, columns = example.coarse
    whole, number = _raster(rows, columns, example, Marks(), 0)
    wide = Marks(newlines=marks.newlines)
    tiles, _ = _raster(rows, 2 * columns + marks.newlines, example, wide, number)
    return Sketch((whole, tiles), "the whole image, then its tiles as one map")
